/**
 * What Weir reaches of what this machine can do: bun bench/limit.ts [--rounds 3] [--scale 1] [--only REGEXP]
 * [--contenders sendfile,mmap,unpaced,exe,exe-portable,bun,deno,kafka] [--warm-up MiB]
 *
 * Each round starts each contender in a new folder, in alternating order: the bare server of bench/limit/ in its ways to
 * send, Weir as executable, on Bun and on Deno, the executable without the processor's CRC instruction (as where it cannot be reached), and Apache Kafka. All
 * are warmed up, then asked the same by the same generator: batches of 16 KiB to 1 MiB produced over four connections to six
 * partitions, then consumed out of the page cache with the limits of Java's consumer. All leave syncing to the kernel.
 *
 * The figure is processor time of the broker for a GiB; the fraction of the limit is the limit's by Weir's, where the limit
 * is the better of the two ways to send. Medians go to bench/results.jsonl with the least and the most.
 */

import { parseArgs } from "node:util";
import type { Target } from "../tests/support/broker.ts";
import { createTopic } from "../tests/support/requests.ts";
import { TestClient } from "../tests/support/test_client.ts";
import { limitExecutable, runLoad } from "./limit/limit.ts";
import { type Figure, median, record } from "./results.ts";
import { BrokerSubject, firstRecord } from "./run/contender.ts";
import { limitNames, startLimit } from "./run/limit_server.ts";
import { cpuSecondsOf } from "./run/process.ts";

interface Broker {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

interface Contender {
  /** As results have it. */
  readonly name: string;
  readonly start: () => Promise<Broker>;
  /** Of the limit: what the issue of speed asks for. */
  readonly produceTarget?: number;
  readonly consumeTarget?: number;
}

interface Row {
  readonly name: string;
  /** Of small batches nothing is asked: there the requests are what costs. */
  readonly kind: "produce" | "produce small" | "consume";
  readonly measure: (port: number) => Promise<{ readonly bytes: number; readonly seconds: number }>;
}

interface LimitFigure extends Figure {
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
  readonly scale: number;
  readonly warmUp: string;
  readonly generator: string;
}

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;
const partitionCount = 6;
const connectionCount = 4;
const recordBytes = 1024;

const contenders: Readonly<Record<string, Contender>> = {
  "sendfile": { name: limitNames.sendfile, start: () => startLimit("sendfile") },
  "mmap": { name: limitNames.mmap, start: () => startLimit("mmap") },
  "unpaced": { name: limitNames.unpaced, start: () => startLimit("unpaced") },
  "exe": { name: "exe", start: () => startBroker("exe"), produceTarget: 0.6, consumeTarget: 0.8 },
  "exe-portable": {
    name: "exe without the instruction",
    start: () => startBroker("exe", { "crc32c.native.enable": "false" }),
    produceTarget: 0.5,
    consumeTarget: 0.8,
  },
  "bun": { name: "bun", start: () => startBroker("bun") },
  "deno": { name: "deno", start: () => startBroker("deno") },
  "kafka": { name: "kafka 4.4.0", start: () => startBroker("kafka") },
};

const { values } = parseArgs({
  options: {
    "rounds": { type: "string", default: "3" },
    "scale": { type: "string", default: "1" },
    "only": { type: "string", default: "." },
    "contenders": { type: "string", default: Object.keys(contenders).join(",") },
    "warm-up": { type: "string", default: "256" },
  },
});
const rounds = positive("rounds", values.rounds);
const scale = positive("scale", values.scale);
const warmUpBytes = positive("warm-up", values["warm-up"]) * mebibyte;
const only = new RegExp(values.only);
const chosen = values.contenders.split(",").map((name) => {
  const contender = contenders[name];
  if (contender === undefined) {
    throw new RangeError(`Invalid value "${name}" for --contenders: must be of ${Object.keys(contenders).join(", ")}`);
  }
  return contender;
});
limitExecutable();

const rows: readonly Row[] = [
  ...[["16 KiB", 16_384], ["64 KiB", 65_536], ["256 KiB", 262_144]].map(produceRow),
  // A batch of a whole MiB is over what brokers take by default.
  produceRow(["1 MiB", 1_000_000]),
  {
    name: "consume from the page cache",
    kind: "consume",
    measure: async (port) => {
      const topic = await makeTopic(port, "read");
      const totalBytes = scale * gibibyte / 2;
      await runLoad({ kind: "produce", ...common(port, topic), recordBytes, batchBytes: [65_536], totalBytes });
      return await duringCpu(() =>
        runLoad({ kind: "consume", ...common(port, topic), isRepeated: true, totalBytes: 8 * totalBytes })
      );
    },
  },
];

/** Processor time of the broker that is being measured. */
let cpuSeconds = () => 0;
let usedCpuSeconds = 0;
let topicCount = 0;

const found = new Map<string, { cpu: number[]; rate: number[] }>();
const key = (row: Row, contender: Contender) => `${row.name} ${contender.name}`;

for (let round = 0; round < rounds; round++) {
  for (const contender of round % 2 === 0 ? chosen : chosen.toReversed()) {
    const broker = await contender.start();
    try {
      cpuSeconds = () => cpuSecondsOf(broker.pid);
      await warmUp(broker.port);
      for (const row of rows) {
        if (!only.test(row.name)) continue;
        const { bytes, seconds } = await row.measure(broker.port);
        const { cpu, rate } = found.get(key(row, contender)) ?? { cpu: [], rate: [] };
        cpu.push(usedCpuSeconds / (bytes / gibibyte));
        rate.push(bytes / mebibyte / seconds);
        found.set(key(row, contender), { cpu, rate });
      }
    } finally {
      await broker.stop();
    }
    console.error(`round ${round + 1} of ${rounds}: ${contender.name} done`);
  }
}
record(rows.filter(({ name }) => only.test(name)).flatMap(figuresOf));

function figuresOf(row: Row): LimitFigure[] {
  const figures: LimitFigure[] = [];
  const limits = chosen.filter(({ name }) => name.startsWith("limit")).map((contender) => cpuOf(row, contender));
  const limit = limits.toSorted((left, right) => median(left) - median(right))[0];
  for (const contender of chosen) {
    const note = (what: string, unit: string, measured: readonly number[]) => {
      const { name: runtime, produceTarget, consumeTarget } = contender;
      const [min, max] = [Math.min(...measured), Math.max(...measured)];
      const target = row.kind === "consume" ? consumeTarget : row.kind === "produce" ? produceTarget : undefined;
      if (what === "of the limit" && target !== undefined) {
        const isReached = median(measured) >= target ? "reached" : "missed";
        console.log(`${row.name}, ${runtime}: ${spreadText(measured)} of the limit, target ${target} ${isReached}`);
      } else {
        console.log(`${row.name}, ${runtime}: ${what} ${spreadText(measured)} ${unit}`);
      }
      figures.push({
        ...{ runtime, rival: "limit", row: `limit, ${row.name}: ${what}`, value: median(measured), unit, min, max },
        ...{
          rounds,
          scale,
          warmUp: `${warmUpBytes / mebibyte} MiB of 16 and 64 KiB batches`,
          generator: "bench/limit",
        },
      });
    };
    const measured = found.get(key(row, contender));
    if (measured === undefined) continue;
    note("broker CPU", "s/GiB", measured.cpu);
    note("rate", "MiB/s", measured.rate);
    if (limit !== undefined && !contender.name.startsWith("limit")) {
      note("of the limit", "", measured.cpu.map((value) => median(limit) / value));
    }
  }
  return figures;
}

/** The median, and in brackets the least and the most. */
function spreadText(measured: readonly number[]): string {
  const [middle, least, most] = [median(measured), Math.min(...measured), Math.max(...measured)].map((value) =>
    value.toPrecision(3)
  );
  return `${middle} (${least}–${most})`;
}

function cpuOf(row: Row, contender: Contender): readonly number[] {
  return found.get(key(row, contender))?.cpu ?? [];
}

function produceRow([size, batchBytes]: (string | number)[]): Row {
  return {
    name: `produce ${size}`,
    kind: Number(batchBytes) < 65_536 ? "produce small" : "produce",
    measure: async (port) => {
      const topic = await makeTopic(port, "written");
      const load = {
        ...common(port, topic),
        recordBytes,
        batchBytes: [Number(batchBytes)],
        totalBytes: scale * gibibyte,
      };
      return await duringCpu(() => runLoad({ kind: "produce", ...load }));
    },
  };
}

/** Lets a broker compile its hot code before anything is timed: small batches, so that there are many. */
async function warmUp(port: number): Promise<void> {
  const topic = await makeTopic(port, "warm-up");
  const load = { ...common(port, topic), recordBytes, totalBytes: warmUpBytes };
  await runLoad({ kind: "produce", ...load, batchBytes: [16_384, 16_384, 65_536] });
  await runLoad({ kind: "consume", ...common(port, topic), isRepeated: true, totalBytes: 2 * warmUpBytes });
}

function common(port: number, topic: string) {
  return { port, topic, partitionCount, connectionCount };
}

async function duringCpu<Value>(work: () => Promise<Value>): Promise<Value> {
  const before = cpuSeconds();
  const value = await work();
  usedCpuSeconds = cpuSeconds() - before;
  return value;
}

/** A topic that takes records: right after its creation a broker may not lead all of it yet. */
async function makeTopic(port: number, stem: string): Promise<string> {
  const name = `${stem}-${++topicCount}`;
  const client = await TestClient.connect(port);
  await createTopic(client, { name, partitionCount });
  for (let partition = 0; partition < partitionCount; partition++) await firstRecord(client, name, partition);
  client.close();
  return name;
}

async function startBroker(target: Target, config: Readonly<Record<string, string>> = {}): Promise<Broker> {
  const subject = await BrokerSubject.start({ name: target, target }, "os", config);
  return { port: subject.port, pid: subject.pid, stop: () => subject.dispose() };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new RangeError(`Invalid value "${text}" for --${name}: must be above 0`);
  return value;
}
