/** What a person can do, as actions of the outbox. The base version is the server's that they saw. */
import { newId } from "../../shared/ids";
import { localDate } from "../../shared/time";
import type { Payload, Said, WorkOrder } from "../model";
import type { NewAction } from "../store/outbox";

interface Target {
  id: string;
  version: number;
}

function action(type: string, lane: string, payload: Payload, more: Partial<Said> = {}): NewAction {
  return { id: newId(), lane, said: { v: 1, type, occurred_at: new Date().toISOString(), ...more }, payload };
}

export function onOrder(order: Target, verb: string, payload: Payload = {}, more: Partial<Said> = {}): NewAction {
  return action(`work_order.${verb}`, `work_order:${order.id}`, { work_order_id: order.id, ...payload }, { base_version: order.version, ...more });
}

export const answer = (order: Target, item_id: string, value: boolean | number | string) => onOrder(order, "checklist.answer", { item_id, value });

/** `now` is the server's time: a clock that is a day ahead must not book tomorrow. */
export function labor(order: Target, minutes: number, note: string, now: Date): NewAction {
  return onOrder(order, "labor.log", { minutes, worked_on: localDate(now), kind: "regular", ...(note ? { note } : {}) });
}

export function part(order: Target, part_id: string, by: number): NewAction {
  return onOrder(order, by > 0 ? "parts.consume" : "parts.return", { part_id, quantity: String(Math.abs(by)) });
}

export interface Photo {
  sha: string;
  blob: Blob;
  name: string;
}

export function photo(order: Target, { sha, blob, name }: Photo): NewAction {
  return onOrder(order, "attachment.add", { sha256: sha, size: blob.size, media_type: blob.type, name }, { needs: [sha] });
}

export function signature(order: Target, { sha, name }: { sha: string; name: string }): NewAction {
  return onOrder(order, "sign", { image_sha256: sha, name }, { needs: [sha] });
}

/** Read when it happened, by the server's reckoning. */
export function reading(meter_id: string, value: string, kind: "reading" | "reset" | "rollover"): NewAction {
  return action("meter.reading.record", `meter:${meter_id}`, { meter_id, value, kind });
}

export function report(said: { asset_id?: string; title: string; description?: string; contact?: string; photos: Photo[] }): NewAction {
  const id = newId();
  const { photos, ...payload } = said;
  const attachments = photos.map(({ sha, blob, name }) => ({ sha256: sha, size: blob.size, media_type: blob.type, name }));
  const needs = photos.map((one) => one.sha);
  return action("request.submit", `request:${id}`, { id, ...payload, ...(attachments.length ? { attachments } : {}) }, needs.length ? { needs } : {});
}

/** Settles a conflict by giving mine up, or by leaving it to the planner. */
export function settle(row: { id: string; lane: string }, choice: "take_server" | "send_to_planner"): NewAction {
  return action(`conflict.${choice}`, row.lane, {}, { resolves: row.id });
}

/** Says it again, as somebody who has seen that version. `resolves`: the conflict that this settles. */
export function again(row: { lane: string; said: Said }, payload: Payload, base_version: number | undefined, resolves?: string): NewAction {
  const more = { ...(base_version === undefined ? {} : { base_version }), ...(resolves ? { resolves } : {}), ...(row.said.needs ? { needs: row.said.needs } : {}) };
  return action(row.said.type, row.lane, payload, more);
}

export const reminder = (order: Pick<WorkOrder, "id">, verb: "acknowledge" | "snooze", until?: string): NewAction =>
  action(`reminder.${verb}`, `work_order:${order.id}`, { work_order_id: order.id, ...(until ? { until } : {}) });
