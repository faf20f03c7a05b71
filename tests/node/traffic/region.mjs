// One region: signs at a steady rate, hands its tokens out to all regions in turn, and puts the ones it is handed before
// its verifiers: each at once, some again when they have grown old. Where a key can be stolen (`stolen`), a thief puts
// forged tokens before every verifier of the region too, which are counted apart. Libraries that can tell say at their `health` port which
// keys they hold (contract §3).
import { createServer } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

import { Forger } from "./forger.mjs";
import { Signer } from "./signer.mjs";
import { verifierOf } from "./verifiers.mjs";

const { name, issuer, audience, regions, rate, again_every, again_after_s, verifiers } = workerData;
const TICK_MS = 20;
const LONGEST_PAUSE_MS = 100; // a thread that stalled does not make up for more
const FORGE_EVERY_MS = 100;
const MOST_WAITING = 500; // before one verifier; more would only grow old there

const signer = new Signer(workerData);
const lanes = verifiers.map((spec) => ({
  ...spec,
  ...verifierOf(spec, { issuer, audience }),
  waiting: [],
  busy: 0,
  counts: { tokens: 0, answers: 0, accepted: 0, rejected: 0, failed: 0, late: 0, dropped: 0 },
  kids: {}, // how many tokens of each key it accepted
  rejections: [],
  failures: [],
  worst_ms: 0,
  forged: { accepted: 0, rejected: 0, last_accepted: null, last_rejected: null }, // moments in milliseconds since 1970
}));
const turns = lanes.flatMap((lane) => Array(lane.weight).fill(lane));
const ageing = [];
let signed = 0;
let dealt = 0;
let repeated = 0;
let stopping = false;

function put(token) {
  const lane = turns[(dealt += 1) % turns.length];
  if (lane.waiting.length >= MOST_WAITING) lane.counts.dropped += 1;
  else lane.waiting.push(token);
  go(lane);
}

function go(lane) {
  while (lane.busy < lane.width && lane.waiting.length) check(lane, lane.waiting.shift());
}

async function check(lane, token) {
  lane.busy += 1;
  const started = Date.now();
  if (started >= token.exp * 1000) lane.counts.late += 1;
  else note(lane, token, started, await lane.ask(token));
  lane.busy -= 1;
  go(lane);
}

function noteForged({ forged }, started, verdict) {
  if (verdict === "failed") return;
  forged[verdict] += 1;
  forged[`last_${verdict}`] = started;
}

function note(lane, token, started, { verdict, why }) {
  if (token.forged) return noteForged(lane, started, verdict);
  const now = Date.now();
  lane.worst_ms = Math.max(lane.worst_ms, now - started);
  if (verdict === "rejected" && now >= token.exp * 1000) {
    lane.counts.late += 1; // its time ran out on the way: nobody's fault but this program's
    return;
  }
  lane.counts[verdict] += 1;
  if (verdict === "failed") {
    lane.failures.push(why);
    return;
  }
  lane.counts.answers += 1;
  if (!token.old) lane.counts.tokens += 1;
  if (verdict === "accepted") lane.kids[token.kid] = (lane.kids[token.kid] ?? 0) + 1;
  if (verdict === "rejected") {
    const { kid, from: origin, at, old = false } = token;
    lane.rejections.push({ at: now, kid, origin, age_ms: now - at, old, why });
  }
  if (!token.old && (repeated += 1) % again_every === 0) ageing.push({ ...token, old: true });
}

for (const { health, holds } of lanes.filter((lane) => lane.health)) {
  createServer((_, answer) => {
    const document = { format: "rotator.verifier/1", time: new Date().toISOString(), issuers: [{ url: issuer, ...holds() }] };
    answer.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
    answer.end(JSON.stringify(document));
  }).listen(health, "127.0.0.1");
}

const forger = new Forger(workerData);
function forge() {
  const token = forger.sign(Date.now());
  for (const lane of token ? lanes : []) {
    lane.waiting.unshift(token);
    go(lane);
  }
}

let before = Date.now();
let due = 0;
function tick() {
  const now = Date.now();
  due += (rate * Math.min(now - before, LONGEST_PAUSE_MS)) / 1000;
  before = now;
  const batches = new Map();
  for (; due >= 1; due -= 1) {
    const token = stopping ? null : signer.sign(now);
    if (!token) continue;
    const to = regions[(signed += 1) % regions.length];
    if (to === name) put(token);
    else batches.set(to, [...(batches.get(to) ?? []), token]);
  }
  for (const [to, tokens] of batches) parentPort.postMessage({ to, tokens });
  while (ageing.length && ageing[0].at + again_after_s * 1000 <= now) put(ageing.shift());
}

// The rejections one by one only at the end: they may be thousands.
function report(last) {
  const told = lanes.map(({ kind, counts, kids, rejections, failures, worst_ms, forged }) => ({
    ...{ kind, ...counts, kids, failures, worst_ms, forged },
    rejections: last ? rejections : [],
  }));
  const signs = { kid: signer.kid, signed, refused: signer.refused, failures: signer.failures, last: signer.last };
  parentPort.postMessage({ report: { signs, verifiers: told }, last });
}

setInterval(tick, TICK_MS);
const forging = workerData.stolen && setInterval(forge, FORGE_EVERY_MS);
const reporting = setInterval(() => report(false), 500);
parentPort.on("message", ({ tokens, stop }) => {
  if (tokens) tokens.forEach(put);
  if (stop) finish();
});

// Signs no more, lets its verifiers finish, and tells for the last time.
function finish() {
  stopping = true;
  clearInterval(reporting);
  clearInterval(forging);
  const begun = Date.now();
  const over = () => Date.now() - begun > 200 && lanes.every((lane) => !lane.busy && !lane.waiting.length);
  setInterval(() => over() && report(true), 50);
}
