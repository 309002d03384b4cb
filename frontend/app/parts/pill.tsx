/** How sending stands, always in the same place; it opens the tray. */
import { useComputed } from "@preact/signals";
import { Mark, type Name } from "../../shared/components/mark";
import { signInNeeded } from "../../shared/session";
import { clock } from "../../shared/time";
import { count, t } from "../i18n";
import { DISCARD } from "../model";
import { device, type Device } from "../store/device";
import { waitMs } from "../sync/pace";
import { callsFor, standing } from "../work/standing";
import { now, persistence } from "./moment";
import { tray } from "./trays";

export interface Said {
  mark: Name;
  word: string;
  detail: string;
  tone: "needs" | "quiet" | "";
  count: number;
}

export function around(of: Device, at: number) {
  const { inFlight, pace } = of.exchange.value;
  return { inFlight, pace, now: at, photos: of.photosWaiting.value };
}

/** One state at a time: the first that holds. */
export function pillOf(of: Device, at: number): Said {
  const stands = deeds(of).map((row) => ({ row, stands: standing(row, around(of, at)) }));
  const words = stands.map((one) => one.stands.word);
  const needs = stands.filter((one) => callsFor(one.row, one.stands)).length;
  const unsent = words.filter((word) => word === "pending" || word === "retrying" || word === "syncing").length + orphans(of).length;
  const { pace, silentSince, stopped } = of.exchange.value;
  const saved = unsent ? count("pill.saved", unsent) : t("pill.safe");
  if (signInNeeded.value || stopped !== null) return { mark: "needs-on", word: t("pill.signin"), detail: saved, tone: "needs", count: unsent };
  if (needs) return { mark: "needs-on", word: count("pill.needs", needs), detail: t("pill.open"), tone: "needs", count: needs };
  if (persistence.value === "purged") return { mark: "needs-on", word: t("pill.notpersistent"), detail: t("pill.install"), tone: "needs", count: unsent };
  if (silentSince !== null) return { mark: "t-pending", word: t("pill.offline"), detail: saved, tone: "", count: unsent };
  const wait = waitMs(pace, at);
  if (unsent && wait > 0) return { mark: "t-retrying", word: t("pill.retrying"), detail: t("pill.in", { n: unsent, s: Math.ceil(wait / 1000) }), tone: "", count: unsent };
  if (unsent) return { mark: "t-syncing", word: t("pill.syncing"), detail: count("pill.left", unsent), tone: "", count: unsent };
  const last = of.syncedAt.value;
  return { mark: "t-synced", word: t("pill.synced"), detail: last ? clock(new Date(last)) : "", tone: "quiet", count: 0 };
}

/** What a person did: tombstones are the outbox's own. */
export const deeds = (of: Device) => of.rows.value.filter((row) => row.said.type !== DISCARD);

/** Photos whose words the server has already. */
export function orphans(of: Device) {
  const named = new Set(of.rows.value.flatMap((row) => row.said.needs ?? []));
  return [...of.photosWaiting.value.values()].filter((blob) => !named.has(blob.sha));
}

export function Pill({ mini }: { mini?: boolean }) {
  const said = useComputed(() => (device.value ? pillOf(device.value, now.value) : null)).value;
  if (!said) return null;
  const open = () => {
    tray.value = "sync";
  };
  if (mini) {
    return (
      <button class={`pill mini ${said.tone === "needs" ? "needs" : ""}`} aria-label={`${said.word}, ${said.detail}`} onClick={open}>
        <Mark name={said.mark} />
        {said.count > 0 && <b class="n">{said.count}</b>}
      </button>
    );
  }
  return (
    <button class={`pill ${said.tone}`} onClick={open}>
      <Mark name={said.mark} />
      <span class="n">
        <b>{said.word}</b>
        <small>{said.detail}</small>
      </span>
    </button>
  );
}

/** Tells whoever listens rather than looks, when the word changes. */
export function PillStatus() {
  const said = useComputed(() => (device.value ? pillOf(device.value, now.value) : null)).value;
  return (
    <p class="hidden" role="status">
      {said?.word ?? ""}
    </p>
  );
}
