export {};
declare const self: ServiceWorkerGlobalScope & { VERSION: string; FILES: string[] };
self.addEventListener("install", () => undefined);
