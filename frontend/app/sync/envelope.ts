/** A batch as it is sent: at most so many actions and bytes, each action in the server's terms. */
import type { Row } from "../model";

const MOST_BYTES = 256 * 1024;
const AROUND = 1024;

export interface Action {
  id: string;
  lane: string;
  lane_seq: number;
  clock_offset_ms?: number;
  payload: unknown;
  [member: string]: unknown;
}

export interface Envelope {
  batch_id: string;
  device_id: string;
  app_version: string;
  sent_at: string;
  queue_depth: number;
  oldest_age_s: number;
  actions: Action[];
}

export function actionOf(row: Row, offsetMs: number | null): Action {
  const place = { id: row.id, lane: row.lane, lane_seq: row.seq! };
  return { ...place, ...row.said, payload: row.payload, ...(offsetMs === null ? {} : { clock_offset_ms: offsetMs }) };
}

/** How many of them, from the first, one batch holds; at least one. */
export function fitting(actions: readonly Action[]): number {
  const encoder = new TextEncoder();
  let size = AROUND;
  for (const [count, action] of actions.entries()) {
    size += encoder.encode(JSON.stringify(action)).length + 1;
    if (size > MOST_BYTES) return Math.max(1, count);
  }
  return actions.length;
}
