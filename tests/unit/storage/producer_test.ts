import { describe, expect, test } from "bun:test";
import { BatchView } from "../../../protocol/batch.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { encodeControlBatch } from "../../../protocol/record.ts";
import { type AppendResult, type Log } from "../../../storage/log.ts";
import { append, batchOf, DATA, START_MS, valuesOf, World } from "./support.ts";

const producer = (sequence: number, epoch = 0, id = 7) => ({ values: ["x"], producer: { id, epoch, sequence } });
const refused = (errorCode: number) => ({ kind: "rejected", errorCode });

function end(
  log: Log,
  kind: "commit" | "abort",
  options: { epoch?: number; coordinatorEpoch?: number; transactionVersion?: number } = {},
): AppendResult {
  const { transactionVersion = 0 } = options;
  const bytes = encodeControlBatch({
    kind,
    producerId: 7,
    producerEpoch: options.epoch ?? 0,
    coordinatorEpoch: options.coordinatorEpoch ?? 1,
    timestamp: START_MS,
  });
  return log.append(bytes, { leaderEpoch: 0, origin: "coordinator", transactionVersion });
}

describe("idempotent producer", () => {
  test("a batch sent again is answered as before, for the last five", async () => {
    const world = await World.open();
    const log = world.log();
    for (let sequence = 0; sequence < 7; sequence++) append(log, producer(sequence));
    for (let sequence = 2; sequence < 7; sequence++) {
      expect(append(log, producer(sequence)))
        .toEqual({
          kind: "duplicate",
          firstOffset: sequence,
          lastOffset: sequence,
          logAppendTimeMs: START_MS,
          logStartOffset: 0,
        });
    }
    expect(append(log, producer(1))).toEqual(refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER));
    expect(log.logEndOffset).toBe(7);
  });

  test("a gap in its sequence is refused", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, producer(0));
    expect(append(log, producer(2))).toEqual(refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER));
    expect(append(log, producer(1))).toMatchObject({ kind: "appended" });
  });

  test("one that is not known may start anywhere, a known one in a new epoch at 0", async () => {
    const world = await World.open();
    const log = world.log();
    expect(append(log, producer(42))).toMatchObject({ kind: "appended" });
    expect(append(log, producer(5, 1))).toEqual(refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER));
    expect(append(log, producer(0, 1))).toMatchObject({ kind: "appended" });
    expect(append(log, producer(43, 0))).toEqual(refused(ErrorCode.INVALID_PRODUCER_EPOCH));
  });

  test("its sequence goes from 2^31 - 1 to 0", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["a"], producer: { id: 7, epoch: 0, sequence: 0x7ffffffe } });
    expect(append(log, { values: ["b", "c"], producer: { id: 7, epoch: 0, sequence: 0x7fffffff } }))
      .toMatchObject({ kind: "appended" });
    expect([...log.producers()][0]!.lastSequence).toBe(0);
    expect(append(log, { values: ["b", "c"], producer: { id: 7, epoch: 0, sequence: 0x7fffffff } }))
      .toMatchObject({ kind: "duplicate", firstOffset: 1, lastOffset: 2 });
    expect(append(log, producer(1))).toMatchObject({ kind: "appended" });
  });

  test("a failed write leaves no trace of it", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, producer(0));
    world.runtime.files.fault = (operation) => operation === "write" ? "ENOSPC" : null;
    expect(() => append(log, producer(1))).toThrow("ENOSPC");
    world.runtime.files.fault = null;
    expect(append(log, producer(1))).toMatchObject({ kind: "appended", firstOffset: 1 });
  });

  test("batches of one append are checked one after the other", async () => {
    const world = await World.open();
    const log = world.log();
    const both = (first: number, second: number) =>
      log.append(new Uint8Array([...batchOf(producer(first)), ...batchOf(producer(second))]), {
        leaderEpoch: 0,
        origin: "client",
      });
    expect(both(0, 2)).toEqual(refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER));
    expect(log.logEndOffset).toBe(0);
    expect(both(0, 1)).toMatchObject({ kind: "appended", lastOffset: 1 });
    expect(append(log, producer(2))).toMatchObject({ kind: "appended" });
  });

  test("it is remembered over a restart and a crash, with and without a snapshot", async () => {
    for (const how of ["clean", "kill", "cut"] as const) {
      const world = await World.open({ config: { segmentBytes: 300 } });
      let log = world.log();
      for (let sequence = 0; sequence < 6; sequence++) append(log, producer(sequence));
      await world.until(log.sync());
      if (how === "cut") world.crash("lost");
      else await world.until(world.dir.close({ clean: how === "clean" }));
      await world.open();
      log = world.log();
      expect(append(log, producer(5))).toMatchObject({ kind: "duplicate", firstOffset: 5 });
      expect(append(log, producer(7))).toEqual(refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER));
      expect(append(log, producer(6))).toMatchObject({ kind: "appended" });
    }
  });

  test("it is remembered when its records are deleted, until it expires", async () => {
    const world = await World.open({ config: { retentionBytes: 0 } });
    let log = world.log();
    append(log, producer(0));
    expect(log.applyRetention(START_MS)).toBe(1);
    expect(log.logStartOffset).toBe(1);
    log = await world.restart();
    expect(append(log, producer(0))).toMatchObject({ kind: "duplicate" });
    expect(log.expireProducers(START_MS + 1000, 2000)).toBe(0);
    expect(log.expireProducers(START_MS + 2000, 2000)).toBe(1);
    expect(append(log, producer(9))).toMatchObject({ kind: "appended" });
  });

  test("one that writes old records now is not taken for an old one", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { ...producer(0), timestamp: 1000 });
    expect(log.expireProducers(START_MS + 500, 1000)).toBe(0);
    expect(log.expireProducers(START_MS + 1000, 1000)).toBe(1);
  });
});

describe("transaction", () => {
  test("its first offset is unstable until its marker, and until that is below the high watermark", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["before"] });
    append(log, { ...producer(0), isTransactional: true });
    append(log, { ...producer(1), isTransactional: true });
    expect(log.firstUnstableOffset).toBe(1);
    expect(append(log, producer(2))).toEqual(refused(ErrorCode.INVALID_TXN_STATE));
    expect(end(log, "commit")).toMatchObject({ kind: "appended", firstOffset: 3 });
    expect(log.firstUnstableOffset).toBe(null);
    expect(log.firstUnstableOffsetBelow(3)).toBe(1);
    expect(log.firstUnstableOffsetBelow(4)).toBe(null);
    expect(log.abortedTransactions(0, 4)).toEqual([]);
  });

  test("an aborted one is found again when the process died in writing it down", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["t"], producer: { id: 7, epoch: 0, sequence: 0 }, isTransactional: true });
    const marker = {
      kind: "abort",
      producerId: 7,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: START_MS,
    } as const;
    log.append(encodeControlBatch(marker), { leaderEpoch: 0, origin: "coordinator" });
    log.roll();
    append(log, { values: ["a"] });
    await world.until(log.sync());
    await world.until(world.dir.checkpoint());
    await world.until(world.dir.close({ clean: false }));
    const { files } = world.runtime;
    for (const name of world.files()) if (name.endsWith(".snapshot")) files.remove(`${DATA}/orders-0/${name}`);
    files.open(`${DATA}/orders-0/00000000000000000000.txnindex`, {}).truncate(20);
    await world.open();
    expect(world.log().offlineCause).toBe(null);
    expect(world.log().abortedTransactions(0, 9)).toMatchObject([{ firstOffset: 0, lastOffset: 1 }]);
  });

  test("an aborted one is listed to whom reads over it", async () => {
    const world = await World.open({ config: { segmentBytes: 300 } });
    let log = world.log();
    append(log, { values: ["before"] });
    append(log, { ...producer(0), isTransactional: true });
    append(log, { values: ["between"] });
    append(log, { ...producer(0, 0, 8), isTransactional: true });
    end(log, "abort");
    append(log, { values: ["after"] });
    const aborted = { producerId: 7, firstOffset: 1, lastOffset: 4, lastStableOffset: 3 };
    for (let round = 0; round < 3; round++) {
      expect(log.abortedTransactions(0, 6)).toEqual([aborted]);
      expect(log.abortedTransactions(4, 6)).toEqual([aborted]);
      expect(log.abortedTransactions(5, 6)).toEqual([]);
      expect(log.abortedTransactions(0, 1)).toEqual([]);
      expect(log.firstUnstableOffset).toBe(3);
      if (round === 0) log = await world.restart();
      if (round === 1) {
        await world.until(world.dir.close({ clean: false }));
        await world.open();
        log = world.log();
      }
    }
  });

  test("an old coordinator or producer cannot end it", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { ...producer(0, 2), isTransactional: true });
    end(log, "commit", { epoch: 2, coordinatorEpoch: 5 });
    append(log, { ...producer(1, 2), isTransactional: true });
    expect(end(log, "abort", { epoch: 2, coordinatorEpoch: 4 })).toEqual(
      refused(ErrorCode.TRANSACTION_COORDINATOR_FENCED),
    );
    expect(end(log, "abort", { epoch: 1, coordinatorEpoch: 5 })).toEqual(refused(ErrorCode.INVALID_PRODUCER_EPOCH));
    expect(log.firstUnstableOffset).toBe(2);
    // The coordinator raises the epoch as it ends the transaction: the producer starts over at 0.
    expect(end(log, "abort", { epoch: 3, coordinatorEpoch: 5 })).toMatchObject({ kind: "appended" });
    expect(append(log, { ...producer(0, 3), isTransactional: true })).toMatchObject({ kind: "appended" });
  });

  test("whose every end raises the epoch takes no marker without that, unless the epochs are used up", async () => {
    const world = await World.open();
    const log = world.log();
    const marked = (epoch: number) => end(log, "commit", { epoch, transactionVersion: 2 });
    append(log, { ...producer(0, 2), isTransactional: true });
    expect(marked(2)).toEqual(refused(ErrorCode.INVALID_PRODUCER_EPOCH));
    expect(marked(1)).toEqual(refused(ErrorCode.INVALID_PRODUCER_EPOCH));
    expect(log.firstUnstableOffset).toBe(0);
    expect(marked(3)).toMatchObject({ kind: "appended" });
    expect(log.firstUnstableOffset).toBe(null);
    append(log, { ...producer(0, 0x7fff), isTransactional: true });
    expect(marked(0x7fff)).toMatchObject({ kind: "appended" });
    expect(log.firstUnstableOffset).toBe(null);
  });

  test("marked again is ended once", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { ...producer(0), isTransactional: true });
    for (let round = 0; round < 2; round++) {
      expect(end(log, "abort", { epoch: 1, transactionVersion: 2 })).toMatchObject({ kind: "appended" });
    }
    expect(log.abortedTransactions(0, 9)).toMatchObject([{ firstOffset: 0, lastOffset: 1 }]);
  });

  test("of a producer that begins every epoch at 0 cannot begin in the middle", async () => {
    const world = await World.open();
    const log = world.log();
    const written = (sequence: number) => {
      const bytes = batchOf({ ...producer(sequence), isTransactional: true });
      return log.append(bytes, { leaderEpoch: 0, origin: "client", startsAtZero: true });
    };
    expect(written(1)).toEqual(refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER));
    expect([written(0).kind, written(1).kind]).toEqual(["appended", "appended"]);
    end(log, "commit", { epoch: 1, transactionVersion: 2 });
    expect(append(log, { ...producer(1, 1), isTransactional: true }))
      .toEqual(refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER));
  });

  test("a batch of it that could not be let in yet is missed: what comes behind it must not come first", async () => {
    const world = await World.open();
    const log = world.log();
    log.producers().missed(new BatchView(batchOf({ ...producer(0), isTransactional: true })));
    expect(append(log, { ...producer(1), isTransactional: true })).toEqual(
      refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER),
    );
    expect(append(log, { ...producer(0), isTransactional: true })).toMatchObject({ kind: "appended" });
    expect(append(log, { ...producer(1), isTransactional: true })).toMatchObject({ kind: "appended" });
  });

  test("the oldest of several open ones holds readers, in whatever order they end", async () => {
    const world = await World.open();
    const log = world.log();
    for (const id of [7, 8, 9]) append(log, { ...producer(0, 0, id), isTransactional: true });
    const ended = (producerId: number) =>
      log.append(
        encodeControlBatch({ kind: "commit", producerId, producerEpoch: 0, coordinatorEpoch: 1, timestamp: START_MS }),
        { leaderEpoch: 0, origin: "coordinator" },
      );
    const found = [8, 7, 9].map((id) => [ended(id).kind, log.firstUnstableOffset]);
    expect(found).toEqual([["appended", 0], ["appended", 2], ["appended", null]]);
  });

  test("a producer with an open one does not expire", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { ...producer(0), isTransactional: true });
    expect(log.expireProducers(START_MS + 1e9, 1000)).toBe(0);
    end(log, "commit");
    expect(log.expireProducers(START_MS + 1e9, 1000)).toBe(1);
    expect(valuesOf(log)).toEqual(["x"]);
  });
});
