/** A data folder written by Apache Kafka (`tests/golden/kafka_log`), opened by Weir. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import { type StorageEvent } from "../../../storage/context.ts";
import { LogDir } from "../../../storage/log_dir.ts";
import { type ProducerStateEntry } from "../../../storage/producer_entry.ts";
import { decodeProducerSnapshot } from "../../../storage/producer_snapshot.ts";
import { configOf, readAll, START_MS, valuesOf } from "./support.ts";

const IMAGE = new URL("../../golden/kafka_log/image", import.meta.url).pathname;

function copyImage(runtime: MemoryRuntime, leaveOut: (name: string) => boolean = () => false): void {
  for (const entry of readdirSync(IMAGE, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const folder = entry.parentPath.slice(IMAGE.length);
    if (leaveOut(entry.name)) continue;
    runtime.files.makeDirectory(`/data${folder}`);
    const handle = runtime.files.open(`/data${folder}/${entry.name}`, { create: true });
    handle.write([readFileSync(`${entry.parentPath}/${entry.name}`)], 0);
    handle.close();
  }
}

function openImage(runtime: MemoryRuntime, events: StorageEvent[] = []): Promise<LogDir> {
  return LogDir.open(runtime, "/data", {
    nodeId: 1,
    configOf: () => configOf({ indexIntervalBytes: 200 }),
    report: (event) => events.push(event),
  });
}

function producersIn(snapshot: Uint8Array): ProducerStateEntry[] {
  const producers = decodeProducerSnapshot(snapshot);
  if (typeof producers === "string") throw new Error(producers);
  return producers.sort((one, other) => one.producerId - other.producerId);
}

const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"];

const EXPECTED: [number, string][] = [
  ...COMPRESSIONS.flatMap((compression, batch) => {
    return [0, 1, 2, 3].map((index): [number, string] => [batch * 4 + index, `${compression}-value-${index}`]);
  }),
  [20, "one"],
  [21, "one"],
  [22, "two"],
  [23, "two"],
  // 24 and 26 are markers.
  [25, "third-0"],
  ...Array.from({ length: 11 }, (_, index): [number, string] => [27 + index, `third-${index + 1}`]),
  [38, "(null)"],
];

describe("log written by Kafka", () => {
  test("opens after a clean shutdown with a look at its last batches, and no file left open", async () => {
    const runtime = createMemoryRuntime();
    copyImage(runtime);
    const events: StorageEvent[] = [];
    const dir = await openImage(runtime, events);
    expect(dir.meta.clusterId).toBe("AAAAAAAAQACAAAAAAAAAAQ");
    expect(dir.wasClean).toBe(true);
    expect(dir.usage().openFiles).toBe(0);
    expect(events.map((event) => event.event)).toEqual(["logs-loaded"]);
    const log = dir.log("golden", 0)!;
    expect([log.logStartOffset, log.logEndOffset, log.recoveryPoint]).toEqual([0, 39, 39]);
    expect(log.segmentBases()).toEqual([0, 20, 24]);
    expect(log.topicId).toBe("XMfVmh78TQqymTQFirWdZQ");
    expect(log.leaderEpoch).toBe(0);
  });

  test("reads as its producers wrote it", async () => {
    const runtime = createMemoryRuntime();
    copyImage(runtime);
    const log = (await openImage(runtime)).log("golden", 0)!;
    expect(readAll(log, 0)).toEqual(EXPECTED);
  });

  test("knows aborted transactions and the producers", async () => {
    const runtime = createMemoryRuntime();
    copyImage(runtime);
    const log = (await openImage(runtime)).log("golden", 0)!;
    const aborted = log.abortedTransactions(0, 39);
    expect(aborted.map(({ firstOffset, lastOffset, lastStableOffset }) => [firstOffset, lastOffset, lastStableOffset]))
      .toEqual([[20, 24, 21]]);
    expect(log.firstUnstableOffset).toBe(null);
    const producers = [...log.producers()];
    expect(producers.length).toBe(8);
    expect(producers.map(({ lastOffset }) => lastOffset).sort((one, other) => one - other))
      .toEqual([-1, -1, 3, 7, 11, 15, 19, 38]);
  });

  test("finds offsets by time", async () => {
    const runtime = createMemoryRuntime();
    copyImage(runtime);
    const log = (await openImage(runtime)).log("golden", 0)!;
    const offsetFor = async (timestampMs: number) => (await log.offsetForTimestamp(timestampMs))?.offset ?? null;
    expect(await offsetFor(0)).toBe(0);
    expect(await offsetFor(START_MS + 1002)).toBe(6);
    expect(await offsetFor(START_MS + 4004)).toBe(20);
    expect(await offsetFor(START_MS + 100_002)).toBe(22);
    expect(await offsetFor(START_MS + 10 * 365 * 86_400_000)).toBe(null);
  });

  test("gives the same when it must be recovered, indexes, snapshots and epochs missing", async () => {
    const runtime = createMemoryRuntime();
    copyImage(runtime, (name) => /index$|snapshot$|checkpoint$|cleanshutdown$/.test(name));
    const dir = await openImage(runtime);
    const log = dir.log("golden", 0)!;
    expect(log.logEndOffset).toBe(39);
    expect(valuesOf(log, 25).slice(0, 3)).toEqual(["third-0", "third-1", "third-2"]);
    expect(log.abortedTransactions(0, 39).length).toBe(1);
    expect([...log.producers()].length).toBe(8);
    expect(log.endOffsetForEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 39 });
    await runtime.until(dir.close({ clean: true }));
    for (
      const name of ["00000000000000000000.index", "00000000000000000000.timeindex", "00000000000000000024.txnindex"]
    ) {
      const rebuilt = runtime.files.readFile(`/data/golden-0/${name}`);
      expect([name, [...rebuilt]]).toEqual([name, [...readFileSync(`${IMAGE}/golden-0/${name}`)]]);
    }
    const snapshot = "golden-0/00000000000000000039.snapshot";
    expect(producersIn(runtime.files.readFile(`/data/${snapshot}`)))
      .toEqual(producersIn(readFileSync(`${IMAGE}/${snapshot}`)));
  });

  test("is recovered from an active segment whose indexes are filled up with zeros", async () => {
    const runtime = createMemoryRuntime();
    copyImage(runtime, (name) => /cleanshutdown$/.test(name) || name === "00000000000000000039.snapshot");
    for (const name of ["00000000000000000024.index", "00000000000000000024.timeindex"]) {
      const handle = runtime.files.open(`/data/golden-0/${name}`, {});
      handle.truncate(1200 * 24);
      handle.close();
    }
    const log = (await openImage(runtime)).log("golden", 0)!;
    expect(log.logEndOffset).toBe(39);
    expect(valuesOf(log, 36).slice(0, 2)).toEqual(["third-10", "third-11"]);
  });
});
