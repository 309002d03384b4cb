/**
 * What was done here is sealed (AES-GCM) under a key that lives on the device only while its person is signed in.
 * Signing out destroys that key; the copy wrapped under the password stays, so that signing in again opens it.
 * Without Web Crypto (plain http on another host than this one) nothing is sealed, and the app says so.
 */
import type { Database } from "./db";

export type Sealed = { plain: unknown } | { iv: Uint8Array<ArrayBuffer>; data: ArrayBuffer };

interface Wrapped {
  salt: Uint8Array<ArrayBuffer>;
  iv: Uint8Array<ArrayBuffer>;
  key: ArrayBuffer;
}

const ROUNDS = 310_000;
const KEY = "vault.key";
const WRAPPED = "vault.wrapped";

export class Locked extends Error {}

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

export class Vault {
  private constructor(
    private readonly db: Database,
    private key: CryptoKey | null,
    readonly seals: boolean,
  ) {}

  static async open(db: Database): Promise<Vault> {
    if (!crypto.subtle) return new Vault(db, null, false);
    const key = (await db.get("meta", KEY)) as CryptoKey | undefined;
    return new Vault(db, key ?? null, true);
  }

  /** Whether there is something sealed here that only the password opens. */
  async isLocked(): Promise<boolean> {
    return this.seals && !this.key && (await this.db.getKey("meta", WRAPPED)) !== undefined;
  }

  get isOpen(): boolean {
    return !this.seals || this.key !== null;
  }

  /**
   * Opens it with the password that was just accepted, or makes it. What is open is wrapped anew, as the password
   * may be another since. Raises: Locked: it was sealed under an earlier password, which opens it as `earlier`.
   */
  async unlock(password: string, earlier = password): Promise<void> {
    if (!this.seals) return;
    const wrapped = (await this.db.get("meta", WRAPPED)) as Wrapped | undefined;
    let raw: ArrayBuffer;
    if (this.key) raw = await crypto.subtle.exportKey("raw", this.key);
    else raw = wrapped ? await unwrap(wrapped, earlier) : random(32).buffer;
    await this.db.put("meta", await wrap(raw, password), WRAPPED);
    this.key = await crypto.subtle.importKey("raw", raw, "AES-GCM", true, ["encrypt", "decrypt"]);
    await this.db.put("meta", this.key, KEY);
  }

  /** Destroys the key on the device; what is sealed stays. */
  async lock(): Promise<void> {
    this.key = null;
    await this.db.delete("meta", KEY);
  }

  async seal(value: unknown): Promise<Sealed> {
    if (!this.key) {
      if (this.seals && (await this.db.getKey("meta", WRAPPED)) !== undefined) throw new Locked("locked");
      return { plain: value };
    }
    const bytes = value instanceof Blob ? await value.arrayBuffer() : new TextEncoder().encode(JSON.stringify(value));
    const iv = random(12);
    return { iv, data: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, this.key, bytes) };
  }

  async openJson<T>(sealed: Sealed): Promise<T> {
    if ("plain" in sealed) return sealed.plain as T;
    return JSON.parse(new TextDecoder().decode(await this.decrypt(sealed))) as T;
  }

  async openBlob(sealed: Sealed, type: string): Promise<Blob> {
    if ("plain" in sealed) return sealed.plain as Blob;
    return new Blob([await this.decrypt(sealed)], { type });
  }

  private decrypt(sealed: { iv: Uint8Array<ArrayBuffer>; data: ArrayBuffer }): Promise<ArrayBuffer> {
    if (!this.key) throw new Locked("locked");
    return crypto.subtle.decrypt({ name: "AES-GCM", iv: sealed.iv }, this.key, sealed.data);
  }
}

async function unwrap(wrapped: Wrapped, password: string): Promise<ArrayBuffer> {
  const outer = await fromPassword(password, wrapped.salt);
  try {
    return await crypto.subtle.decrypt({ name: "AES-GCM", iv: wrapped.iv }, outer, wrapped.key);
  } catch {
    throw new Locked("sealed under another password");
  }
}

async function fromPassword(password: string, salt: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", new TextEncoder().encode(password), "PBKDF2", false, ["deriveKey"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: ROUNDS };
  return crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

async function wrap(raw: ArrayBuffer, password: string): Promise<Wrapped> {
  const [salt, iv] = [random(16), random(12)];
  const outer = await fromPassword(password, salt);
  return { salt, iv, key: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, outer, raw) };
}
