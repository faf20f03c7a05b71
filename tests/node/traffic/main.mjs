// Token traffic over several regions: `node main.mjs FILE`, where FILE holds {issuer, audience, regions: [...]}. Each region
// signs and checks in a thread of its own, and is handed tokens of all regions. Prints one line of JSON a second, and a
// last one after SIGTERM: what was asked, what was accepted, and the tokens that a verifier refused.
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";

const { regions, ...common } = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const names = regions.map((region) => region.name);
const latest = new Map();
const started = Date.now();

const workers = new Map(
  regions.map((region) => {
    const worker = new Worker(new URL("region.mjs", import.meta.url), {
      workerData: { ...common, ...region, regions: names },
    });
    worker.on("message", (message) => receive(region.name, message));
    worker.on("error", (error) => {
      throw error;
    });
    return [region.name, worker];
  }),
);

function receive(from, { to, tokens, report, last }) {
  if (tokens) workers.get(to).postMessage({ tokens });
  if (report) latest.set(from, { ...report, last });
  if (last && [...latest.values()].every((each) => each.last)) {
    print(true);
    process.exit(0);
  }
}

function print(last) {
  const line = { last, elapsed_s: (Date.now() - started) / 1000, regions: Object.fromEntries(latest) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

setInterval(() => latest.size && print(false), 1000);
process.once("SIGTERM", () => {
  for (const worker of workers.values()) worker.postMessage({ stop: true });
});
