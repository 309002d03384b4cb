/**
 * A typed client of Millwright's API for another frontend: no dependency, no global state.
 *
 *     const millwright = createClient({ baseUrl: "https://cmms.example.com", token: () => session.accessToken });
 *     await millwright.command("work_order.start", { work_order_id }, { key: crypto.randomUUID(), wait: 5 });
 */
import type { Commands, CommandType } from "./commands";

export type { Commands, CommandType } from "./commands";

export type CommandState =
  | "accepted" | "retrying" | "parked"
  | "applied" | "rejected" | "conflict" | "dead" | "cancelled" | "discarded" | "superseded";

export interface Accepted {
  command_id: string;
  type: string;
  target: string;
  state: "accepted";
  accepted_at: string;
}

export interface Receipt {
  command_id: string;
  type: string;
  target: string;
  state: CommandState;
  attempts: number;
  accepted_at: string;
  finished_at?: string;
  next_at?: string;
  result?: { id: string; version: number | null };
  error?: { code: string; message: string; path?: string };
  warnings?: { code: string; params?: Record<string, unknown> }[];
  history: { state: string; at: string }[];
}

export interface Page<Row> {
  items: Row[];
  cursor: string | null;
}

/** An RFC 9457 answer. `retryAfter`: seconds after which repeating the same under the same key may help. */
export class MillwrightProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors: readonly { path: string; code: string; message: string }[],
    readonly retryAfter: number | null,
    readonly body: Readonly<Record<string, unknown>>,
  ) {
    super(detail);
  }
}

export interface ClientOptions {
  /** The API's origin; that of the page if empty. */
  baseUrl?: string;
  /** The access token of the moment. */
  token: () => string | Promise<string>;
  fetch?: typeof fetch;
}

export interface CommandOptions {
  /** Names the command for ever: sent again it is the same one. 16 to 255 visible ASCII characters. */
  key: string;
  /** The version that its author saw. */
  ifMatch?: number;
  /** Seconds to wait for its ending, at most 10. */
  wait?: number;
}

export function createClient(options: ClientOptions) {
  const base = (options.baseUrl ?? "").replace(/\/$/, "");
  const send: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init));

  async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${await options.token()}`);
    const answer = await send(base + path, { ...init, headers });
    if (answer.ok) return (await answer.json()) as T;
    throw await problemOf(answer);
  }

  return {
    ask,
    /** Posts a command. The receipt, when it was applied in time; else that it was accepted. */
    command<T extends CommandType>(type: T, payload: Commands[T], how: CommandOptions): Promise<Receipt | Accepted> {
      const headers: Record<string, string> = { "content-type": "application/json", "idempotency-key": how.key };
      if (how.ifMatch !== undefined) headers["if-match"] = `"${how.ifMatch}"`;
      if (how.wait !== undefined) headers["prefer"] = `wait=${how.wait}`;
      return ask(`/api/commands/${type}`, { method: "POST", headers, body: JSON.stringify(payload) });
    },
    receipt: (id: string) => ask<Receipt>(`/api/commands/${encodeURIComponent(id)}`),
    /** One page of a list: `list<Order>("work-orders", { open: true, sort: "due_at" })`. */
    list<Row>(resource: string, query: Record<string, string | number | boolean> = {}): Promise<Page<Row>> {
      const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
      return ask(`/api/${resource}?${text}`);
    },
    one: <Row>(resource: string, id: string) => ask<Row>(`/api/${resource}/${encodeURIComponent(id)}`),
  };
}

async function problemOf(answer: Response): Promise<MillwrightProblem> {
  const body = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  const wait = Number(answer.headers.get("retry-after") ?? "");
  return new MillwrightProblem(
    answer.status,
    String(body["code"] ?? "unknown"),
    String(body["detail"] ?? answer.statusText),
    (body["errors"] as MillwrightProblem["errors"] | undefined) ?? [],
    wait > 0 ? wait : null,
    body,
  );
}
