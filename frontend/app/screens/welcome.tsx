import { useState } from "preact/hooks";
import { Mark } from "../../shared/components/mark";
import { Field } from "../../shared/components/field";
import { SignIn } from "../../shared/components/signin";
import { go } from "../../shared/router";
import { type Me, me } from "../../shared/session";
import { count, t } from "../i18n";
import { deeds } from "../parts/pill";
import { device } from "../store/device";
import { enter, left, lockOthers, somebody } from "../store/people";
import { Locked } from "../store/vault";

/** Signing in, and what waits here for whoever does. */
export function Welcome() {
  const [locked, lock] = useState<{ user: Me; password: string } | null>(null);
  if (locked) return <Earlier {...locked} />;
  const done = async (user: Me, password: string) => {
    try {
      await enter(user, password);
      go("/app", { replace: true });
    } catch (error) {
      if (!(error instanceof Locked)) throw error;
      lock({ user, password });
    }
  };
  return <SignIn who={somebody()} intro={<Waiting />} before={lockOthers} onDone={done} />;
}

function Waiting() {
  const waiting = device.value && me.value ? [{ user: me.value, actions: deeds(device.value).length }] : left.value;
  return (
    <>
      {waiting
        .filter((one) => one.actions > 0)
        .map((one) => (
          <div class="needsblk waiting" key={one.user.id}>
            <Mark name="needs" size="s20" />
            <p>
              <b>{count("welcome.waiting", one.actions)}</b> {t("welcome.locked", { name: one.user.name })}
            </p>
          </div>
        ))}
    </>
  );
}

/** The password was changed while work lay here: the old one opens it once more. */
function Earlier({ user, password }: { user: Me; password: string }) {
  const [earlier, setEarlier] = useState("");
  const [error, setError] = useState("");
  const open = async (event: Event) => {
    event.preventDefault();
    try {
      await enter(user, password, earlier);
      go("/app", { replace: true });
    } catch (problem) {
      if (!(problem instanceof Locked)) throw problem;
      setError(t("earlier.wrong"));
    }
  };
  return (
    <main class="signin">
      <h1>{t("earlier.title")}</h1>
      <form onSubmit={open}>
        <p class="two">{t("earlier.text")}</p>
        <Field label={t("earlier.label")} type="password" value={earlier} onText={setEarlier} error={error || undefined} autocomplete="off" />
        <button class="btn primary big wide">{t("earlier.open")}</button>
      </form>
    </main>
  );
}
