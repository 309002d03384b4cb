// Refuses a build whose first load has more script than the budget: gzip, in kB (1,000 bytes).
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET = { app: 40, console: 90 };
const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");

let failed = false;
for (const [face, most] of Object.entries(BUDGET)) {
  const shell = readFileSync(join(dist, face, "index.html"), "utf8");
  const scripts = [...shell.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]);
  const bytes = scripts.reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file))).length, 0);
  const over = bytes > most * 1000;
  failed ||= over;
  console.log(`${face}: ${(bytes / 1000).toFixed(1)} kB of script at first load, of ${most} kB${over ? ": too much" : ""}`);
}
process.exit(failed ? 1 : 0);
