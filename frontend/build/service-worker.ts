import { createHash } from "node:crypto";
import type { Plugin, Rolldown } from "vite";

type Bundle = Rolldown.OutputBundle;

/** Tells the service worker which files the app consists of, by lines put before its code. */
export function serviceWorker(): Plugin {
  return {
    name: "millwright-service-worker",
    enforce: "post",
    generateBundle(_options, bundle) {
      const worker = bundle["app/sw.js"];
      if (worker?.type !== "chunk") throw new Error("the service worker was not built");
      const files = [...filesOf("app", bundle)].sort();
      const version = createHash("sha256");
      version.update(worker.code);
      for (const file of files) version.update(file);
      const shell = bundle["app/index.html"];
      if (shell?.type === "asset") version.update(shell.source);
      const urls = ["/app", "/logo.svg", "/icon-192.png", "/app.webmanifest", ...files.map((file) => `/${file}`)];
      const lines = `self.VERSION=${JSON.stringify(version.digest("hex").slice(0, 12))};self.FILES=${JSON.stringify(urls)};\n`;
      worker.code = lines + worker.code;
    },
  };
}

/** All chunks that an entry may load, now or later, and their style sheets and fonts. */
function filesOf(entry: string, bundle: Bundle): Set<string> {
  const found = new Set<string>();
  const visit = (name: string): void => {
    const item = bundle[name];
    if (!item || found.has(name)) return;
    found.add(name);
    if (item.type !== "chunk") return;
    const meta = (item as { viteMetadata?: { importedCss: Set<string>; importedAssets: Set<string> } }).viteMetadata;
    for (const file of [...item.imports, ...item.dynamicImports]) visit(file);
    for (const file of [...(meta?.importedCss ?? []), ...(meta?.importedAssets ?? [])]) visit(file);
  };
  for (const [name, item] of Object.entries(bundle)) {
    if (item.type === "chunk" && item.isEntry && item.name === entry) visit(name);
  }
  for (const name of Object.keys(bundle)) if (/assets\/mw-sans.*\.woff2$/.test(name)) found.add(name);
  return found;
}
