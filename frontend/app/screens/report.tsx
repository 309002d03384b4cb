import { useEffect, useState } from "preact/hooks";
import { Mark } from "../../shared/components/mark";
import { toast } from "../../shared/components/toast";
import { back, go } from "../../shared/router";
import { may } from "../../shared/session";
import { clock, fullDay } from "../../shared/time";
import { count, t } from "../i18n";
import { AssetPicker, useAsset } from "../parts/asset-picker";
import { NoHash, photoOf } from "../parts/picture";
import { Bar, Page } from "../parts/page";
import type { Device } from "../store/device";
import { page } from "../sync/down";
import { type Photo, report } from "../work/acts";

interface Request {
  id: string;
  title: string;
  status: string;
  created_at: string;
}

const RUNS = ["stopped", "badly", "runs"] as const;

export function ReportPage({ device, query }: { device: Device; query: URLSearchParams }) {
  const [assetId, setAsset] = useState(query.get("asset") ?? "");
  const asset = useAsset(device, assetId);
  const [picking, pick] = useState(false);
  const [title, setTitle] = useState(query.get("title") ?? "");
  const [runs, setRuns] = useState<(typeof RUNS)[number] | null>(null);
  const [danger, setDanger] = useState(false);
  const [photos, setPhotos] = useState<Photo[]>([]);
  const [error, setError] = useState("");
  const known = useKnown(device, assetId);

  const send = async () => {
    if (!title.trim()) return setError(t("report.missing"));
    const lines = [runs ? t(`report.${runs}`) : "", danger ? t("report.danger") : "", query.get("from") ? t("report.from", { number: query.get("from")! }) : ""].filter(Boolean);
    const [head, rest] = title.trim().length > 200 ? [`${title.trim().slice(0, 197)}…`, title.trim()] : [title.trim(), ""];
    const description = [rest, ...lines].filter(Boolean).join("\n");
    const action = report({ title: head.replace(/\s+/g, " "), photos, ...(assetId ? { asset_id: assetId } : {}), ...(description ? { description } : {}) });
    if (!(await device.act([action], photos))) return;
    toast({ text: t("report.sent") });
    go(may("workorders.read") ? "/app" : "/app/reports", { replace: true });
  };
  const add = async (files: FileList | null) => {
    try {
      const made = await Promise.all([...(files ?? [])].map(photoOf));
      setPhotos([...photos, ...made]);
    } catch (problem) {
      toast({ text: problem instanceof NoHash ? t("photo.insecure") : t("photo.unreadable") });
    }
  };
  return (
    <Page
      title={t("report.title")}
      head={<Bar title={t("report.title")} />}
      dock={
        <div class="dock col">
          <button class="btn primary big wide" onClick={send}>{t("report.send")}</button>
          <p class="fine">{t("report.fine")}</p>
        </div>
      }
    >
      <header class="blk top2">
        <h1>{asset?.name ?? t("report.noasset")}</h1>
        <p class="sub">{[asset?.tag, asset?.location].filter(Boolean).join(", ")}</p>
        <button class="oth" onClick={() => pick(true)}>{asset ? t("report.another") : t("report.pick")}</button>
      </header>
      {known.length > 0 && (
        <section>
          <h2 class="sec">
            <b>{t("report.known")}</b>
            <span class="n">{known.length}</span>
          </h2>
          {known.map((one) => (
            <div class="kr" key={one.id}>
              <p>
                <b>{one.title}</b>
                <span class="n">{fullDay(new Date(one.created_at))} {clock(new Date(one.created_at))}</span>
              </p>
              <button class="btn" onClick={() => (toast({ text: t("report.same.said") }), back("/app"))}>{t("report.same")}</button>
            </div>
          ))}
        </section>
      )}
      <section class="blk form">
        <label class="field">
          <span>{t("report.what")}</span>
          <textarea class="in ta" rows={3} maxLength={2000} value={title} aria-invalid={error ? true : undefined} aria-describedby="what-error" onInput={(event) => (setTitle(event.currentTarget.value), setError(""))} />
          <span class="hint" id="what-error" role="alert">
            {error && (
              <>
                <Mark name="t-failed" />
                {error}
              </>
            )}
          </span>
        </label>
        <fieldset>
          <legend>{t("report.run")}</legend>
          <div class="seg3">
            {RUNS.map((one) => (
              <label key={one} class={runs === one ? "on" : ""}>
                <input type="radio" class="hidden" name="runs" checked={runs === one} onChange={() => setRuns(one)} />
                <i class="rd" />
                {t(`report.${one}`)}
              </label>
            ))}
          </div>
        </fieldset>
        <label class="tog">
          <input type="checkbox" class="hidden" checked={danger} onChange={() => setDanger(!danger)} />
          <span class={danger ? "cb on" : "cb"}>{danger && <Mark name="i-tick" />}</span>
          <span>{t("report.danger")}</span>
        </label>
        <label class="btn addphoto">
          <Mark name="i-cam" size="s20" />
          {photos.length ? count("report.photos", photos.length) : t("report.photo")}
          <input class="hidden" type="file" accept="image/*" multiple onChange={(event) => void add(event.currentTarget.files)} />
        </label>
      </section>
      {picking && <AssetPicker device={device} onPick={(id) => (setAsset(id), pick(false))} onClose={() => pick(false)} />}
    </Page>
  );
}

/** What was reported of it and is not decided yet. */
function useKnown(device: Device, asset: string): Request[] {
  const [known, setKnown] = useState<Request[]>([]);
  useEffect(() => {
    setKnown([]);
    if (!asset || !may("workrequests.read")) return;
    let isLeft = false;
    page<{ items: Request[] }>(device.db, "/api/requests", { asset_id: asset, sort: "-created_at", limit: 20 }).then(
      (read) => !isLeft && setKnown(read.body.items.filter((one) => one.status === "submitted").slice(0, 4)),
      (error: unknown) => console.info("what was reported before is not here", error),
    );
    return () => {
      isLeft = true;
    };
  }, [device, asset]);
  return known;
}
