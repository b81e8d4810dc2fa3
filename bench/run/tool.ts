/** Kafka's own perf tools, each run a process of its own as a user would start it, and what they print. */

import { spawn } from "node:child_process";
import { kafkaToolCommand } from "../kafka/kafka.ts";

export interface ProducerRun {
  readonly address: string;
  readonly topic: string;
  readonly recordBytes: number;
  readonly recordCount: number;
  /** Records per second; -1 for as many as it can. */
  readonly throughput?: number;
  /** As `name=value`. */
  readonly properties: readonly string[];
}

export interface Produced {
  readonly recordsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

export async function runProducer(run: ProducerRun): Promise<Produced> {
  const { address, topic, recordBytes, recordCount, throughput = -1, properties } = run;
  const output = await runTool(
    "org.apache.kafka.tools.ProducerPerformance",
    ...["--bootstrap-server", address, "--topic", topic, "--num-records", `${recordCount}`],
    ...["--record-size", `${recordBytes}`, "--throughput", `${throughput}`, "--reporting-interval", "600000"],
    ...["--command-property", ...properties],
  );
  return readProduced(output, recordCount);
}

/** The last line: `N records sent, R records/sec (…), … ms 50th, … ms 95th, … ms 99th, … ms 99.9th.` */
export function readProduced(output: string, recordCount: number): Produced {
  const line = output.trim().split("\n").at(-1) ?? "";
  const figure = (pattern: RegExp) => Number(pattern.exec(line)?.[1]);
  const produced = {
    recordsPerSecond: figure(/([\d.]+) records\/sec/),
    p50Ms: figure(/([\d.]+) ms 50th/),
    p99Ms: figure(/([\d.]+) ms 99th/),
    p999Ms: figure(/([\d.]+) ms 99\.9th/),
  };
  if (!line.startsWith(`${recordCount} records sent`) || /Exception|expired/.test(output)) {
    throw new Error(`The producer did not send ${recordCount} records: ${output}`);
  }
  if (Object.values(produced).some((value) => !(value >= 0))) throw new Error(`No figures in: ${output}`);
  return produced;
}

export interface ConsumedByTool {
  /** Without the time that the group took to form. */
  readonly recordsPerSecond: number;
  readonly mebibytes: number;
}

export interface ConsumerRun {
  readonly address: string;
  readonly topic: string;
  readonly recordCount: number;
  /** As `name=value`. */
  readonly properties?: readonly string[];
}

export async function runConsumer(run: ConsumerRun): Promise<ConsumedByTool> {
  const { address, topic, recordCount, properties = [] } = run;
  const output = await runTool(
    "org.apache.kafka.tools.ConsumerPerformance",
    ...["--bootstrap-server", address, "--topic", topic, "--num-records", `${recordCount}`],
    ...["--timeout", "60000", "--hide-header"],
    ...(properties.length === 0 ? [] : ["--command-property", ...properties]),
  );
  return readConsumed(output, recordCount);
}

/** start, end, MB, MB/s, records, records/s, join ms, fetch ms, fetch MB/s, fetch records/s */
export function readConsumed(output: string, recordCount: number): ConsumedByTool {
  const fields = (output.trim().split("\n").at(-1) ?? "").split(/, */).map(Number);
  const [mebibytes, records, recordsPerSecond] = [fields[2] ?? NaN, fields[4] ?? NaN, fields[9] ?? NaN];
  if (!(records >= recordCount) || !(recordsPerSecond > 0)) {
    throw new Error(`The consumer did not read ${recordCount} records: ${output}`);
  }
  return { recordsPerSecond, mebibytes };
}

function runTool(className: string, ...args: readonly string[]): Promise<string> {
  const [command, ...rest] = kafkaToolCommand(className, ...args);
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => text += part);
    child.stderr.setEncoding("utf8").on("data", (part: string) => errors += part);
    child.on("error", reject);
    child.on("close", (code) => code === 0 ? resolve(text) : reject(new Error(`${className}: ${text}${errors}`)));
  });
}
