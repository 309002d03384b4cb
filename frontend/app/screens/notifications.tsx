import { useEffect } from "preact/hooks";
import { clock, daysBetween, fullDay, shortDay } from "../../shared/time";
import { t } from "../i18n";
import { Dock } from "../parts/dock";
import { Bar, Page, Say } from "../parts/page";
import { toast } from "../../shared/components/toast";
import type { Device, Notice } from "../store/device";
import { reminder } from "../work/acts";

const KNOWN = new Set(["due_soon", "overdue", "sla_response", "sla_resolve", "escalation"]);

function words(notice: Notice): string {
  const isBefore = String(notice.params["offset"] ?? "").startsWith("-");
  if (!KNOWN.has(notice.kind)) return t("notice.other");
  if (notice.kind.startsWith("sla_")) return t(`notice.${notice.kind as "sla_response"}.${isBefore ? "soon" : "late"}`);
  return t(`notice.${notice.kind as "due_soon"}`);
}

const when = (text: string) => {
  const at = new Date(text);
  const days = daysBetween(new Date(), at);
  return days === 0 ? clock(at) : days > -7 ? `${shortDay(at)} ${clock(at)}` : fullDay(at);
};

export function NotificationsPage({ device }: { device: Device }) {
  useEffect(() => {
    void device.readAround().then(() => device.seen());
  }, [device]);
  const notices = device.notices.value;
  return (
    <Page title={t("notifications.title")} head={<Bar title={t("notifications.title")} />} dock={<Dock />}>
      <h1 class="hidden">{t("notifications.title")}</h1>
      {notices.length === 0 ? (
        <Say mark="o-closed" title={t("notifications.none")} text={t("notifications.none.text")} />
      ) : (
        <ul class="notices">
          {notices.map((notice) => (
            <Item key={notice.id} notice={notice} device={device} />
          ))}
        </ul>
      )}
    </Page>
  );
}

function Item({ notice, device }: { notice: Notice; device: Device }) {
  const id = notice.about.startsWith("work_order:") ? notice.about.slice("work_order:".length) : "";
  const isReminder = notice.kind === "due_soon" || notice.kind === "overdue";
  const order = id ? device.order(id) : undefined;
  const title = String(notice.params["title"] ?? "");
  const act = async (verb: "acknowledge" | "snooze") => {
    const until = verb === "snooze" ? new Date(device.now().getTime() + 4 * 3_600_000).toISOString() : undefined;
    if (await device.act([reminder({ id }, verb, until)])) toast({ text: t(`notice.${verb}.said`) });
  };
  return (
    <li class="notice">
      <p class="s n">
        {words(notice)}
        <span class="push two">{when(notice.created_at)}</span>
      </p>
      {order ? (
        <a class="t" href={`/app/orders/${id}`}>{title}</a>
      ) : (
        <p class="t">{title}</p>
      )}
      <p class="d two">{[notice.params["number"], order?.asset?.name].filter(Boolean).join(", ")}</p>
      {isReminder && order && (
        <div class="ac">
          <button class="btn" onClick={() => act("acknowledge")}>{t("notice.acknowledge")}</button>
          <button class="btn" onClick={() => act("snooze")}>{t("notice.snooze")}</button>
        </div>
      )}
    </li>
  );
}
