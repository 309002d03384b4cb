import { useState } from "preact/hooks";
import { Mark } from "../../../shared/components/mark";
import { toast } from "../../../shared/components/toast";
import { Modal } from "../../../shared/components/dialog";
import { Field } from "../../../shared/components/field";
import { t } from "../../i18n";
import { now } from "../../parts/moment";
import { running } from "../../parts/row";
import { SheetHead } from "../../parts/sheet";
import type { Device } from "../../store/device";
import { labor } from "../../work/acts";
import type { Shown } from "../../work/overlay";
import { duration } from "../../work/words";

const LONGEST_MIN = 12 * 60;

/** Books the minutes that the timer has run. What a clock that was set cannot have meant is not booked. */
export async function stopTimer(device: Device): Promise<void> {
  const timer = device.timer.peek();
  if (!timer) return;
  await device.setTimer(null);
  const order = device.order(timer.order);
  const minutes = Math.round((Date.now() - timer.since) / 60_000);
  if (!order || minutes < 1) return;
  if (minutes > LONGEST_MIN) {
    toast({ text: t("timer.toolong", { title: order.title }) });
    return;
  }
  await book(device, order, minutes);
}

async function book(device: Device, order: Shown, minutes: number, note = ""): Promise<void> {
  const action = labor(order, minutes, note, device.now());
  if (!(await device.act([action]))) return;
  toast({ text: t("labor.booked", { time: duration(minutes) }), undo: { word: t("undo"), act: () => void device.giveUp(action.id) } });
}

const mayBook = (order: Shown) => order.status !== "closed" && order.status !== "draft";

export function Labour({ order, device }: { order: Shown; device: Device }) {
  const [editing, edit] = useState(false);
  const isRunning = device.timer.value?.order === order.id;
  const minutes = order.labor_minutes + running(device, order.id, now.value);
  const toggle = async () => {
    if (isRunning) await stopTimer(device);
    else {
      await stopTimer(device);
      await device.setTimer({ order: order.id, since: Date.now() });
    }
  };
  return (
    <section class="lab" aria-label={t("labor.title")}>
      <div>
        <p class="lbl">
          {t("labor.title")}
          {isRunning && <span class="two"> · {t("timer.runs")}</span>}
        </p>
        <p class="fig n" aria-label={duration(minutes)}>
          {Math.floor(minutes / 60)}
          <small>{t("unit.h")}</small>
          {minutes % 60}
          <small>{t("unit.min")}</small>
        </p>
      </div>
      {mayBook(order) && (
        <div class="bt">
          <button class="btn n" onClick={() => book(device, order, 15)}>{t("labor.plus15")}</button>
          <button class="btn n" onClick={() => edit(true)}>{t("labor.more")}</button>
          {order.status === "in_progress" && (
            <button class="btn sq" aria-label={isRunning ? t("timer.stop") : t("timer.start")} onClick={toggle}>
              <Mark name={isRunning ? "i-pause" : "i-play"} size="s20" />
            </button>
          )}
        </div>
      )}
      {editing && <LabourSheet order={order} device={device} onClose={() => edit(false)} />}
    </section>
  );
}

function LabourSheet({ order, device, onClose }: { order: Shown; device: Device; onClose: () => void }) {
  const [hours, setHours] = useState("1");
  const [minutes, setMinutes] = useState("0");
  const [note, setNote] = useState("");
  const [error, setError] = useState("");
  const total = Number(hours || 0) * 60 + Number(minutes || 0);
  const save = async (event: Event) => {
    event.preventDefault();
    if (!Number.isInteger(total) || total < 1 || total > 1440) return setError(t("labor.bounds"));
    await book(device, order, total, note.trim());
    onClose();
  };
  return (
    <Modal kind="sheet" label={t("labor.sheet")} onClose={onClose}>
      <SheetHead title={t("labor.sheet")} sub={order.title} onClose={onClose} />
      <form class="sform" onSubmit={save}>
        <div class="two2">
          <Field label={t("labor.hours")} value={hours} onText={setHours} inputMode="numeric" type="number" min="0" max="24" />
          <Field label={t("labor.minutes")} value={minutes} onText={setMinutes} inputMode="numeric" type="number" min="0" max="59" error={error || undefined} />
        </div>
        <Field label={t("labor.note")} value={note} onText={setNote} maxLength={2000} />
        <button class="btn primary big wide">{total > 0 && total <= 1440 ? t("labor.book", { time: duration(total) }) : t("labor.book.none")}</button>
      </form>
    </Modal>
  );
}
