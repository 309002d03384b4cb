/** The server's API: bearer token, one refresh after a 401, problems as errors. */
import { config } from "./config";
import { Problem, problemOf, Unreachable } from "./problem";
import { refused, signInNeeded, token } from "./session";

export { Problem, Unreachable } from "./problem";

export interface Ask {
  method?: "GET" | "POST" | "PUT" | "DELETE" | "HEAD";
  body?: unknown;
  /** Sent as it is, with its own type. */
  raw?: Blob;
  headers?: Record<string, string>;
  query?: Record<string, string | number | boolean | null | undefined>;
  timeoutMs?: number;
  signal?: AbortSignal;
}

const TIMEOUT_MS = 20_000;

export function apiUrl(path: string, query: Ask["query"] = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return config.apiUrl + path + (text ? `?${text}` : "");
}

/** The raw answer, 304 included. Raises: Problem for any other status from 300 on, Unreachable. */
export async function ask(path: string, options: Ask = {}): Promise<Response> {
  let answer = await once(path, options);
  if (answer.status === 401) answer = await once(path, options);
  if (answer.ok || answer.status === 304) return answer;
  const problem = await problemOf(answer);
  if (problem instanceof Problem && problem.status === 401) signInNeeded.value = true;
  throw problem;
}

async function once(path: string, options: Ask): Promise<Response> {
  const bearer = await token();
  const headers: Record<string, string> = { authorization: `Bearer ${bearer}`, ...options.headers };
  let body: BodyInit | null = null;
  if (options.raw) body = options.raw;
  else if (options.body !== undefined) {
    headers["content-type"] = "application/json";
    body = JSON.stringify(options.body);
  }
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const answer = await fetch(apiUrl(path, options.query), {
      method: options.method ?? (body === null ? "GET" : "POST"),
      headers,
      body,
      signal,
      credentials: config.apiUrl ? "include" : "same-origin",
    });
    if (answer.status === 401) refused(bearer);
    return answer;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Unreachable(String(error));
  }
}

/** The answer's JSON. Raises: Problem, Unreachable. */
export async function json<T>(path: string, options: Ask = {}): Promise<T> {
  const answer = await ask(path, options);
  if (!answer.headers.get("content-type")?.includes("json")) throw new Unreachable("not the server's answer");
  try {
    return (await answer.json()) as T;
  } catch (error) {
    throw new Unreachable(String(error));
  }
}

export interface Receipt {
  command_id: string;
  state: string;
  result?: { id: string; version: number | null } | null;
  error?: { code: string; message: string } | null;
}

/** Sends a command and waits for its ending. The key makes repeating it safe. */
export function command(type: string, payload: unknown, key: string, options: { version?: number; waitS?: number } = {}) {
  const headers: Record<string, string> = { "idempotency-key": key, prefer: `wait=${options.waitS ?? 5}` };
  if (options.version !== undefined) headers["if-match"] = `"${options.version}"`;
  return json<Receipt>(`/api/commands/${type}`, { body: payload, headers });
}
