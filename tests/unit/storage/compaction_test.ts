import { describe, expect, test } from "bun:test";
import { Compression } from "../../../protocol/compression.ts";
import { encodeControlBatch } from "../../../protocol/record.ts";
import { type Log } from "../../../storage/log.ts";
import { appendPairs, appendSegment, batchesIn, compact, COMPACTED, contents, rolled } from "./compaction_support.ts";
import { DATA, World } from "./support.ts";

async function opened(config = {}, limits = { tailBytesMax: 0 }): Promise<{ world: World; log: Log }> {
  const world = await World.open({ config: { ...COMPACTED, ...config }, limits });
  return { world, log: world.log() };
}

describe("compaction", () => {
  test("keeps the last record of each key, with its offset", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [["a", "1"], ["b", "1"], ["c", "1"]]);
    await appendSegment(world, log, [["a", "2"], ["c", "2"]]);
    appendPairs(log, [["c", "3"]]);
    expect(await compact(world)).toBe(1);
    expect(contents(log)).toEqual(["1 b=1", "3 a=2", "4 c=2", "5 c=3"]);
    expect(log.logEndOffset).toBe(6);
    expect(log.compaction.cleanedOffset).toBe(5);
  });

  test("joins small segments and keeps the offsets their batches spanned", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [["a", "1"], ["b", "1"]]);
    await appendSegment(world, log, [["a", "2"], ["b", "2"], ["d", "1"]]);
    await appendSegment(world, log, [["a", "3"]]);
    appendPairs(log, [["x", "1"]]);
    await compact(world);
    expect(log.segmentBases()).toEqual([0, 6]);
    expect(batchesIn(log).map((batch) => [batch.baseOffset, batch.lastOffset, batch.recordCount])).toEqual([
      [2, 4, 2],
      [5, 5, 1],
      [6, 6, 1],
    ]);
  });

  test("gives a reader of a removed offset the next batch", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [["a", "1"]]);
    await appendSegment(world, log, [["a", "2"]]);
    appendPairs(log, [["b", "1"]]);
    await compact(world);
    expect(contents(log, 0)).toEqual(["1 a=2", "2 b=1"]);
  });

  test("never touches the active segment", async () => {
    const { world, log } = await opened();
    appendPairs(log, [["a", "1"]]);
    appendPairs(log, [["a", "2"]]);
    expect(await compact(world)).toBe(0);
    expect(contents(log)).toEqual(["0 a=1", "1 a=2"]);
  });

  test("cleans compressed batches and compresses them again", async () => {
    for (const compression of [Compression.gzip, Compression.snappy, Compression.lz4, Compression.zstd]) {
      const { world, log } = await opened();
      await appendSegment(world, log, [["a", "1"], ["b", "1"], ["c", "1"]], { compression });
      await appendSegment(world, log, [["b", "2"]], { compression });
      appendPairs(log, [["x", "1"]]);
      await compact(world);
      expect(contents(log)).toEqual(["0 a=1", "2 c=1", "3 b=2", "4 x=1"]);
      expect(batchesIn(log)[0]!.compression).toBe(compression);
    }
  });

  test("keeps a tombstone for delete.retention.ms after the first cleaning that met it", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [["a", "1"], ["b", "1"]]);
    await appendSegment(world, log, [["a", null]], { timestamp: 5 });
    appendPairs(log, [["x", "1"]]);
    await compact(world);
    expect(contents(log)).toEqual(["1 b=1", "2 a=(null)", "3 x=1"]);
    const [, tombstone] = batchesIn(log);
    expect(tombstone!.deleteHorizon).toBe(world.runtime.clock.nowMs() + 1000);
    expect(tombstone!.maxTimestamp).toBe(5);
    await rolled(world, log);
    await world.until(new Promise<void>((resolve) => world.runtime.timers.after(1000, resolve)));
    await compact(world);
    expect(contents(log)).toEqual(["1 b=1", "3 x=1"]);
  });

  test("keeps the times of records when a batch gets a delete horizon", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [["a", null], ["b", "1"]], { timestamp: 1234 });
    appendPairs(log, [["x", "1"]]);
    await compact(world);
    expect(await world.until(log.offsetForTimestamp(1234))).toEqual({ offset: 0, timestampMs: 1234, leaderEpoch: 0 });
  });

  test("drops records without a key, written before the topic was compacted", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [[null, "1"], ["b", "1"]]);
    appendPairs(log, [["x", "1"]]);
    await compact(world);
    expect(contents(log)).toEqual(["1 b=1", "2 x=1"]);
  });

  test("goes on where the table of keys was full", async () => {
    const { world, log } = await opened();
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
    await appendSegment(world, log, keys.map((key) => [key, "1"]));
    await appendSegment(world, log, keys.map((key) => [key, "2"]));
    appendPairs(log, [["x", "1"]]);
    const count = await compact(world, { tableBytesMax: 24 * 40 });
    expect(count).toBeGreaterThan(3);
    expect(contents(log)).toEqual([...keys.map((key, index) => `${100 + index} ${key}=2`), "200 x=1"]);
  });

  test("keeps the last batch of a producer, emptied, and its sequence across a start", async () => {
    const { world, log } = await opened();
    const producer = { id: 7, epoch: 0, sequence: 0 };
    await appendSegment(world, log, [["a", "1"], ["b", "1"]], { producer });
    await appendSegment(world, log, [["a", "2"], ["b", "2"]]);
    appendPairs(log, [["x", "1"]]);
    await compact(world);
    expect(contents(log)).toEqual(["2 a=2", "3 b=2", "4 x=1"]);
    const [empty] = batchesIn(log);
    expect([empty!.baseOffset, empty!.lastOffset, empty!.recordCount, empty!.baseSequence]).toEqual([0, 1, 0, 0]);
    for (const name of world.files().filter((name) => name.endsWith(".snapshot"))) {
      world.runtime.files.remove(`${DATA}/orders-0/${name}`);
    }
    await world.until(world.dir.close({ clean: false }));
    await world.open();
    appendPairs(world.log(), [["c", "1"]], { producer: { ...producer, sequence: 2 } });
    expect(contents(world.log()).at(-1)).toBe("5 c=1");
  });

  test("takes what it removed from the tail in memory too", async () => {
    const { world, log } = await opened({}, { tailBytesMax: 1024 * 1024 });
    log.read(0, { maxBytes: 1, upToOffset: Infinity, atLeastOneBatch: true }); // From here on the tail is kept.
    await appendSegment(world, log, [["a", "1"], ["b", "1"]]);
    await appendSegment(world, log, [["a", "2"]]);
    appendPairs(log, [["x", "1"]]);
    expect(world.dir.usage().tailBytes).toBeGreaterThan(0);
    await compact(world);
    expect(contents(log)).toEqual(["1 b=1", "2 a=2", "3 x=1"]);
    appendPairs(log, [["y", "1"]]);
    expect(contents(log)).toEqual(["1 b=1", "2 a=2", "3 x=1", "4 y=1"]);
  });

  test("leaves the log as it was when a segment cannot be renamed, and offline when that cannot be undone", async () => {
    for (const canUndo of [true, false]) {
      for (const suffix of [".log", ".index", ".timeindex"]) {
        const { world, log } = await opened();
        await appendSegment(world, log, [["a", "1"], ["b", "1"]]);
        await appendSegment(world, log, [["a", "2"]]);
        let hasFailed = false;
        world.runtime.files.fault = (operation, path) => {
          if (operation === "rename" && path.endsWith(`${suffix}.cleaned`)) return hasFailed = true, "EIO";
          return !canUndo && hasFailed && operation === "syncDirectory" ? "EIO" : null;
        };
        expect(await compact(world)).toBe(0);
        world.runtime.files.fault = null;
        expect(log.isOffline).toBe(!canUndo);
        expect(world.files().filter((name) => /\.(cleaned|swap)$/.test(name))).toEqual([]);
        if (canUndo) expect(contents(log)).toEqual(["0 a=1", "1 b=1", "2 a=2"]);
      }
    }
  });

  test("leaves the time of an emptied batch to nobody who asks for a time", async () => {
    const { world, log } = await opened();
    const producer = { id: 7, epoch: 0, sequence: 0 };
    await appendSegment(world, log, [["a", "1"]], { producer, timestamp: 900 });
    await appendSegment(world, log, [["a", "2"]], { timestamp: 500 });
    appendPairs(log, [["x", "1"]], { timestamp: 300 });
    await compact(world);
    expect(contents(log)).toEqual(["1 a=2", "2 x=1"]);
    expect((await world.until(log.offsetOfMaxTimestamp()))?.offset).toBe(1);
    expect((await world.until(log.offsetForTimestamp(400)))?.offset).toBe(1);
    expect(await world.until(log.offsetForTimestamp(600))).toBe(null);
  });

  test("removes the records of aborted transactions, then their markers", async () => {
    const { world, log } = await opened();
    const marker = (kind: "commit" | "abort", id: number) =>
      log.append(
        encodeControlBatch({ kind, producerId: id, producerEpoch: 0, coordinatorEpoch: 0, timestamp: 1 }),
        { leaderEpoch: 0, origin: "coordinator" },
      );
    appendPairs(log, [["a", "kept"]]);
    appendPairs(log, [["a", "aborted"]], { producer: { id: 7, epoch: 0, sequence: 0 }, isTransactional: true });
    appendPairs(log, [["b", "committed"]], { producer: { id: 8, epoch: 0, sequence: 0 }, isTransactional: true });
    marker("abort", 7);
    marker("commit", 8);
    appendPairs(log, [["q", "1"]], { producer: { id: 7, epoch: 0, sequence: 1 } });
    appendPairs(log, [["q", "1"]], { producer: { id: 8, epoch: 0, sequence: 1 } });
    await rolled(world, log);
    appendPairs(log, [["x", "1"]]);
    await compact(world);
    expect(contents(log)).toEqual(["0 a=kept", "2 b=committed", "6 q=1", "7 x=1"]);
    expect(batchesIn(log).filter((batch) => batch.isControl).map((batch) => batch.baseOffset)).toEqual([3, 4]);
    expect(log.abortedTransactions(0, 100).length).toBe(1);
    // The batches of the aborted one are gone: its marker may go, after delete.retention.ms.
    await rolled(world, log);
    await compact(world);
    const horizons = batchesIn(log).filter((batch) => batch.isControl).map((batch) => batch.deleteHorizon !== null);
    expect(horizons).toEqual([true, false]);
    appendPairs(log, [["x", "2"]]);
    await rolled(world, log);
    await world.until(new Promise<void>((resolve) => world.runtime.timers.after(1000, resolve)));
    await compact(world);
    expect(batchesIn(log).filter((batch) => batch.isControl).map((batch) => batch.baseOffset)).toEqual([4]);
    expect(log.abortedTransactions(0, 100)).toEqual([]);
  });

  test("is due by the dirty ratio, and remembers over a start how far it came", async () => {
    const { world, log } = await opened({ minCleanableDirtyRatio: 0.5 });
    await appendSegment(world, log, [["a", "1"], ["b", "1"], ["c", "1"]]);
    appendPairs(log, [["x", "1"]]);
    expect(await compact(world)).toBe(1);
    await rolled(world, log);
    expect(await compact(world)).toBe(0); // 1 record of 4
    const again = await world.restart();
    expect(again.compaction.cleanedOffset).toBe(3);
    expect(await compact(world)).toBe(0);
    appendPairs(again, [["y", "1"], ["z", "1"], ["u", "1"], ["v", "1"]]);
    await rolled(world, again);
    expect(await compact(world)).toBe(1);
  });

  test("spares records younger than min.compaction.lag.ms, and what follows them", async () => {
    const { world, log } = await opened({ minCompactionLagMs: 1000 });
    const nowMs = world.runtime.clock.nowMs();
    await appendSegment(world, log, [["a", "1"], ["a", "2"]], { timestamp: nowMs - 2000 });
    await appendSegment(world, log, [["a", "3"], ["a", "4"]], { timestamp: nowMs });
    await appendSegment(world, log, [["a", "5"]], { timestamp: nowMs - 2000 });
    await compact(world);
    expect(contents(log)).toEqual(["1 a=2", "2 a=3", "3 a=4", "4 a=5"]);
  });

  test("is due by max.compaction.lag.ms however clean the log is", async () => {
    const { world, log } = await opened({ minCleanableDirtyRatio: 1, maxCompactionLagMs: 1000 });
    const timestamp = world.runtime.clock.nowMs();
    await appendSegment(world, log, [["a", "1"], ["a", "2"]], { timestamp });
    expect(await compact(world)).toBe(0);
    await world.until(new Promise<void>((resolve) => world.runtime.timers.after(1001, resolve)));
    expect(await compact(world)).toBe(1);
  });

  test("spares what is at or past the high watermark", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [["a", "1"], ["a", "2"]]);
    await appendSegment(world, log, [["a", "3"], ["a", "4"]]);
    await world.until(world.dir.cleaner.cleanOne(0, { highWatermarkOf: () => 3 }));
    expect(contents(log)).toEqual(["1 a=2", "2 a=3", "3 a=4"]);
  });

  test("leaves a damaged log as it is and says so once", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [["a", "1"], ["b", "1"]]);
    await appendSegment(world, log, [["a", "2"]]);
    const path = `${DATA}/orders-0/00000000000000000000.log`;
    const handle = world.runtime.files.open(path, {});
    handle.write([Uint8Array.of(0xff)], 70);
    handle.close();
    expect(await compact(world)).toBe(0);
    expect(await compact(world)).toBe(0);
    expect(world.eventNames().filter((name) => name === "compaction-failed").length).toBe(1);
    expect(log.isOffline).toBe(false);
    expect(log.segmentBases()).toEqual([0, 2, 3]);
    expect(world.files().some((name) => name.endsWith(".cleaned"))).toBe(false);
  });

  test("tries again when a full disk has room", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [["a", "1"], ["b", "1"]]);
    await appendSegment(world, log, [["a", "2"]]);
    world.runtime.files.fault = (operation, path) =>
      operation === "write" && path.endsWith(".cleaned") ? "ENOSPC" : null;
    expect(await compact(world)).toBe(0);
    expect(world.files().some((name) => name.endsWith(".cleaned"))).toBe(false);
    world.runtime.files.fault = null;
    expect(await compact(world)).toBe(1);
    expect(contents(log)).toEqual(["1 b=1", "2 a=2"]);
  });

  test("stops when its log is deleted, closed, or no longer compacted", async () => {
    const ends: ((world: World, log: Log) => unknown)[] = [
      (world, log) => world.dir.deleteLogs([log]),
      (world) => world.dir.close({ clean: true }),
      (_, log) => log.updateConfig({ ...log.config, cleanupPolicy: { delete: true, compact: false } }),
    ];
    for (const end of ends) {
      for (let turns = 0; turns < 12; turns++) {
        const { world, log } = await opened();
        await appendSegment(world, log, [["a", "1"], ["b", "1"]]);
        await appendSegment(world, log, [["a", "2"]]);
        const cleaning = world.dir.cleaner.cleanOne(world.runtime.clock.nowMs());
        for (let turn = 0; turn < turns; turn++) {
          await world.until(new Promise<void>((resolve) => world.runtime.timers.soon(resolve)));
        }
        const ended = end(world, log);
        await world.until(cleaning);
        await world.until(Promise.resolve(ended));
        expect(world.eventNames()).not.toContain("compaction-failed");
        expect(world.eventNames()).not.toContain("log-offline");
      }
    }
  });

  test("gives way to retention that deletes what is being cleaned", async () => {
    for (let turns = 0; turns < 16; turns++) {
      const { world, log } = await opened();
      await appendSegment(world, log, [["a", "1"], ["b", "1"]]);
      await appendSegment(world, log, [["a", "2"]]);
      await appendSegment(world, log, [["c", "1"]]);
      appendPairs(log, [["x", "1"]]);
      const cleaning = world.dir.cleaner.cleanOne(world.runtime.clock.nowMs());
      for (let turn = 0; turn < turns; turn++) {
        await world.until(new Promise<void>((resolve) => world.runtime.timers.soon(resolve)));
      }
      await world.until(log.deleteRecordsBefore(2));
      log.applyRetention(world.runtime.clock.nowMs());
      await world.until(cleaning);
      expect(world.eventNames()).not.toContain("compaction-failed");
      expect(contents(log)).toEqual(["2 a=2", "3 c=1", "4 x=1"]);
      await compact(world);
      log.applyRetention(world.runtime.clock.nowMs());
      expect(contents(log)).toEqual(["2 a=2", "3 c=1", "4 x=1"]);
    }
  });

  test("leaves a reader its view of a replaced segment, whose files go afterwards", async () => {
    const { world, log } = await opened();
    await appendSegment(world, log, [["a", "1"], ["b", "1"]]);
    await appendSegment(world, log, [["a", "2"]]);
    const read = log.read(0, { maxBytes: 1000, upToOffset: Infinity, atLeastOneBatch: true });
    const before = read.chunks.map((chunk) => chunk.slice());
    await compact(world);
    const deleted = () => world.files().filter((name) => name.endsWith(".log.deleted"));
    await world.until(new Promise<void>((resolve) => world.runtime.timers.after(2000, resolve)));
    await world.until(world.dir.removeDeleted(world.runtime.clock.nowMs()));
    expect(deleted()).toEqual(["00000000000000000000.log.deleted"]);
    expect(read.chunks.map((chunk) => chunk.slice())).toEqual(before);
    read.release();
    await world.until(world.dir.removeDeleted(world.runtime.clock.nowMs()));
    expect(deleted()).toEqual([]);
  });

  test("survives a power cut at every step of the disk", async () => {
    for (const seed of [0, 1, 2]) {
      for (let step = 1; await cutAt(step, seed); step++);
    }
  }, { timeout: 60_000 });
});

/** Cuts the power at a step of a cleaning, and looks at what a start makes of it. False when there is no such step. */
async function cutAt(step: number, seed: number): Promise<boolean> {
  const world = await World.open({ config: COMPACTED, limits: { tailBytesMax: 0 }, seed });
  const log = world.log();
  await appendSegment(world, log, [["a", "1"], ["b", "1"]], { producer: { id: 7, epoch: 0, sequence: 0 } });
  await appendSegment(world, log, [["a", "2"], ["c", null]]);
  await appendSegment(world, log, [["b", "2"]]);
  appendPairs(log, [["x", "1"]]);
  await world.until(log.sync());
  let count = 0;
  world.runtime.files.fault = (operation) => {
    if (operation === "stat" || operation === "list" || operation === "read" || ++count !== step) return null;
    world.runtime.files.fault = null;
    world.crash(seed === 0 ? "lost" : "torn");
    return "EIO";
  };
  await world.until(world.dir.cleaner.cleanOne(world.runtime.clock.nowMs()));
  const isOver = world.runtime.files.fault !== null;
  world.runtime.files.fault = null;
  if (isOver) return false;
  const after = ["2 a=2", "3 c=(null)", "4 b=2", "5 x=1"];
  const before = ["0 a=1", "1 b=1", ...after];
  for (let start = 0; start < 2; start++) {
    await world.open();
    expect(world.log().offlineCause).toBe(null);
    expect({ step, seed, found: [before, after].map(String).includes(String(contents(world.log()))) }).toEqual({
      step,
      seed,
      found: true,
    });
    expect([...world.log().producers()].map(({ lastSequence }) => lastSequence)).toEqual([1]);
    if (start === 0) world.crash("lost");
  }
  await compact(world);
  expect(contents(world.log())).toEqual(after);
  expect(world.files().filter((name) => /\.(cleaned|swap)$/.test(name))).toEqual([]);
  return true;
}
