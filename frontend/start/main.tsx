/** The front door: leads whoever is signed in to the face of their work, and signs in whoever is not. */
import "../shared/tokens.css";
import "../shared/base.css";
import { render } from "preact";
import { SignIn } from "../shared/components/signin";
import { loadConfig } from "../shared/config";
import { faceOf } from "../shared/face";
import { speak } from "../shared/i18n";
import { me, recallMe } from "../shared/session";

async function open(): Promise<void> {
  await recallMe();
  if (me.value) {
    location.replace(faceOf(me.value));
    return;
  }
  await Promise.all([loadConfig(), speak({ en: {}, de: async () => ({}) })]);
  render(<SignIn onDone={(user) => location.replace(faceOf(user))} />, document.getElementById("root")!);
}

void open();
