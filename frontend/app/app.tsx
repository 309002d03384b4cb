import { place } from "../shared/router";
import { may, me } from "../shared/session";
import { PillStatus } from "./parts/pill";
import { tray } from "./parts/trays";
import { lazy } from "./parts/lazy";
import { MyWork } from "./screens/mywork";
import { device as current, type Device } from "./store/device";

const AssetPage = lazy(async () => (await import("./screens/asset")).AssetPage);
const ConflictPage = lazy(async () => (await import("./screens/conflict")).ConflictPage);
const InstallSheet = lazy(async () => (await import("./screens/install")).InstallSheet);
const MePage = lazy(async () => (await import("./screens/me")).MePage);
const NotificationsPage = lazy(async () => (await import("./screens/notifications")).NotificationsPage);
const OrderPage = lazy(async () => (await import("./screens/order/order")).OrderPage);
const ReportPage = lazy(async () => (await import("./screens/report")).ReportPage);
const ReportsPage = lazy(async () => (await import("./screens/reports")).ReportsPage);
const ScanPage = lazy(async () => (await import("./screens/scan")).ScanPage);
const SyncTray = lazy(async () => (await import("./screens/sync-tray")).SyncTray);
const Welcome = lazy(async () => (await import("./screens/welcome")).Welcome);

export function App() {
  const device = current.value;
  const [, , section, id, below] = place.value.path.split("/");
  if (!device || !me.value || section === "signin") return <Welcome />;
  return (
    <>
      <Screen device={device} section={section ?? ""} id={id ?? ""} below={below ?? ""} />
      <PillStatus />
      {tray.value === "sync" && <SyncTray device={device} />}
      {tray.value === "install" && <InstallSheet />}
    </>
  );
}

function Screen({ device, section, id, below }: { device: Device; section: string; id: string; below: string }) {
  switch (section) {
    case "orders":
      return below === "conflict" ? <ConflictPage key={id} id={id} device={device} /> : <OrderPage key={id} id={id} device={device} />;
    case "assets":
      return <AssetPage key={id} id={id} device={device} />;
    case "report":
      return <ReportPage device={device} query={place.value.query} />;
    case "reports":
      return <ReportsPage device={device} />;
    case "scan":
      return <ScanPage device={device} />;
    case "notifications":
      return <NotificationsPage device={device} />;
    case "me":
      return <MePage device={device} />;
    default:
      return may("workorders.read") ? <MyWork device={device} /> : <ReportsPage device={device} />;
  }
}
