/**
 * Records inside a batch, both ways. Decoding is lazy and gives keys and values as views of the batch's bytes (of the
 * decompressed block when it is compressed): copy what must outlive them. Encoding makes a whole batch at once.
 *
 *   record:  length varint · attributes 1 byte (unused) · timestamp delta varlong · offset delta varint
 *            · key length varint, key · value length varint, value · header count varint
 *            · per header: key length varint, key, value length varint, value
 *
 * Varints are zigzag; a length of -1 means null. Lengths are checked against the bytes left before anything is read.
 */
import {
  BATCH_HEADER_BYTES,
  BatchView,
  CONTROL_FLAG,
  CRC_START,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  LOG_OVERHEAD_BYTES,
  MAGIC,
  MalformedBatch,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  readInt16,
  readInt32,
  TRANSACTIONAL_FLAG,
  writeInt16,
  writeInt32,
  writeInt64,
} from "./batch.ts";
import { compress, Compression, CompressionError, type CompressionId, decompress } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { decodeCount } from "./decode_count.ts";

/** What a compressed batch may grow to unless the caller says otherwise: a bomb of 1 MiB would otherwise take 1 GiB. */
export const DECOMPRESSED_SIZE_BYTES_MAX = 128 * 1024 * 1024;

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export interface RecordView {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** A record to encode. What is left out is null, or `NO_TIMESTAMP`; a `RecordView` is one too. */
export interface RecordDraft {
  /** Where it is not the one after the record before it (compaction leaves gaps). */
  readonly offset?: number;
  readonly timestamp?: number;
  readonly key?: Uint8Array | null;
  readonly value?: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
}

export interface BatchDraft {
  readonly records: readonly RecordDraft[];
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  readonly compression?: CompressionId;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Set by a cleaner; record timestamps are then relative to it. */
  readonly deleteHorizon?: number;
  /** All records have this time, the broker's, whatever their own says. */
  readonly logAppendTime?: number;
  /** Where it is not the last record's: a cleaner keeps the offsets a batch once spanned. */
  readonly lastOffset?: number;
}

const NO_HEADERS: readonly RecordHeader[] = Object.freeze([]);

/**
 * The records of a batch, in order. The checksum is not looked at: `batch.isCrcValid()` does that.
 * @throws {MalformedBatch} when the records do not fill the batch exactly, or decompress to more than the limit
 */
export function* decodeRecords(
  batch: BatchView,
  options: { readonly decompressedSizeBytesMax?: number } = {},
): Generator<RecordView> {
  if (batch.magic !== MAGIC) throw new MalformedBatch(`Cannot decode records of format ${batch.magic}`);
  decodeCount.batches++;
  const recordCount = batch.recordCount;
  const baseOffset = batch.baseOffset;
  const baseTimestamp = batch.baseTimestamp;
  const appendTime = batch.timestampType === "logAppendTime" ? batch.maxTimestamp : null;
  if (recordCount < 0) throw new MalformedBatch(`Cannot decode records: their count is ${recordCount}`);
  const reader = new RecordReader(
    plainRecordBytes(batch, options.decompressedSizeBytesMax ?? DECOMPRESSED_SIZE_BYTES_MAX),
  );
  for (let index = 0; index < recordCount; index++) yield reader.read(baseOffset, baseTimestamp, appendTime);
  if (!reader.isAtEnd) {
    throw new MalformedBatch(`Cannot decode records: bytes remain behind the last of ${recordCount}`);
  }
}

/** The record bytes of a batch, decompressed when they are compressed. */
export function plainRecordBytes(batch: BatchView, sizeBytesMax: number): Uint8Array {
  if (batch.compression === Compression.none) return batch.recordBytes;
  try {
    return decompress(batch.compression, batch.recordBytes, sizeBytesMax);
  } catch (cause) {
    if (!(cause instanceof CompressionError)) throw cause;
    throw new MalformedBatch(`Cannot decompress a batch: ${cause.message}`, { cause });
  }
}

/** A whole batch, checksum included. */
export function encodeBatch(draft: BatchDraft): Uint8Array {
  const records = draft.records;
  const baseOffset = draft.baseOffset ?? 0;
  const compression = draft.compression ?? Compression.none;
  const baseTimestamp = draft.deleteHorizon ?? records[0]?.timestamp ?? NO_TIMESTAMP;

  let sizeBytesMax = BATCH_HEADER_BYTES;
  for (const record of records) sizeBytesMax += recordSizeBytesMax(record);
  const writer = new RecordWriter(new Uint8Array(sizeBytesMax), BATCH_HEADER_BYTES);
  let maxTimestamp = NO_TIMESTAMP;
  let lastOffset = baseOffset - 1;
  for (const record of records) {
    lastOffset = record.offset ?? lastOffset + 1;
    const timestamp = record.timestamp ?? NO_TIMESTAMP;
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    writer.write(record, lastOffset - baseOffset, timestamp - baseTimestamp);
  }
  if (draft.lastOffset !== undefined) lastOffset = draft.lastOffset;

  let bytes = writer.bytes;
  let end = writer.position;
  if (compression !== Compression.none) {
    const compressed = compress(compression, bytes.subarray(BATCH_HEADER_BYTES, end));
    end = BATCH_HEADER_BYTES + compressed.length;
    if (end > bytes.length) bytes = new Uint8Array(end);
    bytes.set(compressed, BATCH_HEADER_BYTES);
  }

  writeInt64(bytes, 0, baseOffset);
  writeInt32(bytes, 8, end - LOG_OVERHEAD_BYTES);
  writeInt32(bytes, 12, draft.partitionLeaderEpoch ?? -1);
  bytes[16] = MAGIC;
  writeInt16(bytes, 21, attributesOf(draft, compression));
  writeInt32(bytes, 23, lastOffset - baseOffset);
  writeInt64(bytes, 27, baseTimestamp);
  writeInt64(bytes, 35, draft.logAppendTime ?? maxTimestamp);
  writeInt64(bytes, 43, draft.producerId ?? NO_PRODUCER_ID);
  writeInt16(bytes, 51, draft.producerEpoch ?? NO_PRODUCER_EPOCH);
  writeInt32(bytes, 53, draft.baseSequence ?? NO_SEQUENCE);
  writeInt32(bytes, 57, records.length);
  writeInt32(bytes, 17, crc32c(bytes, CRC_START, end));
  return bytes.subarray(0, end);
}

function attributesOf(draft: BatchDraft, compression: CompressionId): number {
  return compression |
    (draft.logAppendTime !== undefined ? LOG_APPEND_TIME_FLAG : 0) |
    (draft.isTransactional === true ? TRANSACTIONAL_FLAG : 0) |
    (draft.isControl === true ? CONTROL_FLAG : 0) |
    (draft.deleteHorizon !== undefined ? DELETE_HORIZON_FLAG : 0);
}

/** No less than what the record takes in a batch; at most a few dozen bytes more. For filling batches up to a limit. */
export function recordSizeBytesMax(record: RecordDraft): number {
  // Length 5, attributes 1, timestamp 10, offset 5, key and value lengths 5 each, header count 5.
  let size = 36 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers ?? NO_HEADERS) size += 10 + 3 * header.key.length + (header.value?.length ?? 0);
  return size;
}

// ---------------------------------------------------------------------------------------------- control batches

export interface ControlBatchDraft {
  readonly kind: "commit" | "abort";
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly timestamp: number;
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
}

export interface ControlMarker {
  /** "other" is what a later Kafka put there (leader changes, snapshots): to be skipped. */
  readonly kind: "commit" | "abort" | "other";
  readonly coordinatorEpoch: number;
}

const CONTROL_ABORT = 0;
const CONTROL_COMMIT = 1;

/** The batch of one record that ends a transaction in a partition. */
export function encodeControlBatch(draft: ControlBatchDraft): Uint8Array {
  const key = new Uint8Array(4); // version 0, type
  writeInt16(key, 2, draft.kind === "commit" ? CONTROL_COMMIT : CONTROL_ABORT);
  const value = new Uint8Array(6); // version 0, coordinator epoch
  writeInt32(value, 2, draft.coordinatorEpoch);
  const { kind: _, coordinatorEpoch: __, timestamp, ...header } = draft;
  return encodeBatch({ ...header, isTransactional: true, isControl: true, records: [{ key, value, timestamp }] });
}

/** What the record of a control batch says. */
export function decodeControlMarker(record: RecordView): ControlMarker {
  const { key, value } = record;
  if (key === null || key.length < 4) throw new MalformedBatch("Cannot read a control record: its key is too short");
  const type = readInt16(key, 2);
  if (type !== CONTROL_ABORT && type !== CONTROL_COMMIT) return { kind: "other", coordinatorEpoch: -1 };
  if (value === null || value.length < 6) {
    throw new MalformedBatch("Cannot read a control record: its value is too short");
  }
  return { kind: type === CONTROL_COMMIT ? "commit" : "abort", coordinatorEpoch: readInt32(value, 2) };
}

// ---------------------------------------------------------------------------------------------- record by record

class RecordReader {
  #position = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length;
  }

  // hot: per record
  read(baseOffset: number, baseTimestamp: number, appendTime: number | null): RecordView {
    const length = this.#varint();
    const end = this.#position + length;
    if (length < 0 || end > this.#bytes.length) {
      throw new MalformedBatch(`Cannot read a record: its length is ${length}, ${this.#left} bytes are left`);
    }
    this.#skipByte();
    const timestamp = appendTime ?? baseTimestamp + this.#varlong();
    if (appendTime !== null) this.#varlong();
    const offset = baseOffset + this.#varint();
    const key = this.#nullableBytes();
    const value = this.#nullableBytes();
    const headers = this.#headers();
    if (this.#position !== end) {
      throw new MalformedBatch(
        `Cannot read a record: it ends ${this.#position - end} bytes from where its length says`,
      );
    }
    return { offset, timestamp, key, value, headers };
  }

  #headers(): readonly RecordHeader[] {
    const count = this.#varint();
    if (count === 0) return NO_HEADERS;
    // Each header takes two bytes or more.
    if (count < 0 || count * 2 > this.#left) {
      throw new MalformedBatch(`Cannot read a record: it claims ${count} headers`);
    }
    const headers: RecordHeader[] = [];
    for (let index = 0; index < count; index++) {
      const key = this.#nullableBytes();
      if (key === null) throw new MalformedBatch("Cannot read a record: the key of a header is null");
      headers.push({ key: decoder.decode(key), value: this.#nullableBytes() });
    }
    return headers;
  }

  #nullableBytes(): Uint8Array | null {
    const length = this.#varint();
    if (length < 0) {
      if (length === -1) return null;
      throw new MalformedBatch(`Cannot read a record: a length is ${length}`);
    }
    const start = this.#position;
    if (length > this.#bytes.length - start) {
      throw new MalformedBatch(`Cannot read a record: a length is ${length}, ${this.#left} bytes are left`);
    }
    this.#position = start + length;
    return this.#bytes.subarray(start, start + length);
  }

  get #left(): number {
    return this.#bytes.length - this.#position;
  }

  #skipByte(): void {
    if (this.#left < 1) throw new MalformedBatch("Cannot read a record: it is cut");
    this.#position++;
  }

  #varint(): number {
    const bytes = this.#bytes;
    let position = this.#position;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (position === bytes.length) throw new MalformedBatch("Cannot read a record: it is cut in a number");
      const byte = bytes[position++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#position = position;
        return (value >>> 1) ^ -(value & 1);
      }
    }
    throw new MalformedBatch("Cannot read a record: a number takes more than five bytes");
  }

  /** Exact up to 2^53, rounded beyond. */
  #varlong(): number {
    const bytes = this.#bytes;
    let position = this.#position;
    let value = 0;
    for (let scale = 1, count = 0; count < 10; scale *= 128, count++) {
      if (position === bytes.length) throw new MalformedBatch("Cannot read a record: it is cut in a number");
      const byte = bytes[position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.#position = position;
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
    }
    throw new MalformedBatch("Cannot read a record: a number takes more than ten bytes");
  }
}

/** Writes into bytes that are known to be enough (`recordSizeBytesMax`). */
class RecordWriter {
  readonly bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes;
    this.position = position;
  }

  // hot: per record
  write(record: RecordDraft, offsetDelta: number, timestampDelta: number): void {
    const key = record.key ?? null;
    const value = record.value ?? null;
    const headers = record.headers ?? NO_HEADERS;
    let length = 1 + varlongSize(timestampDelta) + varlongSize(offsetDelta) + nullableSize(key) + nullableSize(value) +
      varlongSize(headers.length);
    for (const header of headers) {
      const keyLength = utf8Length(header.key);
      length += varlongSize(keyLength) + keyLength + nullableSize(header.value);
    }
    this.#varint(length);
    this.bytes[this.position++] = 0;
    this.#varint(timestampDelta);
    this.#varint(offsetDelta);
    this.#nullableBytes(key);
    this.#nullableBytes(value);
    this.#varint(headers.length);
    for (const header of headers) {
      const keyLength = utf8Length(header.key);
      this.#varint(keyLength);
      encoder.encodeInto(header.key, this.bytes.subarray(this.position));
      this.position += keyLength;
      this.#nullableBytes(header.value);
    }
  }

  #nullableBytes(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.bytes[this.position++] = 1; // zigzag of -1
      return;
    }
    this.#varint(bytes.length);
    this.bytes.set(bytes, this.position);
    this.position += bytes.length;
  }

  #varint(value: number): void {
    let rest = zigzag(value);
    while (rest >= 0x80) {
      this.bytes[this.position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.position++] = rest;
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function varlongSize(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 128)) size++;
  return size;
}

function nullableSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varlongSize(bytes.length) + bytes.length;
}

/** Bytes that `TextEncoder` makes of the text: a lone surrogate becomes U+FFFD, three bytes. */
function utf8Length(text: string): number {
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (isPair(unit, text.charCodeAt(at + 1))) {
      length += 4;
      at++;
    } else length += 3;
  }
  return length;
}

function isPair(first: number, second: number): boolean {
  return first >= 0xd800 && first < 0xdc00 && second >= 0xdc00 && second < 0xe000;
}
