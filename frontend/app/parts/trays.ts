/** Which sheet lies over the page. One at a time. */
import { signal } from "@preact/signals";

export const tray = signal<null | "sync" | "install">(null);
