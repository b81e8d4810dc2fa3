/**
 * What an acknowledgement costs when it means synced: bun bench/storage/broker.ts exe|bun|deno [--rounds 5]
 * [--scale 1] [--only REGEXP]
 *
 * A broker with `log.flush.policy=group`. One client that sends a record of 1 KB with acks=all and waits, beside a bare loop of
 * write and `fdatasync` on the same disk, in turn with it: p50 and p99. Then batches of 64 KiB over 1, 8 and 64 connections with
 * one request in flight each, to one partition and to one each. Fails when the p50 is over that of the bare loop by more than
 * 30 % and more than 0.3 ms.
 */

import * as fs from "node:fs";
import process from "node:process";
import { encodeBatch } from "../../protocol/record.ts";
import { BrokerProcess, type Target } from "../../tests/support/broker.ts";
import { createTopic, produceBytes, toRecord } from "../../tests/support/requests.ts";
import { TestClient } from "../../tests/support/test_client.ts";
import { produceLoad } from "../load.ts";
import { median, quantile, record } from "../results.ts";
import { batchOf, contest, kibibyte, mebibyte, readContestOptions, type Run, Scratch } from "./contest.ts";

const extraPartMax = 0.3;
const extraMsMax = 0.3;
const latencyCount = 1000;
const recordBytes = 1000;
const loadBytes: Readonly<Record<number, number>> = { 1: 48 * mebibyte, 8: 192 * mebibyte, 64: 256 * mebibyte };

const target = (process.argv[2] ?? "exe") as Target;
const { rounds, scale, only } = readContestOptions(process.argv.slice(3));
const count = Math.max(20, Math.round(latencyCount * scale));
const scratch = await Scratch.make();
const broker = await BrokerProcess.start({ target, config: { "log.flush.policy": "group" } });
let isGood = true;
try {
  scratch.warm(1024 * mebibyte * Math.min(1, scale));
  const client = await TestClient.connect(broker.port);
  await createTopic(client, { name: "one", partitionCount: 1 });
  await createTopic(client, { name: "each", partitionCount: 64 });
  if (only.test("low load")) await measureLowLoad(client);
  client.close();
  await measureLoads();
} finally {
  await broker.dispose();
  scratch.remove();
}
if (!isGood) console.log("FAIL: the p50 at low load is over the limit");
process.exit(isGood || scale < 1 ? 0 : 1);

async function measureLowLoad(client: TestClient): Promise<void> {
  const batch = encodeBatch({ records: [toRecord("x".repeat(recordBytes))] });
  const figures = (latencies: readonly number[]) => ({ p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) });
  const subject: Run = async () => {
    const latencies: number[] = [];
    for (let index = 0; index < count; index++) {
      const startMs = performance.now();
      await produceBytes(client, { topic: "one", partition: 0 }, batch.slice());
      latencies.push(performance.now() - startMs);
    }
    return figures(latencies.slice(Math.floor(count / 20)));
  };
  const bytes = batchOf(recordBytes);
  const rival: Run = () => {
    const { descriptor, remove } = scratch.file();
    const latencies: number[] = [];
    for (let index = 0, position = 0; index < count; index++) {
      const startMs = performance.now();
      position += fs.writeSync(descriptor, bytes, 0, bytes.length, position);
      fs.fdatasyncSync(descriptor);
      latencies.push(performance.now() - startMs);
    }
    remove();
    return Promise.resolve(figures(latencies));
  };
  await subject(); // compiled before it is timed
  const found = await contest(rounds, { subject, rival });
  for (const part of ["p50", "p99"] as const) {
    record([
      {
        runtime: target,
        rival: "bare loop",
        row: `acknowledged 1 KB, low load: ${part}`,
        value: found.subject[part]!,
        unit: "ms",
      },
      {
        runtime: target,
        rival: null,
        row: `acknowledged 1 KB, low load: ${part}, bare loop`,
        value: found.rival[part]!,
        unit: "ms",
      },
    ]);
  }
  const bareMs = found.rival["p50"]!;
  if (found.subject["p50"]! > Math.max(bareMs * (1 + extraPartMax), bareMs + extraMsMax)) isGood = false;
}

async function measureLoads(): Promise<void> {
  for (const connectionCount of [1, 8, 64]) {
    for (const [topic, where] of [["one", "one partition"], ["each", "a partition each"]] as const) {
      const row = `acknowledged 64 KiB, connections ${connectionCount}, ${where}`;
      if (!only.test(row) || (connectionCount === 1 && topic === "each")) continue;
      const rates: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const { bytes, seconds } = await produceLoad({
          port: broker.port,
          topic,
          partitionCount: topic === "one" ? 1 : connectionCount,
          recordBytes,
          batchBytes: [64 * kibibyte],
          totalBytes: Math.max(mebibyte, loadBytes[connectionCount]! * scale),
          connectionCount,
          inFlight: 1,
        });
        if (round > 0) rates.push(bytes / mebibyte / seconds);
      }
      record([{ runtime: target, rival: null, row, value: median(rates), unit: "MiB/s" }]);
    }
  }
}
