/**
 * Does one reader's cold backlog hold up the others? bun bench/cold_reads.ts [--gigabytes 4] [--target bun,deno,exe]
 *
 * Fills a topic, starts the broker again, and asks it small things all the while (ApiVersions, and a produce of 1 KB with
 * acks=1 to another topic): with nothing else to do, while another process reads the backlog from the page cache, and while
 * it reads it after the page cache has dropped it. The warm run is the rival of the cold one: both share the machine's cores
 * with a reader at full speed, and differ in the disk. As root, the kernel also tells how long the event loop's thread itself
 * has waited for the disk, whatever else kept the cores busy.
 */

import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { produce } from "../protocol/api/00_produce.ts";
import { apiVersions } from "../protocol/api/18_api_versions.ts";
import { encodeBatch } from "../protocol/record.ts";
import { BrokerProcess, type Target } from "../tests/support/broker.ts";
import { createTopic } from "../tests/support/requests.ts";
import { TestClient } from "../tests/support/test_client.ts";
import { consumeLoad, type Load, produceLoad } from "./load.ts";
import { dropFromPageCache } from "./page_cache.ts";
import { type Figure, quantile, record } from "./results.ts";
import { cpuSecondsOf } from "./run/process.ts";

const topic = "backlog";
const probeTopic = "probe";
const partitionCount = 3;
const gibibyte = 2 ** 30;
const clockTicksPerSecond = 100;
const probePauseMs = 1;
const idleMs = 3000;

const { values } = parseArgs({
  options: {
    gigabytes: { type: "string", default: "4" },
    target: { type: "string", default: "bun,deno,exe" },
    consume: { type: "string" },
    bytes: { type: "string", default: "0" },
  },
});

if (values.consume !== undefined) {
  const load = { port: Number(values.consume), topic, partitionCount, totalBytes: Number(values.bytes) };
  console.log(JSON.stringify(await consumeLoad(load)));
  process.exit(0);
}
const countsDiskWaits = startDelayAccounting();
for (const target of values.target.split(",") as Target[]) {
  record(await measure(target, Number(values.gigabytes) * 1e9));
}
process.exit(0);

async function measure(target: Target, totalBytes: number): Promise<Figure[]> {
  const broker = await BrokerProcess.start({
    target,
    config: { "log.segment.bytes": 2 ** 28, "log.flush.policy": "os" },
  });
  const figures: Figure[] = [];
  try {
    const client = await TestClient.connect(broker.port);
    await createTopic(client, { name: topic, partitionCount });
    await createTopic(client, { name: probeTopic, partitionCount: 1 });
    client.close();
    const produced = await produceLoad({
      port: broker.port,
      topic,
      partitionCount,
      recordBytes: 1024,
      batchBytes: [16 * 1024, 64 * 1024, 256 * 1024],
      totalBytes,
    });
    for (const state of ["idle", "warm", "cold"] as const) {
      await broker.stop();
      if (state === "cold") dropFromPageCache(broker.dataDirectory);
      await broker.restart();
      await consume(broker.port, 16 * 2 ** 20); // what is compiled on first use
      const cpuSecondsBefore = cpuSecondsOf(broker.pid);
      const waitTicksBefore = diskWaitTicks(broker.pid);
      let isOver = false;
      const consuming = state === "idle"
        ? new Promise<null>((resolve) => setTimeout(() => resolve(null), idleMs))
        : consume(broker.port, produced.bytes);
      const probing = probe(broker.port, () => isOver);
      const consumed = await consuming.finally(() => isOver = true);
      const cpuSeconds = cpuSecondsOf(broker.pid) - cpuSecondsBefore;
      const latencies = await probing;
      const add = (row: string, value: number, unit: string) => {
        figures.push({ runtime: target, rival: "warm", row: `cold reads, ${state}: ${row}`, value, unit });
      };
      for (const [what, sorted] of latencies) {
        add(`${what} p50`, quantile(sorted, 0.5), "ms");
        add(`${what} p99`, quantile(sorted, 0.99), "ms");
        add(`${what} longest`, quantile(sorted, 1), "ms");
      }
      const waitTicks = diskWaitTicks(broker.pid) - waitTicksBefore;
      if (countsDiskWaits) add("event loop waited for the disk", waitTicks * (1000 / clockTicksPerSecond), "ms");
      if (consumed === null) continue;
      add("consumed", consumed.bytes / 2 ** 20 / consumed.seconds, "MiB/s");
      add("broker CPU", cpuSeconds / (consumed.bytes / gibibyte), "s/GiB");
      add("own memory after", broker.memory().ownBytes / 2 ** 20, "MiB");
    }
    return figures;
  } finally {
    await broker.dispose();
  }
}

/** In a process of its own, or the reader's work would show as the prober's waiting. */
function consume(port: number, bytes: number): Promise<Load> {
  const args = [fileURLToPath(import.meta.url), "--consume", `${port}`, "--bytes", `${bytes}`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => code === 0 ? resolve(JSON.parse(output)) : reject(new Error("The consumer failed")));
  });
}

/** Round trips in milliseconds, sorted, of each kind of request. */
async function probe(port: number, isOver: () => boolean): Promise<[string, number[]][]> {
  const client = await TestClient.connect(port);
  const records = encodeBatch({ records: [{ timestamp: Date.now(), value: new Uint8Array(1024) }] });
  const asking: number[] = [];
  const producing: number[] = [];
  while (!isOver()) {
    const startMs = performance.now();
    await client.send(apiVersions, 3, { clientSoftwareName: "bench", clientSoftwareVersion: "1" });
    const askedMs = performance.now();
    await client.send(produce, 9, {
      acks: 1,
      timeoutMs: 60_000,
      topicData: [{ name: probeTopic, partitionData: [{ index: 0, records }] }],
    });
    asking.push(askedMs - startMs);
    producing.push(performance.now() - askedMs);
    await new Promise((resolve) => setTimeout(resolve, probePauseMs));
  }
  client.close();
  const sort = (values: number[]) => values.sort((left, right) => left - right);
  return [["ApiVersions", sort(asking)], ["produce", sort(producing)]];
}

/** Since the start of its main thread, which has the event loop on both runtimes. */
function diskWaitTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/task/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[39]);
}

/** False where one may not. */
function startDelayAccounting(): boolean {
  try {
    writeFileSync("/proc/sys/kernel/task_delayacct", "1");
    return true;
  } catch {
    return false;
  }
}
