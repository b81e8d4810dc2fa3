/**
 * What a compaction costs those who produce meanwhile: bun bench/compaction.ts [--gigabytes 10] [--target bun] [--seconds 15]
 *
 * Fills a compacted topic with the flush policy os (records of 1 KiB, each key about twice), then sends small batches to another
 * topic over a few connections at a steady rate and measures how long each waits for its answer: before, while the cleaner goes
 * through the first topic, and after. Fails when the 99th percentile during the compaction is above twice that without.
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { produce } from "../protocol/api/00_produce.ts";
import { incrementalAlterConfigs } from "../protocol/api/44_incremental_alter_configs.ts";
import { BatchView } from "../protocol/batch.ts";
import { initCrc32c } from "../protocol/crc32c.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { encodeBatch } from "../protocol/record.ts";
import { BrokerProcess, type Target } from "../tests/support/broker.ts";
import { AnsweredError, createTopic } from "../tests/support/requests.ts";
import { TestClient } from "../tests/support/test_client.ts";
import { type Figure, median, quantile, record } from "./results.ts";

const valueBytes = 1000;
const keyBytes = 16;
const recordsPerBatch = 60;
const batchesInFlight = 8;
/** The load beside the compaction. */
const probeConnections = 4;
const probePeriodMs = 5;
const probeBatchBytes = 4096;
const ratioMax = 2;

const { values } = parseArgs({
  options: {
    gigabytes: { type: "string", default: "10" },
    seconds: { type: "string", default: "15" },
    target: { type: "string", default: "bun" },
    "bytes-per-second": { type: "string" },
  },
});

await initCrc32c();
let isGood = true;
for (const target of values.target.split(",") as Target[]) {
  const figures = await measure(target, Number(values.gigabytes), Number(values.seconds) * 1000);
  record(figures);
  const ratio = figures.find(({ unit }) => unit === "×")!.value;
  if (ratio > ratioMax) isGood = false;
}
if (!isGood) console.log("FAIL: over the limit");
process.exit(isGood ? 0 : 1);

async function measure(target: Target, gigabytes: number, periodMs: number): Promise<Figure[]> {
  const limit = values["bytes-per-second"];
  const broker = await BrokerProcess.start({
    target,
    config: {
      "log.flush.policy": "os",
      "log.cleaner.backoff.ms": 200,
      ...(limit === undefined ? {} : { "log.cleaner.io.max.bytes.per.second": limit }),
    },
  });
  const name = `compaction of ${gigabytes} GB`;
  const figures: Figure[] = [];
  const note = (what: string, value: number, unit: string) => {
    figures.push({ runtime: target, rival: "without", row: `${name}: ${what}`, value, unit });
  };
  const client = await TestClient.connect(broker.port);
  try {
    const segmentBytes = Math.max(2 ** 20, Math.min(2 ** 30, Math.floor(gigabytes * 1e8)));
    await createTopic(client, {
      name: "keyed",
      configs: { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "1", "segment.bytes": `${segmentBytes}` },
    });
    await createTopic(client, { name: "probe" });
    const writtenBytes = await fill(broker.port, gigabytes * 1e9);
    spawnSync("sync"); // Or the kernel would still be writing that back while "without" is measured.
    const without = [await probe(broker.port, (elapsedMs) => elapsedMs < periodMs)];
    let highestBytes = 0;
    const sampler = setInterval(() => highestBytes = Math.max(highestBytes, broker.memory().ownBytes), 100);
    const startBytes = broker.memory().ownBytes;
    await setRatio(client, "0.01");
    const startMs = performance.now();
    const during = await probe(broker.port, () => !isCompacted(broker));
    const tookMs = performance.now() - startMs;
    clearInterval(sampler);
    without.push(await probe(broker.port, (elapsedMs) => elapsedMs < periodMs));

    for (const share of [0.5, 0.99, 0.999]) {
      const percent = `p${share * 100}`;
      const before = median(without.map((latencies) => quantile(latencies, share)));
      note(`${percent} of produce without`, before, "ms");
      note(`${percent} of produce during`, quantile(during, share), "ms");
      if (share === 0.99) note("p99 during, by that without", quantile(during, share) / before, "×");
    }
    note("longest produce without", Math.max(...without.map((latencies) => quantile(latencies, 1))), "ms");
    note("longest produce during", quantile(during, 1), "ms");
    note("rate", writtenBytes / 1e6 / (tookMs / 1000), "MB/s");
    note("own memory, highest over that before", (highestBytes - startBytes) / 1e6, "MB");
    const line = broker.lines.find((text) => text.includes("log-compacted")) ?? "";
    const [, read = "0", written = "0"] = /readBytes=(\d+) writtenBytes=(\d+)/.exec(line) ?? [];
    note("read", Number(read) / 1e9, "GB");
    note("written", Number(written) / 1e9, "GB");
    return figures;
  } finally {
    client.close();
    await broker.dispose();
  }
}

/** Latencies in ascending order of batches sent while `goes`. */
async function probe(port: number, goes: (elapsedMs: number) => boolean): Promise<number[]> {
  const startMs = performance.now();
  const latencies: number[] = [];
  const records = encodeBatch({ records: [{ timestamp: Date.now(), value: noise(probeBatchBytes) }] });
  const clients = await Promise.all(Array.from({ length: probeConnections }, () => TestClient.connect(port)));
  await Promise.all(clients.map(async (client) => {
    while (goes(performance.now() - startMs)) {
      await new Promise((resolve) => setTimeout(resolve, probePeriodMs));
      const sentMs = performance.now();
      await send(client, "probe", records);
      latencies.push(performance.now() - sentMs);
    }
  }));
  for (const client of clients) client.close();
  return latencies.sort((one, other) => one - other);
}

async function fill(port: number, totalBytes: number): Promise<number> {
  const recordCount = Math.floor(totalBytes / (valueBytes + keyBytes + 12));
  const keyCount = Math.max(1, Math.floor(recordCount / 2));
  const client = await TestClient.connect(port);
  let sentBytes = 0;
  await Promise.all(Array.from({ length: batchesInFlight }, async () => {
    const batch = new KeyedBatch();
    while (sentBytes < totalBytes) {
      const bytes = batch.withKeys(() => Math.floor(Math.random() * keyCount));
      sentBytes += bytes.length;
      await send(client, "keyed", bytes);
    }
  }));
  client.close();
  return sentBytes;
}

/** A batch whose keys can be written over: encoding ten million records anew would take longer than all else. */
class KeyedBatch {
  readonly #bytes: Uint8Array;
  readonly #keysAt: number[] = [];

  constructor() {
    const keys = Array.from({ length: recordsPerBatch }, (_, index) => keyOf(1e15 + index));
    this.#bytes = encodeBatch({
      records: keys.map((key) => ({ timestamp: Date.now(), key, value: noise(valueBytes) })),
    });
    for (const key of keys) this.#keysAt.push(Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset).indexOf(key));
  }

  withKeys(next: () => number): Uint8Array {
    for (const at of this.#keysAt) this.#bytes.set(keyOf(next()), at);
    new BatchView(this.#bytes, 0).stampCrc();
    return this.#bytes;
  }
}

function keyOf(number: number): Uint8Array {
  return new TextEncoder().encode(String(number).padStart(keyBytes, "0"));
}

function noise(sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, () => Math.floor(Math.random() * 256));
}

async function send(client: TestClient, topic: string, records: Uint8Array): Promise<void> {
  const answer = await client.send(produce, 9, {
    acks: -1,
    timeoutMs: 60_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  }, { timeoutMs: 60_000 });
  const code = answer.responses[0]?.partitionResponses[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (code !== ErrorCode.NONE) throw new AnsweredError(code, `Cannot produce to "${topic}"`);
}

async function setRatio(client: TestClient, value: string): Promise<void> {
  const answer = await client.send(incrementalAlterConfigs, 1, {
    resources: [{
      resourceType: 2,
      resourceName: "keyed",
      configs: [{ name: "min.cleanable.dirty.ratio", configOperation: 0, value }],
    }],
    validateOnly: false,
  });
  const code = answer.responses[0]!.errorCode;
  if (code !== ErrorCode.NONE) throw new AnsweredError(code, "Cannot set min.cleanable.dirty.ratio");
}

function isCompacted(broker: BrokerProcess): boolean {
  try {
    return /^keyed 0 \d+$/m.test(readFileSync(join(broker.dataDirectory, "cleaner-offset-checkpoint"), "utf8"));
  } catch {
    return false;
  }
}
