import type { ComponentType, FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { speakMore } from "../i18n";

const all: (() => Promise<unknown>)[] = [];

/** A screen whose script is not part of the first load. It is on the device all the same: the worker keeps it. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): FunctionComponent<P> {
  let Loaded: ComponentType<P> | null = null;
  const fetch = async () => {
    const [screen] = await Promise.all([load(), speakMore()]);
    Loaded = screen;
  };
  all.push(fetch);
  return function Lazy(props: P) {
    const [, drawn] = useState(false);
    useEffect(() => {
      if (!Loaded) void fetch().then(() => drawn(true));
    }, []);
    return Loaded ? <Loaded {...props} /> : null;
  };
}

/** Reads all of them while nothing else is to be done, so that no tap waits. */
export function readAhead(): void {
  const idle = "requestIdleCallback" in window ? (work: () => void) => requestIdleCallback(work) : (work: () => void) => setTimeout(work, 500);
  idle(() => {
    for (const fetch of all) fetch().catch((error: unknown) => console.info("a screen could not be read ahead", error));
  });
}
