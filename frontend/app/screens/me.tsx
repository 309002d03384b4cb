import { useEffect, useState } from "preact/hooks";
import { Mark } from "../../shared/components/mark";
import { Modal } from "../../shared/components/dialog";
import { faceOf } from "../../shared/face";
import { LANGUAGES, type Language, language, setLanguage } from "../../shared/i18n";
import { signInNeeded } from "../../shared/session";
import { clock, fullDay, zone } from "../../shared/time";
import { count, t } from "../i18n";
import { Dock } from "../parts/dock";
import { leftHanded, lookAtStorage, persistence, usage } from "../parts/moment";
import { Page } from "../parts/page";
import { deeds } from "../parts/pill";
import { exportQueue } from "../parts/queue-file";
import { SheetHead } from "../parts/sheet";
import { tray } from "../parts/trays";
import { setTheme, theme, THEMES } from "../parts/theme";
import type { Device } from "../store/device";
import { leave } from "../store/people";
import { size } from "../work/words";

export function MePage({ device }: { device: Device }) {
  const [leaving, ask] = useState(false);
  useEffect(() => void lookAtStorage(false), []);
  const unsent = deeds(device).length;
  const out = () => (unsent ? ask(true) : void leave(device));
  return (
    <Page
      title={t("me.title")}
      dock={<Dock tab="me" />}
      head={
        <header class="p-head">
          <div>
            <h1>{device.user.name}</h1>
            <p class="sub">{device.user.email}</p>
          </div>
        </header>
      }
    >
      <Sync device={device} unsent={unsent} />
      <Storage device={device} />
      <Choices />
      <div class="blk pad stackb">
        {faceOf(device.user) === "/console" && <a class="btn wide" href="/console">{t("me.console")}</a>}
        <button class="btn wide" onClick={out}>{t("me.out")}</button>
      </div>
      {leaving && <LeaveSheet device={device} unsent={unsent} onClose={() => ask(false)} />}
    </Page>
  );
}

function Line({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd class="n">{children}</dd>
    </div>
  );
}

function Sync({ device, unsent }: { device: Device; unsent: number }) {
  const { offsetMs } = device.exchange.value;
  const last = device.syncedAt.value;
  return (
    <section>
      <h2 class="sec">
        <b>{t("sync.title")}</b>
      </h2>
      <dl>
        <Line name={t("me.last")}>{last ? `${fullDay(new Date(last))} ${clock(new Date(last))}` : t("me.never")}</Line>
        <Line name={t("me.unsent")}>{count("me.actions", unsent)}</Line>
        <Line name={t("me.photos")}>{device.photosWaiting.value.size}</Line>
        <Line name={t("me.zone")}>{zone()}</Line>
        {offsetMs !== null && Math.abs(offsetMs) > 120_000 && <Line name={t("me.clock")}>{t("me.clock.off", { minutes: Math.round(offsetMs / 60_000) })}</Line>}
      </dl>
      <div class="blk pad two2">
        <button class="btn" onClick={() => exportQueue(device)}>{t("queue.export")}</button>
        <button class="btn" onClick={() => (tray.value = "sync")}>{t("me.tray")}</button>
      </div>
      {signInNeeded.value && (
        <div class="blk pad">
          <a class="btn primary wide" href="/app/signin">{t("signin.do")}</a>
        </div>
      )}
    </section>
  );
}

function Storage({ device }: { device: Device }) {
  const [copies, setCopies] = useState(0);
  const read = () => void device.photos.copiesSize().then(setCopies);
  useEffect(read, [device]);
  const kept = { persistent: t("me.persistent"), besteffort: t("me.besteffort"), purged: t("me.purged"), unknown: "" }[persistence.value];
  const free = async () => {
    await device.photos.dropCopies();
    read();
    await lookAtStorage(false);
  };
  return (
    <section>
      <h2 class="sec">
        <b>{t("me.storage")}</b>
      </h2>
      <dl>
        {usage.value && <Line name={t("me.used")}>{t("me.used.of", { used: size(usage.value.used), quota: size(usage.value.quota) })}</Line>}
        <Line name={t("me.kept")}>{kept}</Line>
        <Line name={t("me.sealed")}>{device.vault.seals ? t("me.sealed.yes") : t("me.sealed.no")}</Line>
      </dl>
      <div class="blk pad stackb">
        {persistence.value !== "persistent" && <button class="btn wide" onClick={() => lookAtStorage(true)}>{t("me.persist")}</button>}
        {copies > 0 && <button class="btn wide" onClick={free}>{t("full.free", { size: size(copies) })}</button>}
      </div>
    </section>
  );
}

function Choices() {
  const setHand = (left: boolean) => {
    leftHanded.value = left;
    localStorage.setItem("millwright.left-handed", left ? "yes" : "no");
  };
  return (
    <section>
      <h2 class="sec">
        <b>{t("me.choices")}</b>
      </h2>
      <div class="sform">
        <fieldset>
          <legend>{t("me.language")}</legend>
          <div class="seg3 pair2">
            {Object.entries(LANGUAGES).map(([code, name]) => (
              <label key={code} class={language.value === code ? "on" : ""} lang={code}>
                <input type="radio" class="hidden" name="language" checked={language.value === code} onChange={() => setLanguage(code as Language)} />
                <i class="rd" />
                {name}
              </label>
            ))}
          </div>
        </fieldset>
        <fieldset>
          <legend>{t("me.theme")}</legend>
          <div class="seg3">
            {THEMES.map((one) => (
              <label key={one} class={theme.value === one ? "on" : ""}>
                <input type="radio" class="hidden" name="theme" checked={theme.value === one} onChange={() => setTheme(one)} />
                <i class="rd" />
                {t(`theme.${one}`)}
              </label>
            ))}
          </div>
        </fieldset>
        <label class="tog">
          <input type="checkbox" class="hidden" checked={leftHanded.value} onChange={() => setHand(!leftHanded.value)} />
          <span class={leftHanded.value ? "cb on" : "cb"}>{leftHanded.value && <Mark name="i-tick" />}</span>
          <span>{t("me.left")}</span>
        </label>
      </div>
    </section>
  );
}

function LeaveSheet({ device, unsent, onClose }: { device: Device; unsent: number; onClose: () => void }) {
  return (
    <Modal kind="sheet" label={t("me.out")} onClose={onClose}>
      <SheetHead title={t("me.out")} onClose={onClose} />
      <div class="sform">
        <p class="msg">
          <Mark name="needs" size="s20" />
          {device.vault.seals ? count("leave.text", unsent) : count("leave.open", unsent)}
        </p>
        <button class="btn wide" onClick={() => exportQueue(device)}>{t("queue.export")}</button>
        <div class="two2">
          <button class="btn big" onClick={() => leave(device)}>{t("me.out")}</button>
          <button class="btn primary big" onClick={onClose}>{t("leave.stay")}</button>
        </div>
      </div>
    </Modal>
  );
}
