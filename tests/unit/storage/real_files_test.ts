/** A log on the disk of this machine, by the runtime this test runs on: writes, maps, syncs, renames, restarts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { detectRuntime } from "../../../runtime/detect.ts";
import { type Runtime } from "../../../runtime/runtime.ts";
import { type Log } from "../../../storage/log.ts";
import { type LogConfig } from "../../../storage/log_config.ts";
import { LogDir } from "../../../storage/log_dir.ts";
import { append, configOf, readAll, TOPIC_ID } from "./support.ts";

const FROM_FILES = { tailBytesMax: 0 };
let runtime: Runtime;
let root = "";
let folderCount = 0;

beforeAll(async () => {
  runtime = await detectRuntime();
  root = mkdtempSync(`${tmpdir()}/weir-storage-`);
});
afterAll(() => rmSync(root, { recursive: true }));

async function openFolder(path: string, config: LogConfig): Promise<{ dir: LogDir; log: Log }> {
  const dir = await LogDir.open(runtime, path, { nodeId: 1, configOf: () => config, limits: FROM_FILES });
  const log = dir.log("orders", 0) ?? dir.createLog({ topic: "orders", partition: 0, topicId: TOPIC_ID, config });
  return { dir, log };
}

function newFolder(): string {
  return `${root}/${folderCount++}`;
}

/** Forty batches of some hundred bytes to some kilobytes, in several segments. */
function fill(log: Log): [number, string][] {
  const values = Array.from({ length: 40 }, (_, index) => `value ${index} ${"x".repeat(index * 100)}`);
  for (const [index, value] of values.entries()) {
    append(log, { values: [value], producer: { id: 1, epoch: 0, sequence: index } });
  }
  return values.map((value, offset) => [offset, value]);
}

describe("log on a real disk", () => {
  test("is read back from closed segments and the active one, before and after a clean restart", async () => {
    const path = newFolder();
    const config = configOf({ segmentBytes: 20_000 });
    const { dir, log } = await openFolder(path, config);
    const expected = fill(log);
    expect(log.segmentCount).toBeGreaterThan(3);
    expect(readAll(log)).toEqual(expected);
    expect(readAll(log, 17, 1)).toEqual(expected.slice(17));
    await log.sync();
    expect(log.syncedOffset).toBe(40);
    await dir.close({ clean: true });

    const again = await openFolder(path, config);
    expect(again.dir.wasClean).toBe(true);
    expect(readAll(again.log)).toEqual(expected);
    expect(append(again.log, { values: ["more"], producer: { id: 1, epoch: 0, sequence: 40 } })).toMatchObject({
      firstOffset: 40,
    });
    await again.dir.close({ clean: true });
  });

  test("is recovered when its process did not close it", async () => {
    const path = newFolder();
    const config = configOf({ segmentBytes: 20_000 });
    const { dir, log } = await openFolder(path, config);
    const expected = fill(log);
    await dir.close({ clean: false });
    const again = await openFolder(path, config);
    expect(again.dir.wasClean).toBe(false);
    expect(readAll(again.log)).toEqual(expected);
    expect(append(again.log, { values: ["x"], producer: { id: 1, epoch: 0, sequence: 39 } })).toMatchObject({
      kind: "duplicate",
    });
    await again.dir.close({ clean: true });
  });

  test("keeps what a reader holds, and unlinks it after", async () => {
    const path = newFolder();
    const config = configOf({ segmentBytes: 20_000, retentionBytes: 0, fileDeleteDelayMs: 0 });
    const { dir, log } = await openFolder(path, config);
    fill(log);
    await log.sync();
    const read = log.read(0, { maxBytes: 10_000, upToOffset: Infinity, atLeastOneBatch: true });
    const before = read.chunks.map((chunk) => chunk.slice());
    const nowMs = runtime.clock.nowMs();
    expect(log.applyRetention(nowMs)).toBeGreaterThan(3);
    await dir.removeDeleted(nowMs + 1);
    const deleted = () => readdirSync(`${path}/orders-0`).filter((name) => name.endsWith(".log.deleted"));
    expect(deleted()).toEqual(["00000000000000000000.log.deleted"]);
    expect(read.chunks.map((chunk) => chunk.slice())).toEqual(before);
    read.release();
    await dir.removeDeleted(nowMs + 1);
    expect(deleted()).toEqual([]);
    await dir.close({ clean: true });
    expect(dir.usage()).toMatchObject({ openFiles: 0, mappedBytes: 0 });
  });

  test("is locked against a second opening", async () => {
    const path = newFolder();
    const { dir } = await openFolder(path, configOf());
    await expect(openFolder(path, configOf())).rejects.toThrow(`process ${process.pid} has locked it`);
    await dir.close({ clean: true });
    const again = await openFolder(path, configOf());
    await again.dir.close({ clean: true });
  });
});
