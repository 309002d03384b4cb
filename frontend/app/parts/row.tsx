/** One order in a list: the whole of it is the target. */
import { Mark, orderMark } from "../../shared/components/mark";
import { clock, daysBetween, monthDay, shortDay } from "../../shared/time";
import { t } from "../i18n";
import { DISCARD } from "../model";
import type { Device } from "../store/device";
import type { Shown } from "../work/overlay";
import { callsFor, standing } from "../work/standing";
import { duration, holdReason, late } from "../work/words";
import { around } from "./pill";

function due(order: Shown, now: Date): { text: string; isLate: boolean } {
  if (!order.due_at) return { text: "", isLate: false };
  const at = new Date(order.due_at);
  const days = daysBetween(now, at);
  if (at < now) return { text: late(at, now), isLate: true };
  if (days === 0) return { text: clock(at), isLate: false };
  return { text: days < 7 ? shortDay(at) : monthDay(at), isLate: false };
}

/** Who or what it waits for. */
function second(order: Shown, device: Device): string {
  const path = device.path(order.asset?.id).map((asset) => asset.name);
  const said = [path.length > 1 ? path.slice(-2).join(", ") : (order.asset?.name ?? "")];
  if (order.status === "on_hold" && order.hold_reason) said.push(t("row.waits", { reason: holdReason(order.hold_reason) }));
  else if (order.priority === "high" || order.priority === "critical") said.push(t(`priority.${order.priority}`).toLowerCase());
  if (order.team && order.assignees.length === 0) said.push(t("row.team"));
  return said.filter(Boolean).join(", ");
}

/** How many minutes the timer of this order has run. */
export function running(device: Device, order: string, now: number): number {
  const timer = device.timer.value;
  return timer?.order === order ? Math.max(0, Math.floor((now - timer.since) / 60_000)) : 0;
}

export function OrderRow({ order, device, now }: { order: Shown; device: Device; now: number }) {
  const at = new Date(now);
  const when = due(order, at);
  const stands = order.rows.map((row) => standing(row, around(device, now)));
  const words = stands.map(({ word }) => word);
  const needs = order.rows[words.indexOf("needs")];
  const failed = order.rows.some((row, place) => row.said.type !== DISCARD && words[place] === "failed" && callsFor(row, stands[place]!));
  const unsent = words.some((word) => word === "pending" || word === "syncing" || word === "retrying");
  const who = needs?.outcome.error?.diff?.[0]?.by;
  const minutes = order.labor_minutes + running(device, order.id, now);
  const inWork = order.status === "in_progress";
  const status = t(`status.${order.status}`);
  return (
    <li>
      <a class={inWork ? "row on" : "row"} href={`/app/orders/${order.id}`}>
        <Mark name={needs || failed ? "needs" : orderMark(order.status)} label={status} />
        <p class="t">{order.title}</p>
        <p class="w n">{when.isLate ? <b>{when.text}</b> : when.text}</p>
        <p class="d">{second(order, device)}</p>
        {(needs || failed || unsent || inWork) && (
          <p class="x">
            {needs && <b>{who ? t("row.needs.who", { who: person(device, who) }) : t("row.needs")}</b>}
            {failed && !needs && <b>{t("row.failed")}</b>}
            {unsent && (
              <span class="mk">
                <Mark name="t-pending" />
                {t("row.unsent")}
              </span>
            )}
            {inWork && <span class="n">{minutes ? t("row.inwork", { time: duration(minutes) }) : status}</span>}
          </p>
        )}
      </a>
    </li>
  );
}

/** A name, where the server gave one. */
export function person(device: Device, id: string): string {
  if (id === device.user.id) return t("you");
  return device.people.value.get(id) ?? t("office");
}
