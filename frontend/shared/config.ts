/** Where the server is: baked in by the build, overridden at run time by /app/config.json, else this origin. */
export interface Config {
  apiUrl: string;
  wsUrl: string;
  socketPath: string;
}

interface Overrides {
  VITE_API_URL?: string;
  VITE_WS_URL?: string;
  VITE_SOCKET_PATH?: string;
}

const KEPT = "millwright.config";

function from(overrides: Overrides): Config {
  const baked = import.meta.env as Overrides;
  return {
    apiUrl: (overrides.VITE_API_URL || baked.VITE_API_URL || "").replace(/\/$/, ""),
    wsUrl: (overrides.VITE_WS_URL || baked.VITE_WS_URL || "").replace(/\/$/, ""),
    socketPath: overrides.VITE_SOCKET_PATH || baked.VITE_SOCKET_PATH || "/api/stream",
  };
}

function kept(): Overrides | null {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "null") as Overrides | null;
  } catch {
    return null;
  }
}

export let config: Config = from(kept() ?? {});

/** Reads the server's overrides. Without a network those of the last time hold. */
export async function loadConfig(): Promise<void> {
  const known = kept();
  const read = async () => {
    const answer = await fetch("/app/config.json", { cache: "no-cache" });
    if (!answer.ok || !answer.headers.get("content-type")?.includes("json")) return;
    const overrides = (await answer.json()) as Overrides;
    localStorage.setItem(KEPT, JSON.stringify(overrides));
    config = from(overrides);
  };
  const reading = read().catch(() => undefined);
  if (!known) await reading;
}
