/** How an action stands, in the words that a person sees. Pure. */
import { DISCARD, type Row } from "../model";
import { heldLanes, type Pace, waitMs } from "../sync/pace";

export type Word = "pending" | "syncing" | "retrying" | "failed" | "needs" | "parked" | "synced";

export interface Standing {
  word: Word;
  /** Of a retry: how often it was tried, and in how many seconds it is again. */
  tries?: number;
  inS?: number;
}

export interface Around {
  inFlight: ReadonlySet<string>;
  pace: Pace;
  now: number;
  /** Photos that have not reached the server, by hash: how often each was tried and when it is again. */
  photos: ReadonlyMap<string, { tries: number; notBefore: number }>;
}

export function standing(row: Row, around: Around): Standing {
  switch (row.state) {
    case "pending": {
      if (around.inFlight.has(row.id)) return { word: "syncing" };
      const lane = around.pace.held[row.lane];
      if (lane && heldLanes(around.pace, around.now).has(row.lane)) return retry(lane.times, lane.until, around.now);
      if (around.pace.tries > 0 && row.tried) return retry(around.pace.tries, around.now + waitMs(around.pace, around.now), around.now);
      return { word: "pending" };
    }
    case "accepted":
    case "retrying":
      return { word: "syncing" };
    case "applied": {
      const photo = photoOf(row, around);
      if (!photo) return { word: "synced" };
      return photo.tries > 0 ? retry(photo.tries, photo.notBefore, around.now) : { word: "syncing" };
    }
    case "conflict":
      return { word: row.outcome.for_planner ? "parked" : row.outcome.resolution ? "synced" : "needs" };
    case "parked":
      return { word: "parked" };
    case "cancelled":
      return { word: row.said.type === DISCARD ? "synced" : "failed" };
    case "unsendable":
    case "rejected":
    case "dead":
    case "discarded":
    case "superseded":
      return { word: "failed" };
  }
}

function photoOf(row: Row, around: Around) {
  for (const sha of row.said.needs ?? []) {
    const photo = around.photos.get(sha);
    if (photo) return photo;
  }
  return null;
}

const retry = (tries: number, at: number, now: number): Standing => ({ word: "retrying", tries: tries + 1, inS: Math.max(0, Math.ceil((at - now) / 1000)) });

/** Whether it stays until this person does something. What died at the server is an operator's. */
export const callsFor = (row: Row, { word }: Standing) => word === "needs" || (word === "failed" && row.state !== "dead");

export const NEEDS_SORT: Record<Word, number> = { needs: 0, failed: 1, parked: 2, retrying: 3, syncing: 4, pending: 5, synced: 6 };
