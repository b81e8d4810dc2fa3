/**
 * The log against an array. Recovery of damaged folders: `recovery_fuzz_test.ts`.
 *
 *     SEED=123 bun test tests/fuzz/storage_fuzz_test.ts       the run that failed, again
 *     ROUNDS=100000 bun test tests/fuzz/storage_fuzz_test.ts  a long one
 *
 * Each round opens a data folder in memory with settings of its own and does some hundred random things to one log: appends
 * (plain, idempotent, again, out of order, in transactions), rolls, syncs, checkpoints, retention, deletions, truncations, reads whose
 * views are kept for a while, a full disk, clean restarts, kills, and power cuts at any moment. After each restart the log must be what
 * the model says: everything after a clean stop and a kill; a prefix with all that was synced after a power cut.
 */
import { describe, expect } from "bun:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeBatch, encodeControlBatch } from "../../protocol/record.ts";
import { type CrashKind } from "../../runtime/memory_files.ts";
import { StorageError } from "../../storage/errors.ts";
import { type Log, type LogRead } from "../../storage/log.ts";
import { batchesOf, readAll, START_MS, World } from "../unit/storage/support.ts";
import type { Chance } from "./damage.ts";
import { LogModel, type ModelBatch } from "./log_model.ts";
import { roundsOf } from "./rounds.ts";

const eachRound = roundsOf("storage", 60);

interface HeldRead {
  readonly read: LogRead;
  readonly copies: readonly Uint8Array[];
}

/** One log, its model, and the dice. */
class Round {
  readonly random: (limit: number) => number;
  readonly world: World;
  readonly model = new LogModel();
  readonly trace: string[] = [];
  readonly held: HeldRead[] = [];
  log!: Log;
  timestampMs = START_MS;
  valueCount = 0;
  /** The last deletion has ended. */
  deleted: Promise<void> = Promise.resolve();

  constructor(chance: Chance, roundSeed: number) {
    const random = (limit: number) => chance.below(limit);
    this.random = random;
    this.world = new World({
      seed: roundSeed,
      config: {
        segmentBytes: 600 + random(6000),
        indexIntervalBytes: [0, 100, 400, 4096][random(4)]!,
        segmentIndexBytes: random(3) === 0 ? 48 : 10_000,
        retentionBytes: random(2) === 0 ? -1 : 2000 + random(20_000),
        fileDeleteDelayMs: random(100),
        segmentMs: random(3) === 0 ? 20_000 : 1_000_000_000,
        segmentJitterMs: random(2) * 5000,
      },
      limits: {
        tailBytesMax: random(3) * 4000,
        tailsBytesMax: 20_000,
        mappedBytesMax: random(3) * 4000,
        openFilesMax: 3 + random(20),
        pooledBytesMax: random(2) * 100_000,
      },
    });
  }

  async run(steps: number): Promise<void> {
    await this.world.open();
    this.log = this.world.log();
    for (let step = 0; step < steps; step++) await this.step();
    await this.restart("clean");
  }

  async step(): Promise<void> {
    const dice = this.random(100);
    if (dice < 45) this.append();
    else if (dice < 55) this.appendTransaction();
    else if (dice < 60) this.roll();
    else if (dice < 68) await this.sync();
    else if (dice < 72) await this.checkpoint();
    else if (dice < 76) await this.retain();
    else if (dice < 79) await this.deleteBefore();
    else if (dice < 81) await this.truncate();
    else if (dice < 88) this.read();
    else if (dice < 91) await this.lookUpTime();
    else if (dice < 92) await this.world.runtime.advance(this.random(200));
    else if (dice < 94) await this.fillDisk();
    else if (dice < 96) await this.restart("clean");
    else if (dice < 98) await this.restart("kill");
    else await this.restart((["lost", "torn", "mixed"] as const)[this.random(3)]!);
  }

  /** A step or two while the disk is full, most of the time. What fails must have changed nothing. */
  async fillDisk(): Promise<void> {
    const { files } = this.world.runtime;
    const steps = [
      () => this.append(),
      () => this.append(),
      () => this.appendTransaction(),
      () => this.roll(),
      () => this.checkpoint(),
      () => this.retain(),
      () => this.deleteBefore(),
    ];
    this.note("the disk is full");
    files.fault = (operation, path) => {
      const needsRoom = operation === "write" || (operation === "open" && files.stat(path) === null);
      return needsRoom && this.random(3) > 0 ? "ENOSPC" : null;
    };
    for (let count = 1 + this.random(3); count > 0; count--) {
      try {
        await steps[this.random(steps.length)]!();
      } catch (error) {
        if (!(error instanceof StorageError) || error.code !== "ENOSPC") throw error;
        this.note("which failed");
      }
    }
    files.fault = null;
    expect(this.log.isOffline).toBe(false);
    expect(this.log.logEndOffset).toBe(this.model.logEndOffset);
  }

  append(): void {
    const producerId = this.random(2) === 0 ? -1 : this.random(4);
    const last = producerId < 0 ? undefined : this.model.last(producerId);
    const nextSequence = last === undefined ? 0 : last.sequence + last.records.length;
    const dice = this.random(10);
    if (last !== undefined && dice === 0) return this.appendAgain(last);
    if (last !== undefined && dice === 1 && this.isRemembered(last)) {
      const draft = this.draft(producerId, nextSequence + 1 + this.random(5), "data");
      this.note(`append out of order, producer ${producerId}`);
      const result = this.log.append(draft.bytes, { leaderEpoch: 0, origin: "client" });
      expect(result).toEqual({ kind: "rejected", errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
      return;
    }
    this.appendNew(producerId, nextSequence, "data");
  }

  /** A producer is remembered for sure while its last batch is there. */
  isRemembered(last: ModelBatch): boolean {
    return last.baseOffset >= this.log.firstSegmentOffset;
  }

  appendAgain(batch: ModelBatch): void {
    if (!this.isRemembered(batch) || batch.kind !== "data") return;
    const bytes = encodeBatch({
      records: batch.records.map(({ value, timestampMs }) => ({ value: encode(value), timestamp: timestampMs })),
      producerId: batch.producerId,
      producerEpoch: 0,
      baseSequence: batch.sequence,
    });
    this.note(`append again offset ${batch.baseOffset}`);
    const result = this.log.append(bytes, { leaderEpoch: 0, origin: "client" });
    expect(result.kind).toBe("duplicate");
    if (result.kind === "duplicate") {
      expect([result.firstOffset, result.lastOffset]).toEqual([batch.baseOffset, batch.lastOffset]);
    }
  }

  /** Producers 10 and 11 write in transactions only. */
  appendTransaction(): void {
    const producerId = 10 + this.random(2);
    const isOpen = this.model.transactions().open.has(producerId);
    const last = this.model.history.findLast((batch) =>
      batch.producerId === producerId && batch.kind === "transactional"
    );
    if (!isOpen || this.random(2) === 0) {
      // What a producer wrote may be gone while its marker is there: it then starts over.
      const isForgotten = last !== undefined && !this.isRemembered(last);
      const known = [...this.log.producers()].find((producer) => producer.producerId === producerId);
      if (isForgotten) {
        return this.appendNew(producerId, known === undefined ? 0 : known.lastSequence + 1, "transactional");
      }
      return this.appendNew(producerId, last === undefined ? 0 : last.sequence + last.records.length, "transactional");
    }
    const kind = this.random(2) === 0 ? "commit" : "abort";
    const bytes = encodeControlBatch({
      kind,
      producerId,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: this.timestampMs,
    });
    const offset = this.model.logEndOffset;
    this.note(`${kind} producer ${producerId} at ${offset}`);
    const result = this.log.append(bytes, { leaderEpoch: 0, origin: "coordinator" });
    expect(result).toMatchObject({ kind: "appended", firstOffset: offset, lastOffset: offset });
    this.model.history.push({ baseOffset: offset, lastOffset: offset, producerId, sequence: -1, kind, records: [] });
  }

  draft(producerId: number, sequence: number, kind: "data" | "transactional") {
    const baseOffset = this.model.logEndOffset;
    this.timestampMs += this.random(10) === 0 ? 5000 : this.random(20) - 5;
    const size = [0, 20, 300, 3000][this.random(4)]!;
    const records = Array.from({ length: 1 + this.random(4) }, (_, index) => ({
      offset: baseOffset + index,
      value: `${this.valueCount++}${"x".repeat(this.random(size + 1) >> 2)}`,
      timestampMs: this.timestampMs + this.random(10),
    }));
    const bytes = encodeBatch({
      records: records.map(({ value, timestampMs }) => ({ value: encode(value), timestamp: timestampMs })),
      isTransactional: kind === "transactional",
      ...(producerId < 0 ? {} : { producerId, producerEpoch: 0, baseSequence: sequence }),
    });
    const lastOffset = baseOffset + records.length - 1;
    return { bytes, batch: { baseOffset, lastOffset, producerId, sequence, kind, records } };
  }

  appendNew(producerId: number, sequence: number, kind: "data" | "transactional"): void {
    const { bytes, batch } = this.draft(producerId, sequence, kind);
    this.note(
      `append ${batch.baseOffset} to ${batch.lastOffset}, ${bytes.length} bytes, ${kind} producer ${producerId}`,
    );
    const result = this.log.append(bytes, { leaderEpoch: 0, origin: "client" });
    if (bytes.length > this.world.config.segmentBytes) {
      expect(result).toEqual({ kind: "rejected", errorCode: ErrorCode.RECORD_LIST_TOO_LARGE });
      return;
    }
    expect(result).toMatchObject({ kind: "appended", firstOffset: batch.baseOffset, lastOffset: batch.lastOffset });
    this.model.history.push(batch);
  }

  roll(): void {
    this.note("roll");
    this.log.roll();
  }

  async sync(): Promise<void> {
    this.note("sync");
    const target = this.log.logEndOffset;
    const synced = this.log.sync();
    if (this.random(3) === 0) { // Nobody waits, it goes on beside what follows.
      synced.catch(() => {});
      return;
    }
    await this.world.until(synced);
    expect(this.log.syncedOffset).toBeGreaterThanOrEqual(target);
  }

  async checkpoint(): Promise<void> {
    this.note("checkpoint");
    await this.world.until(this.world.dir.checkpoint());
  }

  async retain(): Promise<void> {
    const count = await this.world.until(this.world.dir.applyRetention(this.world.runtime.clock.nowMs()));
    this.note(`retention of ${count}`);
    expect(this.log.logStartOffset).toBeGreaterThanOrEqual(this.model.durableStartOffset);
    this.model.logStartOffset = Math.max(this.model.logStartOffset, this.log.logStartOffset);
    if (count > 0) this.model.durableStartOffset = this.log.firstSegmentOffset;
  }

  async deleteBefore(): Promise<void> {
    const span = this.log.logEndOffset - this.log.logStartOffset;
    const offset = this.log.logStartOffset + this.random(span + 1);
    this.note(`delete before ${offset}`);
    const saved = this.log.deleteRecordsBefore(offset);
    this.deleted = saved.catch(() => {});
    this.model.logStartOffset = Math.max(this.model.logStartOffset, offset);
    if (this.random(2) === 0) return;
    await this.world.until(saved);
    expect(this.log.logStartOffset).toBeGreaterThanOrEqual(offset);
    this.model.durableStartOffset = Math.max(this.model.durableStartOffset, offset);
  }

  /** The views that are held stay as they are. */
  async truncate(): Promise<void> {
    await this.world.until(this.deleted); // It would move the start later.
    const { log, model } = this;
    const offset = log.logStartOffset + this.random(log.logEndOffset - log.logStartOffset + 1);
    this.note(`truncate to ${offset}`);
    const endOffset = await this.world.until(log.truncation.truncateTo(offset));
    this.note(`which ends at ${endOffset}`);
    expect(log.logEndOffset).toBe(endOffset);
    if (endOffset < model.logEndOffset) expect(log.syncedOffset).toBe(endOffset);
    expect(endOffset).toBeLessThanOrEqual(offset);
    model.cut(offset);
    model.durableStartOffset = log.logStartOffset;
    model.logStartOffset = Math.min(Math.max(model.logStartOffset, log.logStartOffset), endOffset);
    expect(endOffset).toBe(model.logEndOffset);
    this.check();
  }

  read(): void {
    const { logStartOffset, logEndOffset } = this.log;
    const offset = logStartOffset + this.random(logEndOffset - logStartOffset + 1);
    const maxBytes = this.random(5000);
    const upToOffset = this.random(3) === 0
      ? logStartOffset + this.random(logEndOffset - logStartOffset + 1)
      : Infinity;
    const atLeastOneBatch = this.random(2) === 0;
    this.note(`read ${offset}, ${maxBytes} bytes, up to ${upToOffset}`);
    const read = this.log.read(offset, { maxBytes, upToOffset, atLeastOneBatch });
    const batches = read.chunks.flatMap((chunk) => batchesOf(chunk));
    if (read.sizeBytes > maxBytes) expect([batches.length, atLeastOneBatch]).toEqual([1, true]);
    if (batches.length > 0) {
      expect(batches[0]!.baseOffset <= offset && batches[0]!.lastOffset >= offset).toBe(true);
      expect(batches.at(-1)!.nextOffset).toBe(read.nextOffset);
      expect(batches.at(-1)!.lastOffset).toBeLessThan(upToOffset);
      for (let index = 1; index < batches.length; index++) {
        expect(batches[index]!.baseOffset).toBe(batches[index - 1]!.nextOffset);
      }
    } else {
      expect(read.nextOffset).toBe(offset);
      const first = this.model.history.find((batch) => batch.lastOffset >= offset);
      if (atLeastOneBatch && first !== undefined) expect(first.lastOffset).toBeGreaterThanOrEqual(upToOffset);
    }
    this.held.push({ read, copies: read.chunks.map((chunk) => chunk.slice()) });
    if (this.held.length > 4) this.release(this.random(this.held.length));
  }

  /** A view given must be what it was, whatever happened since. */
  release(index: number): void {
    const [{ read, copies }] = this.held.splice(index, 1) as [HeldRead];
    read.chunks.forEach((chunk, at) => expect(hash(chunk)).toBe(hash(copies[at]!)));
    read.release();
    read.release();
  }

  async lookUpTime(): Promise<void> {
    const timestampMs = this.timestampMs - this.random(100_000);
    const from = this.log.logStartOffset;
    this.note(`look up ${timestampMs}`);
    const found = await this.log.offsetForTimestamp(timestampMs);
    const records = this.model.history.flatMap((batch) =>
      batch.kind === "commit" || batch.kind === "abort" ? [] : batch.records.filter((record) => record.offset >= from)
    );
    const expected = records.find((record) => record.timestampMs >= timestampMs);
    // Markers have times too, and no record here; the search may come to one first.
    if (found !== null && this.isMarker(found.offset)) return;
    expect(found === null ? null : found.offset).toBe(expected === undefined ? null : expected.offset);
    const largest = await this.log.offsetOfMaxTimestamp();
    if (records.length === 0 || largest === null || this.isMarker(largest.offset)) return;
    expect(largest.timestampMs).toBe(Math.max(...records.map((record) => record.timestampMs)));
  }

  isMarker(offset: number): boolean {
    return this.model.history.some((batch) => batch.baseOffset === offset && batch.records.length === 0);
  }

  async restart(how: "clean" | "kill" | CrashKind): Promise<void> {
    this.note(`restart, ${how}`);
    while (this.held.length > 0) this.release(0);
    const { syncedOffset, logStartOffset } = this.log;
    const { world, model } = this;
    if (how === "clean") await world.until(world.dir.close({ clean: true }));
    else if (how === "kill") await world.until(world.dir.close({ clean: false }));
    else world.crash(how);
    await world.open();
    this.log = world.log();
    expect(this.log.logStartOffset).toBeGreaterThanOrEqual(logStartOffset); // It was told.
    if (how === "clean" || how === "kill") expect(this.log.logEndOffset).toBe(model.logEndOffset);
    expect(this.log.logEndOffset).toBeGreaterThanOrEqual(Math.max(syncedOffset, model.durableStartOffset));
    expect(this.log.logEndOffset).toBeLessThanOrEqual(model.logEndOffset);
    expect(this.log.logStartOffset).toBeGreaterThanOrEqual(model.durableStartOffset);
    expect(this.log.logStartOffset).toBeLessThanOrEqual(model.logStartOffset);
    model.cut(this.log.logEndOffset);
    model.logStartOffset = this.log.logStartOffset;
    this.check();
  }

  /** The log is what the model says, by every way of looking at it. */
  check(): void {
    const { log, model } = this;
    expect(log.isOffline).toBe(false);
    expect(readAll(log, log.logStartOffset, 1 + this.random(3000))).toEqual(model.values(log.logStartOffset));
    const producers = new Map([...log.producers()].map((producer) => [producer.producerId, producer]));
    for (const producerId of [0, 1, 2, 3, 10, 11]) {
      const last = model.history.findLast((batch) => batch.producerId === producerId && batch.records.length > 0);
      const known = producers.get(producerId);
      if (last === undefined) {
        expect(known?.lastOffset ?? -1).toBe(-1);
      } else if (this.isRemembered(last) || (known !== undefined && known.lastOffset >= 0)) {
        expect([known?.lastOffset, known?.lastSequence])
          .toEqual([last.lastOffset, last.sequence + last.records.length - 1]);
      }
    }
    const { open, aborted } = model.transactions();
    const isThere = (offset: number) => offset >= log.firstSegmentOffset;
    const openOffsets = [...open.values()];
    if (openOffsets.every(isThere)) {
      expect(log.firstUnstableOffset).toBe(openOffsets.length === 0 ? null : Math.min(...openOffsets));
    }
    // Of a transaction whose beginning is deleted, the beginning may be forgotten.
    const found = new Map(
      log.abortedTransactions(log.firstSegmentOffset, log.logEndOffset).map((entry) => [entry.lastOffset, entry]),
    );
    for (const { firstOffset, lastOffset } of aborted) {
      if (lastOffset < log.firstSegmentOffset) continue;
      if (isThere(firstOffset)) {
        expect([lastOffset, found.get(lastOffset)?.firstOffset]).toEqual([lastOffset, firstOffset]);
      }
      found.delete(lastOffset);
    }
    expect([...found.keys()]).toEqual([]);
  }

  note(what: string): void {
    this.trace.push(what);
  }
}

function encode(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function hash(bytes: Uint8Array): number {
  let sum = bytes.length;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
  return sum;
}

describe("log against a model", () => {
  eachRound("log is what was appended, whatever happens to its folder", async (chance, roundSeed) => {
    const round = new Round(chance, roundSeed);
    try {
      await round.run(150);
    } catch (error) {
      throw new Error(round.trace.slice(-160).join("\n"), { cause: error });
    }
  });
});
