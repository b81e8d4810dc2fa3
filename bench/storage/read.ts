/**
 * What reading in sequence costs: bun bench/storage/read.ts, deno run -A bench/storage/read.ts [--rounds 5] [--scale 1]
 * [--only REGEXP]
 *
 * A log of closed segments, all in the page cache, read from its start to its end a mebibyte at a time, as the broker reads it
 * for a fetch: views, each released before the next. Beside it a bare loop of `pread` calls of a mebibyte over the same files
 * into one buffer. By size of batch. `views`: found, and not looked at but for the headers of their batches, as where they are
 * handed to a socket. `copied`: copied into one buffer as well, which is what a socket does with them, and what `pread` has done.
 * Fails when views are below 90 % of the bare loop. Reads from the disk: bench/cold_reads.ts.
 */

import * as fs from "node:fs";
import { join } from "node:path";
import { ColdRead, type Log } from "../../storage/log.ts";
import { batchOf, batchSizes, contest, here, mebibyte, readContestOptions, type Run, Scratch } from "./contest.ts";
import { record } from "../results.ts";

const ratioMin = 0.9;
const readBytes = mebibyte;
const batchBytesMax = mebibyte;
const segmentBytes = 256 * mebibyte;
const totalBytes: Readonly<Record<string, number>> = {
  "1 KB": 256 * mebibyte,
  "16 KB": 1024 * mebibyte,
  "1 MiB": 1024 * mebibyte,
};

const { rounds, scale, only } = readContestOptions(process.argv.slice(2));
const scratch = await Scratch.make();
let isGood = true;
try {
  for (const { name, bytes } of batchSizes) {
    const wantedBytes = totalBytes[name];
    if (wantedBytes === undefined) continue;
    const { logs, remove } = await scratch.logs(1, { segmentBytes });
    const log = logs[0]!;
    const batch = batchOf(bytes);
    for (let count = Math.max(3, Math.round(scale * wantedBytes / bytes)); count > 0; count--) {
      log.append(batch.slice(), { leaderEpoch: 0, origin: "client" });
    }
    log.roll();
    await log.sync();
    for (const kind of ["views", "copied"] as const) {
      const row = `read ${name}, ${kind}`;
      if (!only.test(row)) continue;
      const contenders = { subject: readLog(log, kind), rival: readFiles(log.directory) };
      await contenders.subject(); // compiled before it is timed
      await contenders.rival();
      const { subject, rival, ratio } = await contest(rounds, contenders);
      record([
        { runtime: here, rival: "bare pread", row: `${row}: log`, value: subject["rate"]!, unit: "MiB/s" },
        { runtime: here, rival: null, row: `${row}: bare pread`, value: rival["rate"]!, unit: "MiB/s" },
        { runtime: here, rival: "bare pread", row: `${row}: of bare pread`, value: 100 * ratio["rate"]!, unit: "%" },
      ]);
      if (kind === "views" && ratio["rate"]! < ratioMin) isGood = false;
    }
    await remove();
  }
} finally {
  scratch.remove();
}
if (!isGood) console.log(`FAIL: below ${100 * ratioMin} % of the bare loop`);
process.exit(isGood ? 0 : 1);

function readLog(log: Log, kind: "views" | "copied"): Run {
  const limits = { maxBytes: readBytes, upToOffset: log.logEndOffset, atLeastOneBatch: true };
  const buffer = new Uint8Array(readBytes + batchBytesMax);
  return async () => {
    const startMs = performance.now();
    let bytes = 0;
    for (let offset = 0; offset < log.logEndOffset;) {
      const read = log.tryRead(offset, limits);
      if (read instanceof ColdRead) { // Memory is short, and the kernel has taken it away.
        const error = await read.loaded;
        if (error !== null) throw error;
        continue;
      }
      if (kind === "copied") { for (const chunk of read.chunks) buffer.set(chunk); }
      offset = read.nextOffset;
      bytes += read.sizeBytes;
      read.release();
    }
    return { rate: bytes / mebibyte / ((performance.now() - startMs) / 1000) };
  };
}

function readFiles(directory: string): Run {
  const names = fs.readdirSync(directory).filter((name) => name.endsWith(".log")).sort();
  const buffer = new Uint8Array(readBytes);
  // deno-lint-ignore require-await -- a contender is a promise
  return async () => {
    const startMs = performance.now();
    let bytes = 0;
    for (const name of names) {
      const descriptor = fs.openSync(join(directory, name), "r");
      for (let position = 0;;) {
        const count = fs.readSync(descriptor, buffer, 0, buffer.length, position);
        if (count === 0) break;
        position += count;
        bytes += count;
      }
      fs.closeSync(descriptor);
    }
    return { rate: bytes / mebibyte / ((performance.now() - startMs) / 1000) };
  };
}
