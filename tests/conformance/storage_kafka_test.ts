/**
 * Files written by Weir, read by Kafka's own dump tool. The other direction, a folder written by Kafka and read by Weir, needs no
 * Kafka: `tests/unit/storage/kafka_image_test.ts`.
 *
 * Wants Java, and Kafka's tools in `$KAFKA_PEER_HOME/tools` (or `~/.cache/kafka-peer/tools`); skipped without them.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import process from "node:process";
import { Compression } from "../../protocol/compression.ts";
import { encodeBatch, encodeControlBatch } from "../../protocol/record.ts";
import { detectRuntime } from "../../runtime/detect.ts";
import { type Log } from "../../storage/log.ts";
import { LogDir } from "../../storage/log_dir.ts";
import { configOf, record, START_MS, TOPIC_ID } from "../unit/storage/support.ts";

const toolsFolder = `${process.env.KAFKA_PEER_HOME ?? `${homedir()}/.cache/kafka-peer`}/tools`;
const missing = !existsSync(toolsFolder)
  ? `no Kafka tools in "${toolsFolder}"`
  : spawnSync("java", ["-version"]).status !== 0
  ? "no java"
  : null;
if (missing !== null) console.log(`skipped: files of Weir in Kafka's dump tool (${missing})`);

const options = { timeout: 120_000 };
let folder = "";

function dumpLog(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(
    "java",
    ["-Xmx128M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", `${toolsFolder}/*`]
      .concat("org.apache.kafka.tools.DumpLogSegments", args),
    { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
  );
  if (status !== 0) throw new Error(`dump-log ${args.join(" ")} ends with ${status}: ${stderr}`);
  return stdout;
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

describe.skipIf(missing !== null)("files of Weir in Kafka's dump tool", () => {
  beforeAll(async () => {
    const path = mkdtempSync(`${tmpdir()}/weir-conformance-`);
    folder = `${path}/orders-0`;
    const runtime = await detectRuntime();
    const dir = await LogDir.open(runtime, path, { nodeId: 1 });
    const config = configOf({ segmentBytes: 8192, indexIntervalBytes: 500 });
    await writeLog(dir.createLog({ topic: "orders", partition: 0, topicId: TOPIC_ID, config }));
    await dir.close({ clean: true });
  });

  afterAll(() => {
    if (folder !== "") rmSync(folder.slice(0, folder.lastIndexOf("/")), { recursive: true });
  });

  test("logs hold every record, and every batch is valid", () => {
    const output = dumpLog("--files", filesEndingIn(".log"), "--deep-iteration", "--print-data-log");
    expect(output.match(/payload: value /g)?.length).toBe(800);
    expect(output.match(/endTxnMarker: ABORT/g)?.length).toBe(2);
    expect(output.match(/endTxnMarker: COMMIT/g)?.length).toBe(1);
    expect(output.match(/isvalid: true/g)?.length).toBe(206);
    expect(output).not.toContain("isvalid: false");
    expect(output).toContain("partitionLeaderEpoch: 3");
  }, options);

  test("indexes agree with their logs", () => {
    const indexes = `${filesEndingIn(".index")},${filesEndingIn(".timeindex")}`;
    for (const check of ["--index-sanity-check", "--verify-index-only"]) {
      const output = dumpLog("--files", indexes, check);
      expect(output).not.toMatch(/mismatch|corrupt|not found|out of order|exception/i);
      if (check === "--index-sanity-check") expect(output).toContain("passed sanity check");
    }
    expect(dumpLog("--files", filesEndingIn(".index")).match(/offset: \d+ position: \d+/g)!.length).toBeGreaterThan(40);
  }, options);

  test("snapshots and aborted transactions are read", () => {
    const snapshots = dumpLog("--files", filesEndingIn(".snapshot"));
    expect(snapshots).toContain("producerId: 7 producerEpoch: 0");
    expect(snapshots).not.toMatch(/corrupt|exception/i);
    const aborted = dumpLog("--files", filesEndingIn(".txnindex"));
    expect(aborted.match(/producerId: [12]\d\d firstOffset: \d+ lastOffset: \d+/g)?.length).toBe(2);
  }, options);
});
