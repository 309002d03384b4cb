/** Photos on their way: each by itself, with its own tries, after the words that name them. */
import { ask } from "../../shared/api";
import { Problem, Unreachable } from "../../shared/problem";
import type { Database, KeptBlob } from "../store/db";
import type { Vault } from "../store/vault";
import { backoffMs, LAST_MS } from "./pace";

const TIMEOUT_MS = 120_000;

const due = (blob: KeptBlob, now: number) => blob.notBefore <= now || blob.notBefore - now > LAST_MS;

export class Photos {
  constructor(
    private readonly db: Database,
    private readonly vault: Vault,
    private readonly random: () => number = Math.random,
  ) {}

  waiting(): Promise<KeptBlob[]> {
    return this.db.getAllFromIndex("blobs", "state", "waiting");
  }

  /** Sends one photo that is due. False: none is. Raises: Problem 401. */
  async sendOne(now: number): Promise<boolean> {
    const blob = (await this.waiting()).find((one) => due(one, now));
    if (!blob) return false;
    try {
      const raw = await this.vault.openBlob(blob.body, blob.type);
      await ask(`/api/blobs/${blob.sha}`, { method: "PUT", raw, headers: { "content-type": blob.type }, timeoutMs: TIMEOUT_MS });
      await this.db.put("blobs", { ...blob, state: "copy", tries: 0, notBefore: 0 });
    } catch (error) {
      if (error instanceof Problem && error.status === 401) throw error;
      if (!(error instanceof Problem) && !(error instanceof Unreachable)) throw error;
      const wait = Math.max(backoffMs(blob.tries, this.random), (error instanceof Problem ? (error.retryAfterS ?? 0) : 0) * 1000);
      await this.db.put("blobs", { ...blob, tries: blob.tries + 1, notBefore: now + Math.min(LAST_MS, wait) });
      if (error instanceof Unreachable) throw error;
    }
    return true;
  }

  /** The person asks: all are due now. */
  async hurry(): Promise<void> {
    for (const blob of await this.waiting()) await this.db.put("blobs", { ...blob, notBefore: 0 });
  }

  async nextMs(now: number): Promise<number | null> {
    const waits = (await this.waiting()).map((blob) => Math.max(0, Math.min(LAST_MS, blob.notBefore - now)));
    return waits.length ? Math.min(...waits) : null;
  }

  /** The picture, from this device if it is here, else from the server, and then kept as a copy. */
  async show(sha: string, type: string): Promise<Blob> {
    const kept = await this.db.get("blobs", sha);
    if (kept) return this.vault.openBlob(kept.body, kept.type);
    const answer = await ask(`/api/blobs/${sha}`, { timeoutMs: TIMEOUT_MS });
    const blob = await answer.blob();
    try {
      const body = await this.vault.seal(blob);
      await this.db.put("blobs", { sha, body, size: blob.size, type: blob.type || type, state: "copy", tries: 0, notBefore: 0, at: Date.now() });
    } catch (error) {
      console.info("no room to keep a copy of the picture", error);
    }
    return blob;
  }

  async forget(sha: string): Promise<void> {
    await this.db.delete("blobs", sha);
  }

  /** How many bytes the copies take that may be dropped. */
  async copiesSize(): Promise<number> {
    return (await this.db.getAllFromIndex("blobs", "state", "copy")).reduce((sum, blob) => sum + blob.size, 0);
  }

  async dropCopies(): Promise<void> {
    for (const key of await this.db.getAllKeysFromIndex("blobs", "state", "copy")) await this.db.delete("blobs", key);
  }
}
