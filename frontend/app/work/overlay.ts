/** An order as its person sees it: the server's document, and over it what was done here and is not in it yet. */
import type { ChecklistItem, Payload, Row, State, Status, WorkOrder } from "../model";

export interface Shown extends WorkOrder {
  /** Actions of this order that have not ended, oldest first. */
  rows: Row[];
  /** The action behind what is shown, by `checklist/<item>`, `part/<id>` or a ledger row's id. */
  from: Map<string, Row>;
}

/** What counts as done already, though the server has not said so, or has and its document is not here yet. */
const COUNTS: readonly State[] = ["pending", "accepted", "retrying", "applied", "parked"];

export interface Doer {
  id: string;
}

export function overlay(order: WorkOrder, rows: readonly Row[], me: Doer): Shown {
  const shown: Shown = {
    ...order,
    checklist: order.checklist.map((item) => ({ ...item })),
    parts: order.parts.map((part) => ({ ...part })),
    labor: [...order.labor],
    comments: [...order.comments],
    attachments: [...order.attachments],
    signatures: [...order.signatures],
    rows: [...rows],
    from: new Map(),
  };
  for (const row of rows) if (COUNTS.includes(row.state) && !isIn(order, row)) EFFECTS[row.said.type]?.(shown, row, me);
  return shown;
}

/** The document has it already; the row goes with the next step. */
const isIn = (order: WorkOrder, row: Row) => row.state === "applied" && (row.outcome.result?.version ?? 0) <= order.version;

type Effect = (order: Shown, row: Row, me: Doer) => void;

const moves =
  (status: Status, also?: Effect): Effect =>
  (order, row, me) => {
    order.status = status;
    order.from.set("status", row);
    also?.(order, row, me);
  };

const ledger = (row: Row, me: Doer) => ({ id: row.id, at: row.said.occurred_at, by: me.id });

const uses =
  (sign: 1 | -1): Effect =>
  (order, row) => {
    const { part_id, quantity } = row.payload as { part_id: string; quantity: string };
    const part = order.parts.find((line) => line.part_id === part_id) ?? added(order, part_id);
    part.used = String(Number(part.used) + sign * Number(quantity));
    order.from.set(`part/${part_id}`, row);
  };

function added(order: Shown, part_id: string) {
  const part = { part_id, planned: "0", used: "0" };
  order.parts.push(part);
  return part;
}

const EFFECTS: Record<string, Effect> = {
  "work_order.start": moves("in_progress", (order, row) => {
    order.started_at ??= row.said.occurred_at;
  }),
  "work_order.resume": moves("in_progress", (order) => {
    order.hold_reason = null;
  }),
  "work_order.hold": moves("on_hold", (order, row) => {
    order.hold_reason = String(row.payload["reason"]);
  }),
  "work_order.complete": moves("completed", (order, row) => {
    order.completed_at = row.said.occurred_at;
    order.completion_note = (row.payload["note"] as string | undefined) ?? order.completion_note;
  }),
  "work_order.checklist.answer": (order, row, me) => {
    const item = order.checklist.find((one) => one.item_id === row.payload["item_id"]);
    if (!item) return;
    item.value = row.payload["value"] as ChecklistItem["value"];
    item.answered_by = me.id;
    item.answered_at = row.said.occurred_at;
    order.from.set(`checklist/${item.item_id}`, row);
  },
  "work_order.labor.log": (order, row, me) => {
    const { minutes, worked_on, note } = row.payload as { minutes: number; worked_on: string; note?: string };
    order.labor.push({ ...ledger(row, me), minutes, worked_on, note: note ?? null });
    order.labor_minutes += minutes;
    order.from.set(row.id, row);
  },
  "work_order.parts.consume": uses(1),
  "work_order.parts.return": uses(-1),
  "work_order.comment.add": (order, row, me) => {
    order.comments.push({ ...ledger(row, me), text: String(row.payload["text"]) });
    order.from.set(row.id, row);
  },
  "work_order.attachment.add": (order, row, me) => {
    const { sha256, size, media_type, name } = row.payload as Payload & { sha256: string; size: number; media_type: string; name: string };
    order.attachments.push({ ...ledger(row, me), sha256, size, media_type, name });
    order.from.set(row.id, row);
  },
  "work_order.sign": (order, row, me) => {
    const { image_sha256, name } = row.payload as { image_sha256: string; name: string };
    order.signatures.push({ ...ledger(row, me), image_sha256, name });
    order.from.set(row.id, row);
  },
};

/** What must still be answered before it can be completed. */
export function missing(order: WorkOrder): ChecklistItem[] {
  return order.checklist.filter((item) => item.required && (item.kind === "check" ? item.value !== true : item.value === null || item.value === ""));
}

/** How far a number lies outside what is allowed, signed; 0 inside. */
export function beyond(item: ChecklistItem, value: number): number {
  if (item.max !== null && value > item.max) return value - item.max;
  if (item.min !== null && value < item.min) return value - item.min;
  return 0;
}
