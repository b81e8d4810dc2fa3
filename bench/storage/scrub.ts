/**
 * How long the scrub keeps the loop: bun bench/storage/scrub.ts, deno run -A bench/storage/scrub.ts [--rounds 5] [--scale 1]
 *
 * Closed segments are read and checked as fast as it goes, while the loop counts its longest gap between two turns; beside it
 * the same reads without the checks. Batches of 100 bytes and of 1 MiB: the most headers and the longest checksums there are in a chunk.
 */

import { Scrub } from "../../storage/scrub.ts";
import { record } from "../results.ts";
import { batchOf, contest, here, kibibyte, mebibyte, readContestOptions, type Run, Scratch } from "./contest.ts";

const chunkBytes = 32 * kibibyte;
const { rounds, scale } = readContestOptions(process.argv.slice(2));
const scratch = await Scratch.make();
try {
  for (const [name, bytes, totalBytes] of [["100 B", 100, 32], ["1 MiB", mebibyte, 256]] as const) {
    const count = Math.max(3, Math.round((scale * totalBytes * mebibyte) / bytes));
    const { subject, rival } = await contest(rounds, { subject: scrub(bytes, count), rival: readOnly(bytes, count) });
    record([
      { runtime: here, rival: "the same reads", row: `scrub ${name}: longest gap`, value: subject["gap"]!, unit: "ms" },
      { runtime: here, rival: null, row: `scrub ${name}: longest gap of the reads`, value: rival["gap"]!, unit: "ms" },
      { runtime: here, rival: "the same reads", row: `scrub ${name}`, value: subject["rate"]!, unit: "MiB/s" },
    ]);
  }
} finally {
  scratch.remove();
}

function scrub(bytes: number, count: number): Run {
  return async () => {
    const { logs, remove } = await closedSegments(bytes, count);
    const scrub = new Scrub(scratch.runtime, () => logs, () => {});
    const figures = await watched(bytes * count, () => scrub.pass(() => Infinity));
    await remove();
    return figures;
  };
}

function readOnly(bytes: number, count: number): Run {
  return async () => {
    const { logs, remove } = await closedSegments(bytes, count);
    const chunk = new Uint8Array(chunkBytes);
    const figures = await watched(bytes * count, async () => {
      for (const { log, sizeBytes } of logs[0]!.closedSegments()) {
        for (let at = 0; at < sizeBytes; at += chunkBytes) await log.readAsync(chunk, at);
      }
    });
    await remove();
    return figures;
  };
}

async function closedSegments(bytes: number, count: number) {
  const { logs, remove } = await scratch.logs(1, { segmentBytes: 64 * mebibyte, retentionMs: -1 });
  const batch = batchOf(bytes);
  for (let index = 0; index < count; index++) logs[0]!.append(batch.slice(), { leaderEpoch: 0, origin: "client" });
  logs[0]!.roll();
  await logs[0]!.sync();
  return { logs, remove };
}

/** Runs `work` and counts the longest time between two turns of the loop. */
async function watched(bytes: number, work: () => Promise<void>): Promise<{ gap: number; rate: number }> {
  let isDone = false;
  let gap = 0;
  const startMs = performance.now();
  const ended = work().finally(() => isDone = true);
  for (let lastMs = startMs; !isDone;) {
    await new Promise((resolve) => setImmediate(resolve));
    const nowMs = performance.now();
    gap = Math.max(gap, nowMs - lastMs);
    lastMs = nowMs;
  }
  await ended;
  return { gap, rate: bytes / mebibyte / ((performance.now() - startMs) / 1000) };
}
