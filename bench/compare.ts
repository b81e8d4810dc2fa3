/**
 * Weir beside Apache Kafka: bun bench/compare.ts [--rounds 3] [--scale 1] [--only REGEXP] [--weir exe|bun|deno]
 *
 * Each round starts each of the two in a new folder, in alternating order, and asks the same of both: Kafka's own perf tools,
 * and a client of our own that costs little where the tools are what limits. Both leave syncing to the kernel
 * (log.flush.policy=os; Kafka knows no other default). Medians over the rounds go to bench/results.jsonl.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErrorCode } from "../protocol/errors.ts";
import { encodeBatch } from "../protocol/record.ts";
import { BrokerProcess, freePort, type Target, until } from "../tests/support/broker.ts";
import { createTopic, endOffset, fetchBatches, produceBytes, toRecord } from "../tests/support/requests.ts";
import { TestClient } from "../tests/support/test_client.ts";
import { readCompareOptions } from "./compare_options.ts";
import { kafkaCommand, kafkaToolCommand } from "./kafka/kafka.ts";
import { consumeLoad, type Load, produceLoad } from "./load.ts";
import { median, record } from "./results.ts";

const options = readCompareOptions(process.argv.slice(2));
const { scale, only } = options;
const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
/** CPU time in /proc is in these. */
const ticksPerSecond = 100;

interface Measured {
  readonly row: string;
  readonly value: number;
  readonly unit: string;
}

interface Row {
  readonly name: string;
  readonly run: (broker: BrokerProcess) => Promise<Measured[]>;
}

const rows: readonly Row[] = [
  toolProduce("produce 100 B, acks=1", { recordBytes: 100, recordCount: 2_000_000, acks: "1" }),
  toolProduce("produce 1 KiB, acks=1", { recordBytes: 1024, recordCount: 400_000, acks: "1" }),
  toolProduce("produce 1 KiB, acks=all", { recordBytes: 1024, recordCount: 400_000, acks: "all" }),
  toolConsume("consume 100 B", "produce 100 B, acks=1", 2_000_000),
  toolConsume("consume 1 KiB", "produce 1 KiB, acks=1", 400_000),
  { name: "send to acknowledged and to consumed", run: latency },
  { name: "made batches", run: madeBatches },
];

const contenders: readonly { readonly name: string; readonly target: Target }[] = [
  { name: "kafka 4.4.0", target: "kafka" },
  { name: `weir ${options.weir}`, target: options.weir },
];

const found = new Map<string, Map<string, { unit: string; values: number[] }>>();
for (let round = 0; round < options.rounds; round++) {
  for (const { name, target } of round % 2 === 0 ? contenders : contenders.toReversed()) {
    for (const { row, value, unit } of await runRound(target)) {
      const ofContender = found.get(name) ?? new Map<string, { unit: string; values: number[] }>();
      found.set(name, ofContender);
      const { values } = ofContender.get(row) ?? { values: [] };
      ofContender.set(row, { unit, values: [...values, value] });
    }
    console.error(`round ${round + 1} of ${options.rounds}: ${name} done`);
  }
}
for (const [runtime, ofContender] of found) {
  const rival = contenders.find(({ name }) => name !== runtime)?.name ?? null;
  record([...ofContender].map(([row, { unit, values }]) => ({ runtime, rival, row, value: median(values), unit })));
}

async function runRound(target: Target): Promise<Measured[]> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "weir-compare-"));
  // Kafka must format its folder before the first start; Weir has no such step, so the step is not counted.
  const port = await freePort();
  if (target === "kafka") kafkaCommand({ port, dataDirectory });
  const broker = await BrokerProcess.start({ target, dataDirectory, port, config: { "log.flush.policy": "os" } });
  const readyMs = performance.now();
  try {
    const measured: Measured[] = [{ row: "start to first ApiVersions answered", value: broker.readyMs, unit: "ms" }];
    await makeTopic(broker, "first", 1);
    measured.push({
      row: "start to first acknowledged record",
      value: broker.readyMs + performance.now() - readyMs,
      unit: "ms",
    });
    measured.push({ row: "own memory when started", value: broker.memory().ownBytes / mebibyte, unit: "MiB" });
    await warmUp(broker);
    for (const { name, run } of rows) if (only.test(name)) measured.push(...await run(broker));
    measured.push({ row: "own memory after load", value: broker.memory().ownBytes / mebibyte, unit: "MiB" });
    return measured;
  } finally {
    await broker.dispose();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}

/** Lets both compile their hot code before anything is timed. */
async function warmUp(broker: BrokerProcess): Promise<void> {
  await makeTopic(broker, "warm", 1);
  const load = { port: broker.port, topic: "warm", partitionCount: 1, totalBytes: scale * 300 * mebibyte };
  await produceLoad({ ...load, recordBytes: 1024, batchBytes: [16_384, 65_536] });
  await consumeLoad(load);
}

function toolProduce(name: string, load: { recordBytes: number; recordCount: number; acks: string }): Row {
  const run = async (broker: BrokerProcess): Promise<Measured[]> => {
    const topic = topicOf(name);
    await makeTopic(broker, topic, 1);
    const count = Math.round(load.recordCount * scale);
    const { output, cpuSeconds } = await tool(
      broker,
      "org.apache.kafka.tools.ProducerPerformance",
      ...["--bootstrap-server", broker.address, "--topic", topic, "--num-records", String(count)],
      ...["--record-size", String(load.recordBytes), "--throughput", "-1", "--reporting-interval", "600000"],
      ...["--command-property", `acks=${load.acks}`, "linger.ms=5", "batch.size=65536"],
    );
    const total = output.trim().split("\n").at(-1) ?? "";
    const perSecond = Number(/([\d.]+) records\/sec/.exec(total)?.[1]);
    const p99Ms = Number(/([\d.]+) ms 99th/.exec(total)?.[1]);
    if (!(perSecond > 0)) throw new Error(`No figures in what the producer printed: ${output}`);
    return [
      { row: `${name}: rate`, value: perSecond, unit: "records/s" },
      { row: `${name}: p99 latency`, value: p99Ms, unit: "ms" },
      { row: `${name}: broker CPU`, value: cpuSeconds / (count * load.recordBytes / gibibyte), unit: "s/GiB" },
    ];
  };
  return { name, run };
}

function toolConsume(name: string, producedBy: string, recordCount: number): Row {
  const run = async (broker: BrokerProcess): Promise<Measured[]> => {
    const count = Math.round(recordCount * scale);
    const { output, cpuSeconds } = await tool(
      broker,
      "org.apache.kafka.tools.ConsumerPerformance",
      ...["--bootstrap-server", broker.address, "--topic", topicOf(producedBy), "--num-records", String(count)],
      ...["--timeout", "60000", "--hide-header"],
    );
    // start, end, MB, MB/s, records, records/s, join ms, fetch ms, fetch MB/s, fetch records/s
    const fields = (output.trim().split("\n").at(-1) ?? "").split(", ").map(Number);
    const [megabytes, perSecond] = [fields[2] as number, fields[9] as number];
    if (!(perSecond > 0)) throw new Error(`No figures in what the consumer printed: ${output}`);
    return [
      { row: `${name}: rate`, value: perSecond, unit: "records/s" },
      { row: `${name}: broker CPU`, value: cpuSeconds / (megabytes / 1024), unit: "s/GiB" },
    ];
  };
  return { name, run };
}

/** One record of 1 KiB at a time with acks=all, a consumer waiting for it on another connection. */
async function latency(broker: BrokerProcess): Promise<Measured[]> {
  const place = { topic: "latency", partition: 0 };
  await makeTopic(broker, place.topic, 1);
  const [producer, consumer] = await Promise.all([TestClient.connect(broker.port), TestClient.connect(broker.port)]);
  const batch = encodeBatch({ records: [toRecord("x".repeat(1024))] });
  const acknowledgedMs: number[] = [];
  const consumedMs: number[] = [];
  const count = Math.round(5000 * Math.min(1, scale));
  let next = await endOffset(producer, place);
  for (let index = 0; index < count; index++, next++) {
    const fetched = fetchBatches(consumer, place, next, { maxWaitMs: 5000 }).then(() => performance.now());
    const startMs = performance.now();
    await produceBytes(producer, place, batch.slice());
    acknowledgedMs.push(performance.now() - startMs);
    consumedMs.push(await fetched - startMs);
  }
  producer.close();
  consumer.close();
  const figures = (what: string, values: number[]) =>
    ([["p50", 0.5], ["p99", 0.99], ["p99.9", 0.999]] as const).map(([label, part]) => ({
      row: `${what}: ${label}`,
      value: values.toSorted((left, right) => left - right)[Math.floor(values.length * part)] as number,
      unit: "ms",
    }));
  return [...figures("send to acknowledged", acknowledgedMs), ...figures("send to consumed", consumedMs)];
}

async function madeBatches(broker: BrokerProcess): Promise<Measured[]> {
  const topic = "made";
  await makeTopic(broker, topic, 6);
  const load = { port: broker.port, topic, partitionCount: 6, totalBytes: scale * 2 * gibibyte };
  const measure = async (name: string, work: () => Promise<Load>): Promise<Measured[]> => {
    const before = cpuSecondsOf(broker);
    const { bytes, seconds } = await work();
    return [
      { row: `${name}: rate`, value: bytes / mebibyte / seconds, unit: "MiB/s" },
      { row: `${name}: broker CPU`, value: (cpuSecondsOf(broker) - before) / (bytes / gibibyte), unit: "s/GiB" },
    ];
  };
  return [
    ...await measure(
      "made batches of 64 KiB, produce",
      () => produceLoad({ ...load, totalBytes: load.totalBytes / 2, recordBytes: 1024, batchBytes: [65_536] }),
    ),
    ...await measure(
      "made batches of 1 MB, produce",
      () => produceLoad({ ...load, recordBytes: 1024, batchBytes: [1_000_000] }),
    ),
    ...await measure("made batches, consume", () => consumeLoad(load)),
  ];
}

/** A topic that takes records: right after its creation a broker may not lead all of it yet. */
async function makeTopic(broker: BrokerProcess, name: string, partitionCount: number): Promise<void> {
  const client = await TestClient.connect(broker.port);
  await createTopic(client, { name, partitionCount });
  for (let partition = 0; partition < partitionCount; partition++) {
    const batch = encodeBatch({ records: [toRecord("first")] });
    await until(async () =>
      (await produceBytes(client, { topic: name, partition }, batch.slice())).errorCode === ErrorCode.NONE
    );
  }
  client.close();
}

async function tool(
  broker: BrokerProcess,
  className: string,
  ...args: readonly string[]
): Promise<{ readonly output: string; readonly cpuSeconds: number }> {
  const before = cpuSecondsOf(broker);
  const [command, ...rest] = kafkaToolCommand(className, ...args);
  const output = await new Promise<string>((resolve, reject) => {
    const child = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => text += part);
    child.stderr.setEncoding("utf8").on("data", (part: string) => errors += part);
    child.on("error", reject);
    child.on("close", (code) => code === 0 ? resolve(text) : reject(new Error(`${className}: ${text}${errors}`)));
  });
  return { output, cpuSeconds: cpuSecondsOf(broker) - before };
}

/** User and system time of the process. */
function cpuSecondsOf(broker: BrokerProcess): number {
  const fields = readFileSync(`/proc/${broker.pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function topicOf(name: string): string {
  return name.replace(/[^\w]+/g, "-");
}
