/** Brings down what is new: passes of GET /api/sync, and the pages that are kept beside the copy. */
import { ask, json } from "../../shared/api";
import { Problem, Unreachable } from "../../shared/problem";
import type { Copy, SyncAnswer, Taken } from "../store/copy";
import type { Database } from "../store/db";

/** One pass. Returns what each answer changed. */
export async function bring(db: Database, copy: Copy, maySeeOrders: boolean): Promise<Taken[]> {
  if (!maySeeOrders) {
    await json("/api/auth/me");
    await db.put("meta", Date.now(), "sync.at");
    return [];
  }
  const taken: Taken[] = [];
  for (;;) {
    const answer = await next(db, copy);
    if (!answer) break;
    taken.push(await copy.take(answer));
    if (!answer.more && !answer.resync) break;
  }
  if (taken.length === 0) await db.put("meta", Date.now(), "sync.at");
  return taken;
}

async function next(db: Database, copy: Copy): Promise<SyncAnswer | null> {
  const since = await copy.cursor();
  const etag = (await db.get("meta", "sync.etag")) as string | undefined;
  const answer = await ask("/api/sync", { query: { since }, headers: etag && since ? { "if-none-match": etag } : {}, timeoutMs: 60_000 });
  if (answer.status === 304) return null;
  let body: SyncAnswer;
  try {
    body = (await answer.json()) as SyncAnswer;
  } catch (error) {
    throw new Unreachable(String(error)); // it was cut off: the same is asked again
  }
  if (!body.cursor) throw new Unreachable("not the server's answer");
  const tag = answer.headers.get("etag");
  if (tag) await db.put("meta", tag, "sync.etag");
  else await db.delete("meta", "sync.etag");
  return body;
}

export interface Page<T> {
  at: number;
  body: T;
  /** The server has just said so; else it is what was read last. */
  isFresh: boolean;
}

/** A read of the server's, or what was last read when it does not answer. Raises when neither is there. */
export async function page<T>(db: Database, path: string, query: Record<string, string | number | boolean> = {}): Promise<Page<T>> {
  const key = `${path}?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString()}`;
  try {
    const body = await json<T>(path, { query });
    const at = Date.now();
    await db.put("pages", { key, at, body });
    return { at, body, isFresh: true };
  } catch (error) {
    const kept = await db.get("pages", key);
    const isSilence = error instanceof Unreachable || (error instanceof Problem && (error.status >= 500 || error.status === 401));
    if (kept && isSilence) return { at: kept.at, body: kept.body as T, isFresh: false };
    throw error;
  }
}
