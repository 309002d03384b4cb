import type { ComponentChildren } from "preact";
import { Mark } from "../../shared/components/mark";
import { t } from "../i18n";
import { leftHanded } from "./moment";
import { Pill } from "./pill";

type Tab = "scan" | "work" | "me";

/** Below every page: the pill left, where to go right; mirrored for the left hand. */
export function Dock({ tab }: { tab?: Tab }) {
  const link = (name: Tab, href: string, mark: "i-scan" | "i-list" | "i-me", word: string) => (
    <a class="tab" href={href} aria-current={tab === name ? "page" : undefined}>
      <Mark name={mark} />
      {word}
    </a>
  );
  return (
    <nav class={leftHanded.value ? "dock mirrored" : "dock"} aria-label={t("dock")}>
      <Pill />
      {link("scan", "/app/scan", "i-scan", t("tab.scan"))}
      {link("work", "/app", "i-list", t("tab.work"))}
      {link("me", "/app/me", "i-me", t("tab.me"))}
    </nav>
  );
}

/** Below a page with one thing to do: the pill small, the act beside it. */
export function ActDock({ children }: { children: ComponentChildren }) {
  return (
    <div class={leftHanded.value ? "dock mirrored" : "dock"}>
      <Pill mini />
      {children}
    </div>
  );
}
