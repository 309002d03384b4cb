/** The service worker's side in the page: a new version waits until nothing here is unsent. */
import { toast } from "../shared/components/toast";
import { t } from "./i18n";
import { versionWaiting } from "./parts/moment";
import { deeds } from "./parts/pill";
import { device } from "./store/device";
import { effect } from "@preact/signals";

const ASK_EVERY_MS = 3_600_000;

/** Nothing unsent, no sheet open, nothing being typed: the page may be replaced. */
function isIdle(): boolean {
  const of = device.peek();
  const isTyping = document.activeElement?.matches("input, textarea") ?? false;
  const isQuiet = !of || (deeds(of).length === 0 && of.photosWaiting.peek().size === 0);
  return isQuiet && !isTyping && !document.querySelector("dialog[open]") && !/\/report$/.test(location.pathname);
}

export function registerWorker(): void {
  if (!navigator.serviceWorker) return;
  let isGoverned = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    // The first worker takes a page over that runs its own version.
    if (!isGoverned) isGoverned = true;
    else if (isIdle()) location.reload();
    else document.addEventListener("focusout", () => setTimeout(() => isIdle() && location.reload()));
  });
  navigator.serviceWorker.register("/app/sw.js", { scope: "/app", updateViaCache: "none" }).then(
    (registration) => {
      const look = () => {
        if (registration.waiting && registration.active) versionWaiting.value = true;
      };
      look();
      registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", look));
      setInterval(() => void registration.update().catch(() => undefined), ASK_EVERY_MS);
      document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void registration.update().catch(() => undefined));
      let said = false;
      effect(() => {
        if (!versionWaiting.value) return;
        void device.value?.rows.value;
        if (isIdle()) registration.waiting?.postMessage("take over");
        else if (!said) {
          said = true;
          toast({ text: t("version.waits"), stays: true });
        }
      });
      // Typing ends and sheets close without a signal of their own.
      document.addEventListener("focusout", () => setTimeout(() => versionWaiting.value && isIdle() && registration.waiting?.postMessage("take over")));
    },
    (error: unknown) => console.warn("the app will not open without a network", error),
  );
}
