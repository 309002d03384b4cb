/**
 * Who is signed in here. The access token is in memory alone; the refresh token is an HttpOnly cookie that no
 * script can read. Who the person is stays on the device, so that the app opens without a network.
 */
import { signal } from "@preact/signals";
import { config } from "./config";
import { keep, recall } from "./durable";
import { allows } from "./permissions";
import { Problem, problemOf, Unreachable } from "./problem";

export interface Me {
  id: string;
  tenant_id: string;
  email: string;
  name: string;
  roles: string[];
  permissions: string[];
}

interface LoggedIn {
  access_token: string;
  expires_in: number;
  user: Me;
}

const KEPT = "millwright.me";
const REFRESH_LOCK = "millwright.refresh";
const EARLY_MS = 30_000;
const TIMEOUT_MS = 20_000;

/** The person this device belongs to now; null before the first sign-in and after signing out. */
export const me = signal<Me | null>(kept());
/** The server wants a sign-in before it takes anything more. What is kept here stays usable. */
export const signInNeeded = signal(false);

let access: { token: string; until: number } | null = null;
let refreshing: Promise<string> | null = null;

function kept(): Me | null {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "null") as Me | null;
  } catch {
    return null;
  }
}

const sameUser = (a: Me | null, b: Me) => a?.id === b.id && a.tenant_id === b.tenant_id;

/** Who it was when the browser died, which localStorage may not know yet. */
export async function recallMe(): Promise<void> {
  if (await recall("logout")) void endSession("");
  const known = await recall<Me>("me");
  if (known && me.peek() && sameUser(me.peek(), known)) return;
  mirror(known);
}

function mirror(user: Me | null): void {
  if (user) localStorage.setItem(KEPT, JSON.stringify(user));
  else localStorage.removeItem(KEPT);
  me.value = user;
}

async function admit(answer: LoggedIn): Promise<string> {
  await keep("logout", null);
  await keep("me", answer.user);
  access = { token: answer.access_token, until: performance.now() + answer.expires_in * 1000 - EARLY_MS };
  mirror(answer.user);
  signInNeeded.value = false;
  return answer.access_token;
}

function post(path: string, body: unknown): Promise<Response> {
  return fetch(config.apiUrl + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    credentials: config.apiUrl ? "include" : "same-origin",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new Unreachable(String(error));
  });
}

/**
 * Signs in; `before` runs with whoever it is before the device is theirs. Raises: Problem (401
 * `invalid_credentials`, 423, 429, …), Unreachable.
 */
export async function signIn(email: string, password: string, otp?: string, before?: (user: Me) => Promise<void>): Promise<Me> {
  const answer = await post("/api/auth/login", { email, password, ...(otp ? { otp } : {}) });
  if (!answer.ok) throw await problemOf(answer);
  if (!answer.headers.get("content-type")?.includes("json")) throw new Unreachable("not the server's answer");
  const body = (await answer.json()) as LoggedIn;
  await before?.(body.user);
  await admit(body);
  return body.user;
}

/** Signs out here, also without a network: the server is told at once, or when the app is next opened. */
export async function signOut(): Promise<void> {
  const token = access?.token ?? "";
  access = null;
  await keep("me", null);
  await keep("logout", true);
  mirror(null);
  signInNeeded.value = false;
  await endSession(token);
}

async function endSession(token: string): Promise<void> {
  try {
    const answer = await fetch(`${config.apiUrl}/api/auth/logout`, {
      method: "POST",
      credentials: config.apiUrl ? "include" : "same-origin",
      headers: token ? { authorization: `Bearer ${token}` } : {},
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (answer.status < 500) await keep("logout", null);
  } catch (error) {
    console.info("signed out here; the server has not heard of it yet", error);
  }
}

/** A token that is still good. Raises: Problem 401 when the person must sign in, Unreachable. */
export async function token(): Promise<string> {
  if (access && performance.now() < access.until) return access.token;
  return refresh();
}

/** Forgets a token that the server refused, so that the next call refreshes. */
export function refused(used: string): void {
  if (access?.token === used) access = null;
}

/** One refresh at a time, over all tabs: a rotated token that is used twice looks like a theft. */
export function refresh(): Promise<string> {
  refreshing ??= locked(rotate).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

function locked<T>(work: () => Promise<T>): Promise<T> {
  // No Web Locks over plain http on another host than this one.
  return navigator.locks ? (navigator.locks.request(REFRESH_LOCK, work) as Promise<T>) : work();
}

async function rotate(): Promise<string> {
  const answer = await post("/api/auth/refresh", {});
  if (answer.ok) {
    const body = (await answer.json()) as LoggedIn;
    // The cookie may be somebody else's who signed in on this device: their token must not send my work.
    if (!me.value || sameUser(me.value, body.user)) return admit(body);
    throw needsSignIn("another person is signed in on this device");
  }
  const problem = await problemOf(answer);
  if (problem instanceof Problem && problem.status >= 500) throw problem;
  if (problem instanceof Problem && problem.status === 429) throw problem;
  if (problem instanceof Problem) throw needsSignIn(problem.detail);
  throw problem;
}

function needsSignIn(detail: string): Problem {
  access = null;
  signInNeeded.value = me.value !== null;
  return new Problem(401, "sign_in_needed", detail);
}

/** Signing in or out in one tab holds for all. */
window.addEventListener("storage", (event) => {
  if (event.key !== KEPT) return;
  const now = kept();
  if (now && me.value && sameUser(me.value, now)) return;
  location.reload();
});

export function may(permission: string): boolean {
  return allows(me.value?.permissions ?? [], permission);
}
