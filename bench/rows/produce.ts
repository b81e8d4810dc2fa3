/** Producing with Kafka's own tool: how much it gets through, how long records wait, and what that costs the broker. */

import { runProducer } from "../run/tool.ts";
import { brokerCpu, type Context, cpuDuring, type SharedRow } from "./row.ts";
import type { Subject } from "../run/contender.ts";

interface Producer {
  readonly recordBytes: 100 | 1024;
  readonly acks: "1" | "all";
  readonly partitionCount: 1 | 6;
  readonly compression: "none" | "lz4" | "zstd";
  readonly batchBytes: 65_536 | 1_048_576;
  /** The client's default with acks=all. */
  readonly isIdempotent?: boolean;
}

/** As many as Kafka's own harnesses use: some seconds. */
const recordCounts = { 100: 3_000_000, 1024: 500_000 } as const;
const sizeNames = { 100: "100 B", 1024: "1 KiB" } as const;
const lingerMs = 5;

export const produceRows: readonly SharedRow[] = [
  ...combinations().map((producer) => produceRow(producer)),
  produceRow({
    recordBytes: 1024,
    acks: "all",
    partitionCount: 1,
    compression: "none",
    batchBytes: 65_536,
    isIdempotent: false,
  }),
  rateRow(lingerMs),
  rateRow(0),
];

function combinations(): Producer[] {
  const all: Producer[] = [];
  for (const compression of ["none", "lz4", "zstd"] as const) {
    for (const partitionCount of [1, 6] as const) {
      for (const recordBytes of [100, 1024] as const) {
        for (const acks of ["1", "all"] as const) {
          for (const batchBytes of [65_536, 1_048_576] as const) {
            all.push({ recordBytes, acks, partitionCount, compression, batchBytes });
          }
        }
      }
    }
  }
  return all;
}

/** Those that Kafka's own choice of settings leads to; the others tell the same again. */
function isDefault({ compression, partitionCount, acks, batchBytes }: Producer): boolean {
  if (compression !== "none") return partitionCount === 1 && acks === "all";
  return partitionCount === 1 || batchBytes === 65_536;
}

function produceRow(producer: Producer): SharedRow {
  const { recordBytes, acks, partitionCount, compression, batchBytes, isIdempotent = acks === "all" } = producer;
  const isPlain = compression === "none" && acks === "all";
  return {
    kind: "shared",
    name: [
      `produce ${sizeNames[recordBytes]}`,
      `acks=${acks}${isIdempotent === (acks === "all") ? "" : " not idempotent"}`,
      `${partitionCount} partition${partitionCount === 1 ? "" : "s"}`,
      compression,
      batchBytes === 65_536 ? "64 KiB batches" : "1 MiB batches",
    ].join(", "),
    // With acks=1 Weir answers before the sync, Kafka after it: no like for like.
    passes: isPlain ? ["os", "synced"] : ["os"],
    limits: ["unpaced"],
    isExtra: !isDefault(producer),
    isShort: isPlain && isIdempotent && recordBytes === 1024 && partitionCount === 1 && batchBytes === 65_536,
    measure: async (subject, context) => {
      const properties = [
        `acks=${acks}`,
        `linger.ms=${lingerMs}`,
        `batch.size=${batchBytes}`,
        `compression.type=${compression}`,
        `enable.idempotence=${isIdempotent}`,
        ...(batchBytes === 1_048_576 ? ["max.request.size=2097152"] : []),
      ];
      const recordCount = Math.max(100, Math.round(recordCounts[recordBytes] * context.scale));
      const { value, cpuSeconds } = await measured(
        subject,
        context,
        partitionCount,
        (topic) => runProducer({ address: subject.address, topic, recordBytes, recordCount, properties }),
      );
      return [
        { figure: "rate", kind: "rate", value: value.recordsPerSecond, unit: "records/s" },
        { figure: "p99", kind: "latency", value: value.p99Ms, unit: "ms" },
        brokerCpu(cpuSeconds, recordCount * recordBytes),
      ];
    },
  };
}

/** Well below what either can take: what a record waits for is then the broker, and the linger. */
function rateRow(linger: number): SharedRow {
  const [recordBytes, perSecond, seconds] = [1024, 10_000, 10];
  return {
    kind: "shared",
    name: `produce 1 KiB, 10,000 records/s, acks=all, linger ${linger} ms`,
    passes: ["os", "synced"],
    limits: ["unpaced"],
    measure: async (subject, context) => {
      const recordCount = Math.max(100, Math.round(perSecond * seconds * context.scale));
      const properties = ["acks=all", `linger.ms=${linger}`, "batch.size=65536"];
      const { value, cpuSeconds } = await measured(
        subject,
        context,
        1,
        (topic) =>
          runProducer({ address: subject.address, topic, recordBytes, recordCount, throughput: perSecond, properties }),
      );
      return [
        { figure: "p50", kind: "latency", value: value.p50Ms, unit: "ms" },
        { figure: "p99", kind: "latency", value: value.p99Ms, unit: "ms" },
        { figure: "p99.9", kind: "latency", value: value.p999Ms, unit: "ms" },
        brokerCpu(cpuSeconds, recordCount * recordBytes),
      ];
    },
  };
}

async function measured<Value>(
  subject: Subject,
  { freshName }: Context,
  partitionCount: number,
  work: (topic: string) => Promise<Value>,
): Promise<{ readonly value: Value; readonly cpuSeconds: number }> {
  const topic = freshName("produce");
  await subject.makeTopic(topic, partitionCount);
  const result = await cpuDuring(subject, () => work(topic));
  await subject.deleteTopic(topic);
  return result;
}
