import { useEffect, useState } from "preact/hooks";
import { Mark } from "../../../shared/components/mark";
import { number } from "../../../shared/i18n";
import { may } from "../../../shared/session";
import { clock, fullDay } from "../../../shared/time";
import { t } from "../../i18n";
import type { Meter } from "../../model";
import type { Device } from "../../store/device";
import { page } from "../../sync/down";
import { reading } from "../../work/acts";

/** The meters of an asset, as last read. */
export function useMeters(device: Device, asset: string | undefined): Meter[] {
  const [meters, setMeters] = useState<Meter[]>([]);
  useEffect(() => {
    if (!asset || !may("pm.read")) return;
    let isLeft = false;
    page<{ items: Meter[] }>(device.db, "/api/meters", { asset_id: asset, limit: 50 }).then(
      (read) => !isLeft && setMeters(read.body.items),
      (error: unknown) => console.info("the meters are not here", error),
    );
    return () => {
      isLeft = true;
    };
  }, [device, asset]);
  return meters;
}

export function Meters({ order, device }: { order: { asset: { id: string } | null }; device: Device }) {
  const meters = useMeters(device, order.asset?.id);
  if (meters.length === 0) return null;
  return (
    <section>
      <h2 class="sec">
        <b>{t("meters.title")}</b>
      </h2>
      {meters.map((meter) => (
        <MeterRow key={meter.id} meter={meter} device={device} />
      ))}
    </section>
  );
}

function MeterRow({ meter, device }: { meter: Meter; device: Device }) {
  const [typed, setTyped] = useState("");
  const [error, setError] = useState("");
  const [lower, setLower] = useState(false);
  const pending = device.rows.value.filter((row) => row.lane === `meter:${meter.id}` && !["rejected", "discarded"].includes(row.state)).at(-1);
  const last = pending ? String(pending.payload["value"]) : meter.last_value;
  const at = pending?.said.occurred_at ?? meter.last_read_at;
  const keep = async (kind: "reading" | "reset" | "rollover") => {
    const text = typed.trim().replace(",", ".");
    if (!/^\d{1,15}(\.\d{1,6})?$/.test(text)) return setError(t("number.bad"));
    if (kind === "reading" && last !== null && Number(text) < Number(last)) return setLower(true);
    if (!(await device.act([reading(meter.id, text, kind)]))) return;
    setTyped("");
    setError("");
    setLower(false);
  };
  const id = `meter-${meter.id}`;
  return (
    <form
      class={lower ? "meas needsblk" : "meas"}
      onSubmit={(event) => {
        event.preventDefault();
        void keep("reading");
      }}
    >
      <div class="top1">
        <label class="q" for={id}>
          {meter.name}
          <small class="n">{last === null ? t("meter.none") : t("meter.last", { value: number(Number(last)), unit: meter.unit, time: at ? `${fullDay(new Date(at))} ${clock(new Date(at))}` : "" })}</small>
          {pending && (
            <small class="mk">
              <Mark name="t-pending" />
              {t("row.unsent")}
            </small>
          )}
        </label>
        <div class="num n">
          <input id={id} inputMode="decimal" autocomplete="off" value={typed} placeholder="–" aria-invalid={error ? true : undefined} onInput={(event) => (setTyped(event.currentTarget.value), setLower(false), setError(""))} />
          <small>{meter.unit}</small>
        </div>
      </div>
      {error && (
        <p class="msg">
          <Mark name="t-failed" />
          {error}
        </p>
      )}
      {lower ? (
        <>
          <p class="msg n">
            <Mark name="needs" />
            {t("meter.lower", { value: number(Number(last)), unit: meter.unit })}
          </p>
          <div class="acts">
            <button type="button" class="btn" onClick={() => keep("reset")}>{t("meter.replaced")}</button>
            {meter.rollover_at !== null && <button type="button" class="btn" onClick={() => keep("rollover")}>{t("meter.rollover")}</button>}
          </div>
        </>
      ) : (
        typed && (
          <div class="acts">
            <button class="btn primary">{t("meter.save")}</button>
          </div>
        )
      )}
    </form>
  );
}
