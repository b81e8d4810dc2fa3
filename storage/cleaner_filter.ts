/**
 * What is left of a batch after cleaning.
 *
 * (1) A batch keeps its base offset and its last offset whatever is removed: no offset is ever used again, and a reader that
 *     asks for a removed one gets the batch that once held it, or the next.
 * (2) A batch from which nothing goes is the same bytes as before.
 * (3) A tombstone, and a marker whose transaction is gone, stays for `delete.retention.ms` after the cleaning that first saw
 *     it, so that a reader who is on the way learns of it. Until when is written in the batch, in the base timestamp's place
 *     (KIP-534).
 */
import {
  BATCH_HEADER_BYTES,
  BatchView,
  COMPRESSION_MASK,
  DELETE_HORIZON_FLAG,
  LOG_OVERHEAD_BYTES,
  MalformedBatch,
  NO_TIMESTAMP,
  writeInt16,
  writeInt32,
  writeInt64,
} from "../protocol/batch.ts";
import { compress, Compression, type CompressionId } from "../protocol/compression.ts";
import { DECOMPRESSED_SIZE_BYTES_MAX, plainRecordBytes } from "../protocol/record.ts";
import { type KeyMap } from "./cleaner_key_map.ts";
import { RecordCursor, shiftTimestamps } from "./cleaner_records.ts";

/** What was found out about a batch before its records are looked at. */
export interface BatchFate {
  /** All records go, whatever they say: of an aborted transaction, or a marker whose time has come. */
  readonly discardsRecords: boolean;
  /** With no record left, its header stays: somebody needs its offsets, or its producer's sequence. */
  readonly staysEmpty: boolean;
  /** A marker of a transaction that is gone: the time it still stays begins. */
  readonly isUselessMarker: boolean;
}

export interface FilterOptions {
  readonly keys: KeyMap;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
}

export class BatchFilter {
  readonly #keys: KeyMap;
  readonly #nowMs: number;
  readonly #deleteRetentionMs: number;
  readonly #cursor = new RecordCursor();
  #kept: Uint8Array = new Uint8Array(0);
  #result: Uint8Array = new Uint8Array(0);
  #keptBytes = 0;
  #keptCount = 0;
  /** Records from here to the cursor stay, and are not copied yet. */
  #runStart = 0;
  #batch!: BatchView;
  #fate!: BatchFate;
  #seenCount = 0;
  #hasTombstone = false;
  #maxTimestampDelta = 0;

  constructor({ keys, nowMs, deleteRetentionMs }: FilterOptions) {
    this.#keys = keys;
    this.#nowMs = nowMs;
    this.#deleteRetentionMs = deleteRetentionMs;
  }

  /**
   * Takes on a batch. Its bytes must not change before `finish`.
   * @throws {MalformedBatch} when it cannot be decompressed
   */
  begin(batch: BatchView, fate: BatchFate): void {
    this.#batch = batch;
    this.#fate = fate;
    this.#keptBytes = 0;
    this.#keptCount = 0;
    this.#runStart = 0;
    this.#seenCount = 0;
    this.#hasTombstone = false;
    this.#maxTimestampDelta = -Infinity;
    const isSkipped = fate.discardsRecords || batch.recordCount === 0;
    this.#cursor.load(isSkipped ? NO_BYTES : plainRecordBytes(batch, DECOMPRESSED_SIZE_BYTES_MAX));
  }

  /**
   * Looks at some more records; true when that were all.
   * @throws {MalformedBatch} when they are not what the batch's header says
   */
  step(countMax: number): boolean {
    const batch = this.#batch;
    if (this.#fate.discardsRecords) return true;
    const { recordCount, isControl, baseOffset, deleteHorizon } = batch;
    const isTombstoneDue = deleteHorizon !== null && deleteHorizon <= this.#nowMs;
    const cursor = this.#cursor;
    const until = Math.min(recordCount, this.#seenCount + countMax);
    for (; this.#seenCount < until; this.#seenCount++) {
      cursor.next();
      if (isControl || this.#isKept(baseOffset + cursor.offsetDelta, isTombstoneDue)) {
        this.#keptCount++;
        if (cursor.timestampDelta > this.#maxTimestampDelta) this.#maxTimestampDelta = cursor.timestampDelta;
        if (!cursor.hasValue) this.#hasTombstone = true;
      } else {
        this.#keepRun(cursor.start);
        this.#runStart = cursor.end;
      }
    }
    if (this.#seenCount < recordCount) return false;
    if (!cursor.isAtEnd) throw new MalformedBatch(`Bytes remain behind the last of ${recordCount} records`);
    return true;
  }

  /** The batch as it goes on, null when it does not. The bytes are good until the next `begin`. */
  finish(): Uint8Array | null {
    const batch = this.#batch;
    if (this.#keptCount === 0) return this.#fate.staysEmpty ? emptyBatch(batch) : null;
    const isWhole = this.#keptCount === batch.recordCount;
    const getsHorizon = (this.#hasTombstone || this.#fate.isUselessMarker) && batch.deleteHorizon === null; // (3)
    if (isWhole && !getsHorizon) return batch.wholeBytes; // (2)
    let records = this.#cursor.bytes;
    if (!isWhole) {
      this.#keepRun(this.#cursor.end);
      records = this.#kept.subarray(0, this.#keptBytes);
    }
    const { baseTimestamp } = batch;
    const horizon = getsHorizon ? this.#nowMs + this.#deleteRetentionMs : null;
    if (horizon !== null) records = shiftTimestamps(records, this.#keptCount, baseTimestamp - horizon);
    const bytes = this.#rebuilt(records);
    if (horizon !== null) {
      writeInt16(bytes, 21, batch.attributes | DELETE_HORIZON_FLAG);
      writeInt64(bytes, 27, horizon);
    }
    if (batch.timestampType !== "logAppendTime") writeInt64(bytes, 35, baseTimestamp + this.#maxTimestampDelta);
    new BatchView(bytes, 0).stampCrc();
    return bytes;
  }

  /** The batch with other records (1), in memory that the next one uses again: a new piece for each would keep the GC busy. */
  #rebuilt(records: Uint8Array): Uint8Array {
    const batch = this.#batch;
    const { compression } = batch;
    const packed = compression === Compression.none ? records : compress(compression as CompressionId, records);
    const sizeBytes = BATCH_HEADER_BYTES + packed.length;
    if (this.#result.length < sizeBytes) this.#result = new Uint8Array(sizeBytes * 2);
    const bytes = this.#result.subarray(0, sizeBytes);
    bytes.set(batch.bytes.subarray(batch.at, batch.at + BATCH_HEADER_BYTES));
    bytes.set(packed, BATCH_HEADER_BYTES);
    writeInt32(bytes, 8, sizeBytes - LOG_OVERHEAD_BYTES);
    writeInt32(bytes, 57, this.#keptCount);
    return bytes;
  }

  // hot: per record
  #isKept(offset: number, isTombstoneDue: boolean): boolean {
    const keys = this.#keys;
    if (offset > keys.latestOffset) return true;
    const cursor = this.#cursor;
    // Without a key there is nothing to keep the last of. Written before the topic was compacted.
    if (!cursor.hasKey) return false;
    if (offset < keys.get(cursor.bytes, cursor.keyStart, cursor.keyEnd)) return false;
    return cursor.hasValue || !isTombstoneDue;
  }

  #keepRun(end: number): void {
    const sizeBytes = end - this.#runStart;
    if (sizeBytes <= 0) return;
    const { bytes } = this.#cursor;
    if (this.#kept.length < bytes.length) {
      const grown = new Uint8Array(bytes.length * 2);
      grown.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = grown;
    }
    this.#kept.set(bytes.subarray(this.#runStart, end), this.#keptBytes);
    this.#keptBytes += sizeBytes;
  }
}

const NO_BYTES = new Uint8Array(0);

/** The batch without its records: offsets, producer and largest timestamp stay. */
function emptyBatch(batch: BatchView): Uint8Array {
  const bytes = batch.bytes.slice(batch.at, batch.at + BATCH_HEADER_BYTES);
  writeInt32(bytes, 8, BATCH_HEADER_BYTES - LOG_OVERHEAD_BYTES);
  writeInt16(bytes, 21, batch.attributes & ~COMPRESSION_MASK & ~DELETE_HORIZON_FLAG);
  writeInt64(bytes, 27, NO_TIMESTAMP);
  writeInt32(bytes, 57, 0);
  new BatchView(bytes, 0).stampCrc();
  return bytes;
}
