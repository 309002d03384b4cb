/** Where a value lies beside what is allowed: the range in ink, what is beyond in the accent. */
import { number } from "../../../shared/i18n";
import { t } from "../../i18n";
import type { ChecklistItem } from "../../model";

const WIDTH = 300;

/** A step of 1, 2 or 5 by tens, so that about five fit. */
function stepOf(span: number): number {
  const power = 10 ** Math.floor(Math.log10(span / 5));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => span / step <= 6) ?? power * 10;
}

export function Gauge({ item, value }: { item: ChecklistItem; value: number }) {
  const marks = [item.min, item.max, value].filter((one): one is number => one !== null);
  const span = Math.max(...marks) - Math.min(...marks) || Math.abs(value) || 1;
  const step = stepOf(span * 1.4);
  const isPositive = marks.every((one) => one >= 0);
  const low = isPositive ? Math.max(0, Math.floor((Math.min(...marks) - span * 0.2) / step) * step) : Math.floor((Math.min(...marks) - span * 0.2) / step) * step;
  const high = Math.ceil((Math.max(...marks) + span * 0.2) / step) * step;
  const x = (at: number) => ((at - low) / (high - low)) * WIDTH;
  const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, place) => low + place * step);
  const from = item.min ?? low;
  const to = item.max ?? high;
  const edge = value > to ? to : from;
  return (
    <svg class="ch gauge" viewBox="-9 0 318 42" role="img" aria-label={t("gauge", { value, unit: item.unit ?? "", min: from, max: to })}>
      {ticks.map((at) => (
        <path key={at} d={`M${x(at)} 20v6`} class="a" />
      ))}
      <path d={`M0 20h${WIDTH}`} class="a" />
      <path d={`M${x(from)} 20H${x(to)}`} class="range" />
      <path d={`M${x(edge)} 20H${x(value)}`} class="beyond" />
      {ticks.map((at) => (
        <text key={at} x={x(at)} y="39" text-anchor="middle">
          {number(Number(at.toPrecision(6)))}
        </text>
      ))}
      <path d={`M${x(value)} 2l8 8-8 8-8-8z`} class="nd" />
    </svg>
  );
}
