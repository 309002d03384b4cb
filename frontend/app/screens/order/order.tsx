import { useComputed } from "@preact/signals";
import { useState } from "preact/hooks";
import { Mark, orderMark, priorityMark } from "../../../shared/components/mark";
import { toast } from "../../../shared/components/toast";
import { clock, daysBetween, fullDay, shortDay } from "../../../shared/time";
import { count, t } from "../../i18n";
import { ActDock, Dock } from "../../parts/dock";
import { now } from "../../parts/moment";
import { Bar, Note, Page, Say } from "../../parts/page";
import { around } from "../../parts/pill";
import { person } from "../../parts/row";
import type { Device } from "../../store/device";
import { onOrder } from "../../work/acts";
import { missing, type Shown } from "../../work/overlay";
import { standing } from "../../work/standing";
import { holdReason } from "../../work/words";
import { Checklist } from "./checklist";
import { Comments } from "./comments";
import { CompleteSheet, HoldSheet, MoreSheet } from "./sheets";
import { Labour, stopTimer } from "./labour";
import { Meters } from "./meters";
import { Parts } from "./parts";
import { Photos } from "./photos";
import { Signatures, SignSheet } from "./sign";

export type Sheet = null | "more" | "hold" | "complete" | "sign" | "comment";

export function OrderPage({ id, device }: { id: string; device: Device }) {
  const order = useComputed(() => device.orders.value.get(id)).value;
  const [sheet, open] = useState<Sheet>(null);
  if (!order) {
    return (
      <Page title={t("order.gone")} head={<Bar />} dock={<Dock />}>
        <Say mark="i-find" title={t("order.gone")} text={t("order.gone.text")}>
          <a class="btn primary" href="/app">{t("order.gone.back")}</a>
        </Say>
      </Page>
    );
  }
  const close = () => open(null);
  return (
    <Page
      title={`${order.number} ${order.title}`}
      head={
        <Bar title={order.number}>
          <button class="ib" aria-label={t("order.more")} onClick={() => open("more")}>
            <Mark name="i-more" />
          </button>
        </Bar>
      }
      dock={
        <ActDock>
          <Primary order={order} device={device} open={open} />
        </ActDock>
      }
    >
      <Facts order={order} device={device} />
      <Labour order={order} device={device} />
      <Checklist order={order} device={device} />
      <Parts order={order} device={device} />
      <Photos order={order} device={device} />
      <Meters order={order} device={device} />
      <Comments order={order} device={device} open={sheet === "comment"} onOpen={() => open("comment")} onClose={close} />
      <Signatures order={order} device={device} />
      {sheet === "more" && <MoreSheet order={order} onClose={close} onPick={open} />}
      {sheet === "hold" && <HoldSheet order={order} device={device} onClose={close} />}
      {sheet === "complete" && <CompleteSheet order={order} device={device} onClose={close} />}
      {sheet === "sign" && <SignSheet order={order} device={device} onClose={close} />}
    </Page>
  );
}

function dueWords(order: Shown): string {
  if (!order.due_at) return t("due.none");
  const at = new Date(order.due_at);
  const days = daysBetween(new Date(now.value), at);
  const day = days === 0 ? t("today") : days === 1 ? t("tomorrow") : days === -1 ? t("yesterday") : Math.abs(days) < 7 ? shortDay(at) : fullDay(at);
  return t("due.at", { day, time: clock(at) });
}

function Facts({ order, device }: { order: Shown; device: Device }) {
  const words = order.rows.map((row) => standing(row, around(device, now.value)).word);
  const place = device.asset(order.asset?.id);
  const names = device.path(order.asset?.id).map((asset) => asset.name);
  return (
    <>
      {words.includes("needs") && (
        <Note mark="needs" needs acts={<a class="btn primary" href={`/app/orders/${order.id}/conflict`}>{t("conflict.open")}</a>}>
          <b>{t("row.needs")}</b>
        </Note>
      )}
      <div class="blk">
        <h1 class="t1">{order.title}</h1>
        <p class="facts">
          <span class="mk">
            <Mark name={orderMark(order.status)} />
            {t(`status.${order.status}`)}
            {order.status === "on_hold" && order.hold_reason ? `: ${holdReason(order.hold_reason)}` : ""}
          </span>
          <span class="mk">
            <Mark name={priorityMark(order.priority)} />
            {t(`priority.${order.priority}`)}
          </span>
          <span class="n">{dueWords(order)}</span>
        </p>
        {order.description && <p class="descr">{order.description}</p>}
        {order.status === "completed" && order.completed_at && (
          <p class="descr two n">{t("order.completed", { time: clock(new Date(order.completed_at)), day: fullDay(new Date(order.completed_at)) })}</p>
        )}
      </div>
      {order.asset && (
        <a class="asset" href={`/app/assets/${order.asset.id}`}>
          <p>
            <b>{names.length > 1 ? names.slice(-2).join(", ") : (order.asset.name ?? t("asset"))}</b>
            <span>{[place?.tag, place?.location].filter(Boolean).join(", ") || t("asset.history")}</span>
          </p>
          <span class="push" />
          <Mark name="i-next" />
        </a>
      )}
      {order.assignees.length > 1 && <p class="blk two with">{t("order.with", { names: order.assignees.filter((who) => who.id !== device.user.id).map((who) => who.name ?? person(device, who.id)).join(", ") })}</p>}
    </>
  );
}

/** The one thing to do next, by the order's state. */
function Primary({ order, device, open }: { order: Shown; device: Device; open: (sheet: Sheet) => void }) {
  const begin = async (verb: "start" | "resume") => {
    if (!(await device.act([onOrder(order, verb)]))) return;
    await stopTimer(device);
    await device.setTimer({ order: order.id, since: Date.now() });
  };
  const left = missing(order).length;
  switch (order.status) {
    case "draft":
      return <Quiet word={t("act.draft")} />;
    case "requested":
    case "approved":
    case "assigned":
      return <button class="btn primary big wide" onClick={() => begin("start")}>{t("act.start")}</button>;
    case "on_hold":
      return <button class="btn primary big wide" onClick={() => begin("resume")}>{t("act.resume")}</button>;
    case "in_progress":
      return (
        <button class="btn primary big wide stack" onClick={() => (left ? showMissing(order) : open("complete"))}>
          {t("act.complete")}
          {left > 0 && <small class="n">{count("act.missing", left)}</small>}
        </button>
      );
    case "completed":
      return <button class="btn big wide" onClick={() => open("sign")}>{t("act.sign")}</button>;
    case "closed":
      return <Quiet word={t("act.closed")} />;
    case "cancelled":
      return <Quiet word={t("act.cancelled")} />;
  }
}

function Quiet({ word }: { word: string }) {
  return <p class="quietact">{word}</p>;
}

/** Says what is missing, and goes there. */
function showMissing(order: Shown): void {
  const [first] = missing(order);
  if (!first) return;
  toast({ text: t("missing.first", { text: first.text }) });
  const element = document.getElementById(`item-${first.item_id}`);
  element?.scrollIntoView({ block: "center" });
  (element?.querySelector("button, input, textarea") as HTMLElement | null)?.focus({ preventScroll: true });
}
