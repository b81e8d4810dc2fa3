/**
 * The process's own memory under load: bun bench/memory.ts [--gigabytes 20] [--connections 2000] [--target bun,deno,exe]
 *
 * Produces and consumes through a broker with 1 GiB segments and retention by size, and looks at RssAnon all the while (the
 * page cache that is mapped, RssFile, is reported beside it); then opens idle connections. Before that a backlog as large, kept
 * whole, is read from its start to its end by one consumer at full speed: after a restart of the broker, warm as far as the machine
 * has memory for it, and again with all of it dropped from the page cache. Fails over 400 MB and 50 MB, and when the consumer has
 * missed a record that retention did not take.
 */

import { parseArgs } from "node:util";
import { metadata } from "../protocol/api/03_metadata.ts";
import { BrokerProcess, type Target } from "../tests/support/broker.ts";
import { createTopic } from "../tests/support/requests.ts";
import { TestClient } from "../tests/support/test_client.ts";
import { type Consumed, consumeLoad, type Load, produceLoad } from "./load.ts";
import { dropFromPageCache } from "./page_cache.ts";
import { type Figure, record } from "./results.ts";

const megabyte = 1_000_000;
const ownBytesMax = 400 * megabyte;
const idleBytesMax = 50 * megabyte;
const samplePeriodMs = 50;
const retentionBytes = 2 ** 30;

const { values } = parseArgs({
  options: {
    gigabytes: { type: "string", default: "20" },
    connections: { type: "string", default: "2000" },
    target: { type: "string", default: "bun,deno,exe" },
  },
});

let isGood = true;
for (const target of values.target.split(",") as Target[]) {
  const figures = await measure(target, Number(values.gigabytes) * 1e9, Number(values.connections));
  figures.push(...await measureBacklog(target, Number(values.gigabytes) * 1e9));
  record(figures);
  const over = (row: string, limit: number) =>
    figures.some((figure) => figure.row.startsWith(row) && figure.value * megabyte > limit);
  if (over("memory: own, highest", ownBytesMax) || over("memory: idle connections", idleBytesMax)) isGood = false;
}
if (!isGood) console.log("FAIL: over the limit");
process.exit(isGood ? 0 : 1);

async function measure(target: Target, totalBytes: number, connectionCount: number): Promise<Figure[]> {
  const broker = await BrokerProcess.start({
    target,
    config: {
      "log.segment.bytes": 2 ** 30,
      "log.retention.bytes": retentionBytes,
      "log.retention.check.interval.ms": 1000,
    },
  });
  const figure = (row: string, value: number, unit = "MB"): Figure => ({
    runtime: target,
    rival: null,
    row,
    value,
    unit,
  });
  try {
    const startBytes = broker.memory().ownBytes;
    const highest = { ownBytes: 0, mappedBytes: 0 };
    const sampler = setInterval(() => {
      const { ownBytes, mappedBytes } = broker.memory();
      highest.ownBytes = Math.max(highest.ownBytes, ownBytes);
      highest.mappedBytes = Math.max(highest.mappedBytes, mappedBytes);
    }, samplePeriodMs);
    const load = { port: broker.port, topic: "load", partitionCount: 3, totalBytes };
    const client = await TestClient.connect(broker.port);
    await createTopic(client, { name: load.topic, partitionCount: load.partitionCount });
    client.close();
    const batchBytes = [16 * 1024, 64 * 1024, 256 * 1024, 1_000_000];
    let isProduced = false;
    const producing = produceLoad({ ...load, recordBytes: 1024, batchBytes }).finally(() => isProduced = true);
    const consuming = consumeLoad({ ...load, totalBytes: Infinity, isProduced: () => isProduced });
    const [produced, consumed] = await Promise.all([producing, consuming]);
    clearInterval(sampler);
    checkConsumed(produced, consumed, load.partitionCount);

    const connectedBytes = await idleConnections(target, connectionCount);
    const gigabytes = `${Math.round(totalBytes / 1e9)} GB`;
    return [
      figure("memory: own, after start", startBytes / megabyte),
      figure("memory: own, highest under load", highest.ownBytes / megabyte),
      figure("memory: mapped, highest under load", highest.mappedBytes / megabyte),
      figure(`load: produced and consumed, ${gigabytes}`, produced.bytes / megabyte / produced.seconds, "MB/s"),
      figure("load: consumed of it, the rest taken by retention", 100 * consumed.bytes / produced.bytes, "%"),
      figure("memory: idle connections", connectedBytes / megabyte),
    ];
  } finally {
    await broker.dispose();
  }
}

/** All of it is read: nothing is deleted, and nothing more is produced. */
async function measureBacklog(target: Target, totalBytes: number): Promise<Figure[]> {
  const broker = await BrokerProcess.start({ target, config: { "log.flush.policy": "os" } });
  const figures: Figure[] = [];
  const gigabytes = `${Math.round(totalBytes / 1e9)} GB`;
  try {
    const load = { port: broker.port, topic: "backlog", partitionCount: 3, totalBytes };
    const client = await TestClient.connect(broker.port);
    await createTopic(client, { name: load.topic, partitionCount: load.partitionCount });
    client.close();
    const batchBytes = [16 * 1024, 64 * 1024, 256 * 1024, 1_000_000];
    const produced = await produceLoad({ ...load, recordBytes: 1024, batchBytes });
    for (const state of ["warm", "cold"] as const) {
      await broker.stop();
      if (state === "cold") dropFromPageCache(broker.dataDirectory);
      await broker.restart();
      let ownBytes = 0;
      const sampler = setInterval(() => ownBytes = Math.max(ownBytes, broker.memory().ownBytes), samplePeriodMs);
      const consumed = await consumeLoad({ ...load, totalBytes: produced.bytes });
      clearInterval(sampler);
      if (consumed.records !== produced.records) {
        throw new Error(`Of ${produced.records} records ${consumed.records} were consumed`);
      }
      const add = (row: string, value: number, unit: string) => {
        figures.push({ runtime: target, rival: null, row: `${row} ${gigabytes}, ${state}`, value, unit });
      };
      add("memory: own, highest over a backlog of", ownBytes / megabyte, "MB");
      add("load: consumed a backlog of", consumed.bytes / megabyte / consumed.seconds, "MB/s");
    }
    return figures;
  } finally {
    await broker.dispose();
  }
}

/** Every record was read, or taken by retention before that; and retention takes none of a partition that is small. */
function checkConsumed(produced: Load, consumed: Consumed, partitionCount: number): void {
  if (consumed.records + consumed.skippedRecords !== produced.records) {
    throw new Error(
      `Of ${produced.records} records ${consumed.records} were consumed and ${consumed.skippedRecords} taken by retention`,
    );
  }
  // Batches go to the partitions in turn, so that none has much more than its share.
  if (consumed.skippedRecords > 0 && produced.bytes / partitionCount < retentionBytes / 2) {
    throw new Error(`Retention took ${consumed.skippedRecords} records of partitions below log.retention.bytes`);
  }
}

/** What so many clients cost that have said who they are and then nothing more, on a broker of its own. */
async function idleConnections(target: Target, count: number): Promise<number> {
  const broker = await BrokerProcess.start({ target });
  const clients: TestClient[] = [];
  try {
    clients.push(...await connectMany(broker.port, 50)); // first: what is loaded and compiled once is not the connections'
    const before = broker.memory().ownBytes;
    clients.push(...await connectMany(broker.port, count));
    return broker.memory().ownBytes - before;
  } finally {
    for (const client of clients) client.close();
    await broker.dispose();
  }
}

async function connectMany(port: number, count: number): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  for (let index = 0; index < count; index++) {
    const client = await TestClient.connect(port, { clientId: `idle-${index}` });
    await client.send(metadata, 9, { topics: [] });
    clients.push(client);
  }
  return clients;
}
