/**
 * When the device may send again: full jitter, so that a crowd does not come back in the same moment. It outlives
 * the page. Times are by the device's clock, which may be set: none lies further ahead than the longest wait.
 */
export interface Pace {
  /** Failures since the last answer. */
  tries: number;
  notBefore: number;
  /** Lanes that the server cannot take yet. */
  held: Record<string, { until: number; times: number }>;
  /** Failures of the server at the same batch, before it is halved. */
  failures: number;
  /** Actions of one batch. */
  most: number;
}

export const FIRST_MS = 2_000;
export const LAST_MS = 300_000;
export const MOST_ACTIONS = 50;
export const FAILURES = 8;

export const rested = (): Pace => ({ tries: 0, notBefore: 0, held: {}, failures: 0, most: MOST_ACTIONS });

export function backoffMs(tries: number, random: () => number): number {
  return random() * Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(tries, 30));
}

export function failed(pace: Pace, now: number, random: () => number, atLeastMs = 0): Pace {
  return { ...pace, notBefore: now + Math.min(LAST_MS, atLeastMs + backoffMs(pace.tries, random)), tries: pace.tries + 1 };
}

/** The network is said to be back, or the person asks: nothing is waited for. */
export function hurried(pace: Pace): Pace {
  const held = Object.fromEntries(Object.entries(pace.held).map(([lane, { times }]) => [lane, { until: 0, times }]));
  return { ...pace, tries: 0, notBefore: 0, held };
}

export function hold(pace: Pace, lane: string, now: number, random: () => number): Pace {
  const times = pace.held[lane]?.times ?? 0;
  return { ...pace, held: { ...pace.held, [lane]: { until: now + backoffMs(times, random), times: times + 1 } } };
}

export function free(pace: Pace, lane: string): Pace {
  const { [lane]: _, ...held } = pace.held;
  return { ...pace, held };
}

const left = (until: number, now: number) => (until - now > LAST_MS ? 0 : Math.max(0, until - now));

export const waitMs = (pace: Pace, now: number) => left(pace.notBefore, now);

export function heldLanes(pace: Pace, now: number): Set<string> {
  return new Set(Object.entries(pace.held).filter(([, { until }]) => left(until, now) > 0).map(([lane]) => lane));
}

/** Milliseconds until the first held lane may be tried; null: none is held. */
export function nextHeldMs(pace: Pace, now: number): number | null {
  const waits = Object.values(pace.held).map(({ until }) => left(until, now)).filter((wait) => wait > 0);
  return waits.length ? Math.min(...waits) : null;
}
