/**
 * A record batch (message format 2) as a view over its bytes. The broker checks, stamps, stores and sends batches
 * through this and never decodes a record; `record.ts` looks inside.
 *
 *   at  size                              at  size
 *    0     8  base offset          *      27     8  base timestamp (or delete horizon)
 *    8     4  batch length                35     8  max timestamp
 *   12     4  partition leader epoch *    43     8  producer id
 *   16     1  magic                       51     2  producer epoch
 *   17     4  CRC32C of all from 21       53     4  base sequence
 *   21     2  attributes                  57     4  record count
 *   23     4  last offset delta           61     …  records, as one compressed block when compressed
 *
 *   attributes: bits 0–2 compression · 3 log append time · 4 transactional · 5 control · 6 has delete horizon
 *
 * Fields marked * lie outside the CRC: a broker stamps them without touching the checksum. The batch length counts from
 * byte 12. Formats 0 and 1 keep offset, length and magic in the same places, so the walker steps over them too, but only
 * `baseOffset`, `batchLength`, `sizeBytes` and `magic` mean anything there.
 */
import { crc32c } from "./crc32c.ts";

/** Bytes before the batch length starts to count: base offset and the length itself. */
export const LOG_OVERHEAD_BYTES = 12;
/** Size of a format 2 batch without records. */
export const BATCH_HEADER_BYTES = 61;
/** Where the CRC starts to count. */
export const CRC_START = 21;
/** The format this code reads and writes. */
export const MAGIC = 2;
/** An empty message of format 0, counted from byte 12. */
const LEGACY_LENGTH_MIN = 14;

const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;
const RECORD_COUNT_AT = 57;

export const COMPRESSION_MASK = 0x07;
export const LOG_APPEND_TIME_FLAG = 0x08;
export const TRANSACTIONAL_FLAG = 0x10;
export const CONTROL_FLAG = 0x20;
export const DELETE_HORIZON_FLAG = 0x40;

/** Of batches that no idempotent producer made. */
export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
/** Of records without a timestamp. */
export const NO_TIMESTAMP = -1;

export type TimestampType = "createTime" | "logAppendTime";

/** The bytes are not batches: a length that cannot be, an unknown format, a record that runs out of its batch. */
export class MalformedBatch extends Error {
  override readonly name = "MalformedBatch";
}

/** One batch inside `bytes`, starting at `at`. The constructor has checked that it lies inside in full. */
export class BatchView {
  readonly bytes: Uint8Array;
  readonly at: number;

  /** @throws {MalformedBatch} when no whole batch starts at `at` */
  constructor(bytes: Uint8Array, at = 0) {
    const problem = batchProblem(bytes, at);
    if (problem !== null) throw new MalformedBatch(`Cannot read a batch at byte ${at} of ${bytes.length}: ${problem}`);
    this.bytes = bytes;
    this.at = at;
  }

  get baseOffset(): number {
    return readInt64(this.bytes, this.at);
  }
  set baseOffset(offset: number) {
    writeInt64(this.bytes, this.at, offset);
  }

  get batchLength(): number {
    return readInt32(this.bytes, this.at + 8);
  }

  get sizeBytes(): number {
    return LOG_OVERHEAD_BYTES + this.batchLength;
  }

  get partitionLeaderEpoch(): number {
    return readInt32(this.bytes, this.at + 12);
  }
  set partitionLeaderEpoch(epoch: number) {
    writeInt32(this.bytes, this.at + 12, epoch);
  }

  get magic(): number {
    return this.bytes[this.at + MAGIC_AT]!;
  }

  get crc(): number {
    return readInt32(this.bytes, this.at + CRC_AT) >>> 0;
  }

  get attributes(): number {
    return readInt16(this.bytes, this.at + ATTRIBUTES_AT);
  }

  /** An id of `Compression`, or one of the three unused numbers. */
  get compression(): number {
    return this.attributes & COMPRESSION_MASK;
  }

  get timestampType(): TimestampType {
    return (this.attributes & LOG_APPEND_TIME_FLAG) !== 0 ? "logAppendTime" : "createTime";
  }

  get isTransactional(): boolean {
    return (this.attributes & TRANSACTIONAL_FLAG) !== 0;
  }

  get isControl(): boolean {
    return (this.attributes & CONTROL_FLAG) !== 0;
  }

  get lastOffsetDelta(): number {
    return readInt32(this.bytes, this.at + LAST_OFFSET_DELTA_AT);
  }

  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta;
  }

  get nextOffset(): number {
    return this.baseOffset + this.lastOffsetDelta + 1;
  }

  /** What record timestamps are relative to. Past 2^53 it is rounded, like every timestamp here. */
  get baseTimestamp(): number {
    return readInt64(this.bytes, this.at + BASE_TIMESTAMP_AT);
  }

  get maxTimestamp(): number {
    return readInt64(this.bytes, this.at + MAX_TIMESTAMP_AT);
  }

  /** When tombstones and markers in the batch may go, once the cleaner has said so; it takes the base timestamp's place. */
  get deleteHorizon(): number | null {
    return (this.attributes & DELETE_HORIZON_FLAG) !== 0 ? this.baseTimestamp : null;
  }

  get producerId(): number {
    return readInt64(this.bytes, this.at + PRODUCER_ID_AT);
  }

  get hasProducerId(): boolean {
    return this.producerId > NO_PRODUCER_ID;
  }

  get producerEpoch(): number {
    return readInt16(this.bytes, this.at + PRODUCER_EPOCH_AT);
  }

  get baseSequence(): number {
    return readInt32(this.bytes, this.at + BASE_SEQUENCE_AT);
  }

  get lastSequence(): number {
    const baseSequence = this.baseSequence;
    return baseSequence === NO_SEQUENCE ? NO_SEQUENCE : addToSequence(baseSequence, this.lastOffsetDelta);
  }

  get recordCount(): number {
    return readInt32(this.bytes, this.at + RECORD_COUNT_AT);
  }

  computeCrc(): number {
    return crc32c(this.bytes, this.at + CRC_START, this.at + this.sizeBytes);
  }

  isCrcValid(): boolean {
    return this.computeCrc() === this.crc;
  }

  /** Gives all records the broker's time, as topics with `message.timestamp.type=LogAppendTime` want it. */
  stampLogAppendTime(timestampMs: number): void {
    writeInt16(this.bytes, this.at + ATTRIBUTES_AT, this.attributes | LOG_APPEND_TIME_FLAG);
    writeInt64(this.bytes, this.at + MAX_TIMESTAMP_AT, timestampMs);
    this.stampCrc();
  }

  /** The records' own times count again. */
  stampCreateTime(): void {
    writeInt16(this.bytes, this.at + ATTRIBUTES_AT, this.attributes & ~LOG_APPEND_TIME_FLAG);
    this.stampCrc();
  }

  /** Makes the checksum right again after a change of what it covers. */
  stampCrc(): void {
    writeInt32(this.bytes, this.at + CRC_AT, this.computeCrc());
  }

  /** The batch's own bytes, header included; a view. */
  get wholeBytes(): Uint8Array {
    return this.bytes.subarray(this.at, this.at + this.sizeBytes);
  }

  /** The records, compressed when the batch is; a view. */
  get recordBytes(): Uint8Array {
    return this.bytes.subarray(this.at + BATCH_HEADER_BYTES, this.at + this.sizeBytes);
  }

  /**
   * The batch that follows, null when this one ends the bytes.
   * @throws {MalformedBatch} when bytes follow that are no batch
   */
  next(): BatchView | null {
    const end = this.at + this.sizeBytes;
    return end === this.bytes.length ? null : new BatchView(this.bytes, end);
  }
}

/**
 * All batches of `bytes`, which must end where a batch ends.
 * @throws {MalformedBatch} at the first byte that is not a batch, after the ones before it were given
 */
export function* batches(bytes: Uint8Array): Generator<BatchView> {
  for (let at = 0; at < bytes.length;) {
    const batch = new BatchView(bytes, at);
    yield batch;
    at += batch.sizeBytes;
  }
}

/**
 * The whole batches at the start of `bytes`. A broker may cut the last batch of a fetch anywhere; what is cut is left out.
 * @throws {MalformedBatch} on bytes that are not the start of a batch either
 */
export function* wholeBatches(bytes: Uint8Array): Generator<BatchView> {
  for (let at = 0; !isCut(bytes, at);) {
    const batch = new BatchView(bytes, at);
    yield batch;
    at += batch.sizeBytes;
  }
}

/** True when the bytes from `at` on are fewer than the batch that starts there (or the end). */
export function isCut(bytes: Uint8Array, at: number): boolean {
  const left = bytes.length - at;
  return left <= MAGIC_AT || left - LOG_OVERHEAD_BYTES < readInt32(bytes, at + 8);
}

/** What keeps the bytes at `at` from being a whole batch, or null when they are one. Throws nothing, makes nothing. */
// hot: per batch
export function batchProblem(bytes: Uint8Array, at: number): string | null {
  const left = bytes.length - at;
  if (left <= MAGIC_AT) return `${left} bytes are too few for a batch header`;
  const batchLength = readInt32(bytes, at + 8);
  const magic = bytes[at + MAGIC_AT]!;
  if (magic > MAGIC) return `unknown format ${magic}`;
  const lengthMin = magic === MAGIC ? BATCH_HEADER_BYTES - LOG_OVERHEAD_BYTES : LEGACY_LENGTH_MIN;
  if (batchLength < lengthMin) return `length ${batchLength} is under the least of ${lengthMin}`;
  if (batchLength > left - LOG_OVERHEAD_BYTES) return `length ${batchLength} exceeds the bytes left`;
  return null;
}

/** Sequence numbers run from 0 to 2^31 - 1 and start over. */
export function addToSequence(sequence: number, increment: number): number {
  return (sequence + increment) & 0x7fffffff;
}

// Reads by shifts need no DataView per batch: 1.2 ns against 0.8 ns and the making of the view.

export function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Exact up to 2^53, rounded beyond. */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * 0x1_0000_0000 + (readInt32(bytes, at + 4) >>> 0);
}

export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}

export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / 0x1_0000_0000) | 0);
  writeInt32(bytes, at + 4, value | 0);
}
