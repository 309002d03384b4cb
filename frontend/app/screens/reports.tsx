/** What a person without orders of their own comes for: what they reported, and what became of it. */
import { useEffect, useState } from "preact/hooks";
import { Mark } from "../../shared/components/mark";
import { clock, fullDay } from "../../shared/time";
import { t } from "../i18n";
import { Dock } from "../parts/dock";
import { now } from "../parts/moment";
import { Page, Say, Skeleton } from "../parts/page";
import { around } from "../parts/pill";
import type { Device } from "../store/device";
import { page } from "../sync/down";
import { standing } from "../work/standing";
import { reason } from "../work/words";
import { Notices } from "./mywork";

interface Request {
  id: string;
  title: string;
  status: "submitted" | "accepted" | "rejected";
  reason: string | null;
  created_at: string;
}

const MARK = { submitted: "o-requested", accepted: "o-approved", rejected: "o-cancelled" } as const;

export function ReportsPage({ device }: { device: Device }) {
  const [told, setTold] = useState<Request[] | null>(null);
  const [failed, setFailed] = useState(false);
  const synced = device.syncedAt.value;
  useEffect(() => {
    let isLeft = false;
    page<{ items: Request[] }>(device.db, "/api/requests", { requester: device.user.id, sort: "-created_at", limit: 50 }).then(
      (read) => !isLeft && setTold(read.body.items),
      () => !isLeft && setFailed(true),
    );
    return () => {
      isLeft = true;
    };
  }, [device, synced]);
  const here = device.rows.value.filter((row) => row.said.type === "request.submit" && !told?.some((one) => one.id === row.payload["id"])).reverse();
  const isEmpty = here.length === 0 && told?.length === 0;
  return (
    <Page
      title={t("reports.title")}
      dock={<Dock tab="work" />}
      head={
        <header class="p-head">
          <h1>{t("reports.title")}</h1>
          <span class="push" />
          <a class="ib out" href="/app/report" aria-label={t("report.title")}>
            <Mark name="i-plus" />
          </a>
        </header>
      }
    >
      <Notices device={device} />
      <ul class="rows">
        {here.map((row) => {
          const { word } = standing(row, around(device, now.value));
          const bad = word === "failed" || word === "needs";
          return (
            <li class="row" key={row.id}>
              <Mark name={bad ? "needs" : "t-pending"} />
              <p class="t">{String(row.payload["title"])}</p>
              <p class="w n">{clock(new Date(row.said.occurred_at))}</p>
              <p class="d">{bad ? reason(row) : t("row.unsent")}</p>
            </li>
          );
        })}
        {told?.map((one) => (
          <li class="row" key={one.id}>
            <Mark name={MARK[one.status]} />
            <p class="t">{one.title}</p>
            <p class="w n">{fullDay(new Date(one.created_at))}</p>
            <p class="d">
              {t(`reports.${one.status}`)}
              {one.reason ? `: ${one.reason}` : ""}
            </p>
          </li>
        ))}
      </ul>
      {told === null && !failed && <Skeleton />}
      {(isEmpty || failed) && here.length === 0 && (
        <Say mark="o-closed" title={failed ? t("empty.unread") : t("reports.none")} text={failed ? t("empty.unread.text") : t("reports.none.text")}>
          <a class="btn primary" href="/app/report">{t("report.title")}</a>
        </Say>
      )}
    </Page>
  );
}
