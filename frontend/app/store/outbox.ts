/**
 * What was done here and has not ended yet. Every step is one transaction on the disk; a browser that dies between
 * two of them leaves the step before or the step after. Lanes are numbered without gaps.
 */
import type { IDBPTransaction } from "idb";
import { DISCARD, type Outcome, type Payload, type Row, type Said, type State } from "../model";
import { type Database, type KeptBlob, type KeptRow, type Schema, STRICT } from "./db";
import type { Vault } from "./vault";

export interface NewAction {
  id: string;
  lane: string;
  said: Said;
  payload: Payload;
}

export interface NewBlob {
  sha: string;
  blob: Blob;
}

/** Makes what fills a number that has nothing else. */
export type Tombstone = () => { id: string; said: Said };

type Writing = IDBPTransaction<Schema, ["actions", "lanes"], "readwrite">;

export const MOST = 2000;
export const WARN = 500;

/** The queue holds as much as it may: nothing is dropped, and nothing more is taken. */
export class QueueFull extends Error {}

export class Outbox {
  private readonly payloads = new Map<string, Payload>();

  constructor(
    private readonly db: Database,
    private readonly vault: Vault,
  ) {}

  // —— what the person does

  /** Kept when the promise is; under the next numbers of their lanes, with the photos they name. */
  async put(actions: readonly NewAction[], blobs: readonly NewBlob[] = [], now = Date.now()): Promise<void> {
    const bodies = await Promise.all(actions.map((action) => this.vault.seal(action.payload)));
    const kept = await Promise.all(blobs.map((blob) => this.keptBlob(blob, now)));
    const tx = this.db.transaction(["actions", "lanes", "blobs"], "readwrite", STRICT);
    if ((await tx.objectStore("actions").count()) + actions.length > MOST) {
      tx.abort();
      await tx.done.catch(() => undefined);
      throw new QueueFull();
    }
    const writes: Promise<unknown>[] = [];
    for (const [place, action] of actions.entries()) {
      const lanes = tx.objectStore("lanes");
      const seq = (await lanes.get(action.lane)) ?? 1;
      writes.push(lanes.put(seq + 1, action.lane));
      writes.push(tx.objectStore("actions").add(fresh(action.id, action.lane, seq, action.said, bodies[place]!)));
      this.payloads.set(action.id, action.payload);
    }
    for (const blob of kept) writes.push(tx.objectStore("blobs").put(blob));
    await Promise.all([...writes, tx.done]);
  }

  /** A tombstone in its place, under its id and number: the server may know it, or wait for it. */
  async giveUp(id: string, said: Said): Promise<void> {
    await this.write(async (tx) => {
      const row = await byId(tx, id);
      if (row) await save(tx, { ...row, said, body: { plain: {} }, state: "pending", outcome: {} });
    });
    this.payloads.set(id, {});
  }

  /** Rows of whose end the person knows. */
  async forget(ids: Iterable<string>): Promise<void> {
    await this.write(async (tx) => {
      for (const id of ids) {
        const row = await byId(tx, id);
        if (row?.place !== undefined) await tx.objectStore("actions").delete(row.place);
      }
    });
  }

  // —— what the server says

  /** They may reach the server from here on: they never change after this. */
  async sending(ids: readonly string[], now: number): Promise<void> {
    await this.write(async (tx) => {
      for (const id of ids) {
        const row = await byId(tx, id);
        if (row) await save(tx, { ...row, tried: true, sentAt: now });
      }
    });
  }

  async heard(news: readonly { id: string; state: State; commandId: string | null; outcome: Outcome }[]): Promise<void> {
    await this.write(async (tx) => {
      for (const { id, state, commandId, outcome } of news) {
        const row = await byId(tx, id);
        if (row) await save(tx, { ...row, state, commandId: commandId ?? row.commandId, outcome });
      }
    });
  }

  /** It cannot be sent under its id: another action fills its number. */
  async replace(id: string, outcome: Outcome, tombstone: Tombstone): Promise<void> {
    await this.write(async (tx) => {
      const row = await byId(tx, id);
      if (!row) return;
      await save(tx, { ...row, state: "unsendable", seq: null, outcome });
      if (row.seq !== null) await add(tx, tombstone(), row.lane, row.seq);
    });
  }

  /** The server waits for another number than `seq`: what it lacks is sent again, what it has had moves behind. */
  async expected(id: string, seq: number, expected: number, tombstone: Tombstone): Promise<void> {
    await this.write(async (tx) => {
      const row = await byId(tx, id);
      // The answer for one before it may have moved it already.
      if (!row || row.seq !== seq) return;
      if (expected < seq) await sendAgain(tx, row.lane, expected, tombstone);
      else if (expected > seq) await moveBehind(tx, row.lane, seq, expected);
    });
  }

  // —— reading

  async rows(): Promise<Row[]> {
    const kept = await this.db.getAll("actions");
    return Promise.all(kept.map((row) => this.open(row)));
  }

  private async open(row: KeptRow): Promise<Row> {
    const { body, place, ...rest } = row;
    const given = row.said.type === DISCARD ? {} : this.payloads.get(row.id);
    const payload = given ?? (await this.vault.openJson<Payload>(body));
    this.payloads.set(row.id, payload);
    return { ...rest, place: place ?? 0, payload };
  }

  private async keptBlob({ sha, blob }: NewBlob, at: number): Promise<KeptBlob> {
    const body = await this.vault.seal(blob);
    return { sha, body, size: blob.size, type: blob.type, state: "waiting", tries: 0, notBefore: 0, at };
  }

  private async write(work: (tx: Writing) => Promise<void>): Promise<void> {
    const tx = this.db.transaction(["actions", "lanes"], "readwrite", STRICT);
    await Promise.all([work(tx), tx.done]);
  }
}

const fresh = (id: string, lane: string, seq: number, said: Said, body: KeptRow["body"]): KeptRow => ({
  id, lane, seq, said, body, state: "pending", tried: false, commandId: null, outcome: {}, sentAt: null,
});

const byId = (tx: Writing, id: string): Promise<KeptRow | undefined> => tx.objectStore("actions").index("id").get(id);
const save = (tx: Writing, row: KeptRow): Promise<unknown> => tx.objectStore("actions").put(row);

function add(tx: Writing, made: { id: string; said: Said }, lane: string, seq: number): Promise<unknown> {
  return tx.objectStore("actions").add(fresh(made.id, lane, seq, made.said, { plain: {} }));
}

async function laneRows(tx: Writing, lane: string, from: number): Promise<KeptRow[]> {
  const rows = await tx.objectStore("actions").index("lane").getAll(lane);
  return rows.filter((row) => row.seq !== null && row.seq >= from).sort((a, b) => a.seq! - b.seq!);
}

async function sendAgain(tx: Writing, lane: string, first: number, tombstone: Tombstone): Promise<void> {
  const rows = await laneRows(tx, lane, first);
  const known = new Set(rows.map((row) => row.seq));
  const last = rows.at(-1)?.seq ?? first;
  for (let seq = first; seq < last; seq++) if (!known.has(seq)) await add(tx, tombstone(), lane, seq);
  for (const row of rows) await save(tx, { ...row, state: "pending", outcome: {} });
}

/** Another store of this device has used the numbers from `first` up: these go on from `to`. */
async function moveBehind(tx: Writing, lane: string, first: number, to: number): Promise<void> {
  const by = to - first;
  for (const row of await laneRows(tx, lane, first)) await save(tx, { ...row, seq: row.seq! + by });
  const next = await tx.objectStore("lanes").get(lane);
  await tx.objectStore("lanes").put((next ?? first) + by, lane);
}

/** What to send next: lanes in the order in which they were begun, each up to where it must wait. */
export function waiting(rows: readonly Row[], most: number, held: ReadonlySet<string>): Row[] {
  const lanes = new Map<string, Row[]>();
  for (const row of rows) {
    if (row.seq === null || (row.state !== "pending" && row.state !== "unsendable") || held.has(row.lane)) continue;
    const lane = lanes.get(row.lane);
    if (lane) lane.push(row);
    else lanes.set(row.lane, [row]);
  }
  const wanted: Row[] = [];
  for (const lane of lanes.values()) {
    lane.sort((a, b) => a.seq! - b.seq!);
    for (const row of lane) {
      if (wanted.length === most) return wanted;
      if (row.state === "unsendable") break;
      wanted.push(row);
    }
  }
  return wanted;
}
