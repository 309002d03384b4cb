/** One database per tenant and user: two people on one phone never see each other's. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Entity, Outcome, Said, State } from "../model";
import type { Sealed } from "./vault";

/** A row as it lies on the disk: its payload is sealed where the device can. */
export interface KeptRow {
  place?: number;
  id: string;
  lane: string;
  seq: number | null;
  said: Said;
  body: Sealed;
  state: State;
  tried: boolean;
  commandId: string | null;
  outcome: Outcome;
  sentAt: number | null;
}

export interface KeptBlob {
  sha: string;
  body: Sealed;
  size: number;
  type: string;
  /** `waiting`: to be sent. `copy`: the server has it, this one may be dropped to make room. */
  state: "waiting" | "copy";
  tries: number;
  notBefore: number;
  at: number;
}

export interface Schema extends DBSchema {
  meta: { key: string; value: unknown };
  entities: { key: string; value: Entity; indexes: { kind: string } };
  actions: { key: number; value: KeptRow; indexes: { id: string; lane: string; state: string } };
  lanes: { key: string; value: number };
  blobs: { key: string; value: KeptBlob; indexes: { state: string } };
  pages: { key: string; value: { key: string; at: number; body: unknown } };
}

export type Database = IDBPDatabase<Schema>;

const VERSION = 1;

export const nameOf = (user: { tenant_id: string; id: string }) => `millwright:${user.tenant_id}:${user.id}`;

/** Opens it, and opens it once more where the browser has killed the connection (iOS does, in the background). */
export async function open(name: string, onLost: () => void): Promise<Database> {
  const db = await openDB<Schema>(name, VERSION, {
    upgrade(made) {
      made.createObjectStore("meta");
      made.createObjectStore("entities", { keyPath: "key" }).createIndex("kind", "kind");
      const actions = made.createObjectStore("actions", { keyPath: "place", autoIncrement: true });
      actions.createIndex("id", "id", { unique: true });
      actions.createIndex("lane", "lane");
      actions.createIndex("state", "state");
      made.createObjectStore("lanes");
      made.createObjectStore("blobs", { keyPath: "sha" }).createIndex("state", "state");
      made.createObjectStore("pages", { keyPath: "key" });
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
      onLost();
    },
    terminated: onLost,
  });
  return db;
}

/** What a person did is on the disk when the promise is kept, not in a buffer that a dead battery empties. */
export const STRICT = { durability: "strict" } as const;

export const isFull = (error: unknown) => error instanceof DOMException && error.name === "QuotaExceededError";
