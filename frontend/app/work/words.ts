/** Actions and refusals in words. */
import { number } from "../../shared/i18n";
import { count, t } from "../i18n";
import type { Difference, Row, WorkOrder } from "../model";
import type { Device } from "../store/device";

export function duration(minutes: number): string {
  const [h, min] = [Math.floor(minutes / 60), minutes % 60];
  if (!h) return t("duration.min", { min });
  return min ? t("duration.h.min", { h, min }) : t("duration.h", { h });
}

export function size(bytes: number): string {
  if (bytes >= 1_000_000_000) return `${number(bytes / 1_000_000_000, { maximumFractionDigits: 1 })} GB`;
  return bytes < 1_000_000 ? `${number(Math.max(1, Math.round(bytes / 1000)))} kB` : `${number(bytes / 1_000_000, { maximumFractionDigits: 1 })} MB`;
}

export function value(of: unknown, unit?: string | null): string {
  if (of === null || of === undefined || of === "") return t("value.empty");
  if (of === true || of === "pass") return t("value.yes");
  if (of === false || of === "fail") return t("value.no");
  if (typeof of === "number") return unit ? `${number(of)} ${unit}` : number(of);
  if (typeof of === "string") return unit && /^-?[\d.]+$/.test(of) ? `${number(Number(of))} ${unit}` : of;
  return JSON.stringify(of);
}

/** What a person did: `Labour, 1 h 30 min`. */
export function deed(row: Row, device: Device): string {
  const payload = row.payload;
  const order = orderOf(row, device);
  switch (row.said.type) {
    case "work_order.start": return t("deed.start");
    case "work_order.resume": return t("deed.resume");
    case "work_order.hold": return t("deed.hold", { reason: holdReason(String(payload["reason"])) });
    case "work_order.complete": return t("deed.complete");
    case "work_order.checklist.answer": {
      const item = order?.checklist.find((one) => one.item_id === payload["item_id"]);
      return `${item?.text ?? t("deed.answer")}: ${value(payload["value"], item?.unit)}`;
    }
    case "work_order.labor.log": return t("deed.labor", { time: duration(Number(payload["minutes"])) });
    case "work_order.parts.consume": return t("deed.consume", { part: partName(payload["part_id"], device, order), n: Number(payload["quantity"]) });
    case "work_order.parts.return": return t("deed.return", { part: partName(payload["part_id"], device, order), n: Number(payload["quantity"]) });
    case "work_order.comment.add": return t("deed.comment", { text: String(payload["text"]) });
    case "work_order.attachment.add": return t("deed.photo", { size: size(Number(payload["size"])) });
    case "work_order.sign": return t("deed.sign", { name: String(payload["name"]) });
    case "meter.reading.record": return t("deed.reading", { value: value(payload["value"]) });
    case "request.submit": return t("deed.report", { title: String(payload["title"]) });
    case "reminder.acknowledge": return t("deed.acknowledge");
    case "reminder.snooze": return t("deed.snooze");
    case "conflict.take_server": return t("deed.take_server");
    case "conflict.send_to_planner": return t("deed.send_to_planner");
    case "discard": return t("deed.discard");
    default: return row.said.type;
  }
}

export function orderOf(row: Row, device: Device): WorkOrder | undefined {
  return row.lane.startsWith("work_order:") ? device.order(row.lane.slice("work_order:".length)) : undefined;
}

/** What it belongs to: the order's title, else nothing. */
export function about(row: Row, device: Device): string {
  return orderOf(row, device)?.title ?? (row.lane.startsWith("work_order:") ? t("about.left") : "");
}

function partName(id: unknown, device: Device, order: WorkOrder | undefined): string {
  return device.part(String(id))?.name ?? order?.parts.find((line) => line.part_id === id)?.name ?? t("deed.part");
}

const REASONS = new Set(["parts", "access", "approval", "weather", "other"]);
export const holdReason = (reason: string) => (REASONS.has(reason) ? t(`hold.${reason as "parts"}`) : reason);

/** Why it did not go through, for whoever has to decide what next. */
export function reason(row: Row): string {
  const error = row.outcome.error;
  const known: Record<string, () => string> = {
    invalid_transition: () => t("reason.invalid_transition"),
    checklist_incomplete: () => t("reason.checklist_incomplete"),
    not_assigned: () => t("reason.not_assigned"),
    locked_period: () => t("reason.locked_period"),
    reading_below_last: () => t("reason.backwards"),
    too_old: () => t("reason.too_old"),
    forbidden: () => t("reason.forbidden"),
    actor_inactive: () => t("reason.actor_inactive"),
    return_exceeds_consumed: () => t("reason.return_exceeds_use"),
  };
  if (row.state === "dead") return t("reason.dead");
  if (row.state === "parked") return `${known[error?.code ?? ""]?.() ?? ""} ${t("reason.parked")}`.trim();
  if (row.state === "conflict" && row.outcome.for_planner) return t("reason.planner");
  if (row.state === "discarded") return t("reason.discarded");
  if (row.state === "superseded") return t("reason.superseded");
  if (row.state === "cancelled") return t("reason.cancelled");
  return known[error?.code ?? ""]?.() ?? error?.message ?? error?.code ?? "";
}

/** A path of a diff as a question: the item's text, the field's name. */
export function fieldName(path: string, order: WorkOrder | undefined): { name: string; unit: string | null } {
  const [field, id] = path.replace(/^\//, "").split("/");
  if (field === "checklist") {
    const item = order?.checklist.find((one) => one.item_id === id);
    return { name: item?.text ?? t("field.checklist"), unit: item?.unit ?? null };
  }
  const known: Record<string, string> = {
    status: t("field.status"), title: t("field.title"), description: t("field.description"), due_at: t("field.due_at"),
    priority: t("field.priority"), assignee_ids: t("field.assignees"), team_id: t("field.team"), asset_id: t("field.asset"),
  };
  return { name: known[field ?? ""] ?? path, unit: null };
}

const STATUSES = new Set(["draft", "requested", "approved", "assigned", "in_progress", "on_hold", "completed", "closed", "cancelled"]);

/** One side of a difference. */
export function side(difference: Difference, which: "base" | "mine" | "server", unit: string | null): string {
  const of = difference[which];
  if (typeof of === "string" && STATUSES.has(of)) return t(`status.${of as "draft"}`);
  return value(of, unit);
}

export function late(due: Date, now: Date): string {
  const hours = Math.floor((now.getTime() - due.getTime()) / 3_600_000);
  if (hours < 1) return t("late.now");
  return hours < 24 ? count("late.hours", hours) : count("late.days", Math.floor(hours / 24));
}
