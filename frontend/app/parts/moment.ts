/** What surrounds the app: the time as it is shown, and whether the browser keeps what lies here. */
import { signal } from "@preact/signals";

/** Ticks while the page is looked at: every second for a countdown is enough. */
export const now = signal(Date.now());

export type Persistence = "persistent" | "besteffort" | "purged" | "unknown";
export const persistence = signal<Persistence>("unknown");
export const usage = signal<{ used: number; quota: number } | null>(null);
/** A new version is on the device and waits. */
export const versionWaiting = signal(false);
export const leftHanded = signal(localStorage.getItem("millwright.left-handed") === "yes");

const isInstalled = () => matchMedia("(display-mode: standalone)").matches || (navigator as { standalone?: boolean }).standalone === true;
/** Safari deletes what a page that is not on the home screen has kept, seven days after the last visit. */
const purges = () => /^((?!chrome|android|crios|fxios).)*safari/i.test(navigator.userAgent) && !isInstalled();

export async function lookAtStorage(ask: boolean): Promise<void> {
  const storage = navigator.storage as StorageManager | undefined;
  if (!storage?.persisted) {
    persistence.value = "besteffort";
    return;
  }
  const persisted = (await storage.persisted()) || (ask && (await storage.persist()));
  persistence.value = persisted ? "persistent" : purges() ? "purged" : "besteffort";
  const { usage: used, quota } = await storage.estimate();
  usage.value = used === undefined || quota === undefined ? null : { used, quota };
}

export function startClock(): void {
  setInterval(() => {
    if (document.visibilityState === "visible") now.value = Date.now();
  }, 1000);
}
