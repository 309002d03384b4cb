import { add, say, sayCount, speak, type Params, type Translate } from "../../shared/i18n";
import type shared from "../../shared/i18n/en";
import en from "./en";
import type more from "./en-more";

type Words = typeof shared & typeof en & typeof more;

export const t = say as Translate<Words>;

type Counted<K> = K extends `${infer Base}_other` ? Base : never;

/** The sentence for a count. */
export const count = sayCount as (key: Counted<keyof Words & string>, n: number, params?: Params) => string;

export const speakApp = () => speak({ en, de: async () => (await import("./de")).default });

/** The words of the screens that are loaded when they are wanted. */
export const speakMore = async () => add((await import("./en-more")).default);
