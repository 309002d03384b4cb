/** Mine and the office's, field by field, both as they were written; the person decides. */
import { useState } from "preact/hooks";
import { Mark } from "../../shared/components/mark";
import { toast } from "../../shared/components/toast";
import { back } from "../../shared/router";
import { clock, daysBetween, shortDay } from "../../shared/time";
import { count, t } from "../i18n";
import type { Difference, Payload, Row, WorkOrder } from "../model";
import { Bar, Page, Say } from "../parts/page";
import { person } from "../parts/row";
import type { Device } from "../store/device";
import { again, settle } from "../work/acts";
import { duration, fieldName, side } from "../work/words";

interface Field {
  row: Row;
  difference: Difference;
}

const key = ({ row, difference }: Field) => `${row.id} ${difference.path}`;

export function ConflictPage({ id, device }: { id: string; device: Device }) {
  const [theirs, choose] = useState<ReadonlySet<string>>(new Set());
  const order = device.order(id);
  const rows = device.rows.value.filter((row) => row.lane === `work_order:${id}` && row.state === "conflict" && !row.outcome.for_planner && !row.outcome.resolution);
  const fields: Field[] = rows.flatMap((row) => differences(row).map((difference) => ({ row, difference })));
  const [first] = fields;
  if (!first) {
    return (
      <Page title={t("conflict.title")} head={<Bar {...(order ? { title: order.number } : {})} />} dock={<div />}>
        <Say mark="o-closed" title={t("conflict.none")} text={t("conflict.none.text")}>
          <a class="btn primary" href={`/app/orders/${id}`}>{t("conflict.back")}</a>
        </Say>
      </Page>
    );
  }
  // An order that is not this person's any more has left the device: what the server said of it is in the receipt.
  const told = order ?? (first.row.outcome.server_doc as Partial<WorkOrder> | undefined) ?? {};
  const by = first.difference.by;
  const who = by ? person(device, by) : t("office");
  const mine = fields.filter((field) => !theirs.has(key(field)));
  const pick = (field: Field, isTheirs: boolean) => {
    const next = new Set(theirs);
    if (isTheirs) next.add(key(field));
    else next.delete(key(field));
    choose(next);
  };
  const done = async (actions: Parameters<Device["act"]>[0], said: string) => {
    if (!(await device.act(actions))) return;
    toast({ text: said });
    back(`/app/orders/${id}`);
  };
  const keep = () => {
    const actions = rows.map((row) => {
      const kept = fields.filter((field) => field.row === row && !theirs.has(key(field)));
      const version = row.outcome.server_doc?.version ?? order?.version;
      return kept.length ? again(row, narrowed(row, kept), version, row.id) : settle(row, "take_server");
    });
    return done(actions, t("conflict.kept"));
  };
  const head = by ? t("conflict.who", { who }) : t("conflict.office");
  return (
    <Page
      title={head}
      head={<Bar {...(told.number ? { title: told.number } : {})} />}
      dock={
        <div class="dock col">
          <button class="btn primary big wide stack" aria-disabled={mine.length === 0} onClick={() => (mine.length ? keep() : toast({ text: t("conflict.nonemine") }))}>
            {t("conflict.keep")}
            {fields.length > 1 && <small>{t("conflict.marked", { mine: mine.length, all: fields.length })}</small>}
          </button>
          <div class="two2">
            <button class="btn big" onClick={() => done(rows.map((row) => settle(row, "take_server")), t("conflict.taken"))}>{t("conflict.take")}</button>
            <button class="btn big" onClick={() => done(rows.map((row) => settle(row, "send_to_planner")), t("conflict.sent"))}>{t("conflict.planner")}</button>
          </div>
        </div>
      }
    >
      <div class="blk">
        <p class="kick">
          <span class="mk">
            <Mark name="needs" />
            {t("conflict.needs")}
          </span>
        </p>
        <h1 class="t1">{head}</h1>
        <p class="sub2">{[told.title, order?.asset?.name].filter(Boolean).join(", ")}</p>
      </div>
      {fields.map((field) => (
        <Pair key={key(field)} field={field} device={device} isTheirs={theirs.has(key(field))} onPick={(isTheirs) => pick(field, isTheirs)} />
      ))}
      <Safe id={id} device={device} />
    </Page>
  );
}

/** What the receipt lists, or the state alone where it lists nothing. */
function differences(row: Row): Difference[] {
  const listed = row.outcome.error?.diff;
  if (listed?.length) return listed;
  const server = row.outcome.server_doc?.["status"] ?? null;
  return [{ path: "/status", base: null, mine: row.said.type, server, by: null, at: null }];
}

/** The payload without the fields that were given up; one that sets one thing is kept whole. */
function narrowed(row: Row, kept: readonly Field[]): Payload {
  if (row.said.type !== "work_order.update") return row.payload;
  const names = new Set(kept.map(({ difference }) => difference.path.replace(/^\//, "").split("/")[0]));
  return Object.fromEntries(Object.entries(row.payload).filter(([name]) => name === "work_order_id" || names.has(name)));
}

function Pair({ field, device, isTheirs, onPick }: { field: Field; device: Device; isTheirs: boolean; onPick: (isTheirs: boolean) => void }) {
  const { row, difference } = field;
  const { name, unit } = fieldName(difference.path, device.order(row.lane.replace("work_order:", "")));
  const option = (theirs: boolean, who: string, at: string | null, value: string) => (
    <label class={theirs === isTheirs ? "sd on" : "sd"}>
      <input type="radio" class="hidden" name={key(field)} checked={theirs === isTheirs} onChange={() => onPick(theirs)} />
      <span class="rd" />
      <span>
        <span class="wh n">{at ? `${who}, ${moment(at)}` : who}</span>
        <b class="n">{value}</b>
      </span>
    </label>
  );
  const base = difference.base === null || difference.base === undefined || difference.base === "" ? t("conflict.was.empty") : t("conflict.was", { value: side(difference, "base", unit) });
  return (
    <fieldset class="fl">
      <legend>
        {name}
        <span class="n">{base}</span>
      </legend>
      <div class="pair">
        {option(false, t("you"), row.said.occurred_at, mineWords(row, difference, unit))}
        {option(true, difference.by ? person(device, difference.by) : t("office"), difference.at, side(difference, "server", unit))}
      </div>
    </fieldset>
  );
}

const MOVES: Record<string, "in_progress" | "on_hold" | "completed"> = {
  "work_order.start": "in_progress", "work_order.resume": "in_progress", "work_order.hold": "on_hold", "work_order.complete": "completed",
};

function mineWords(row: Row, difference: Difference, unit: string | null): string {
  const move = MOVES[row.said.type];
  return move && difference.path.replace(/^\//, "") === "status" ? t(`status.${move}`) : side(difference, "mine", unit);
}

function moment(text: string): string {
  const at = new Date(text);
  return daysBetween(new Date(), at) === 0 ? clock(at) : `${shortDay(at)} ${clock(at)}`;
}

/** What is booked whatever is chosen. */
function Safe({ id, device }: { id: string; device: Device }) {
  const kept = device.rows.value.filter((row) => row.lane === `work_order:${id}` && row.state !== "conflict");
  const minutes = kept.filter((row) => row.said.type === "work_order.labor.log").reduce((sum, row) => sum + Number(row.payload["minutes"]), 0);
  const photos = kept.filter((row) => row.said.type === "work_order.attachment.add").length;
  const parts = kept.filter((row) => row.said.type === "work_order.parts.consume").length;
  const said = [minutes ? t("safe.labor", { time: duration(minutes) }) : "", photos ? count("safe.photos", photos) : "", parts ? count("safe.parts", parts) : ""].filter(Boolean);
  return (
    <p class="safe">
      <Mark name="t-synced" />
      <span>{said.length ? t("safe.some", { what: said.join(", ") }) : t("safe.rest")}</span>
    </p>
  );
}
