/** Everything of one person on this device, as signals: what is shown is read from here and nowhere else. */
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { type Me, may, me, signInNeeded } from "../../shared/session";
import { toast } from "../../shared/components/toast";
import { type Asset, DISCARD, type Entity, type Part, type Payload, type Row, type WorkOrder } from "../model";
import { t } from "../i18n";
import { page } from "../sync/down";
import { Engine, type Shown } from "../sync/engine";
import { rested, type Pace } from "../sync/pace";
import { Photos } from "../sync/photos";
import { Doorbell } from "../sync/stream";
import { again } from "../work/acts";
import { overlay, type Shown as ShownOrder } from "../work/overlay";
import { Copy, keyOf, type Taken } from "./copy";
import { type Database, isFull, type KeptBlob, nameOf, open as openDatabase } from "./db";
import { type NewAction, type NewBlob, Outbox, QueueFull } from "./outbox";
import { Vault } from "./vault";

export interface Notice {
  id: string;
  about: string;
  kind: string;
  critical: boolean;
  params: Record<string, string | number | null>;
  created_at: string;
}

export interface Timer {
  order: string;
  since: number;
}

export class Device {
  readonly rows = signal<Row[]>([]);
  readonly entities = signal<ReadonlyMap<string, Entity>>(new Map());
  readonly photosWaiting = signal<ReadonlyMap<string, KeptBlob>>(new Map());
  readonly exchange = signal<Shown>({ inFlight: new Set(), pace: rested(), silentSince: null, stopped: null, lastAnswer: null, offsetMs: null });
  readonly syncedAt = signal<number | null>(null);
  readonly isFull = signal(false);
  readonly damaged = signal(false);
  readonly timer = signal<Timer | null>(null);
  readonly people = signal<ReadonlyMap<string, string>>(new Map());
  readonly notices = signal<Notice[]>([]);
  readonly seenUntil = signal("");
  readonly unread = computed(() => this.notices.value.filter((notice) => notice.created_at > this.seenUntil.value).length);
  /** What was synced a moment ago, shown until it fades. */
  readonly faded = signal<Row[]>([]);

  readonly orders: ReadonlySignal<Map<string, ShownOrder>> = computed(() => this.shownOrders());
  /** As it was measured before this page was opened. */
  private lastOffsetMs = 0;
  private readonly known = new Map<string, { entity: Entity; rows: string; shown: ShownOrder }>();
  private readonly channel: BroadcastChannel | null;
  readonly engine: Engine;
  private readonly doorbell: Doorbell;

  private constructor(
    readonly user: Me,
    readonly db: Database,
    readonly vault: Vault,
    readonly outbox: Outbox,
    readonly copy: Copy,
    readonly photos: Photos,
  ) {
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(db.name);
    if (this.channel) this.channel.onmessage = () => void this.reload();
    this.engine = new Engine({
      db, outbox, copy, photos, may,
      rows: () => this.readRows(),
      took: (taken) => this.took(taken),
      show: (change) => {
        this.exchange.value = { ...this.exchange.peek(), ...change };
        if (change.offsetMs !== undefined) void db.put("meta", change.offsetMs, "clock.offset").catch(() => undefined);
        if (change.stopped === 401 || change.stopped === 403) signInNeeded.value = true;
      },
      shown: () => this.exchange.peek(),
      full: () => {
        this.isFull.value = true;
      },
    });
    this.doorbell = new Doorbell(() => this.engine.ring());
  }

  static async open(user: Me): Promise<Device> {
    const db = await openDatabase(nameOf(user), () => location.reload());
    const vault = await Vault.open(db);
    const device = new Device(user, db, vault, new Outbox(db, vault), new Copy(db), new Photos(db, vault));
    device.timer.value = ((await db.get("meta", "timer")) as Timer | undefined) ?? null;
    device.seenUntil.value = ((await db.get("meta", "notices.seen")) as string | undefined) ?? "";
    device.lastOffsetMs = ((await db.get("meta", "clock.offset")) as number | undefined) ?? 0;
    const pace = (await db.get("meta", "pace")) as Pace | undefined;
    if (pace) device.exchange.value = { ...device.exchange.value, pace };
    return device;
  }

  /** Shows what is on the disk; without it nothing is shown, and nothing is lost. */
  async load(): Promise<void> {
    await this.readRows();
    try {
      await this.reload();
    } catch (error) {
      console.error("the copy on this device cannot be read", error);
      this.damaged.value = true;
    }
  }

  start(): void {
    this.engine.wake();
    this.doorbell.start();
    void this.readAround();
  }

  async close(): Promise<void> {
    this.doorbell.stop();
    this.channel?.close();
    await this.engine.close();
    this.db.close();
  }

  // —— doing

  /** Keeps actions, with their photos; on the screen when the promise is kept. False: there was no room. */
  async act(actions: readonly NewAction[], blobs: readonly NewBlob[] = []): Promise<boolean> {
    try {
      await this.outbox.put(actions, blobs);
    } catch (error) {
      if (error instanceof QueueFull) toast({ text: t("queue.full") });
      else if (isFull(error)) {
        this.isFull.value = true;
        toast({ text: blobs.length ? t("full.photo") : t("full.text") });
      } else throw error;
      return false;
    }
    await this.changed();
    this.engine.wake();
    return true;
  }

  /** The person gives it up. What may have reached the server leaves a tombstone under its number. */
  async giveUp(id: string): Promise<void> {
    const row = this.rows.peek().find((one) => one.id === id);
    if (!row) return;
    const isUnsent = row.state === "pending" || row.state === "unsendable";
    if (isUnsent && row.seq !== null) await this.outbox.giveUp(id, { v: 1, type: DISCARD, occurred_at: row.said.occurred_at });
    else await this.outbox.forget([id]);
    await this.dropPhotos(row);
    await this.changed();
    this.engine.wake();
  }

  /** Says it again with another payload, and gives the first up. */
  async sayAgain(row: Row, payload: Payload): Promise<boolean> {
    const version = this.order(row.lane.replace("work_order:", ""))?.version ?? row.said.base_version;
    if (!(await this.act([again(row, payload, version)]))) return false;
    await this.giveUp(row.id);
    return true;
  }

  private async dropPhotos(row: Row): Promise<void> {
    const others = new Set(this.rows.peek().filter((one) => one.id !== row.id).flatMap((one) => one.said.needs ?? []));
    for (const sha of row.said.needs ?? []) if (!others.has(sha)) await this.photos.forget(sha);
  }

  async changed(): Promise<void> {
    await this.readRows();
    this.channel?.postMessage("changed");
  }

  /** Names and notices, which are no part of the copy; what was read last serves without a signal. */
  async readAround(): Promise<void> {
    const notices = page<{ items: Notice[] }>(this.db, "/api/notifications", { limit: 100 });
    const people = may("users.read") ? page<{ items: { id: string; name: string }[] }>(this.db, "/api/users", { limit: 200 }) : null;
    const [told, known] = await Promise.allSettled([notices, people]);
    if (told.status === "fulfilled") this.notices.value = told.value.body.items;
    if (known.status === "fulfilled" && known.value) this.people.value = new Map(known.value.body.items.map(({ id, name }) => [id, name]));
  }

  async seen(): Promise<void> {
    const newest = this.notices.peek()[0]?.created_at;
    if (!newest) return;
    this.seenUntil.value = newest;
    await this.db.put("meta", newest, "notices.seen");
  }

  async setTimer(timer: Timer | null): Promise<void> {
    this.timer.value = timer;
    if (timer) await this.db.put("meta", timer, "timer");
    else await this.db.delete("meta", "timer");
  }

  /** The copy comes again from the server; what was done here stays. */
  async loadAgain(): Promise<void> {
    await this.copy.clear();
    this.damaged.value = false;
    this.entities.value = new Map();
    this.engine.wake({ hurry: true });
  }

  // —— reading

  /** The server's time, as far as this device knows how its clock stands to it. */
  now(): Date {
    return new Date(Date.now() + (this.exchange.peek().offsetMs ?? this.lastOffsetMs));
  }

  order(id: string): ShownOrder | undefined {
    return this.orders.value.get(id);
  }

  asset(id: string | null | undefined): Asset | undefined {
    return id ? (this.entities.value.get(keyOf("asset", id))?.document as Asset | undefined) : undefined;
  }

  part(id: string): Part | undefined {
    return this.entities.value.get(keyOf("part", id))?.document as Part | undefined;
  }

  assets(): Asset[] {
    return [...this.entities.value.values()].filter((entity) => entity.kind === "asset").map((entity) => entity.document as Asset);
  }

  /** From the top of the tree to the asset itself. */
  path(id: string | null | undefined): Asset[] {
    const above: Asset[] = [];
    for (let asset = this.asset(id); asset && above.length < 50; asset = this.asset(asset.parent_id)) above.unshift(asset);
    return above;
  }

  // —— inside

  private shownOrders(): Map<string, ShownOrder> {
    const lanes = new Map<string, Row[]>();
    for (const row of this.rows.value) {
      const lane = lanes.get(row.lane);
      if (lane) lane.push(row);
      else lanes.set(row.lane, [row]);
    }
    const shown = new Map<string, ShownOrder>();
    for (const entity of this.entities.value.values()) {
      if (entity.kind !== "work_order") continue;
      const rows = lanes.get(entity.key) ?? [];
      const mark = rows.map((row) => `${row.id}${row.state}${row.outcome.for_planner ?? ""}`).join();
      const known = this.known.get(entity.id);
      const fits = known && known.entity === entity && known.rows === mark;
      const one = fits ? known.shown : overlay(entity.document as WorkOrder, rows, this.user);
      if (!fits) this.known.set(entity.id, { entity, rows: mark, shown: one });
      shown.set(entity.id, one);
    }
    return shown;
  }

  private async reload(): Promise<void> {
    const entities = await this.copy.entities();
    this.entities.value = new Map(entities.map((entity) => [entity.key, entity]));
    this.syncedAt.value = ((await this.db.get("meta", "sync.at")) as number | undefined) ?? null;
    await this.readRows();
  }

  private async readRows(): Promise<Row[]> {
    const rows = await this.outbox.rows();
    const waiting = new Map((await this.photos.waiting()).map((blob) => [blob.sha, blob]));
    this.rows.value = rows;
    this.photosWaiting.value = waiting;
    return rows;
  }

  private took(taken: Taken): void {
    if (taken.changed.length + taken.removed.length > 0) {
      const entities = new Map(this.entities.peek());
      for (const entity of taken.changed) entities.set(entity.key, entity);
      for (const key of taken.removed) entities.delete(key);
      this.entities.value = entities;
    }
    this.syncedAt.value = Date.now();
    if (taken.dropped.length > 0) this.fade(taken.dropped);
    this.channel?.postMessage("changed");
  }

  private fade(ids: readonly string[]): void {
    const gone = this.rows.peek().filter((row) => ids.includes(row.id) && row.said.type !== "discard");
    this.faded.value = [...this.faded.peek(), ...gone];
    setTimeout(() => {
      this.faded.value = this.faded.peek().filter((row) => !gone.includes(row));
    }, 2000);
  }
}

/** The person's device, once it is open. */
export const device = signal<Device | null>(null);

export async function openDevice(): Promise<Device | null> {
  const user = me.peek();
  if (!user) return null;
  const opened = await Device.open(user);
  if (!(await opened.vault.isLocked())) await opened.load();
  device.value = opened;
  return opened;
}

