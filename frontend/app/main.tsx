import "../shared/tokens.css";
import "../shared/base.css";
import "../shared/phone.css";
import "./app.css";
import { render } from "preact";
import { Toast } from "../shared/components/toast";
import { loadConfig } from "../shared/config";
import { followLinks, go } from "../shared/router";
import { recallMe, refresh, signInNeeded } from "../shared/session";
import { App } from "./app";
import { speakApp } from "./i18n";
import { lookAtStorage, startClock } from "./parts/moment";
import { readAhead } from "./parts/lazy";
import { applyTheme } from "./parts/theme";
import { device, openDevice } from "./store/device";
import { recallLeft } from "./store/people";
import { registerWorker } from "./worker";

async function open(): Promise<void> {
  applyTheme();
  followLinks("/app");
  await Promise.all([speakApp(), loadConfig(), recallLeft(), recallMe().then(openDevice)]);
  render(
    <>
      <App />
      <Toast />
    </>,
    document.getElementById("root")!,
  );
  startClock();
  void lookAtStorage(false);
  registerWorker();
  readAhead();
  const hurry = () => device.value?.engine.wake({ hurry: true });
  window.addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && device.value?.engine.wake());
  if (await device.value?.vault.isLocked()) {
    signInNeeded.value = true;
    go("/app/signin", { replace: true });
  } else device.value?.start();
}

/** After a reload the session is asked for anew; without a signal the app is open all the same. */
void open().then(() => device.value && refresh().then(() => device.value?.engine.wake({ signedIn: true }), () => undefined));
