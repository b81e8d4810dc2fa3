/**
 * What being on the disk costs: bun bench/storage/durable.ts, deno run -A bench/storage/durable.ts
 * [--rounds 5] [--scale 1] [--only REGEXP]
 *
 * Producers that each append a batch, wait until it is synced, and append the next. One that appends a record at a time shows
 * the latency at low load, beside a bare loop of write and `fdatasync`. 1, 8 and 64 of them with batches of 64 KiB, on one log
 * and on a log each, show what is shared, beside a bare loop that could not do better by itself: it writes a batch for each
 * producer and then syncs, the one file once, or all files at once in the runtime's pool.
 * A folder of 1,000 logs with a record each is closed, beside a bare loop that writes as many files and syncs them all at once.
 * Fails when the p50 at low load is over that of the bare loop by more than 30 % and more than 0.3 ms.
 */

import * as fs from "node:fs";
import { type Log } from "../../storage/log.ts";
import { quantile, record } from "../results.ts";
import {
  batchOf,
  contest,
  gibibyte,
  here,
  kibibyte,
  mebibyte,
  readContestOptions,
  type Run,
  Scratch,
} from "./contest.ts";

const recordBytes = 1000;
const batchBytes = 64 * kibibyte;
const extraPartMax = 0.3;
const extraMsMax = 0.3;
const latencyCount = 1000;
const closedLogCount = 1000;
/** Of each producer. */
const batchCounts: Readonly<Record<number, number>> = { 1: 500, 8: 200, 64: 40 };

const { rounds, scale, only } = readContestOptions(process.argv.slice(2));
const scratch = await Scratch.make({ countsSyncs: true });
const scaled = (count: number) => Math.max(5, Math.round(count * scale));
let isGood = true;
try {
  scratch.warm(1024 * mebibyte * Math.min(1, scale));
  if (only.test("low load")) await measureLowLoad();
  for (const producerCount of [1, 8, 64]) {
    for (const logCount of producerCount === 1 ? [1] : [1, producerCount]) {
      const where = logCount === 1 ? "one log" : "a log each";
      const row = `durable 64 KiB, producers ${producerCount}, ${where}`;
      if (only.test(row)) await measureSharing(row, producerCount, logCount);
    }
  }
  if (only.test("durable: close")) await measureClose();
} finally {
  scratch.remove();
}
if (!isGood) console.log("FAIL: the p50 at low load is over the limit");
process.exit(isGood || scale < 1 ? 0 : 1);

// ---------------------------------------------------------------------------------------------- low load

async function measureLowLoad(): Promise<void> {
  const batch = batchOf(recordBytes);
  const latencies = async (work: (note: (ms: number) => void) => Promise<void>) => {
    const values: number[] = [];
    await work((ms) => values.push(ms));
    const settled = values.slice(Math.floor(values.length / 20));
    return { p50: quantile(settled, 0.5), p99: quantile(settled, 0.99) };
  };
  const subject: Run = () =>
    latencies(async (note) => {
      const { logs, remove } = await scratch.logs(1);
      await produce(logs[0]!, batch, scaled(latencyCount), note);
      await remove();
    });
  const rival: Run = () =>
    latencies((note) => {
      const { descriptor, remove } = scratch.file();
      for (let index = 0, position = 0; index < scaled(latencyCount); index++) {
        const startMs = performance.now();
        position += fs.writeSync(descriptor, batch, 0, batch.length, position);
        fs.fdatasyncSync(descriptor);
        note(performance.now() - startMs);
      }
      remove();
      return Promise.resolve();
    });
  const found = await contest(rounds, { subject, rival });
  for (const part of ["p50", "p99"] as const) {
    const row = `durable 1 KB, low load: ${part}`;
    record([
      { runtime: here, rival: "bare loop", row: `${row}, log`, value: found.subject[part]!, unit: "ms" },
      { runtime: here, rival: null, row: `${row}, bare loop`, value: found.rival[part]!, unit: "ms" },
    ]);
  }
  const limitMs = Math.max(found.rival["p50"]! * (1 + extraPartMax), found.rival["p50"]! + extraMsMax);
  if (found.subject["p50"]! > limitMs) isGood = false;
}

async function produce(log: Log, batch: Uint8Array, count: number, note: (ms: number) => void): Promise<void> {
  for (let index = 0; index < count; index++) {
    const startMs = performance.now();
    log.append(batch, { leaderEpoch: 0, origin: "client" });
    await log.sync();
    note(performance.now() - startMs);
  }
}

// ---------------------------------------------------------------------------------------------- sharing

async function measureSharing(row: string, producerCount: number, logCount: number): Promise<void> {
  const batch = batchOf(batchBytes);
  const count = scaled(batchCounts[producerCount]!);
  const bytes = producerCount * count * batch.length;
  const subject: Run = async () => {
    const { logs, remove } = await scratch.logs(logCount);
    await Promise.all(logs.map((log) => produce(log, batch, 1, () => {})));
    scratch.syncCount = 0;
    const startMs = performance.now();
    await Promise.all(Array.from({ length: producerCount }, (_, index) => {
      return produce(logs[index % logCount]!, batch, count, () => {});
    }));
    const seconds = (performance.now() - startMs) / 1000;
    const syncs = scratch.syncCount / (bytes / gibibyte);
    await remove();
    return { rate: bytes / mebibyte / seconds, syncs };
  };
  const rival: Run = async () => {
    const files = Array.from({ length: logCount }, () => scratch.file());
    for (const { descriptor } of files) {
      fs.writeSync(descriptor, batch, 0, batch.length, 0);
      fs.fdatasyncSync(descriptor);
    }
    const startMs = performance.now();
    const perFile = producerCount / logCount;
    for (let index = 0, position = batch.length; index < count; index++, position += perFile * batch.length) {
      for (const { descriptor } of files) {
        for (let at = 0; at < perFile; at++) {
          fs.writeSync(descriptor, batch, 0, batch.length, position + at * batch.length);
        }
      }
      if (files.length === 1) fs.fdatasyncSync(files[0]!.descriptor);
      else await Promise.all(files.map(({ descriptor }) => syncOffLoop(descriptor)));
    }
    const seconds = (performance.now() - startMs) / 1000;
    for (const { remove } of files) remove();
    return { rate: bytes / mebibyte / seconds, syncs: count * logCount / (bytes / gibibyte) };
  };
  const found = await contest(rounds, { subject, rival });
  record([
    { runtime: here, rival: "bare loop", row: `${row}: log`, value: found.subject["rate"]!, unit: "MiB/s" },
    { runtime: here, rival: null, row: `${row}: bare loop`, value: found.rival["rate"]!, unit: "MiB/s" },
    {
      runtime: here,
      rival: "bare loop",
      row: `${row}: of the bare loop`,
      value: 100 * found.ratio["rate"]!,
      unit: "%",
    },
    {
      runtime: here,
      rival: "bare loop",
      row: `${row}: syncs of the log`,
      value: found.subject["syncs"]!,
      unit: "/GiB",
    },
    { runtime: here, rival: null, row: `${row}: syncs of the bare loop`, value: found.rival["syncs"]!, unit: "/GiB" },
  ]);
}

function syncOffLoop(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(descriptor, (cause) => cause ? reject(cause) : resolve());
  });
}

// ---------------------------------------------------------------------------------------------- closing

async function measureClose(): Promise<void> {
  const batch = batchOf(recordBytes);
  const count = scaled(closedLogCount);
  const subject: Run = async () => {
    const { logs, close, remove } = await scratch.logs(count);
    for (const log of logs) log.append(batch, { leaderEpoch: 0, origin: "client" });
    const startMs = performance.now();
    await close();
    const ms = performance.now() - startMs;
    await remove();
    return { ms };
  };
  const rival: Run = async () => {
    const files = Array.from({ length: count }, () => scratch.file());
    for (const { descriptor } of files) fs.writeSync(descriptor, batch, 0, batch.length, 0);
    const startMs = performance.now();
    await Promise.all(files.map(({ descriptor }) => syncOffLoop(descriptor)));
    const ms = performance.now() - startMs;
    for (const { remove } of files) remove();
    return { ms };
  };
  const found = await contest(rounds, { subject, rival });
  const row = `durable: close ${count} written logs`;
  record([
    { runtime: here, rival: "bare loop", row, value: found.subject["ms"]!, unit: "ms" },
    { runtime: here, rival: null, row: `${row}: bare loop, a file each`, value: found.rival["ms"]!, unit: "ms" },
  ]);
}
