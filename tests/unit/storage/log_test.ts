import { describe, expect, test } from "bun:test";
import { BatchView } from "../../../protocol/batch.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { OffsetOutOfRange, StorageError } from "../../../storage/errors.ts";
import { append, appendEach, batchOf, readAll, record, START_MS, valuesOf, World } from "./support.ts";

const EVERYTHING = { maxBytes: 1024 * 1024, upToOffset: Infinity, atLeastOneBatch: true };

describe("log append", () => {
  test("log gives offsets in order and reads back what was appended", async () => {
    const world = await World.open();
    const log = world.log();
    expect(append(log, { values: ["a", "b"] })).toEqual({
      kind: "appended",
      firstOffset: 0,
      lastOffset: 1,
      logAppendTimeMs: -1,
      logStartOffset: 0,
    });
    appendEach(log, "c");
    expect(readAll(log)).toEqual([[0, "a"], [1, "b"], [2, "c"]]);
    expect(log.logEndOffset).toBe(3);
  });

  test("log takes several batches in one append", async () => {
    const world = await World.open();
    const log = world.log();
    const bytes = new Uint8Array([...batchOf({ values: ["a", "b"] }), ...batchOf({ values: ["c"] })]);
    expect(log.append(bytes, { leaderEpoch: 4, origin: "coordinator" })).toMatchObject({
      firstOffset: 0,
      lastOffset: 2,
    });
    expect(readAll(log)).toEqual([[0, "a"], [1, "b"], [2, "c"]]);
    const [chunk] = log.read(0, EVERYTHING).chunks;
    expect(new BatchView(chunk!, 0).next()!.partitionLeaderEpoch).toBe(4);
  });

  test("log stamps its own time where the topic wants it", async () => {
    const world = await World.open({ config: { timestampType: "LogAppendTime" } });
    const log = world.log();
    await world.runtime.advance(1234);
    expect(append(log, { values: ["a"], timestamp: 5 })).toMatchObject({ logAppendTimeMs: START_MS + 1234 });
    const batch = new BatchView(log.read(0, EVERYTHING).chunks[0]!, 0);
    expect([batch.timestampType, batch.maxTimestamp, batch.isCrcValid()]).toEqual([
      "logAppendTime",
      START_MS + 1234,
      true,
    ]);
    expect(await log.offsetForTimestamp(START_MS + 1234)).toMatchObject({ offset: 0, timestampMs: START_MS + 1234 });
  });

  test("log refuses an append larger than a segment", async () => {
    const world = await World.open({ config: { segmentBytes: 200 } });
    expect(append(world.log(), { values: ["x".repeat(300)] }))
      .toEqual({ kind: "rejected", errorCode: ErrorCode.RECORD_LIST_TOO_LARGE });
    expect(world.log().logEndOffset).toBe(0);
  });
});

describe("log read", () => {
  test("read gives whole batches up to its limit, and at least one when asked", async () => {
    const world = await World.open({ limits: { tailBytesMax: 0 } });
    const log = world.log();
    for (let index = 0; index < 10; index++) appendEach(log, `value ${index}`);
    const sizeBytes = log.sizeBytes / 10;
    const read = (maxBytes: number, atLeastOneBatch: boolean) => {
      const { nextOffset, sizeBytes } = log.read(3, { maxBytes, upToOffset: Infinity, atLeastOneBatch });
      return [nextOffset, sizeBytes];
    };
    expect(read(sizeBytes * 2, true)).toEqual([5, sizeBytes * 2]);
    expect(read(sizeBytes * 3 - 1, true)).toEqual([5, sizeBytes * 2]);
    expect(read(10, true)).toEqual([4, sizeBytes]);
    expect(read(10, false)).toEqual([3, 0]);
  });

  test("read gives the batch that holds the offset, from its start", async () => {
    for (const tailBytesMax of [0, 10_000]) {
      const world = await World.open({ limits: { tailBytesMax } });
      const log = world.log();
      append(log, { values: ["a", "b", "c"] });
      const read = log.read(1, EVERYTHING);
      expect(new BatchView(read.chunks[0]!, 0).baseOffset).toBe(0);
      expect(read.nextOffset).toBe(3);
    }
  });

  test("read stops below the offset that readers may see", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["a", "b"] });
    appendEach(log, "c");
    expect(log.read(0, { ...EVERYTHING, upToOffset: 2 }).nextOffset).toBe(2);
    // A batch that reaches over the limit is not shown in part.
    expect(log.read(0, { ...EVERYTHING, upToOffset: 1 }).sizeBytes).toBe(0);
    expect(log.read(2, { ...EVERYTHING, upToOffset: 2 }).sizeBytes).toBe(0);
  });

  test("read at the end is empty, outside of the log it throws", async () => {
    const world = await World.open();
    const log = world.log();
    appendEach(log, "a", "b", "c");
    await log.deleteRecordsBefore(1);
    expect(log.read(3, EVERYTHING).sizeBytes).toBe(0);
    expect(() => log.read(4, EVERYTHING)).toThrow(OffsetOutOfRange);
    expect(() => log.read(0, EVERYTHING)).toThrow(OffsetOutOfRange);
  });

  test("read goes on in the next segment", async () => {
    const world = await World.open({ limits: { tailBytesMax: 0 }, config: { segmentBytes: 300 } });
    const log = world.log();
    for (let index = 0; index < 12; index++) appendEach(log, `value ${index}`);
    expect(log.segmentCount).toBeGreaterThan(2);
    expect(valuesOf(log).length).toBe(12);
  });

  test("read of a batch larger than a buffer's first size finds all of it", async () => {
    const world = await World.open({ limits: { tailBytesMax: 0 } });
    const log = world.log();
    const large = "x".repeat(300_000);
    appendEach(log, "before", large, "after");
    const read = log.read(1, { maxBytes: 1000, upToOffset: Infinity, atLeastOneBatch: true });
    expect(read.nextOffset).toBe(2);
    expect(read.sizeBytes).toBeGreaterThan(300_000);
    expect(valuesOf(log)).toEqual(["before", large, "after"]);
  });

  test("much of the segment that is written to is read by a map, which grows under who looks at it", async () => {
    const world = await World.open({ limits: { tailBytesMax: 0 } });
    const log = world.log();
    const values = Array.from({ length: 6 }, (_, index) => String(index).repeat(50_000));
    appendEach(log, ...values.slice(0, 3));
    const read = log.read(0, EVERYTHING);
    expect([read.nextOffset, read.heldBytes]).toEqual([3, 0]);
    const mappedBytes = log.sizeBytes;
    expect(world.dir.usage().mappedBytes).toBe(mappedBytes);
    const before = read.chunks[0]!.slice();
    appendEach(log, ...values.slice(3));
    expect(log.read(1, { ...EVERYTHING, maxBytes: 80_000 }).heldBytes).toBe(0);
    expect(world.dir.usage().mappedBytes).toBe(mappedBytes); // Long enough for this one.
    const rest = log.read(3, EVERYTHING);
    expect([rest.nextOffset, rest.heldBytes, world.dir.usage().mappedBytes]).toEqual([6, 0, log.sizeBytes]);
    expect(read.chunks[0]).toEqual(before);
    expect(valuesOf(log)).toEqual(values);
  });

  test("a map of the segment that is written to grows, and is gone before that is cut", async () => {
    const world = await World.open({ limits: { tailBytesMax: 0 } });
    const log = world.log();
    const values = Array.from({ length: 4 }, (_, index) => String(index).repeat(50_000));
    for (const value of values) {
      appendEach(log, value, value);
      log.read(0, EVERYTHING).release();
      expect(world.dir.usage().mappedBytes).toBe(log.sizeBytes);
    }
    await log.truncation.truncateTo(3); // The files of tests do not let a mapped one be cut.
    expect(valuesOf(log)).toEqual([values[0]!, values[0]!, values[1]!]);
  });

  test("little of the segment that is written to is read without a map", async () => {
    const world = await World.open({ limits: { tailBytesMax: 0 } });
    const log = world.log();
    appendEach(log, "a", "b");
    expect(valuesOf(log)).toEqual(["a", "b"]);
    expect(world.dir.usage().mappedBytes).toBe(0);
  });

  test("a view stays what it was when its segment is deleted and unlinked in vain", async () => {
    const world = await World.open({
      limits: { tailBytesMax: 0 },
      config: { segmentBytes: 300, retentionBytes: 0, fileDeleteDelayMs: 1000 },
    });
    const log = world.log();
    for (let index = 0; index < 8; index++) appendEach(log, `value ${index}`);
    const read = log.read(0, EVERYTHING);
    const before = read.chunks[0]!.slice();
    expect(log.applyRetention(START_MS)).toBe(2);
    await world.until(world.dir.removeDeleted(START_MS + 2000));
    expect(world.files().filter((name) => name.endsWith(".log.deleted")).length).toBe(1);
    expect(read.chunks[0]).toEqual(before);
    read.release();
    await world.until(world.dir.removeDeleted(START_MS + 2000));
    expect(world.files().filter((name) => name.endsWith(".deleted"))).toEqual([]);
    expect(world.dir.usage().mappedBytes).toBe(0);
  });
});

describe("log roll", () => {
  test("a segment ends when it is full, too old by its records' time, or its index is full", async () => {
    for (const config of [{ segmentBytes: 450 }, { segmentMs: 30 }, { segmentIndexBytes: 40, indexIntervalBytes: 0 }]) {
      const world = await World.open({ config });
      const log = world.log();
      for (let index = 0; index < 20; index++) append(log, { values: ["x"], timestamp: START_MS + index * 10 });
      expect([config, log.segmentCount > 2]).toEqual([config, true]);
      expect(valuesOf(log).length).toBe(20);
    }
  });

  test("records without a time roll by the clock, less some jitter", async () => {
    const world = await World.open({ config: { segmentMs: 1000, segmentJitterMs: 500 } });
    const log = world.log();
    append(log, { values: ["a"], timestamp: -1 });
    await world.runtime.advance(400);
    append(log, { values: ["b"], timestamp: -1 });
    expect(log.segmentCount).toBe(1);
    await world.runtime.advance(700);
    append(log, { values: ["c"], timestamp: -1 });
    expect(log.segmentCount).toBe(2);
  });

  test("roll of an empty segment does nothing", async () => {
    const world = await World.open();
    const log = world.log();
    log.roll();
    expect(log.segmentBases()).toEqual([0]);
    appendEach(log, "a");
    log.roll();
    log.roll();
    expect(log.segmentBases()).toEqual([0, 1]);
  });

  test("the recovery point passes a segment once it is synced with its indexes", async () => {
    const world = await World.open();
    const log = world.log();
    appendEach(log, "a", "b");
    log.roll();
    expect(log.recoveryPoint).toBe(0);
    await world.runtime.settle();
    await world.runtime.advance(1000);
    expect(log.recoveryPoint).toBe(2);
    expect(log.syncedOffset).toBe(2);
  });
});

describe("log on a disk in trouble", () => {
  test("a full disk refuses an append, keeps the log usable, and loses nothing", async () => {
    const world = await World.open({ diskBytes: 6000 });
    const log = world.log();
    let count = 0;
    for (;; count++) {
      try {
        append(log, { values: ["x".repeat(500)] });
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
        expect((error as StorageError).code).toBe("ENOSPC");
        break;
      }
    }
    expect(count).toBeGreaterThan(3);
    expect([log.logEndOffset, log.isOffline]).toEqual([count, false]);
    expect(valuesOf(log).length).toBe(count);
    // Something smaller still fits, and takes the offset.
    expect(append(log, { values: ["y"] })).toMatchObject({ kind: "appended", firstOffset: count });
    const again = await world.restart();
    expect(valuesOf(again).length).toBe(count + 1);
  });

  test("a full disk at a roll leaves the old segment active", async () => {
    const world = await World.open({ config: { segmentBytes: 300 } });
    const log = world.log();
    appendEach(log, "a", "b", "c");
    world.runtime.files.fault = (operation, path) => operation === "open" && path.endsWith("3.log") ? "ENOSPC" : null;
    expect(() => append(log, { values: ["d".repeat(100)] })).toThrow(StorageError);
    world.runtime.files.fault = null;
    append(log, { values: ["d"] });
    expect(valuesOf(log)).toEqual(["a", "b", "c", "d"]);
    expect(log.isOffline).toBe(false);
  });

  test("an append that fails for another reason takes the log offline, and it alone", async () => {
    const world = await World.open();
    const log = world.log();
    const other = world.log("other");
    appendEach(log, "a");
    world.runtime.files.fault = (operation, path) => operation === "write" && path.includes("orders-0") ? "EIO" : null;
    expect(() => append(log, { values: ["b"] })).toThrow(StorageError);
    world.runtime.files.fault = null;
    expect(log.isOffline).toBe(true);
    expect(() => append(log, { values: ["b"] })).toThrow("offline");
    expect(() => log.read(0, EVERYTHING)).toThrow("offline");
    appendEach(other, "fine");
    expect(valuesOf(other)).toEqual(["fine"]);
    expect(world.eventNames()).toContain("log-offline");
  });

  test("a failed sync takes the log offline and is not tried again", async () => {
    const world = await World.open();
    const log = world.log();
    appendEach(log, "a");
    let syncCount = 0;
    world.runtime.files.fault = (operation, path) => {
      return operation === "syncData" && path.endsWith(".log") && ++syncCount > 0 ? "EIO" : null;
    };
    const synced = log.sync();
    expect(await world.until(synced.then(() => "synced", (error: StorageError) => error.code))).toBe("EIO");
    world.runtime.files.fault = null;
    expect(log.isOffline).toBe(true);
    expect(log.syncedOffset).toBe(0);
    expect(await world.until(log.sync().then(() => "synced", (error: StorageError) => error.code))).toBe("OFFLINE");
    expect(syncCount).toBe(1);
    await world.until(world.dir.close({ clean: true }));
    await world.open();
    expect(world.dir.wasClean).toBe(false);
    expect(valuesOf(world.log())).toEqual(["a"]);
  });
});

describe("log sync", () => {
  test("a failed sync fails those that wait for the next one too", async () => {
    const world = await World.open();
    const log = world.log();
    appendEach(log, "a");
    await world.until(log.sync());
    appendEach(log, "b");
    let failureCount = 0;
    world.runtime.files.fault = (operation) => operation === "syncData" && failureCount++ === 0 ? "EIO" : null;
    world.runtime.files.syncDelayMs = () => 10;
    const outcomes: unknown[] = [];
    const note = (promise: Promise<void>) =>
      promise.then(() => outcomes.push("synced"), (error) => outcomes.push(error.code));
    const first = note(log.sync());
    await world.runtime.advance(5);
    appendEach(log, "c");
    await world.until(Promise.all([first, note(log.sync())]));
    expect(outcomes).toEqual(["EIO", "EIO"]);
    expect(log.syncedOffset).toBe(1);
  });

  test("a segment may be deleted while the first sync looks after the folder", async () => {
    const world = await World.open({ config: { retentionMs: 0, fileDeleteDelayMs: 0 } });
    const log = world.log();
    appendEach(log, "a");
    world.runtime.files.syncDelayMs = () => 100;
    const synced = log.sync();
    await world.runtime.advance(10);
    log.roll();
    log.applyRetention(START_MS + 1000);
    await world.until(world.dir.removeDeleted(START_MS + 1000));
    await world.until(synced);
    expect([log.isOffline, log.logStartOffset, log.syncedOffset]).toEqual([false, 1, 1]);
  });

  test("callers share a sync, and one that comes during it gets the next", async () => {
    const world = await World.open();
    const log = world.log();
    let syncCount = 0;
    world.runtime.files.fault = (operation, path) => {
      if (operation === "syncData" && path.endsWith(".log")) syncCount++;
      return null;
    };
    const waits: Promise<void>[] = [];
    for (let index = 0; index < 10; index++) {
      appendEach(log, `value ${index}`);
      waits.push(log.sync());
    }
    await world.until(Promise.all(waits));
    expect([syncCount, log.syncedOffset]).toEqual([1, 10]);
    await world.until(log.sync());
    expect(syncCount).toBe(1);
  });

  test("a sync covers segments that were rolled", async () => {
    const world = await World.open({ config: { segmentBytes: 200 } });
    const log = world.log();
    for (let index = 0; index < 10; index++) appendEach(log, `value ${index}`);
    expect(log.segmentCount).toBeGreaterThan(3);
    await world.until(log.sync());
    expect(log.syncedOffset).toBe(10);
    world.crash("lost");
    await world.open();
    expect(valuesOf(world.log()).length).toBe(10);
  });

  test("flush.ms does not wait for a clock that was set back", async () => {
    const world = await World.open({ config: { flushMs: 1000 } });
    appendEach(world.log(), "a");
    await world.until(world.dir.flushDue(START_MS - 3_600_000));
    expect(world.log().syncedOffset).toBe(1);
  });

  test("flush.messages starts a sync by itself, flush.ms when its time has come", async () => {
    const world = await World.open({ config: { flushMessages: 3, flushMs: 1000 } });
    const log = world.log();
    appendEach(log, "a", "b");
    await world.runtime.advance(10);
    expect(log.syncedOffset).toBe(0);
    await world.until(world.dir.flushDue(START_MS + 500));
    expect(log.syncedOffset).toBe(0);
    appendEach(log, "c");
    await world.runtime.advance(10);
    expect(log.syncedOffset).toBe(3);
    appendEach(log, "d");
    await world.until(world.dir.flushDue(START_MS + 5000));
    expect(log.syncedOffset).toBe(4);
  });
});

describe("log by time", () => {
  test("the first record at or after a time is found, whatever the order of times", async () => {
    const world = await World.open({ config: { segmentBytes: 400, indexIntervalBytes: 0 } });
    const log = world.log();
    const times = [10, 30, 20, 50, 40, 40, 70, 60, 90, 80];
    for (const time of times) {
      log.append(
        encodeBatch({ records: [record("x", START_MS + time), record("y", START_MS + time + 1)] }),
        { leaderEpoch: 2, origin: "client" },
      );
    }
    for (let time = 0; time < 95; time++) {
      const index = times.findIndex((candidate) => candidate + 1 >= time);
      const expected = index < 0
        ? null
        : times[index]! >= time
        ? { offset: index * 2, timestampMs: START_MS + times[index]!, leaderEpoch: 2 }
        : { offset: index * 2 + 1, timestampMs: START_MS + times[index]! + 1, leaderEpoch: 2 };
      expect([time, await log.offsetForTimestamp(START_MS + time)]).toEqual([time, expected]);
    }
    expect(await log.offsetOfMaxTimestamp()).toEqual({ offset: 17, timestampMs: START_MS + 91, leaderEpoch: 2 });
  });

  test("what is deleted is not found", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["newest"], timestamp: START_MS + 100 });
    append(log, { values: ["older"], timestamp: START_MS + 50 });
    await log.deleteRecordsBefore(1);
    expect(await log.offsetOfMaxTimestamp()).toMatchObject({ offset: 1, timestampMs: START_MS + 50 });
    expect(await log.offsetForTimestamp(START_MS)).toMatchObject({ offset: 1 });
    expect(await log.offsetForTimestamp(START_MS + 60)).toBe(null);
  });

  test("an empty log has no times", async () => {
    const world = await World.open();
    expect(await world.log().offsetOfMaxTimestamp()).toBe(null);
    expect(await world.log().offsetForTimestamp(0)).toBe(null);
  });
});
