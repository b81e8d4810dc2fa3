import { describe, expect, test } from "bun:test";
import { encodeControlBatch } from "../../../protocol/record.ts";
import { type Log } from "../../../storage/log.ts";
import { append, appendEach, batchOf, DATA, readAll, START_MS, valuesOf, World } from "./support.ts";

/** Segments of two small batches each. */
const config = { segmentBytes: 160, indexIntervalBytes: 0, fileDeleteDelayMs: 0 };
const FOLDER = `${DATA}/orders-0`;

/** A log with offsets 0 to 5 in segments 0, 2 and 4, all synced, its recovery point at the end. */
async function opened(): Promise<{ world: World; log: Log }> {
  const world = await World.open({ config });
  const log = world.log();
  appendEach(log, "a", "b", "c", "d", "e", "f");
  await world.until(log.sync());
  await world.until(world.dir.checkpoint());
  expect(log.segmentBases()).toEqual([0, 2, 4]);
  return { world, log };
}

describe("truncation", () => {
  test("drops what has the offset or a later one, for good", async () => {
    const { world, log } = await opened();
    expect(await world.until(log.truncation.truncateTo(3))).toBe(3);
    expect([log.logEndOffset, log.syncedOffset, log.recoveryPoint]).toEqual([3, 3, 3]);
    expect(log.segmentBases()).toEqual([0, 2]);
    expect(append(log, { values: ["D"] })).toMatchObject({ firstOffset: 3 });
    expect(valuesOf(log)).toEqual(["a", "b", "c", "D"]);
    world.crash("lost");
    await world.open();
    expect(valuesOf(world.log())).toEqual(["a", "b", "c"]);
  });

  test("does nothing past the end", async () => {
    const { world, log } = await opened();
    expect(await world.until(log.truncation.truncateTo(6))).toBe(6);
    expect(await world.until(log.truncation.truncateTo(60))).toBe(6);
    expect(valuesOf(log).length).toBe(6);
  });

  test("of a batch that the offset is in, nothing stays", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["a"] });
    append(log, { values: ["b", "c", "d"] });
    expect(await world.until(log.truncation.truncateTo(3))).toBe(1);
    expect(valuesOf(await world.restart())).toEqual(["a"]);
  });

  test("to nothing, at a segment's start, and of what was never synced", async () => {
    for (const offset of [0, 2, 4]) {
      const world = await World.open({ config });
      appendEach(world.log(), "a", "b", "c", "d", "e");
      expect(await world.until(world.log().truncation.truncateTo(offset))).toBe(offset);
      appendEach(world.log(), "X");
      expect(valuesOf(world.log())).toEqual([..."abcd".slice(0, offset), "X"]);
      expect(valuesOf(await world.restart())).toEqual([..."abcd".slice(0, offset), "X"]);
    }
  });

  test("forgets what producers wrote past it, and finds again what they wrote before", async () => {
    const { world, log } = await opened();
    const producer = (sequence: number) => ({ values: ["p"], producer: { id: 9, epoch: 0, sequence } });
    for (let sequence = 0; sequence < 4; sequence++) append(log, producer(sequence));
    log.roll();
    await world.until(world.dir.checkpoint());
    expect(world.files()).toContain("00000000000000000010.snapshot");
    await world.until(log.truncation.truncateTo(8));
    expect(world.files()).not.toContain("00000000000000000010.snapshot");
    expect([...log.producers()]).toMatchObject([{ producerId: 9, lastSequence: 1, lastOffset: 7 }]);
    expect(append(log, producer(1))).toMatchObject({ kind: "duplicate", firstOffset: 7 });
    expect(append(log, producer(2))).toMatchObject({ kind: "appended", firstOffset: 8 });
  });

  test("a snapshot of what was cut off does not come back when the log has grown past it", async () => {
    const { world, log } = await opened();
    append(log, { values: ["p"], producer: { id: 9, epoch: 0, sequence: 0 } });
    log.roll();
    await world.until(log.sync());
    await world.until(log.truncation.truncateTo(6));
    appendEach(log, "g", "h", "i");
    await world.until(log.sync());
    world.crash("lost");
    await world.open();
    expect([...world.log().producers()]).toEqual([]);
  });

  test("an aborted transaction past it never was, one before it still is", async () => {
    const world = await World.open();
    const log = world.log();
    for (let round = 0; round < 2; round++) {
      append(log, { values: ["t"], producer: { id: 9, epoch: 0, sequence: round }, isTransactional: true });
      const marker = {
        kind: "abort",
        producerId: 9,
        producerEpoch: 0,
        coordinatorEpoch: 0,
        timestamp: START_MS,
      } as const;
      log.append(encodeControlBatch(marker), { leaderEpoch: 0, origin: "coordinator" });
    }
    await world.until(log.truncation.truncateTo(3));
    expect(log.abortedTransactions(0, 9)).toMatchObject([{ firstOffset: 0, lastOffset: 1 }]);
    expect(log.firstUnstableOffset).toBe(2);
    expect((await world.restart()).abortedTransactions(0, 9).length).toBe(1);
  });

  test("an aborted transaction before it that was not yet synced is", async () => {
    const world = await World.open();
    append(world.log(), { values: ["t"], producer: { id: 9, epoch: 0, sequence: 0 }, isTransactional: true });
    const log = await world.restart();
    const marker = {
      kind: "abort",
      producerId: 9,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: START_MS,
    } as const;
    log.append(encodeControlBatch(marker), { leaderEpoch: 0, origin: "coordinator" });
    appendEach(log, "a", "b");
    await world.until(log.truncation.truncateTo(3));
    await world.until(world.dir.checkpoint());
    world.crash("lost");
    await world.open();
    expect(world.log().abortedTransactions(0, 9)).toMatchObject([{ firstOffset: 0, lastOffset: 1 }]);
  });

  test("leader epochs end with the log, in their file too", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["a"], leaderEpoch: 4 });
    append(log, { values: ["b"], leaderEpoch: 7 });
    await world.until(log.sync());
    await world.until(world.dir.checkpoint());
    await world.until(log.truncation.truncateTo(1));
    expect([log.leaderEpoch, log.epochOf(1)]).toEqual([4, 4]);
    append(log, { values: ["B"], leaderEpoch: 5 });
    await world.until(log.sync());
    world.crash("lost");
    await world.open();
    expect([world.log().leaderEpoch, world.log().epochOf(1)]).toEqual([5, 5]);
  });

  test("views of what is cut off stay as they were, mapped or not", async () => {
    const { world, log } = await opened();
    const limits = { maxBytes: 10_000, upToOffset: Infinity, atLeastOneBatch: true };
    const reads = [log.read(2, limits), log.read(4, limits)];
    const copies = reads.map((read) => read.chunks.map((chunk) => chunk.slice()));
    await world.until(log.truncation.truncateTo(3));
    appendEach(log, "D", "E", "F");
    await world.until(world.dir.removeDeleted(world.runtime.clock.nowMs()));
    expect(reads.map((read) => read.chunks.map((chunk) => chunk.slice()))).toEqual(copies);
    for (const read of reads) read.release();
    expect(valuesOf(log)).toEqual(["a", "b", "c", "D", "E", "F"]);
    expect(valuesOf(await world.restart())).toEqual(["a", "b", "c", "D", "E", "F"]);
  });

  test("a reader in sequence finds what was written in the place of what it would have read", async () => {
    const { world, log } = await opened();
    const limits = { maxBytes: 1, upToOffset: Infinity, atLeastOneBatch: true };
    for (let offset = 0; offset < 6; offset++) log.read(offset, limits).release();
    await world.until(log.truncation.truncateTo(3));
    append(log, { values: ["longer than it was", "more"] });
    expect(readAll(log, 3)).toEqual([[3, "longer than it was"], [4, "more"]]);
  });

  test("at every step of the disk that fails for good, a start finds a beginning that reaches to the cut", async () => {
    for (const kind of ["lost", "torn", "mixed"] as const) {
      for (let step = 0, isOver = false; !isOver; step++) {
        const { world, log } = await opened();
        let count = 0;
        world.runtime.files.fault = (operation) => {
          if (operation === "stat" || operation === "list" || operation === "read" || count++ < step) return null;
          return "EIO";
        };
        const truncated = world.until(log.truncation.truncateTo(3)).then(() => true, () => false);
        isOver = await truncated;
        world.runtime.files.fault = null;
        world.crash(kind);
        await world.open();
        const values = valuesOf(world.log()).join("");
        expect(isOver ? ["abc"] : ["abc", "abcd", "abcdef"]).toContain(values);
      }
    }
  });

  test("of a deletion that waits for the disk meanwhile, past the cut, nothing comes", async () => {
    const { world, log } = await opened();
    const deleted = log.deleteRecordsBefore(5);
    await world.until(log.truncation.truncateTo(3)).catch(() => {});
    await world.until(deleted).catch(() => {});
    expect(log.logStartOffset).toBeLessThanOrEqual(log.logEndOffset);
  });
});

describe("a log that starts again", () => {
  test("of a deletion that the disk had no room for, nothing comes where the log starts again", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["a", "b", "c"] });
    appendEach(log, "d", "e", "f");
    await world.until(log.deleteRecordsBefore(2)); // In the middle of a batch.
    const { files } = world.runtime;
    files.fault = (operation) => operation === "write" ? "ENOSPC" : null;
    await expect(world.until(log.deleteRecordsBefore(5))).rejects.toThrow("ENOSPC");
    files.fault = null;
    expect(await world.until(log.truncation.truncateTo(2))).toBe(2);
    append(log, { values: ["X"] });
    await world.until(log.sync());
    world.crash("lost");
    await world.open();
    expect(world.log().logStartOffset).toBe(2);
    expect(valuesOf(world.log())).toEqual(["X"]);
  });

  test("holds nothing and starts where it is told, past its end or before its start", async () => {
    for (const offset of [0, 1, 3, 6, 100]) {
      const { world, log } = await opened();
      append(log, { values: ["p"], producer: { id: 9, epoch: 0, sequence: 0 }, leaderEpoch: 3 });
      await world.until(log.deleteRecordsBefore(2));
      await world.until(log.truncation.truncateFullyAndStartAt(offset));
      expect([log.logStartOffset, log.logEndOffset, log.syncedOffset]).toEqual([offset, offset, offset]);
      expect([[...log.producers()], log.leaderEpoch]).toEqual([[], -1]);
      world.crash("lost");
      await world.open();
      expect([world.log().logStartOffset, world.log().logEndOffset]).toEqual([offset, offset]);
      appendEach(world.log(), "x");
      expect(readAll(await world.restart())).toEqual([[offset, "x"]]);
    }
  });

  test("may be one that has no folder yet", async () => {
    const world = await World.open();
    await world.until(world.log().truncation.truncateFullyAndStartAt(7));
    world.log().append(batchOf({ values: ["x"] }), { leaderEpoch: 0, origin: "client" });
    expect(world.files()).toContain("00000000000000000007.log");
    expect(readAll(await world.restart())).toEqual([[7, "x"]]);
  });

  test("when nothing is left that a reader may ask for", async () => {
    const { world, log } = await opened();
    await world.until(log.deleteRecordsBefore(5));
    expect(await world.until(log.truncation.truncateTo(4))).toBe(4);
    expect([log.logStartOffset, log.logEndOffset]).toEqual([4, 4]);
    expect(world.runtime.files.stat(`${FOLDER}/00000000000000000002.log`)).toBe(null);
  });
});
