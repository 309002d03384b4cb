/**
 * Keeps the app's own files on the device, so that it opens without a network. It touches nothing else: what the
 * API says is the app's to keep, and the console is not governed at all.
 */
export {};

// The build puts their values before this code.
declare const self: ServiceWorkerGlobalScope & { VERSION: string; FILES: string[] };

const SHELL = "/app";
const PREFIX = "millwright-app-";
const CACHE = PREFIX + self.VERSION;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(CACHE).then((cache) => cache.addAll(self.FILES.map((file) => new Request(file, { cache: "no-cache", credentials: "same-origin" })))),
  );
});

self.addEventListener("activate", (event) => {
  const clean = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

// Only the page knows whether something is unsent: it says when.
self.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(self.skipWaiting());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin || url.pathname.startsWith("/api/")) return;
  if (event.request.mode === "navigate") event.respondWith(kept(SHELL, event.request));
  else if (self.FILES.includes(url.pathname)) event.respondWith(kept(url.pathname, event.request));
});

async function kept(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}
