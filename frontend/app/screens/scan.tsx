import { useEffect, useRef, useState } from "preact/hooks";
import { Field } from "../../shared/components/field";
import { Mark } from "../../shared/components/mark";
import { go } from "../../shared/router";
import { t } from "../i18n";
import { Found } from "../parts/asset-picker";
import { Dock } from "../parts/dock";
import { Page } from "../parts/page";
import type { Device } from "../store/device";

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}

type DetectorClass = new (options: { formats: string[] }) => Detector;
const FORMATS = ["qr_code", "code_128", "code_39", "data_matrix", "ean_13"];
const LOOK_EVERY_MS = 200;

/** A code may be an address of ours that ends in the asset's id, or the tag itself. */
export const codeOf = (raw: string) => raw.trim().replace(/^https?:\/\/.*\/assets\//, "");

export function ScanPage({ device }: { device: Device }) {
  const [text, setText] = useState("");
  const [scanning, scan] = useState(false);
  const [error, setError] = useState("");
  const can = "BarcodeDetector" in window && navigator.mediaDevices !== undefined;
  const read = (raw: string) => {
    scan(false);
    const code = codeOf(raw);
    const exact = device.assets().find((asset) => asset.id === code || asset.tag?.toLowerCase() === code.toLowerCase());
    if (exact) go(`/app/assets/${exact.id}`);
    else setText(code);
  };
  return (
    <Page
      title={t("scan.title")}
      dock={<Dock tab="scan" />}
      head={
        <header class="p-head">
          <h1>{t("scan.title")}</h1>
        </header>
      }
    >
      {scanning ? (
        <Camera onRead={read} onFail={() => (scan(false), setError(t("scan.nocamera")))} onStop={() => scan(false)} />
      ) : (
        <div class="blk">
          {can && (
            <button class="btn primary big wide" onClick={() => (setError(""), scan(true))}>
              <Mark name="i-scan" size="s20" />
              {t("scan.do")}
            </button>
          )}
          {!can && <p class="two">{t("scan.cannot")}</p>}
          {error && <p class="two pad">{error}</p>}
        </div>
      )}
      <div class="sform">
        <Field label={t("scan.type")} hint={t("scan.hint")} value={text} onText={setText} type="search" autocapitalize="none" autocomplete="off" spellcheck={false} />
      </div>
      <Found device={device} text={text.trim()} onPick={(id) => go(`/app/assets/${id}`)} />
    </Page>
  );
}

function Camera({ onRead, onFail, onStop }: { onRead: (raw: string) => void; onFail: () => void; onStop: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let timer: ReturnType<typeof setInterval> | undefined;
    let isLeft = false;
    const start = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (isLeft || !video.current) return stream.getTracks().forEach((track) => track.stop());
      video.current.srcObject = stream;
      await video.current.play();
      const Detecting = (window as unknown as { BarcodeDetector: DetectorClass }).BarcodeDetector;
      const detector = new Detecting({ formats: FORMATS });
      timer = setInterval(async () => {
        const [code] = video.current ? await detector.detect(video.current).catch(() => []) : [];
        if (code && !isLeft) onRead(code.rawValue);
      }, LOOK_EVERY_MS);
    };
    start().catch(onFail);
    return () => {
      isLeft = true;
      clearInterval(timer);
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  return (
    <div class="camera">
      <video ref={video} muted playsInline aria-label={t("scan.camera")} />
      <button class="btn" onClick={onStop}>{t("cancel")}</button>
    </div>
  );
}
