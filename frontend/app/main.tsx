import "../shared/tokens.css";
import "../shared/base.css";
import "../shared/phone.css";
import { render } from "preact";
import { SignIn } from "../shared/components/signin";
import { loadConfig } from "../shared/config";
import { me } from "../shared/session";

function App() {
  if (!me.value) return <SignIn onDone={() => undefined} />;
  return <main class="signin"><h1>{me.value.name}</h1></main>;
}

void loadConfig().then(() => render(<App />, document.getElementById("root")!));
