import { Mark } from "../../../shared/components/mark";
import { number } from "../../../shared/i18n";
import { toast } from "../../../shared/components/toast";
import { t } from "../../i18n";
import type { PartLine } from "../../model";
import type { Device } from "../../store/device";
import { part } from "../../work/acts";
import type { Shown } from "../../work/overlay";

export function Parts({ order, device }: { order: Shown; device: Device }) {
  if (order.parts.length === 0) return null;
  const used = order.parts.filter((line) => Number(line.used) > 0).length;
  return (
    <section>
      <h2 class="sec">
        <b>{t("parts.title")}</b>
        <span class="n">{t("parts.used", { used, all: order.parts.length })}</span>
      </h2>
      {order.parts.map((line) => (
        <Line key={line.part_id} line={line} order={order} device={device} />
      ))}
    </section>
  );
}

/** What lies in the store now, less what was taken here and is not booked yet. */
function inStock(line: PartLine, order: Shown, device: Device): number | null {
  const known = device.part(line.part_id);
  if (!known) return null;
  const base = order.rows.filter((row) => row.payload["part_id"] === line.part_id && row.state !== "applied");
  const taken = base.reduce((sum, row) => sum + Number(row.payload["quantity"]) * (row.said.type === "work_order.parts.return" ? -1 : 1), 0);
  return Number(known.stock) - taken;
}

function Line({ line, order, device }: { line: PartLine; order: Shown; device: Device }) {
  const known = device.part(line.part_id);
  const name = known?.name ?? line.name ?? t("deed.part");
  const stock = inStock(line, order, device);
  const used = Number(line.used);
  const locked = order.status === "closed" || order.status === "draft";
  const change = async (by: number) => {
    if (by < 0 && used + by < 0) return toast({ text: t("parts.none") });
    await device.act([part(order, line.part_id, by)]);
  };
  const planned = Number(line.planned);
  const stockWords = stock === null ? "" : stock <= 0 ? t("parts.stock.none", { n: Math.max(0, stock) }) : t("parts.stock", { n: stock, unit: known?.unit ?? "" });
  return (
    <div class="part">
      <p>
        <b>{name}</b>
        <span class="st n">{[planned > 0 ? t("parts.planned", { n: planned }) : "", stockWords].filter(Boolean).join(", ")}</span>
      </p>
      <div class="step" role="group" aria-label={t("parts.of", { name })}>
        <button class="ib" aria-label={t("parts.less", { name })} aria-disabled={locked || used <= 0} onClick={() => !locked && change(-1)}>
          <Mark name="i-minus" />
        </button>
        <output class="v n">{number(used)}</output>
        <button class="ib" aria-label={t("parts.more", { name })} aria-disabled={locked} onClick={() => !locked && change(1)}>
          <Mark name="i-plus" />
        </button>
      </div>
    </div>
  );
}
