/** This installation's name, made once and kept for ever. A new installation is a new device. */
import { firstKept } from "../../shared/durable";
import { newId } from "../../shared/ids";

let known: Promise<string> | null = null;

export function deviceId(): Promise<string> {
  known ??= firstKept("device", `web-${newId()}`);
  return known;
}

export const APP_VERSION = "0.1.0";
