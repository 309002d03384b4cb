import { useState } from "preact/hooks";
import { Mark, type Name } from "../../../shared/components/mark";
import { Modal } from "../../../shared/components/dialog";
import { Field } from "../../../shared/components/field";
import { go } from "../../../shared/router";
import { t } from "../../i18n";
import { SheetHead } from "../../parts/sheet";
import type { Device } from "../../store/device";
import { onOrder } from "../../work/acts";
import type { Shown } from "../../work/overlay";
import { stopTimer } from "./labour";
import type { Sheet } from "./order";

export function MoreSheet({ order, onClose, onPick }: { order: Shown; onClose: () => void; onPick: (sheet: Sheet) => void }) {
  const item = (mark: Name, word: string, pick: () => void) => (
    <li>
      <button class="pick" onClick={pick}>
        <Mark name={mark} size="s20" />
        {word}
      </button>
    </li>
  );
  const follow = () => go(`/app/report?${new URLSearchParams({ asset: order.asset?.id ?? "", from: order.number })}`);
  return (
    <Modal kind="sheet" label={t("order.more")} onClose={onClose}>
      <SheetHead title={order.number} sub={order.title} onClose={onClose} />
      <ul class="picks">
        {(order.status === "in_progress" || order.status === "on_hold") && item("i-pause", t("act.hold"), () => onPick("hold"))}
        {item("i-pen", t("comment.add"), () => onPick("comment"))}
        {["in_progress", "on_hold", "completed"].includes(order.status) && item("i-tick", t("act.sign"), () => onPick("sign"))}
        {item("i-report", t("raise"), follow)}
      </ul>
    </Modal>
  );
}

const REASONS = ["parts", "access", "approval", "weather", "other"] as const;

export function HoldSheet({ order, device, onClose }: { order: Shown; device: Device; onClose: () => void }) {
  const hold = async (reason: (typeof REASONS)[number]) => {
    if (device.timer.value?.order === order.id) await stopTimer(device);
    if (await device.act([onOrder(order, "hold", { reason })])) onClose();
  };
  return (
    <Modal kind="sheet" label={t("hold.title")} onClose={onClose}>
      <SheetHead title={t("hold.title")} sub={order.title} onClose={onClose} />
      <ul class="picks">
        {REASONS.map((reason) => (
          <li key={reason}>
            <button class="pick" onClick={() => hold(reason)}>{t(`hold.${reason}`)}</button>
          </li>
        ))}
      </ul>
    </Modal>
  );
}

export function CompleteSheet({ order, device, onClose }: { order: Shown; device: Device; onClose: () => void }) {
  const [note, setNote] = useState("");
  const [codes, setCodes] = useState({ failure_code: "", cause_code: "", remedy_code: "" });
  const set = (name: keyof typeof codes) => (value: string) => setCodes({ ...codes, [name]: value });
  const save = async (event: Event) => {
    event.preventDefault();
    if (device.timer.value?.order === order.id) await stopTimer(device);
    const given = Object.entries({ note, ...codes }).map(([name, value]) => [name, value.trim()] as const).filter(([, value]) => value);
    if (await device.act([onOrder(order, "complete", Object.fromEntries(given))])) onClose();
  };
  return (
    <Modal kind="sheet" label={t("act.complete")} onClose={onClose}>
      <SheetHead title={t("act.complete")} sub={order.title} onClose={onClose} />
      <form class="sform" onSubmit={save}>
        <label class="field">
          <span>{t("complete.note")}</span>
          <textarea class="in" rows={3} maxLength={2000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        {order.type === "corrective" && (
          <details class="codes">
            <summary>{t("complete.codes")}</summary>
            <Field label={t("complete.failure")} value={codes.failure_code} onText={set("failure_code")} maxLength={64} />
            <Field label={t("complete.cause")} value={codes.cause_code} onText={set("cause_code")} maxLength={64} />
            <Field label={t("complete.remedy")} value={codes.remedy_code} onText={set("remedy_code")} maxLength={64} />
          </details>
        )}
        <button class="btn primary big wide">{t("act.complete")}</button>
      </form>
    </Modal>
  );
}
