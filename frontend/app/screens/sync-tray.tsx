/** Everything that has not ended, and what can be done about it by hand. */
import { useState } from "preact/hooks";
import { Mark, type Name } from "../../shared/components/mark";
import { Modal } from "../../shared/components/dialog";
import { signInNeeded } from "../../shared/session";
import { clock, daysBetween, shortDay } from "../../shared/time";
import { count, t } from "../i18n";
import type { Row } from "../model";
import { now } from "../parts/moment";
import { around, deeds, orphans } from "../parts/pill";
import { exportQueue } from "../parts/queue-file";
import { SheetHead } from "../parts/sheet";
import { tray } from "../parts/trays";
import type { Device } from "../store/device";
import { WARN } from "../store/outbox";
import { NEEDS_SORT, type Standing, standing } from "../work/standing";
import { about, deed, reason, size } from "../work/words";
import { EditSheet, isEditable } from "./edit";

const MARKS: Record<Standing["word"], Name> = {
  needs: "needs", failed: "t-failed", retrying: "t-retrying", syncing: "t-syncing", pending: "t-pending", parked: "t-parked", synced: "t-synced",
};
/** Rows drawn at once; a queue of thousands is scrolled in steps. */
const STEP = 100;

export function SyncTray({ device }: { device: Device }) {
  const [editing, edit] = useState<Row | null>(null);
  const [shown, show] = useState(STEP);
  const at = now.value;
  const rows = deeds(device)
    .map((row) => ({ row, stands: standing(row, around(device, at)) }))
    .sort((a, b) => NEEDS_SORT[a.stands.word] - NEEDS_SORT[b.stands.word] || a.row.place - b.row.place);
  const faded = device.faded.value.filter((row) => !rows.some((one) => one.row.id === row.id));
  const alone = orphans(device);
  const close = () => {
    tray.value = null;
  };
  const total = rows.length + alone.length;
  return (
    <Modal kind="sheet" class="tall" label={t("sync.title")} onClose={close}>
      <SheetHead title={t("sync.title")} sub={subtitle(device)} onClose={close} />
      {signInNeeded.value && (
        <div class="sa needsblk padded">
          <p>{t("sync.signin")}</p>
          <a class="btn primary" href="/app/signin" onClick={close}>{t("signin.do")}</a>
        </div>
      )}
      {total > WARN && <p class="hintline">{count("queue.warn", total)}</p>}
      {total + faded.length === 0 ? (
        <p class="hintline two">{t("sync.empty")}</p>
      ) : (
        <ul class="queue">
          {rows.slice(0, shown).map(({ row, stands }) => (
            <Item key={row.id} row={row} stands={stands} device={device} onEdit={edit} />
          ))}
          {rows.length > shown && (
            <li class="blk pad">
              <button class="btn wide" onClick={() => show(shown + STEP)}>{count("sync.more", rows.length - shown)}</button>
            </li>
          )}
          {alone.map((blob) => (
            <li class="q" key={blob.sha}>
              <Mark name={blob.tries ? "t-retrying" : "t-syncing"} />
              <div>
                <p class="t">{t("deed.photo", { size: size(blob.size) })}</p>
                <p class="s n">
                  <b>{blob.tries ? t("stand.retrying") : t("stand.syncing")}</b> {blob.tries ? t("stand.try", { n: blob.tries + 1, s: Math.max(0, Math.ceil((blob.notBefore - at) / 1000)) }) : ""}
                </p>
              </div>
            </li>
          ))}
          {faded.map((row) => (
            <li class="q fading" key={row.id}>
              <Mark name="t-synced" />
              <div>
                <p class="t">{deed(row, device)}</p>
                <p class="s">
                  <b>{t("stand.synced")}</b>
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
      <footer class="trayfoot">
        <button class="btn big" onClick={() => exportQueue(device)}>{t("queue.export")}</button>
        <button class="btn primary big wide" onClick={() => device.engine.wake({ hurry: true })}>{total ? t("sync.all") : t("sync.now")}</button>
      </footer>
      {editing && <EditSheet row={editing} device={device} onClose={() => edit(null)} />}
    </Modal>
  );
}

function subtitle(device: Device): string {
  const { silentSince, lastAnswer } = device.exchange.value;
  const last = lastAnswer ?? device.syncedAt.value;
  if (silentSince !== null) return last ? t("sync.silent", { time: clock(new Date(last)) }) : t("sync.silent.never");
  return last ? t("sync.last", { time: clock(new Date(last)) }) : "";
}

function when(row: Row): string {
  const at = new Date(row.said.occurred_at);
  return daysBetween(new Date(), at) === 0 ? clock(at) : `${shortDay(at)} ${clock(at)}`;
}

function Item({ row, stands, device, onEdit }: { row: Row; stands: Standing; device: Device; onEdit: (row: Row) => void }) {
  const replay = () => device.engine.wake({ hurry: true });
  const discard = () => device.giveUp(row.id);
  const acts = {
    needs: <a class="btn primary" href={`/app/${row.lane.replace("work_order:", "orders/")}/conflict`} onClick={() => (tray.value = null)}>{t("conflict.resolve")}</a>,
    failed: null,
    retrying: <button class="btn" onClick={replay}>{t("sync.replaynow")}</button>,
    pending: <button class="btn" onClick={discard}>{t("sync.discard")}</button>,
    parked: null,
    syncing: null,
    synced: null,
  }[stands.word];
  const failed = stands.word === "failed";
  return (
    <li class={`q ${stands.word === "needs" ? "needsblk" : ""} ${failed ? "three3" : ""}`}>
      <Mark name={MARKS[stands.word]} />
      <div>
        <p class="t">{deed(row, device)}</p>
        <p class="d">{about(row, device)}</p>
        <p class="s n">
          <Said row={row} stands={stands} device={device} />
        </p>
        {failed && <FailedActs row={row} device={device} onEdit={onEdit} onDiscard={discard} />}
      </div>
      {acts && <div class="ac1">{acts}</div>}
    </li>
  );
}

function Said({ row, stands, device }: { row: Row; stands: Standing; device: Device }) {
  switch (stands.word) {
    case "needs": {
      const by = row.outcome.error?.diff?.[0]?.by;
      return (
        <>
          <b>{t("stand.needs")}</b> {by ? t("stand.needs.who", { who: device.people.value.get(by) ?? t("office") }) : t("stand.needs.office")}
        </>
      );
    }
    case "failed":
      return (
        <>
          <b>{t("stand.failed")}</b> {reason(row)}
        </>
      );
    case "parked":
      return (
        <>
          <b>{t("stand.parked")}</b> {reason(row)}
        </>
      );
    case "retrying":
      return (
        <>
          <b>{t("stand.retrying")}</b> {t("stand.try", { n: stands.tries ?? 1, s: stands.inS ?? 0 })}
        </>
      );
    case "syncing":
      return (
        <>
          <b>{t("stand.syncing")}</b> {row.sentAt ? t("stand.sent", { time: clock(new Date(row.sentAt)) }) : ""}
        </>
      );
    case "pending":
      return (
        <>
          <b>{t("stand.pending")}</b> {t("stand.saved", { time: when(row) })}
        </>
      );
    case "synced":
      return <b>{t("stand.synced")}</b>;
  }
}

/** What a failed action can still become. What the server has kept is decided there. */
function FailedActs({ row, device, onEdit, onDiscard }: { row: Row; device: Device; onEdit: (row: Row) => void; onDiscard: () => void }) {
  const isFinal = ["rejected", "unsendable", "cancelled", "discarded", "superseded"].includes(row.state);
  if (!isFinal) return null;
  const replay = () => device.sayAgain(row, row.payload);
  return (
    <div class="ac">
      {isEditable(row) && <button class="btn" onClick={() => onEdit(row)}>{t("sync.edit")}</button>}
      <button class="btn" onClick={replay}>{t("sync.replay")}</button>
      <button class="btn" onClick={onDiscard}>{t("sync.discard")}</button>
    </div>
  );
}

