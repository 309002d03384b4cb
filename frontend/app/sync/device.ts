/** This installation's name, made once and kept for ever. A new installation is a new device. */
import { newId } from "../../shared/ids";

const KEPT = "millwright.device";

export function deviceId(): string {
  let id = localStorage.getItem(KEPT);
  if (!id) {
    id = `web-${newId()}`;
    localStorage.setItem(KEPT, id);
  }
  return id;
}

export const APP_VERSION = "0.1.0";
