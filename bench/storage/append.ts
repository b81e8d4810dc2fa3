/**
 * What appending costs: bun bench/storage/append.ts, deno run -A bench/storage/append.ts [--rounds 5] [--scale 1] [--only REGEXP]
 *
 * Batches through `Log.append`, as the broker appends them once they are checked, beside a bare loop that writes the same bytes
 * to a file, by size of batch and flush policy. `os`: nobody syncs. `interval`: a sync begins every 100 ms and at the end, and
 * counts; off the loop in both. `group`: each batch is synced before the next, which is the least there is to share; what
 * concurrent producers share is measured by durable.ts. Fails when `os` at 64 KiB is below 80 % of the bare loop.
 */

import * as fs from "node:fs";
import {
  batchOf,
  batchSizes,
  contest,
  here,
  mebibyte,
  readContestOptions,
  type Run,
  Scratch,
  turn,
} from "./contest.ts";
import { record } from "../results.ts";

type Policy = "os" | "interval" | "group";

const ratioMin = 0.8;
/** As a busy broker: so many requests are handled before the loop looks at sockets again. */
const appendsPerTurn = 64;
const syncPeriodMs = 100;
/** Enough for a file to outgrow what is done once, little enough that the kernel does not begin to write it back. */
const totalBytes: Readonly<Record<Policy, Readonly<Record<string, number>>>> = {
  os: { "1 KB": 48 * mebibyte, "16 KB": 256 * mebibyte, "64 KiB": 512 * mebibyte, "1 MiB": 768 * mebibyte },
  interval: { "1 KB": 48 * mebibyte, "16 KB": 256 * mebibyte, "64 KiB": 512 * mebibyte, "1 MiB": 768 * mebibyte },
  group: { "1 KB": 0.5 * mebibyte, "16 KB": 8 * mebibyte, "64 KiB": 32 * mebibyte, "1 MiB": 128 * mebibyte },
};

const { rounds, scale, only } = readContestOptions(process.argv.slice(2));
const scratch = await Scratch.make();
let isGood = true;
try {
  scratch.warm(2048 * mebibyte * Math.min(1, scale));
  for (const policy of ["os", "interval", "group"] as const) {
    for (const { name, bytes } of batchSizes) {
      const row = `append ${name}, ${policy}`;
      if (!only.test(row)) continue;
      const count = Math.max(3, Math.round(scale * totalBytes[policy][name]! / bytes));
      const batch = batchOf(bytes);
      const work = { policy, count, batch };
      await appendToLog({ ...work, count: Math.min(count, 2000) })(); // compiled before it is timed
      await writeToFile({ ...work, count: Math.min(count, 2000) })();
      const { subject, rival, ratio } = await contest(rounds, { subject: appendToLog(work), rival: writeToFile(work) });
      record([
        { runtime: here, rival: "bare loop", row: `${row}: log`, value: subject["rate"]!, unit: "MiB/s" },
        { runtime: here, rival: null, row: `${row}: bare loop`, value: rival["rate"]!, unit: "MiB/s" },
        { runtime: here, rival: "bare loop", row: `${row}: of the bare loop`, value: 100 * ratio["rate"]!, unit: "%" },
      ]);
      if (policy === "os" && name === "64 KiB" && ratio["rate"]! < ratioMin) isGood = false;
    }
  }
} finally {
  scratch.remove();
}
if (!isGood) console.log(`FAIL: policy os at 64 KiB is below ${100 * ratioMin} % of the bare loop`);
process.exit(isGood || scale < 1 ? 0 : 1);

interface Work {
  readonly policy: Policy;
  readonly count: number;
  readonly batch: Uint8Array;
}

function appendToLog({ policy, count, batch }: Work): Run {
  return async () => {
    const { logs, remove } = await scratch.logs(1);
    const log = logs[0]!;
    const options = { leaderEpoch: 0, origin: "client" } as const;
    log.append(batch, options); // A log has its files and is synced once before it is busy.
    await log.sync();
    const rate = await timed(policy, count, batch.length, {
      write: () => void log.append(batch, options),
      sync: () => log.sync(),
    });
    await remove();
    return { rate };
  };
}

function writeToFile({ policy, count, batch }: Work): Run {
  return async () => {
    const { descriptor, remove } = scratch.file();
    let position = fs.writeSync(descriptor, batch, 0, batch.length, 0);
    fs.fdatasyncSync(descriptor);
    const rate = await timed(policy, count, batch.length, {
      write: () => position += fs.writeSync(descriptor, batch, 0, batch.length, position),
      // A bare loop that waits for each sync anyway makes it without the detour through a thread.
      sync: () => policy === "group" ? fs.fdatasyncSync(descriptor) : syncOffLoop(descriptor),
    });
    remove();
    return { rate };
  };
}

/** The same for both: mebibytes a second. */
async function timed(
  policy: Policy,
  count: number,
  batchBytes: number,
  does: { readonly write: () => void; readonly sync: () => Promise<void> | void },
): Promise<number> {
  const startMs = performance.now();
  let syncing: Promise<void> | null = null;
  let nextSyncMs = startMs + syncPeriodMs;
  for (let index = 0; index < count; index++) {
    does.write();
    if (policy === "group") {
      await does.sync();
    } else if (index % appendsPerTurn === 0) {
      await turn();
      if (policy === "interval" && syncing === null && performance.now() >= nextSyncMs) {
        nextSyncMs = performance.now() + syncPeriodMs;
        syncing = Promise.resolve(does.sync()).then(() => void (syncing = null));
      }
    }
  }
  if (policy === "interval") {
    await syncing;
    await does.sync();
  }
  return count * batchBytes / mebibyte / ((performance.now() - startMs) / 1000);
}

function syncOffLoop(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(descriptor, (cause) => cause ? reject(cause) : resolve());
  });
}
