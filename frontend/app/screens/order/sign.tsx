import { useEffect, useRef, useState } from "preact/hooks";
import { Mark } from "../../../shared/components/mark";
import { toast } from "../../../shared/components/toast";
import { Modal } from "../../../shared/components/dialog";
import { Field } from "../../../shared/components/field";
import { clock, fullDay } from "../../../shared/time";
import { t } from "../../i18n";
import { drawing } from "../../parts/picture";
import { SheetHead } from "../../parts/sheet";
import type { Device } from "../../store/device";
import { signature } from "../../work/acts";
import type { Shown } from "../../work/overlay";
import { Picture } from "./photos";

const [WIDTH, HEIGHT] = [660, 240];
/** What is signed is kept in black on white, whatever the theme. */
const INK = "#1d1a15";

export function Signatures({ order, device }: { order: Shown; device: Device }) {
  if (order.signatures.length === 0) return null;
  return (
    <section>
      <h2 class="sec">
        <b>{t("signatures.title")}</b>
        <span class="n">{order.signatures.length}</span>
      </h2>
      {order.signatures.map((one) => (
        <div class="signed" key={one.id}>
          <Picture device={device} sha={one.image_sha256} type="image/png" />
          <p class="n">
            <b>{one.name}</b>
            <span>
              {fullDay(new Date(one.at))} {clock(new Date(one.at))}
            </span>
          </p>
          {order.from.has(one.id) && <Mark name="t-pending" label={t("row.unsent")} />}
        </div>
      ))}
    </section>
  );
}

export function SignSheet({ order, device, onClose }: { order: Shown; device: Device; onClose: () => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [name, setName] = useState("");
  const [hasDrawn, setDrawn] = useState(false);
  const [error, setError] = useState("");
  const pen = () => canvas.current!.getContext("2d")!;

  useEffect(() => {
    const context = pen();
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.lineWidth = 5;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = INK;
  }, []);

  const at = (event: PointerEvent): [number, number] => {
    const box = canvas.current!.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
  };
  const down = (event: PointerEvent) => {
    canvas.current!.setPointerCapture(event.pointerId);
    pen().beginPath();
    pen().moveTo(...at(event));
    setDrawn(true);
  };
  const move = (event: PointerEvent) => {
    if (!canvas.current!.hasPointerCapture(event.pointerId)) return;
    pen().lineTo(...at(event));
    pen().stroke();
  };
  const wipe = () => {
    pen().fillStyle = "#ffffff";
    pen().fillRect(0, 0, WIDTH, HEIGHT);
    setDrawn(false);
  };
  const save = async (event: Event) => {
    event.preventDefault();
    if (!name.trim()) return setError(t("sign.name.missing"));
    if (!hasDrawn) {
      // Who cannot draw signs by their name as typed.
      pen().fillStyle = INK;
      pen().font = "italic 64px serif";
      pen().fillText(name.trim(), 24, 140, WIDTH - 48);
    }
    try {
      const { sha, blob } = await drawing(canvas.current!);
      if (await device.act([signature(order, { sha, name: name.trim() })], [{ sha, blob }])) onClose();
    } catch {
      toast({ text: t("photo.insecure") });
    }
  };
  return (
    <Modal kind="sheet" label={t("act.sign")} onClose={onClose}>
      <SheetHead title={t("act.sign")} sub={t("sign.sub", { number: order.number })} onClose={onClose} />
      <form class="sform" onSubmit={save}>
        <Field label={t("sign.name")} value={name} onText={setName} error={error || undefined} autocomplete="off" maxLength={200} />
        <div>
          <p class="lbl">{t("sign.draw")}</p>
          <canvas ref={canvas} class="sign" width={WIDTH} height={HEIGHT} role="img" aria-label={t("sign.canvas")} onPointerDown={down} onPointerMove={move} />
        </div>
        <div class="two2">
          <button type="button" class="btn" onClick={wipe}>{t("sign.wipe")}</button>
          <button class="btn primary">{t("act.sign")}</button>
        </div>
      </form>
    </Modal>
  );
}
