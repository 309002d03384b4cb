/**
 * Sends what was done here, asks what became of it, and brings down what is new; one exchange at a time, in one tab
 * at a time. Everything it must remember is on the disk, so that any of its steps may be its last.
 */
import { json } from "../../shared/api";
import { newId } from "../../shared/ids";
import { Problem, Unreachable } from "../../shared/problem";
import { DISCARD, type Row, type Said, UNSETTLED } from "../model";
import type { Copy, Taken } from "../store/copy";
import { type Database, isFull } from "../store/db";
import { type Outbox, waiting } from "../store/outbox";
import { APP_VERSION, deviceId } from "./device";
import { bring } from "./down";
import { sendDirectly } from "./direct";
import { actionOf, type Envelope, fitting } from "./envelope";
import * as pacing from "./pace";
import type { Photos } from "./photos";
import { hear, type Receipt, type Result, seen } from "./verdicts";

const ASK_FIRST_MS = 400;
const ASK_LAST_MS = 60_000;
const DOWN_EVERY_MS = 60_000;
const MOST_IDS = 200;

/** What the app shows of the exchange. */
export interface Shown {
  /** Ids of the batch on its way. */
  inFlight: ReadonlySet<string>;
  pace: pacing.Pace;
  /** When the server was last silent for the first time, by this device's clock; null: it answers. */
  silentSince: number | null;
  /** The status that stopped it: 401 or 403, sign in; 426, the app is too old. */
  stopped: number | null;
  lastAnswer: number | null;
  /** Server minus device. */
  offsetMs: number | null;
}

export interface Owner {
  db: Database;
  outbox: Outbox;
  copy: Copy;
  photos: Photos;
  /** Reads the outbox anew and shows it. */
  rows(): Promise<Row[]>;
  took(taken: Taken): void;
  show(change: Partial<Shown>): void;
  shown(): Shown;
  may(permission: string): boolean;
  full(): void;
}

interface Reply {
  batch_id: string;
  server_time: string;
  results: Result[];
}

export class Engine {
  private running: Promise<void> | null = null;
  private again = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private askAt = 0;
  private askEvery = ASK_FIRST_MS;
  private downAt = 0;
  private closed = false;

  constructor(
    private readonly own: Owner,
    private readonly now: () => number = Date.now,
    private readonly random: () => number = Math.random,
  ) {}

  /** Looks whether something is due. `hurry`: the network is said to be back, or the person asks. */
  wake(options: { hurry?: boolean; signedIn?: boolean } = {}): void {
    if (options.signedIn) this.own.show({ stopped: null });
    if (options.hurry || options.signedIn) {
      this.setPace(pacing.hurried(this.own.shown().pace));
      this.askAt = this.downAt = 0;
      this.askEvery = ASK_FIRST_MS;
      void this.own.photos.hurry().then(() => this.kick());
    }
    this.kick();
  }

  /** The stream rang: outcomes or entities are new. */
  ring(): void {
    this.askAt = this.downAt = 0;
    this.kick();
  }

  /** Ends when what is under way has ended. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private kick(): void {
    if (this.closed) return;
    this.again = true;
    this.running ??= this.lead().finally(() => {
      this.running = null;
      if (this.again) this.kick();
    });
  }

  private async lead(): Promise<void> {
    const work = async () => {
      while (this.again && !this.closed) {
        this.again = false;
        await this.drain();
      }
    };
    // Another tab may be at it: then this one waits, and finds nothing left to do.
    await (navigator.locks ? navigator.locks.request(`drain:${this.own.db.name}`, work) : work());
  }

  private async drain(): Promise<void> {
    clearTimeout(this.timer);
    try {
      while (!this.closed && this.own.shown().stopped === null && (await this.step()));
    } catch (error) {
      this.failed(error);
    }
    await this.schedule();
  }

  /** One exchange, if one is due. */
  private async step(): Promise<boolean> {
    const { pace } = this.own.shown();
    const now = this.now();
    if (pacing.waitMs(pace, now) > 0) return false;
    if (this.own.shown().offsetMs === null) await this.readClock();
    const rows = await this.own.rows();
    const batch = waiting(rows, pace.most, pacing.heldLanes(pace, now));
    if (batch.length > 0) {
      if (this.own.may("offline.submit")) await this.push(batch, rows);
      else await this.pushOne(batch[0]!);
      return true;
    }
    if (now >= this.askAt && (await this.ask(rows))) return true;
    if (now >= this.downAt) {
      await this.down();
      return true;
    }
    return this.own.photos.sendOne(now);
  }

  /** How far this device's clock is from the server's, before anything is said to have happened by it. */
  private async readClock(): Promise<void> {
    const sentAt = this.now();
    const answer = await json<{ time: string }>("/api/health/live");
    this.own.show({ offsetMs: Math.round(Date.parse(answer.time) - (sentAt + this.now()) / 2) });
  }

  private async push(rows: Row[], all: readonly Row[]): Promise<void> {
    const { pace, offsetMs } = this.own.shown();
    const actions = rows.map((row) => actionOf(row, offsetMs));
    const count = fitting(actions);
    const batch = rows.slice(0, count);
    const sentAt = this.now();
    await this.own.outbox.sending(batch.map((row) => row.id), sentAt);
    this.own.show({ inFlight: new Set(batch.map((row) => row.id)) });
    const envelope = envelopeOf(actions.slice(0, count), all, await deviceId(), sentAt);
    try {
      const reply = await json<Reply>("/api/offline/replays", { body: envelope });
      // A captive portal answers too: only the server knows the batch's name.
      if (reply.batch_id !== envelope.batch_id || !Array.isArray(reply.results)) throw new Unreachable("not the server");
      this.answered();
      const offset = Math.round(Date.parse(reply.server_time) - (sentAt + this.now()) / 2);
      const held = await hear(this.own.outbox, batch, reply.results, tombstone);
      let next = { ...pace, tries: 0, failures: 0, most: Math.min(2 * pace.most, pacing.MOST_ACTIONS) };
      for (const lane of new Set(batch.map((row) => row.lane))) {
        next = held.has(lane) ? pacing.hold(next, lane, this.now(), this.random) : pacing.free(next, lane);
      }
      this.setPace(next);
      this.own.show({ offsetMs: offset });
      this.askSoon();
    } catch (error) {
      if (error instanceof Problem && ![401, 403, 409, 426, 429, 503].includes(error.status)) await this.refused(batch, error);
      else throw error;
    } finally {
      this.own.show({ inFlight: new Set() });
      await this.own.rows();
    }
  }

  /** Too large, or the server fails at it: down to the one that is to blame, whose lane then waits. */
  private async refused(batch: readonly Row[], problem: Problem): Promise<void> {
    let pace = this.own.shown().pace;
    if (problem.status !== 413) {
      pace = { ...pacing.failed(pace, this.now(), this.random), failures: pace.failures + 1 };
      if (pace.failures < pacing.FAILURES) return this.setPace(pace);
    }
    this.setPace({ ...pace, failures: 0, most: Math.max(1, Math.floor(batch.length / 2)) });
    const [only, ...others] = batch;
    if (!only || others.length > 0) return;
    const error = { code: `http_${problem.status}`, message: problem.detail };
    await this.own.outbox.heard([{ id: only.id, state: "unsendable", commandId: null, outcome: { error } }]);
  }

  /** For whoever may not send work done offline: one command, under the action's id as its key. */
  private async pushOne(row: Row): Promise<void> {
    await this.own.outbox.sending([row.id], this.now());
    this.own.show({ inFlight: new Set([row.id]) });
    try {
      await this.own.outbox.heard([await sendDirectly(row)]);
      this.answered();
      this.setPace({ ...this.own.shown().pace, tries: 0, failures: 0 });
      this.askSoon();
    } finally {
      this.own.show({ inFlight: new Set() });
      await this.own.rows();
    }
  }

  /** Asks what became of what has no end yet. False: there is nothing of the kind. */
  private async ask(rows: readonly Row[]): Promise<boolean> {
    const open = rows.filter((row) => row.commandId !== null && isOpen(row)).slice(0, MOST_IDS);
    if (open.length === 0) {
      this.askAt = Number.POSITIVE_INFINITY;
      return false;
    }
    this.askAt = this.now() + this.askEvery;
    this.askEvery = Math.min(ASK_LAST_MS, this.askEvery * 2);
    const ids = open.map((row) => row.commandId).join(",");
    const page = await json<{ items: Receipt[] }>("/api/commands", { query: { limit: MOST_IDS, ids } });
    this.answered();
    const isNews = await seen(this.own.outbox, open, new Map(page.items.map((item) => [item.command_id, item])));
    if (isNews) {
      this.downAt = 0;
      this.own.took({ changed: [], removed: [], dropped: await this.own.copy.dropSeen() });
      await this.own.rows();
    }
    return true;
  }

  private async down(): Promise<void> {
    this.downAt = this.now() + DOWN_EVERY_MS;
    const taken = await bring(this.own.db, this.own.copy, this.own.may("workorders.read"));
    this.answered();
    for (const one of taken) this.own.took(one);
    await this.own.rows();
  }

  private askSoon(): void {
    this.askEvery = ASK_FIRST_MS;
    this.askAt = this.now() + ASK_FIRST_MS;
  }

  private answered(): void {
    this.own.show({ silentSince: null, lastAnswer: this.now() });
    const { pace } = this.own.shown();
    if (pace.tries > 0) this.setPace({ ...pace, tries: 0, notBefore: 0 });
  }

  private failed(error: unknown): void {
    const { pace, silentSince } = this.own.shown();
    if (error instanceof Problem && [401, 403, 426].includes(error.status)) {
      this.own.show({ stopped: error.status });
    } else if (error instanceof Unreachable || error instanceof Problem) {
      const wait = error instanceof Problem ? (error.retryAfterS ?? 0) * 1000 : 0;
      this.setPace(pacing.failed(pace, this.now(), this.random, wait));
      if (error instanceof Unreachable) this.own.show({ silentSince: silentSince ?? this.now() });
    } else if (isFull(error)) {
      this.own.full();
      this.setPace(pacing.failed(pace, this.now(), this.random));
    } else {
      console.error("the exchange failed", error);
      this.setPace(pacing.failed(pace, this.now(), this.random));
    }
  }

  private setPace(pace: pacing.Pace): void {
    this.own.show({ pace });
    void this.own.db.put("meta", pace, "pace").catch((error: unknown) => console.info("the pace was not kept", error));
  }

  private async schedule(): Promise<void> {
    if (this.closed || this.own.shown().stopped !== null) return;
    const now = this.now();
    const { pace } = this.own.shown();
    const waits = [this.downAt - now, this.askAt - now, pacing.nextHeldMs(pace, now), await this.own.photos.nextMs(now)];
    const first = Math.min(...waits.filter((wait): wait is number => wait !== null));
    const wait = Math.max(0, pacing.waitMs(pace, now), Math.min(first, DOWN_EVERY_MS));
    this.timer = setTimeout(() => this.kick(), wait);
  }
}

const isOpen = (row: Row) => UNSETTLED.includes(row.state) || (row.state === "conflict" && !row.outcome.resolution);

function tombstone(): { id: string; said: Said } {
  return { id: newId(), said: { v: 1, type: DISCARD, occurred_at: new Date().toISOString() } };
}

function envelopeOf(actions: Envelope["actions"], all: readonly Row[], device_id: string, now: number): Envelope {
  const unsent = all.filter((row) => row.state === "pending");
  const oldest = Math.min(now, ...unsent.map((row) => Date.parse(row.said.occurred_at)));
  return {
    batch_id: newId(),
    device_id,
    app_version: APP_VERSION,
    sent_at: new Date(now).toISOString(),
    queue_depth: unsent.length,
    oldest_age_s: Math.max(0, Math.round((now - oldest) / 1000)),
    actions,
  };
}
