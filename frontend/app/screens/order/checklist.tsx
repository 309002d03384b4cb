import { useState } from "preact/hooks";
import { Mark } from "../../../shared/components/mark";
import { toast } from "../../../shared/components/toast";
import { number } from "../../../shared/i18n";
import { go } from "../../../shared/router";
import { clock, daysBetween, shortDay } from "../../../shared/time";
import { t } from "../../i18n";
import type { ChecklistItem } from "../../model";
import { person } from "../../parts/row";
import type { Device } from "../../store/device";
import { answer } from "../../work/acts";
import { beyond, type Shown } from "../../work/overlay";
import { Gauge } from "./gauge";

interface Props {
  order: Shown;
  device: Device;
}

const isDone = (item: ChecklistItem) => (item.kind === "check" ? item.value === true : item.value !== null && item.value !== "");

export function Checklist({ order, device }: Props) {
  if (order.checklist.length === 0) return null;
  const done = order.checklist.filter(isDone).length;
  const locked = order.status !== "in_progress" && order.status !== "on_hold";
  return (
    <section>
      <h2 class="sec">
        <b>{t("checklist.title")}</b>
        <span class="n">{t("checklist.of", { done, all: order.checklist.length })}</span>
      </h2>
      {locked && order.status !== "completed" && order.status !== "closed" && order.status !== "cancelled" && <p class="hintline two">{t("checklist.start")}</p>}
      {order.checklist.map((item) => (
        <Item key={item.item_id} item={item} order={order} device={device} locked={locked} />
      ))}
    </section>
  );
}

function Item(props: Props & { item: ChecklistItem; locked: boolean }) {
  switch (props.item.kind) {
    case "check":
      return <Check {...props} />;
    case "pass_fail":
      return <PassFail {...props} />;
    case "number":
    case "meter":
      return <Measurement {...props} />;
    case "text":
      return <Words {...props} />;
  }
}

function useAnswer({ item, order, device, locked }: Props & { item: ChecklistItem; locked: boolean }) {
  return async (value: boolean | number | string) => {
    if (locked) toast({ text: t("checklist.start") });
    else await device.act([answer(order, item.item_id, value)]);
  };
}

/** Who answered it, and when. */
function given(item: ChecklistItem, device: Device): string {
  if (!item.answered_at) return "";
  const at = new Date(item.answered_at);
  const time = daysBetween(new Date(), at) === 0 ? clock(at) : `${shortDay(at)} ${clock(at)}`;
  return `${item.answered_by ? person(device, item.answered_by) : t("office")}, ${time}`;
}

function allowed(item: ChecklistItem): string {
  const unit = item.unit ? ` ${item.unit}` : "";
  if (item.min !== null && item.max !== null) return t("allowed.between", { min: item.min, max: item.max, unit });
  if (item.min !== null) return t("allowed.least", { min: item.min, unit });
  return item.max === null ? "" : t("allowed.most", { max: item.max, unit });
}

const name = (item: ChecklistItem) => (item.required ? item.text : `${item.text} (${t("optional")})`);

function Check(props: Props & { item: ChecklistItem; locked: boolean }) {
  const { item, device } = props;
  const say = useAnswer(props);
  const on = item.value === true;
  return (
    <div class="it" id={`item-${item.item_id}`}>
      <button class="whole" role="checkbox" aria-checked={on} aria-disabled={props.locked} onClick={() => say(!on)}>
        <span class="q">
          {name(item)}
          {isDone(item) && <small class="n">{given(item, device)}</small>}
        </span>
        <span class={on ? "cb on" : "cb"}>{on && <Mark name="i-tick" />}</span>
      </button>
    </div>
  );
}

function PassFail(props: Props & { item: ChecklistItem; locked: boolean }) {
  const { item, device } = props;
  const say = useAnswer(props);
  const failed = item.value === false || item.value === "fail";
  const passed = item.value === true || item.value === "pass";
  const choice = (on: boolean, word: string, value: "pass" | "fail") => (
    <button role="radio" aria-checked={on} aria-disabled={props.locked} class={on ? "on" : ""} onClick={() => say(value)}>
      <i class="rd" />
      {word}
    </button>
  );
  return (
    <div class={failed ? "meas needsblk" : "meas"} id={`item-${item.item_id}`}>
      <p class="q">
        {name(item)}
        {(passed || failed) && <small class="n">{given(item, device)}</small>}
      </p>
      <div class="seg3 pair2" role="radiogroup" aria-label={item.text}>
        {choice(passed, t("pass"), "pass")}
        {choice(failed, t("fail"), "fail")}
      </div>
      {failed && <FollowUp order={props.order} text={t("fail.said")} about={item.text} />}
    </div>
  );
}

function Measurement(props: Props & { item: ChecklistItem; locked: boolean }) {
  const { item, device, order } = props;
  const known = typeof item.value === "number" ? item.value : null;
  const [typed, setTyped] = useState<string | null>(null);
  const [bad, setBad] = useState(false);
  const say = useAnswer(props);
  const over = known === null ? 0 : beyond(item, known);
  const keep = async () => {
    if (typed === null) return;
    const text = typed.trim().replace(",", ".");
    setTyped(null);
    if (text === "") return;
    const value = Number(text);
    setBad(!Number.isFinite(value));
    if (Number.isFinite(value) && value !== known) await say(value);
  };
  const hasRange = item.min !== null || item.max !== null;
  return (
    <section class={over ? "meas needsblk" : "meas"} id={`item-${item.item_id}`}>
      <div class="top1">
        <label class="q" for={`in-${item.item_id}`}>
          {name(item)}
          {hasRange && <small class="n">{allowed(item)}</small>}
          {known !== null && !over && <small class="n">{given(item, device)}</small>}
        </label>
        <div class="num n">
          <input
            id={`in-${item.item_id}`}
            inputMode="decimal"
            autocomplete="off"
            value={typed ?? (known === null ? "" : number(known))}
            placeholder="–"
            readOnly={props.locked}
            aria-invalid={bad || undefined}
            onFocus={(event) => event.currentTarget.select()}
            onInput={(event) => setTyped(event.currentTarget.value)}
            onBlur={keep}
            onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
          />
          {item.unit && <small>{item.unit}</small>}
        </div>
      </div>
      {bad && (
        <p class="msg">
          <Mark name="t-failed" />
          {t("number.bad")}
        </p>
      )}
      {known !== null && over !== 0 && (
        <>
          <Gauge item={item} value={known} />
          <FollowUp
            order={order}
            about={`${item.text}: ${number(known)} ${item.unit ?? ""}`.trim()}
            text={t(over > 0 ? "over.limit" : "under.limit", { by: Number(Math.abs(over).toPrecision(12)), unit: item.unit ? ` ${item.unit}` : "" })}
            again={() => document.getElementById(`in-${item.item_id}`)?.focus()}
          />
        </>
      )}
    </section>
  );
}

/** What is out of range asks for something; it does not block. */
function FollowUp({ order, text, about, again }: { order: Shown; text: string; about: string; again?: () => void }) {
  const query = new URLSearchParams({ asset: order.asset?.id ?? "", title: about, from: order.number });
  return (
    <>
      <p class="msg n">
        <Mark name="needs" />
        {text}
      </p>
      <div class="acts">
        {again && <button class="btn" onClick={again}>{t("measure.again")}</button>}
        <button class="btn primary" onClick={() => go(`/app/report?${query}`)}>{t("raise")}</button>
      </div>
    </>
  );
}

function Words(props: Props & { item: ChecklistItem; locked: boolean }) {
  const { item, device } = props;
  const [typed, setTyped] = useState<string | null>(null);
  const say = useAnswer(props);
  const known = typeof item.value === "string" ? item.value : "";
  const keep = async () => {
    const text = typed?.trim();
    setTyped(null);
    if (text && text !== known) await say(text);
  };
  return (
    <div class="meas" id={`item-${item.item_id}`}>
      <label class="q" for={`in-${item.item_id}`}>
        {name(item)}
        {known && <small class="n">{given(item, device)}</small>}
      </label>
      <textarea
        id={`in-${item.item_id}`}
        class="in"
        rows={2}
        maxLength={2000}
        readOnly={props.locked}
        value={typed ?? known}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onBlur={keep}
      />
    </div>
  );
}
