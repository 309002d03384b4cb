import { useState } from "preact/hooks";
import { Mark } from "../../../shared/components/mark";
import { Modal } from "../../../shared/components/dialog";
import { clock, daysBetween, shortDay } from "../../../shared/time";
import { t } from "../../i18n";
import { person } from "../../parts/row";
import { SheetHead } from "../../parts/sheet";
import type { Device } from "../../store/device";
import { onOrder } from "../../work/acts";
import type { Shown } from "../../work/overlay";

interface Props {
  order: Shown;
  device: Device;
  open: boolean;
  onOpen: () => void;
  onClose: () => void;
}

export function Comments({ order, device, open, onOpen, onClose }: Props) {
  const said = order.comments.filter((one) => !one.voided);
  const when = (text: string) => {
    const at = new Date(text);
    return daysBetween(new Date(), at) === 0 ? clock(at) : `${shortDay(at)} ${clock(at)}`;
  };
  return (
    <section>
      <h2 class="sec">
        <b>{t("comments.title")}</b>
        <span class="n">{said.length || ""}</span>
      </h2>
      <ul class="said">
        {said.map((one) => (
          <li key={one.id}>
            <p class="who n">
              {one.by ? person(device, one.by) : t("office")}, {when(one.at)}
              {order.from.has(one.id) && <Mark name="t-pending" size="s12" label={t("row.unsent")} />}
            </p>
            <p class="what">{one.text}</p>
          </li>
        ))}
      </ul>
      <div class="blk pad">
        <button class="btn wide" onClick={onOpen}>
          <Mark name="i-pen" size="s20" />
          {t("comment.add")}
        </button>
      </div>
      {open && <CommentSheet order={order} device={device} onClose={onClose} />}
    </section>
  );
}

function CommentSheet({ order, device, onClose }: { order: Shown; device: Device; onClose: () => void }) {
  const [text, setText] = useState("");
  const save = async (event: Event) => {
    event.preventDefault();
    if (text.trim() && (await device.act([onOrder(order, "comment.add", { text: text.trim() })]))) onClose();
  };
  return (
    <Modal kind="sheet" label={t("comment.add")} onClose={onClose}>
      <SheetHead title={t("comment.add")} sub={order.title} onClose={onClose} />
      <form class="sform" onSubmit={save}>
        <label class="field">
          <span>{t("comment.label")}</span>
          <textarea class="in" rows={4} maxLength={10_000} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <button class="btn primary big wide">{t("save")}</button>
      </form>
    </Modal>
  );
}
