import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig } from "vite";
import { serviceWorker } from "./build/service-worker.ts";

const at = (path: string) => resolve(import.meta.dirname, path);

/** Puts the marks into each page, so that a `<use>` needs no request and follows the theme. */
const sprite = {
  name: "millwright-sprite",
  transformIndexHtml: {
    order: "pre" as const,
    handler: (html: string) => html.replace("<!-- sprite -->", readFileSync(at("shared/sprite.svg"), "utf8").trim()),
  },
};

export default defineConfig({
  root: import.meta.dirname,
  base: "/",
  plugins: [sprite, serviceWorker()],
  oxc: { jsx: { importSource: "preact", runtime: "automatic" } },
  server: { proxy: { "/api": "http://127.0.0.1:8000", "/app/config.json": "http://127.0.0.1:8000" } },
  build: {
    target: ["chrome111", "firefox121", "safari16.4"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      input: { start: at("start/index.html"), app: at("app/index.html"), console: at("console/index.html"), sw: at("app/sw.ts") },
      output: {
        entryFileNames: (chunk) => (chunk.name === "sw" ? "app/sw.js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
});
