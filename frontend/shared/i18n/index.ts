/** One catalogue for both faces: the shared words and the face's own. English is built in, others are loaded. */
import { signal } from "@preact/signals";
import en from "./en";

export type Language = "en" | "de";
export type Params = Record<string, string | number>;
type Words = Record<string, string>;

const KEPT = "millwright.language";

export const LANGUAGES: Record<Language, string> = { en: "English", de: "Deutsch" };
export const language = signal<Language>("en");

let words: Words = en;
let english: Words = en;
let german: () => Promise<Words> = async () => (await import("./de")).default;

function chosen(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "de") return kept;
  return navigator.language.startsWith("de") ? "de" : "en";
}

/** Adds a face's own words and loads the language that this person reads. */
export async function speak(face: { en: Words; de: () => Promise<Words> }): Promise<void> {
  const shared = german;
  english = { ...en, ...face.en };
  german = async () => Object.assign({}, ...(await Promise.all([shared(), face.de()]))) as Words;
  words = english;
  await show(chosen());
}

/** Adds words that come later; those of another language are all there at once. */
export function add(more: Words): void {
  english = { ...english, ...more };
  words = language.peek() === "en" ? english : { ...english, ...words };
}

export async function setLanguage(to: Language): Promise<void> {
  localStorage.setItem(KEPT, to);
  await show(to);
}

async function show(to: Language): Promise<void> {
  try {
    words = to === "de" ? { ...english, ...(await german()) } : english;
  } catch (error) {
    console.warn("the catalogue could not be loaded; English stays", error);
    return;
  }
  document.documentElement.lang = to;
  language.value = to;
}

/** The sentence for a key in the language shown; `{name}` takes the parameter of that name. */
export function say(key: string, params: Params = {}): string {
  void language.value; // whoever draws a word is drawn again when the language changes
  const sentence = words[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? shown(params[name]!) : whole));
}

const shown = (value: string | number) => (typeof value === "number" ? number(value) : value);

/** The sentence for a count: `key_one`, `key_other`. */
export function sayCount(key: string, n: number, params: Params = {}): string {
  const form = new Intl.PluralRules(language.value).select(n);
  return say(`${key}_${form}` in words ? `${key}_${form}` : `${key}_other`, { n, ...params });
}

export function number(value: number, options: Intl.NumberFormatOptions = {}): string {
  return new Intl.NumberFormat(language.value, { maximumFractionDigits: 3, ...options }).format(value);
}

/** A translator that knows its keys: `const t = translator<typeof en>()`. */
export type Translate<W> = (key: keyof W & string, params?: Params) => string;
export const t = say as Translate<typeof en>;
