/** Finding a machine by its name or code: what is on the device at once, the rest from the server. */
import { useEffect, useState } from "preact/hooks";
import { Modal } from "../../shared/components/dialog";
import { Field } from "../../shared/components/field";
import { json } from "../../shared/api";
import { t } from "../i18n";
import type { Asset } from "../model";
import type { Device } from "../store/device";
import { page } from "../sync/down";
import { SheetHead } from "./sheet";

const matches = (asset: Asset, text: string) => [asset.name, asset.tag, asset.location].some((field) => field?.toLowerCase().includes(text.toLowerCase()));

/** Assets that fit, as they come: first those held here. `null` while the server is asked. */
export function useAssets(device: Device, text: string): { found: Asset[]; asking: boolean; silent: boolean } {
  const [told, setTold] = useState<{ text: string; items: Asset[]; silent: boolean } | null>(null);
  const here = device.assets().filter((asset) => text && matches(asset, text));
  useEffect(() => {
    if (!text) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      json<{ items: Asset[] }>("/api/assets", { query: { q: text, limit: 20 }, signal: stop.signal }).then(
        (answer) => setTold({ text, items: answer.items, silent: false }),
        () => !stop.signal.aborted && setTold({ text, items: [], silent: true }),
      );
    }, 250);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text]);
  const isTold = told?.text === text;
  const more = isTold ? told.items.filter((asset) => !here.some((one) => one.id === asset.id)) : [];
  return { found: [...here, ...more], asking: Boolean(text) && !isTold, silent: isTold && told.silent };
}

/** One asset: from the copy, or as it was read last. */
export function useAsset(device: Device, id: string): Asset | undefined {
  const held = device.asset(id);
  const [read, setRead] = useState<Asset | undefined>();
  useEffect(() => {
    if (!id || held) return;
    let isLeft = false;
    page<Asset>(device.db, `/api/assets/${id}`).then(
      (answer) => !isLeft && setRead(answer.body),
      (error: unknown) => console.info("the asset is not here", error),
    );
    return () => {
      isLeft = true;
    };
  }, [device, id, held]);
  return held ?? (read?.id === id ? read : undefined);
}

export function Found({ device, text, onPick }: { device: Device; text: string; onPick: (id: string) => void }) {
  const { found, asking, silent } = useAssets(device, text);
  if (!text) return null;
  return (
    <>
      <ul class="picks">
        {found.map((asset) => (
          <li key={asset.id}>
            <button class="pick" onClick={() => onPick(asset.id)}>
              <span>
                <b>{asset.name}</b>
                <small>{[asset.tag, asset.location].filter(Boolean).join(", ")}</small>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p class="hintline two" role="status">
        {found.length === 0 && !asking ? (silent ? t("find.silent") : t("find.none", { text })) : silent ? t("find.here") : ""}
      </p>
    </>
  );
}

export function AssetPicker({ device, onPick, onClose }: { device: Device; onPick: (id: string) => void; onClose: () => void }) {
  const [text, setText] = useState("");
  return (
    <Modal kind="sheet" class="tall" label={t("report.pick")} onClose={onClose}>
      <SheetHead title={t("report.pick")} onClose={onClose} />
      <div class="sform">
        <Field label={t("find.label")} value={text} onText={setText} type="search" autocapitalize="none" />
      </div>
      <Found device={device} text={text.trim()} onPick={onPick} />
    </Modal>
  );
}
