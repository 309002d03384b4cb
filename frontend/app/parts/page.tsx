import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Mark } from "../../shared/components/mark";
import { back } from "../../shared/router";
import { t } from "../i18n";

/** A page of the phone: bar or head, main, dock. */
export function Page(props: { title: string; children: ComponentChildren; head: ComponentChildren; dock: ComponentChildren }) {
  useEffect(() => {
    document.title = `${props.title} · Millwright`;
  }, [props.title]);
  return (
    <div class="phone">
      {props.head}
      <main class="p-main">{props.children}</main>
      {props.dock}
    </div>
  );
}

/** The bar of a page that is below another. */
export function Bar({ title, children }: { title?: string; children?: ComponentChildren }) {
  return (
    <header class="p-bar">
      <button class="ib" aria-label={t("back")} onClick={() => back("/app")}>
        <Mark name="i-back" />
      </button>
      {title && <span class="id">{title}</span>}
      <span class="push" />
      {children}
    </header>
  );
}

/** A block that fills the page with one thing to say. */
export function Say(props: { mark: "o-closed" | "t-failed" | "needs" | "i-find"; title: string; text: string; children?: ComponentChildren }) {
  return (
    <div class="say">
      <Mark name={props.mark} size="s24" />
      <h2>{props.title}</h2>
      <p>{props.text}</p>
      {props.children && <div class="sa">{props.children}</div>}
    </div>
  );
}

export function Note(props: { mark: "i-off" | "needs" | "t-pending"; needs?: boolean; children: ComponentChildren; acts?: ComponentChildren }) {
  return (
    <div class={props.needs ? "notes needsblk" : "notes"}>
      <p class="note">
        <Mark name={props.mark} />
        <span>{props.children}</span>
      </p>
      {props.acts && <div class="sa">{props.acts}</div>}
    </div>
  );
}

/** Rows where the list will be; they are seen only when it takes longer than 150 ms. */
export function Skeleton() {
  const widths = [
    ["86%", "48%"],
    ["64%", "40%"],
    ["92%", "52%"],
    ["70%", "44%"],
  ];
  return (
    <div class="skeleton" aria-hidden="true">
      {widths.map(([long, short]) => (
        <div class="row" key={long}>
          <span class="sk c" />
          <div>
            <span class="sk" style={{ width: long }} />
            <span class="sk s" style={{ width: short }} />
          </div>
          <span class="sk s w34" />
        </div>
      ))}
    </div>
  );
}
