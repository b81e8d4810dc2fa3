/**
 * What Weir reaches of what this machine can do: bun bench/limit.ts [--rounds 3] [--scale 1] [--only REGEXP]
 * [--contenders sendfile,mmap,unpaced,exe,exe-portable,bun,deno,kafka] [--warm-up MiB]
 *
 * Each round starts each contender in a new folder, in alternating order: the bare server of bench/limit/ in its ways to send,
 * Weir as executable, on Bun and on Deno, the executable without the processor's CRC instruction (as where it cannot be
 * reached), and Apache Kafka. All are warmed up, then asked the same by the same generator: batches of 16 KiB to 1 MiB produced
 * over four connections to six partitions, then consumed out of the page cache with the limits of Java's consumer. All leave
 * syncing to the kernel.
 *
 * The figure is processor time of the broker for a GiB; the fraction of the limit is the limit's by Weir's, where the limit
 * is the best of its ways to send. Medians go to bench/results.jsonl with the least and the most.
 */

import { parseArgs } from "node:util";
import type { Target } from "../tests/support/broker.ts";
import { limitExecutable, runLoad } from "./limit/limit.ts";
import { type Figure, median, record } from "./results.ts";
import { cpuDuring, gibibyte, mebibyte, type Transfer } from "./rows/row.ts";
import { BrokerSubject, kafkaName, type Subject } from "./run/contender.ts";
import { type LimitName, limitNames, LimitSubject } from "./run/limit_server.ts";
import { invalid } from "./run/options.ts";

interface Contender {
  /** As results have it. */
  readonly name: string;
  readonly start: () => Promise<BrokerSubject | LimitSubject>;
  /** Of the limit: what the issue of speed asks for. */
  readonly produceTarget?: number;
  readonly consumeTarget?: number;
}

interface Row {
  readonly name: string;
  /** Of small batches nothing is asked: there the requests are what costs. */
  readonly kind: "produce" | "produce small" | "consume";
  readonly measure: (subject: Subject) => Promise<{ readonly value: Transfer; readonly cpuSeconds: number }>;
}

interface LimitFigure extends Figure {
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
  readonly scale: number;
  readonly warmUp: string;
  readonly generator: string;
}

const partitionCount = 6;
const connectionCount = 4;
const recordBytes = 1024;

const contenders: Readonly<Record<string, Contender>> = {
  "sendfile": limit("sendfile"),
  "mmap": limit("mmap"),
  "unpaced": limit("unpaced"),
  "exe": { ...broker("exe", "exe"), produceTarget: 0.6, consumeTarget: 0.8 },
  "exe-portable": {
    ...broker("exe without the instruction", "exe", { "crc32c.native.enable": "false" }),
    produceTarget: 0.5,
    consumeTarget: 0.8,
  },
  "bun": broker("bun", "bun"),
  "deno": broker("deno", "deno"),
  "kafka": broker(kafkaName, "kafka"),
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
  if (contender === undefined) throw invalid("contenders", name, `of ${Object.keys(contenders).join(", ")}`);
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
    measure: async (subject) => {
      const load = await newTopic(subject, "read");
      const totalBytes = scale * gibibyte / 2;
      await runLoad({ kind: "produce", ...load, recordBytes, batchBytes: [65_536], totalBytes });
      return await cpuDuring(
        subject,
        () => runLoad({ kind: "consume", ...load, isRepeated: true, totalBytes: 8 * totalBytes }),
      );
    },
  },
];

let topicCount = 0;

const found = new Map<string, { cpu: number[]; rate: number[] }>();
const key = (row: Row, contender: Contender) => `${row.name} ${contender.name}`;

for (let round = 0; round < rounds; round++) {
  for (const contender of round % 2 === 0 ? chosen : chosen.toReversed()) {
    const subject = await contender.start();
    try {
      await warmUp(subject);
      for (const row of rows) {
        if (!only.test(row.name)) continue;
        const { value: { bytes, seconds }, cpuSeconds } = await row.measure(subject);
        const { cpu, rate } = found.get(key(row, contender)) ?? { cpu: [], rate: [] };
        cpu.push(cpuSeconds / (bytes / gibibyte));
        rate.push(bytes / mebibyte / seconds);
        found.set(key(row, contender), { cpu, rate });
      }
    } finally {
      await subject.dispose();
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
    measure: async (subject) => {
      const load = { ...await newTopic(subject, "written"), totalBytes: scale * gibibyte };
      return await cpuDuring(
        subject,
        () => runLoad({ kind: "produce", ...load, recordBytes, batchBytes: [Number(batchBytes)] }),
      );
    },
  };
}

/** Lets a broker compile its hot code before anything is timed: small batches, so that there are many. */
async function warmUp(subject: Subject): Promise<void> {
  const load = await newTopic(subject, "warm-up");
  const batchBytes = [16_384, 16_384, 65_536];
  await runLoad({ kind: "produce", ...load, recordBytes, batchBytes, totalBytes: warmUpBytes });
  await runLoad({ kind: "consume", ...load, isRepeated: true, totalBytes: 2 * warmUpBytes });
}

/** And where load for it goes. */
async function newTopic(subject: Subject, stem: string) {
  const topic = `${stem}-${++topicCount}`;
  await subject.makeTopic(topic, partitionCount);
  return { port: subject.port, topic, partitionCount, connectionCount };
}

function limit(name: LimitName): Contender {
  return { name: limitNames[name], start: () => LimitSubject.start(name) };
}

function broker(name: string, target: Target, config: Readonly<Record<string, string>> = {}): Contender {
  return { name, start: () => BrokerSubject.start({ name, target }, "os", config) };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw invalid(name, text, "above 0");
  return value;
}
