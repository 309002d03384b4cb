/** The server's side as it is on this device: the client of docs/sync.md. Each answer is one transaction. */
import type { Entity, Kind, Row, WorkOrder, Asset } from "../model";
import { type Database, type KeptRow, STRICT } from "./db";

export interface SyncAnswer {
  resync: boolean;
  full: boolean;
  at: string;
  entities: { kind: Kind; id: string; version: number; document: unknown }[];
  tombstones: { kind: Kind; id: string; version: number }[];
  more: boolean;
  cursor: string;
  reason?: string;
}

export interface Taken {
  changed: Entity[];
  removed: string[];
  /** Ids of actions that nothing is missing of any more. */
  dropped: string[];
}

export const keyOf = (kind: Kind, id: string) => `${kind}:${id}`;

export class Copy {
  constructor(private readonly db: Database) {}

  cursor(): Promise<string | undefined> {
    return this.db.get("meta", "sync.cursor") as Promise<string | undefined>;
  }

  entities(): Promise<Entity[]> {
    return this.db.getAll("entities");
  }

  /**
   * Takes one answer, and drops what was done here where its outcome and the entity's new version are both on the
   * device: not before, or the person would see their work vanish.
   */
  async take(answer: SyncAnswer): Promise<Taken> {
    const tx = this.db.transaction(["meta", "entities", "actions"], "readwrite", STRICT);
    const [meta, entities] = [tx.objectStore("meta"), tx.objectStore("entities")];
    const begins = answer.resync || (await meta.get("sync.cursor")) === undefined;
    const taken: Taken = { changed: [], removed: [], dropped: [] };
    const met = new Set<string>(begins ? [] : (((await meta.get("sync.met")) as string[] | undefined) ?? []));
    for (const told of answer.entities) {
      const key = keyOf(told.kind, told.id);
      met.add(key);
      const have = await entities.get(key);
      if (have && told.version < have.version) continue;
      await entities.put({ key, ...told });
      taken.changed.push({ key, ...told });
    }
    for (const gone of answer.tombstones) {
      const have = await entities.get(keyOf(gone.kind, gone.id));
      if (!have || have.version > gone.version) continue;
      await entities.delete(have.key);
      taken.removed.push(have.key);
    }
    const isNews = answer.full || answer.entities.length + answer.tombstones.length > 0;
    if (!answer.more && isNews) taken.removed.push(...(await tidy(entities, answer.full ? met : null)));
    await meta.put(answer.full || answer.resync ? [...met] : [], "sync.met");
    await meta.put(answer.cursor, "sync.cursor");
    if (!answer.more) await meta.put(Date.now(), "sync.at");
    taken.dropped = await dropSeen(tx.objectStore("actions"), entities, !answer.more);
    await tx.done;
    return taken;
  }

  /** Drops what has been applied and needs no newer copy. Returns the ids. */
  async dropSeen(): Promise<string[]> {
    const tx = this.db.transaction(["entities", "actions"], "readwrite", STRICT);
    const dropped = await dropSeen(tx.objectStore("actions"), tx.objectStore("entities"), false);
    await tx.done;
    return dropped;
  }

  /** The copy is damaged, or its person signs out: it comes again from the server. The outbox is not touched. */
  async clear(): Promise<void> {
    const tx = this.db.transaction(["meta", "entities", "pages"], "readwrite");
    for (const key of ["sync.cursor", "sync.met", "sync.etag", "sync.at"]) await tx.objectStore("meta").delete(key);
    await tx.objectStore("entities").clear();
    await tx.objectStore("pages").clear();
    await tx.done;
  }
}

interface EntityStore {
  get(key: string): Promise<Entity | undefined>;
  getAll(): Promise<Entity[]>;
  delete(key: string): Promise<void>;
}

interface ActionStore {
  getAll(): Promise<KeptRow[]>;
  delete(key: number): Promise<void>;
}

/** Forgets what a full pass did not tell, and what no order names any more, by itself or above what it names. */
async function tidy(store: EntityStore, met: ReadonlySet<string> | null): Promise<string[]> {
  const held = new Map((await store.getAll()).map((entity) => [entity.key, entity]));
  const named = new Set<string>();
  for (const entity of held.values()) {
    if (entity.kind !== "work_order" || (met && !met.has(entity.key))) continue;
    named.add(entity.key);
    const order = entity.document as WorkOrder;
    for (const id of [order.asset?.id, ...(order.route ?? [])]) {
      let key = id ? keyOf("asset", id) : null;
      while (key && held.has(key) && !named.has(key)) {
        named.add(key);
        const above: string | null = (held.get(key)!.document as Asset).parent_id;
        key = above ? keyOf("asset", above) : null;
      }
    }
    for (const line of order.parts ?? []) named.add(keyOf("part", line.part_id));
    if (order.plan) named.add(keyOf("template", order.plan.id));
  }
  const removed = [...held.keys()].filter((key) => !named.has(key));
  for (const key of removed) await store.delete(key);
  return removed;
}

async function dropSeen(store: ActionStore, entities: EntityStore, passDone: boolean): Promise<string[]> {
  const dropped: string[] = [];
  for (const row of await store.getAll()) {
    if (!hasEnded(row)) continue;
    const have = isAwaited(row) ? await entities.get(row.lane) : undefined;
    if (isAwaited(row) && !isSeen(row, have?.version, passDone)) continue;
    await store.delete(row.place!);
    dropped.push(row.id);
  }
  return dropped;
}

type Ending = Pick<Row, "state" | "outcome" | "lane" | "said">;

function hasEnded(row: Ending): boolean {
  const isDecided = row.outcome.resolution !== undefined && row.outcome.allowed === undefined;
  if (row.state === "conflict" || row.state === "parked") return isDecided;
  return row.state === "applied" || (row.state === "cancelled" && row.said.type === "discard");
}

/** Whether it changed something of which a newer copy is to come. */
const isAwaited = (row: Ending) => row.state === "applied" && typeof row.outcome.result?.version === "number";

function isSeen(row: Ending, version: number | undefined, passDone: boolean): boolean {
  // What is not held here has no copy to wait for, once a whole pass has said so.
  if (version === undefined) return passDone || !row.lane.startsWith("work_order:");
  return version >= row.outcome.result!.version!;
}
