/** My work in three parts: overdue, today, later. Pure; now is an argument. */
import { daysBetween } from "../../shared/time";
import type { Shown } from "./overlay";

export interface Lists {
  overdue: Shown[];
  today: Shown[];
  later: Shown[];
  done: Shown[];
}

const OPEN = new Set(["requested", "approved", "assigned", "in_progress", "on_hold"]);
const RANK: Record<string, number> = { critical: 0, high: 1, medium: 2, low: 3 };

const dueAt = (order: Shown) => (order.due_at ? Date.parse(order.due_at) : Number.POSITIVE_INFINITY);

/** In work first, then by when it is due, then by priority. */
function byNeed(a: Shown, b: Shown): number {
  const inWork = Number(b.status === "in_progress") - Number(a.status === "in_progress");
  if (inWork) return inWork;
  const due = dueAt(a) - dueAt(b);
  if (due && !Number.isNaN(due)) return due;
  return (RANK[a.priority] ?? 2) - (RANK[b.priority] ?? 2) || a.number.localeCompare(b.number);
}

export function lists(orders: Iterable<Shown>, now: Date): Lists {
  const made: Lists = { overdue: [], today: [], later: [], done: [] };
  for (const order of orders) {
    if (!OPEN.has(order.status)) {
      if (order.status === "completed" && order.completed_at && daysBetween(now, new Date(order.completed_at)) === 0) made.done.push(order);
      continue;
    }
    const due = order.due_at ? new Date(order.due_at) : null;
    const days = due ? daysBetween(now, due) : null;
    if (due && due < now && days !== 0) made.overdue.push(order);
    else if (days === 0 || order.status === "in_progress") made.today.push(order);
    else made.later.push(order);
  }
  for (const list of [made.overdue, made.today, made.later]) list.sort(byNeed);
  made.done.sort((a, b) => (b.completed_at ?? "").localeCompare(a.completed_at ?? ""));
  return made;
}
