import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Problem } from "../problem";
import { t } from "../i18n";
import { type Me, signIn } from "../session";
import { clock } from "../time";
import { Field } from "./field";
import { Mark } from "./mark";
import { Wordmark } from "./wordmark";

const OTP = new Set(["otp_required", "otp_invalid", "mfa_required"]);

function sentence(error: unknown): string {
  if (!(error instanceof Problem)) return t("signin.unreachable");
  const until = clock(new Date(Date.now() + (error.retryAfterS ?? 60) * 1000));
  if (error.status === 423) return t("signin.locked", { time: until });
  if (error.status === 429) return t("signin.too_many", { time: until });
  if (error.code === "otp_required" || error.code === "mfa_required") return t("signin.otp_required");
  if (error.code === "otp_invalid") return t("signin.otp_invalid");
  if (error.status === 401) return t("signin.invalid_credentials");
  return t("signin.failed", { detail: error.detail });
}

interface Props {
  /** Whose address is filled in. */
  who?: Me | null;
  intro?: ComponentChildren;
  /** Runs once the server has said who it is, before this device is theirs. */
  before?: (user: Me) => Promise<void>;
  onDone: (user: Me, password: string) => unknown;
}

/** The form with which a person signs in, on both faces. */
export function SignIn(props: Props) {
  const [email, setEmail] = useState(props.who?.email ?? "");
  const [password, setPassword] = useState("");
  const [otp, setOtp] = useState<string | null>(null);
  const [shown, show] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const form = useRef<HTMLFormElement>(null);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError("");
    try {
      const user = await signIn(email.trim(), password, otp ?? undefined, props.before);
      await props.onDone(user, password);
    } catch (problem) {
      if (problem instanceof Problem && OTP.has(problem.code)) setOtp(otp ?? "");
      setError(sentence(problem));
      setBusy(false);
    }
  };

  return (
    <main class="signin">
      <Wordmark />
      <h1>{t("signin.title")}</h1>
      {props.intro}
      <form ref={form} onSubmit={submit} noValidate>
        <Field label={t("signin.email")} value={email} onText={setEmail} type="email" name="email" autocomplete="username" inputMode="email" autocapitalize="none" spellcheck={false} required />
        <Field
          label={t("signin.password")}
          value={password}
          onText={setPassword}
          type={shown ? "text" : "password"}
          name="password"
          autocomplete="current-password"
          required
          after={
            <button type="button" class="btn" aria-pressed={shown} onClick={() => show(!shown)}>
              {shown ? t("signin.hide") : t("signin.show")}
            </button>
          }
        />
        {otp !== null && <Field label={t("signin.otp")} value={otp} onText={setOtp} name="otp" autocomplete="one-time-code" inputMode="numeric" maxLength={16} required />}
        <div role="alert">
          {error && (
            <p class="said">
              <Mark name="t-failed" size="s20" />
              {error}
            </p>
          )}
        </div>
        <button class="btn primary big wide" aria-busy={busy}>
          {busy ? t("signin.busy") : t("signin.do")}
        </button>
      </form>
    </main>
  );
}
