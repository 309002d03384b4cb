import { useEffect, useState } from "preact/hooks";
import { Mark, orderMark } from "../../shared/components/mark";
import { may } from "../../shared/session";
import { clock, fullDay } from "../../shared/time";
import { t } from "../i18n";
import type { WorkOrder } from "../model";
import { useAsset } from "../parts/asset-picker";
import { ActDock, Dock } from "../parts/dock";
import { Bar, Page, Say } from "../parts/page";
import type { Device } from "../store/device";
import { page, type Page as Read } from "../sync/down";
import { Meters } from "./order/meters";

type Past = Pick<WorkOrder, "id" | "number" | "title" | "status" | "completed_at" | "due_at">;

export function AssetPage({ id, device }: { id: string; device: Device }) {
  const asset = useAsset(device, id);
  const path = device.path(id).slice(0, -1);
  if (!asset) {
    return (
      <Page title={t("asset")} head={<Bar />} dock={<Dock />}>
        <Say mark="i-find" title={t("asset.gone")} text={t("asset.gone.text")}>
          <a class="btn primary" href="/app/scan">{t("scan.title")}</a>
        </Say>
      </Page>
    );
  }
  return (
    <Page
      title={asset.name}
      head={<Bar {...(asset.tag ? { title: asset.tag } : {})} />}
      dock={
        <ActDock>
          <a class="btn primary big wide" href={`/app/report?asset=${id}`}>{t("report.title")}</a>
        </ActDock>
      }
    >
      <div class="blk">
        {path.length > 0 && <p class="kick two">{path.map((one) => one.name).join(" › ")}</p>}
        <h1 class="t1">{asset.name}</h1>
        <p class="facts">
          {asset.location && <span>{asset.location}</span>}
          <span>{t("asset.criticality", { level: t(`priority.${asset.criticality as "low"}`).toLowerCase() })}</span>
          {asset.down_since && <b>{t("asset.down", { time: `${fullDay(new Date(asset.down_since))} ${clock(new Date(asset.down_since))}` })}</b>}
          {asset.decommissioned_at && <b>{t("asset.decommissioned")}</b>}
        </p>
      </div>
      <Meters order={{ asset: { id } }} device={device} />
      <History id={id} device={device} />
    </Page>
  );
}

function History({ id, device }: { id: string; device: Device }) {
  const [read, setRead] = useState<Read<{ items: Past[] }> | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (!may("workorders.read")) return;
    let isLeft = false;
    page<{ items: Past[] }>(device.db, "/api/work-orders", { asset_id: id, sort: "-created_at", limit: 30 }).then(
      (answer) => !isLeft && setRead(answer),
      () => !isLeft && setFailed(true),
    );
    return () => {
      isLeft = true;
    };
  }, [device, id]);
  if (!may("workorders.read")) return null;
  return (
    <section>
      <h2 class="sec">
        <b>{t("asset.history")}</b>
        {read && !read.isFresh && <span class="push two n">{t("asset.asof", { time: `${fullDay(new Date(read.at))} ${clock(new Date(read.at))}` })}</span>}
      </h2>
      {failed && <p class="hintline two">{t("asset.nohistory")}</p>}
      {read?.body.items.length === 0 && <p class="hintline two">{t("asset.fresh")}</p>}
      <ul class="rows">
        {read?.body.items.map((one) => (
          <li key={one.id}>
            <PastRow one={one} isHere={device.order(one.id) !== undefined} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function PastRow({ one, isHere }: { one: Past; isHere: boolean }) {
  const at = one.completed_at ?? one.due_at;
  const inside = (
    <>
      <Mark name={orderMark(one.status)} label={t(`status.${one.status}`)} />
      <p class="t">{one.title}</p>
      <p class="w n">{at ? fullDay(new Date(at)) : ""}</p>
      <p class="d n">
        {one.number}, {t(`status.${one.status}`).toLowerCase()}
      </p>
    </>
  );
  return isHere ? (
    <a class="row" href={`/app/orders/${one.id}`}>
      {inside}
    </a>
  ) : (
    <div class="row">{inside}</div>
  );
}
