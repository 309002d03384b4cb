import { useComputed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { Mark } from "../../shared/components/mark";
import { clock, longDay } from "../../shared/time";
import { Dock } from "../parts/dock";
import { now, persistence, usage } from "../parts/moment";
import { Note, Page, Say, Skeleton } from "../parts/page";
import { OrderRow } from "../parts/row";
import { exportQueue } from "../parts/queue-file";
import { tray } from "../parts/trays";
import { count, t } from "../i18n";
import type { Device } from "../store/device";
import { lists } from "../work/lists";
import type { Shown } from "../work/overlay";
import { size } from "../work/words";

export function MyWork({ device }: { device: Device }) {
  // A minute is soon enough for lists; the second's tick is the pill's.
  const minute = useComputed(() => Math.floor(now.value / 60_000) * 60_000).value;
  const at = new Date(Math.max(minute, 0));
  const made = useComputed(() => lists(device.orders.value.values(), new Date(minute))).value;
  const open = made.overdue.length + made.today.length + made.later.length;
  return (
    <Page title={t("work.title")} dock={<Dock tab="work" />} head={<Head at={at} device={device} />}>
      <Notices device={device} />
      {device.damaged.value ? (
        <Damaged device={device} />
      ) : open + made.done.length > 0 ? (
        <>
          <Section title={t("work.overdue")} orders={made.overdue} device={device} now={minute} />
          <Section title={t("work.today")} orders={made.today} device={device} now={minute} />
          <Section title={t("work.later")} orders={made.later} device={device} now={minute} />
          <Section title={t("work.done")} orders={made.done} device={device} now={minute} />
        </>
      ) : device.syncedAt.value === null && device.exchange.value.silentSince === null ? (
        <Skeleton />
      ) : (
        <Empty device={device} />
      )}
    </Page>
  );
}

function Head({ at, device }: { at: Date; device: Device }) {
  return (
    <header class="p-head">
      <div>
        <h1>{t("work.title")}</h1>
        <p class="sub">{longDay(at)}</p>
      </div>
      <span class="push" />
      <a class="ib out" href="/app/notifications" aria-label={device.unread.value ? count("notifications.unread", device.unread.value) : t("notifications.title")}>
        <Mark name="i-bell" />
        {device.unread.value > 0 && <b class="badge n">{device.unread.value}</b>}
      </a>
      <a class="ib out" href="/app/report" aria-label={t("report.title")}>
        <Mark name="i-plus" />
      </a>
    </header>
  );
}

function Section({ title, orders, device, now: at }: { title: string; orders: Shown[]; device: Device; now: number }) {
  if (orders.length === 0) return null;
  return (
    <section>
      <h2 class="sec">
        <b>{title}</b>
        <span class="n">{orders.length}</span>
      </h2>
      <ul class="rows">
        {orders.map((order) => (
          <OrderRow key={order.id} order={order} device={device} now={at} />
        ))}
      </ul>
    </section>
  );
}

/** What the person should know of this device before anything else; the most pressing alone. */
export function Notices({ device }: { device: Device }) {
  const { silentSince, offsetMs } = device.exchange.value;
  if (device.isFull.value) return <Full device={device} />;
  if (persistence.value === "purged") {
    const show = () => {
      tray.value = "install";
    };
    return (
      <Note mark="needs" needs acts={<button class="btn primary" onClick={show}>{t("persist.how")}</button>}>
        <b>{t("persist.bold")}</b> {t("persist.text")}
      </Note>
    );
  }
  if (offsetMs !== null && Math.abs(offsetMs) > 120_000) return <Note mark="needs" needs>{t("clock.off", { minutes: Math.round(Math.abs(offsetMs) / 60_000) })}</Note>;
  if (silentSince !== null) return <Note mark="i-off">{t("offline.note", { time: clock(new Date(silentSince)) })}</Note>;
  return null;
}

function Full({ device }: { device: Device }) {
  const [bytes, setBytes] = useState(0);
  useEffect(() => void device.photos.copiesSize().then(setBytes), [device]);
  const free = async () => {
    await device.photos.dropCopies();
    device.isFull.value = false;
  };
  const left = usage.value ? Math.max(0, usage.value.quota - usage.value.used) : 0;
  return (
    <Note mark="needs" needs acts={bytes > 0 && <button class="btn primary" onClick={free}>{t("full.free", { size: size(bytes) })}</button>}>
      <b>{t("full.bold")}</b> {left > 1_000_000 ? t("full.text.left", { size: size(left) }) : t("full.text.some")}
    </Note>
  );
}

function Damaged({ device }: { device: Device }) {
  const rows = device.rows.value.length;
  return (
    <Say mark="t-failed" title={t("damaged.title")} text={count("damaged.text", rows)}>
      <button class="btn primary" onClick={() => device.loadAgain()}>{t("damaged.again")}</button>
      <button class="btn" onClick={() => exportQueue(device)}>{t("queue.export")}</button>
    </Say>
  );
}

function Empty({ device }: { device: Device }) {
  const isOffline = device.exchange.value.silentSince !== null && device.syncedAt.value === null;
  return (
    <Say mark="o-closed" title={isOffline ? t("empty.unread") : t("empty.title")} text={isOffline ? t("empty.unread.text") : t("empty.text")}>
      <a class="btn" href="/app/report">{t("report.title")}</a>
    </Say>
  );
}
