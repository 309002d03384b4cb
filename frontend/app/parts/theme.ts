/** Light, dark, or as the system is; kept on the device. */
import { signal } from "@preact/signals";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEPT = "millwright.theme";

export const theme = signal<Theme>((localStorage.getItem(KEPT) as Theme | null) ?? "system");

export function setTheme(to: Theme): void {
  theme.value = to;
  localStorage.setItem(KEPT, to);
  applyTheme();
}

export function applyTheme(): void {
  if (theme.value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
}
