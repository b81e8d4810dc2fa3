/**
 * Files written by Weir, read by Kafka's own dump tool. The other direction, a folder written by Kafka and read by Weir, needs no
 * Kafka: `tests/unit/storage/kafka_image_test.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { Compression } from "../../protocol/compression.ts";
import { encodeBatch, encodeControlBatch } from "../../protocol/record.ts";
import { detectRuntime } from "../../runtime/detect.ts";
import { type Log } from "../../storage/log.ts";
import { LogDir } from "../../storage/log_dir.ts";
import { target } from "../support/broker.ts";
import { KafkaTools, whyNoKafkaTools } from "../support/kafka_tools.ts";
import { configOf, record, START_MS, TOPIC_ID } from "../unit/storage/support.ts";

const reason = whyNoKafkaTools();
if (reason !== null) console.warn(`skipped: files of Weir in Kafka's dump tool, for ${reason}`);

const options = { timeout: 120_000 };
let folder = "";
let tools: KafkaTools;

async function dumpLog(...args: string[]): Promise<string> {
  const { status, output } = await tools.run("dump-log", args);
  if (status !== 0) throw new Error(`dump-log ${args.join(" ")} ends with ${status}: ${output}`);
  return output;
}

function filesEndingIn(suffix: string): string {
  const names = readdirSync(folder).filter((name) => name.endsWith(suffix));
  expect(names.length).toBeGreaterThan(0);
  return names.map((name) => `${folder}/${name}`).join(",");
}

/** Eight hundred records in all kinds of batches, two aborted transactions, segments of 8 KiB. */
async function writeLog(log: Log): Promise<void> {
  const compressions = Object.values(Compression);
  for (let index = 0; index < 200; index++) {
    const bytes = encodeBatch({
      records: [0, 1, 2, 3].map((at) =>
        record(`value ${index} ${at} ${"x".repeat(index % 50)}`, START_MS + index * 10 + at, "key")
      ),
      compression: compressions[index % compressions.length]!,
      ...(index % 3 === 0 ? { producerId: 7, producerEpoch: 0, baseSequence: index / 3 * 4 } : {}),
    });
    log.append(bytes, { leaderEpoch: index < 100 ? 0 : 3, origin: "client" });
    if (index % 60 === 20) {
      const producer = { producerId: 100 + index, producerEpoch: 0 };
      const open = encodeBatch({
        ...producer,
        records: [record("aborted", START_MS)],
        baseSequence: 0,
        isTransactional: true,
      });
      log.append(open, { leaderEpoch: log.leaderEpoch, origin: "client" });
      const marker = encodeControlBatch({
        ...producer,
        kind: index === 80 ? "commit" : "abort",
        coordinatorEpoch: 1,
        timestamp: START_MS,
      });
      log.append(marker, { leaderEpoch: log.leaderEpoch, origin: "coordinator" });
    }
  }
  await log.sync();
}

// Once for all targets: the storage engine is run in this process.
describe.skipIf(reason !== null || target !== "bun")("files of Weir in Kafka's dump tool", () => {
  beforeAll(async () => {
    tools = KafkaTools.get();
    const path = mkdtempSync(`${tmpdir()}/weir-conformance-`);
    folder = `${path}/orders-0`;
    const runtime = await detectRuntime();
    const dir = await LogDir.open(runtime, path, { nodeId: 1 });
    const config = configOf({ segmentBytes: 8192, indexIntervalBytes: 500 });
    await writeLog(dir.createLog({ topic: "orders", partition: 0, topicId: TOPIC_ID, config }));
    await dir.close({ clean: true });
  }, 120_000);

  afterAll(() => {
    if (folder !== "") rmSync(folder.slice(0, folder.lastIndexOf("/")), { recursive: true });
  }, 60_000);

  test("logs hold every record, and every batch is valid", async () => {
    const output = await dumpLog("--files", filesEndingIn(".log"), "--deep-iteration", "--print-data-log");
    expect(output.match(/payload: value /g)?.length).toBe(800);
    expect(output.match(/endTxnMarker: ABORT/g)?.length).toBe(2);
    expect(output.match(/endTxnMarker: COMMIT/g)?.length).toBe(1);
    expect(output.match(/isvalid: true/g)?.length).toBe(206);
    expect(output).not.toContain("isvalid: false");
    expect(output).toContain("partitionLeaderEpoch: 3");
  }, options);

  test("indexes agree with their logs", async () => {
    const indexes = `${filesEndingIn(".index")},${filesEndingIn(".timeindex")}`;
    for (const check of ["--index-sanity-check", "--verify-index-only"]) {
      const output = await dumpLog("--files", indexes, check);
      expect(output).not.toMatch(/mismatch|corrupt|not found|out of order|exception/i);
      if (check === "--index-sanity-check") expect(output).toContain("passed sanity check");
    }
    const offsets = await dumpLog("--files", filesEndingIn(".index"));
    expect(offsets.match(/offset: \d+ position: \d+/g)!.length).toBeGreaterThan(40);
  }, options);

  test("a log too small for an index entry has both index files, and starts again without a word", async () => {
    const path = mkdtempSync(`${tmpdir()}/weir-conformance-`);
    try {
      const runtime = await detectRuntime();
      const dir = await LogDir.open(runtime, path, { nodeId: 1 });
      const log = dir.createLog({ topic: "orders", partition: 0, topicId: TOPIC_ID, config: configOf() });
      for (const value of ["a", "b"]) {
        log.append(encodeBatch({ records: [record(value, START_MS)] }), { leaderEpoch: 0, origin: "client" });
      }
      await log.sync();
      await dir.checkpoint();
      await dir.close({ clean: true });
      const names = readdirSync(`${path}/orders-0`).filter((name) => /^0.*(log|index|snapshot)$/.test(name));
      expect(names.length).toBe(4);
      const files = names.map((name) => `${path}/orders-0/${name}`);
      for (const file of files) expect(await dumpLog("--files", file)).not.toMatch(/corrupt|exception/i);
      const indexes = files.filter((file) => file.endsWith("index"));
      for (const file of indexes) {
        expect(await dumpLog("--files", file, "--index-sanity-check")).toMatch(/passed sanity check|is empty/);
      }
      const problems: string[] = [];
      const again = await LogDir.open(runtime, path, {
        nodeId: 1,
        report: ({ level, event }) => level !== "info" && problems.push(event),
      });
      again.log("orders", 0)!.append(encodeBatch({ records: [record("c", START_MS)] }), {
        leaderEpoch: 0,
        origin: "client",
      });
      await again.close({ clean: true });
      expect(problems).toEqual([]);
    } finally {
      rmSync(path, { recursive: true });
    }
  }, options);

  test("snapshots and aborted transactions are read", async () => {
    const snapshots = await dumpLog("--files", filesEndingIn(".snapshot"));
    expect(snapshots).toContain("producerId: 7 producerEpoch: 0");
    expect(snapshots).not.toMatch(/corrupt|exception/i);
    const aborted = await dumpLog("--files", filesEndingIn(".txnindex"));
    expect(aborted.match(/producerId: [12]\d\d firstOffset: \d+ lastOffset: \d+/g)?.length).toBe(2);
  }, options);
});
