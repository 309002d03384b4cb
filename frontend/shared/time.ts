/** Times as people say them, in this device's zone. Now is an argument. */
import { language } from "./i18n";

export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language.value + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) {
    // British English: the day before the month, 24 hours.
    made = new Intl.DateTimeFormat(language.value === "en" ? "en-GB" : language.value, options);
    formats.set(key, made);
  }
  return made;
}

export const clock = (at: Date) => format({ hour: "2-digit", minute: "2-digit" }).format(at);
export const clockExact = (at: Date) => format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
/** Monday 23 November */
export const longDay = (at: Date) => format({ weekday: "long", day: "numeric", month: "long" }).format(at).replace(",", "");
/** Wed 25, or 25 Nov when further off */
export const shortDay = (at: Date) => format({ weekday: "short", day: "numeric" }).format(at).replace(",", "");
export const monthDay = (at: Date) => format({ day: "numeric", month: "short" }).format(at);
export const fullDay = (at: Date) => format({ day: "numeric", month: "short", year: "numeric" }).format(at);

/** Days from `now` to `at` by the calendar of this zone: 0 is today. */
export function daysBetween(now: Date, at: Date): number {
  const midnight = (day: Date) => Date.UTC(day.getFullYear(), day.getMonth(), day.getDate());
  return Math.round((midnight(at) - midnight(now)) / 86_400_000);
}

/** `2026-11-22` in this zone. */
export function localDate(at: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
