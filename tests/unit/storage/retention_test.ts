import { describe, expect, test } from "bun:test";
import { append, START_MS, valuesOf, World } from "./support.ts";

/** A log of ten segments of one record each, a second apart, and an empty active one. */
async function logOfTen(config: ConstructorParameters<typeof World>[0] = {}) {
  const world = await World.open(config);
  const log = world.log();
  for (let index = 0; index < 10; index++) {
    append(log, { values: [`value ${index}`], timestamp: START_MS + index * 1000 });
    log.roll();
  }
  return { world, log, segmentBytes: log.sizeBytes / 10 };
}

describe("retention", () => {
  test("by time, deletes segments whose youngest record is too old", async () => {
    const { log } = await logOfTen({ config: { retentionMs: 5000 } });
    expect(log.applyRetention(START_MS + 9000)).toBe(4);
    expect([log.logStartOffset, valuesOf(log)[0]]).toEqual([4, "value 4"]);
    expect(log.applyRetention(START_MS + 9000)).toBe(0);
  });

  test("by size, keeps at least that much", async () => {
    const { log, segmentBytes } = await logOfTen();
    log.updateConfig({ ...log.config, retentionBytes: segmentBytes * 3 + 1 });
    expect(log.applyRetention(START_MS)).toBe(6);
    expect(log.sizeBytes).toBe(segmentBytes * 4);
  });

  test("by log start offset, deletes what is wholly below it", async () => {
    const { log } = await logOfTen();
    await log.deleteRecordsBefore(3);
    expect(log.applyRetention(START_MS)).toBe(3);
    expect(log.segmentBases()[0]).toBe(3);
  });

  test("a log that is only compacted loses nothing to time or size", async () => {
    const { log } = await logOfTen({ config: { retentionMs: 1, retentionBytes: 1 } });
    log.updateConfig({ ...log.config, cleanupPolicy: { delete: false, compact: true } });
    expect(log.applyRetention(START_MS + 1e9)).toBe(0);
    await log.deleteRecordsBefore(2);
    expect(log.applyRetention(START_MS + 1e9)).toBe(2);
  });

  test("waits where a full disk has no room for another name, and goes on with what it could not delete", async () => {
    const { world, log } = await logOfTen({ config: { retentionMs: 5000 } });
    const { files } = world.runtime;
    files.fault = (operation, path) => operation === "rename" && path.endsWith("2.log") ? "ENOSPC" : null;
    expect(log.applyRetention(START_MS + 9000)).toBe(2);
    expect([log.isOffline, log.logStartOffset, valuesOf(log)[0]]).toEqual([false, 2, "value 2"]);
    expect(log.applyRetention(START_MS + 9000)).toBe(0);
    expect(world.eventNames()).toContain("disk-full");
    files.fault = (operation, path) => operation === "rename" && path.endsWith("3.index") ? "ENOSPC" : null;
    expect(log.applyRetention(START_MS + 9000)).toBe(2);
    expect([log.logStartOffset, valuesOf(log)[0]]).toEqual([4, "value 4"]);
    expect(files.stat("/data/orders-0/00000000000000000003.index")).toBe(null); // Nor taken for another's later.
    files.fault = null;
    log.unlinkDeleted(START_MS + 1e6);
    await world.restart();
    expect([world.log().logStartOffset, valuesOf(world.log())[0]]).toEqual([4, "value 4"]);
  });

  test("makes room on a full disk, where nothing can be written for it", async () => {
    const world = await World.open({ config: { retentionMs: 1000, indexIntervalBytes: 0 } });
    const { files } = world.runtime;
    const full = (operation: string, path: string) =>
      operation === "write" || (operation === "open" && files.stat(path) === null) ? "ENOSPC" : null;
    const log = world.log();
    // The disk is full for the snapshots of producers that come with new segments.
    files.fault = (operation, path) => path.includes(".snapshot") ? full(operation, path) : null;
    for (let sequence = 0; sequence < 3; sequence++) {
      append(log, { values: ["x"], producer: { id: 7, epoch: 0, sequence } });
      if (sequence < 2) log.roll();
    }
    files.fault = full;
    expect(log.applyRetention(START_MS + 5000)).toBe(2);
    expect([log.logStartOffset, log.segmentBases(), log.isOffline]).toEqual([2, [2], false]);
    files.fault = null;
    const again = await world.restart();
    expect(append(again, { values: ["x"], producer: { id: 7, epoch: 0, sequence: 2 } }))
      .toMatchObject({ kind: "duplicate", firstOffset: 2 });
  });

  test("tells of no new start when a deletion fails on the way", async () => {
    const { world, log } = await logOfTen({ config: { retentionMs: 5000 } });
    let renameCount = 0;
    world.runtime.files.fault = (operation) => operation === "rename" && ++renameCount > 3 ? "EIO" : null;
    expect(() => log.applyRetention(START_MS + 9000)).toThrow("EIO");
    expect([log.logStartOffset, log.isOffline]).toEqual([0, true]);
  });

  test("what consumers have not been shown stays", async () => {
    const { log } = await logOfTen({ config: { retentionMs: 1 } });
    expect(log.applyRetention(START_MS + 1e9, 4)).toBe(4);
    expect(log.logStartOffset).toBe(4);
  });

  test("the active segment is rolled when its records are too old too", async () => {
    const world = await World.open({ config: { retentionMs: 1000 } });
    const log = world.log();
    append(log, { values: ["a", "b"] });
    expect(log.applyRetention(START_MS + 2000)).toBe(1);
    expect([log.logStartOffset, log.logEndOffset, log.segmentBases()]).toEqual([2, 2, [2]]);
    expect(append(log, { values: ["c"] })).toMatchObject({ firstOffset: 2, logStartOffset: 2 });
    const again = await world.restart();
    expect([again.logStartOffset, valuesOf(again)]).toEqual([2, ["c"]]);
  });

  test("records without a time are as old as their file", async () => {
    const world = await World.open({ config: { retentionMs: 1000 } });
    const log = world.log();
    append(log, { values: ["a"], timestamp: -1 });
    expect(log.applyRetention(START_MS + 500)).toBe(0);
    expect(log.applyRetention(START_MS + 1500)).toBe(1);
  });

  test("files are renamed at once and unlinked after the delay", async () => {
    const { world, log } = await logOfTen({ config: { retentionMs: 5000, fileDeleteDelayMs: 60_000 } });
    await world.until(world.dir.applyRetention(START_MS + 9000));
    expect(world.files().filter((name) => name.endsWith(".log.deleted")).length).toBe(4);
    expect(world.files().includes("00000000000000000003.snapshot")).toBe(false);
    await world.until(world.dir.removeDeleted(START_MS + 69_000));
    expect(world.files().filter((name) => name.endsWith(".deleted"))).toEqual([]);
    expect(log.segmentCount).toBe(7);
  });

  test("the log's start does not go back after a power cut", async () => {
    const { world, log } = await logOfTen({ config: { retentionMs: 5000 } });
    await world.until(log.sync());
    log.applyRetention(START_MS + 9000);
    world.crash("lost");
    await world.open();
    expect(world.log().logStartOffset).toBe(4);
    expect(valuesOf(world.log()).length).toBe(6);
  });

  test("leader epochs follow the log's start", async () => {
    const world = await World.open({ config: { retentionBytes: 0 } });
    const log = world.log();
    for (let epoch = 0; epoch < 4; epoch++) {
      append(log, { values: ["x", "y"], leaderEpoch: epoch });
      log.roll();
    }
    await log.deleteRecordsBefore(5);
    expect(log.endOffsetForEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 5 });
    expect(log.endOffsetForEpoch(2)).toEqual({ leaderEpoch: 2, endOffset: 6 });
    expect(log.endOffsetForEpoch(3)).toEqual({ leaderEpoch: 3, endOffset: 8 });
  });
});
