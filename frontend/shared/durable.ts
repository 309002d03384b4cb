/**
 * The few things that must outlive a browser that is killed: who is signed in, and what this device is called.
 * localStorage is written to the disk at leisure; this is there when the promise is kept.
 */
import { type IDBPDatabase, openDB } from "idb";

let opened: Promise<IDBPDatabase> | null = null;

function database(): Promise<IDBPDatabase> {
  opened ??= openDB("millwright", 1, {
    upgrade(made) {
      made.createObjectStore("kept");
    },
    blocking: () => void close(),
    terminated: () => {
      opened = null;
    },
  });
  return opened;
}

async function close(): Promise<void> {
  const db = await opened;
  opened = null;
  db?.close();
}

export async function recall<T>(key: string): Promise<T | null> {
  return ((await (await database()).get("kept", key)) as T | undefined) ?? null;
}

/** Keeps a value; null forgets it. */
export async function keep(key: string, value: unknown): Promise<void> {
  const tx = (await database()).transaction("kept", "readwrite", { durability: "strict" });
  await Promise.all([value === null ? tx.store.delete(key) : tx.store.put(value, key), tx.done]);
}

/** The value that is kept already, else this one, kept: two tabs that ask at once get the same. */
export async function firstKept<T>(key: string, made: T): Promise<T> {
  const tx = (await database()).transaction("kept", "readwrite", { durability: "strict" });
  const known = (await tx.store.get(key)) as T | undefined;
  if (known === undefined) await tx.store.put(made, key);
  await tx.done;
  return known ?? made;
}
