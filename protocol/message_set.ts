/**
 * Messages of formats 0 and 1, the ones before record batches: what clients of Kafka 0.8 to 0.10 send and read. Nothing of
 * this is stored: sets that are produced become batches, batches that such a client fetches become sets.
 *
 *   at  size                              at  size
 *    0     8  offset                      17     1  attributes
 *    8     4  size, counted from 12       18     8  timestamp (format 1 only)
 *   12     4  CRC-32 of all from 16       18|26  4  key length, -1 for none; key
 *   16     1  magic: 0 or 1                …     4  value length, -1 for none; value
 *
 *   attributes: bits 0–2 compression · 3 log append time (format 1 only)
 *
 * Messages follow each other without a header of the whole. Compressed ones travel inside the value of one message, the
 * wrapper, whose offset is that of the last message in it. Inside, offsets count from 0 in format 1, and are absolute in
 * format 0. Where a wrapper of format 1 has log append time, its timestamp is that of all messages inside.
 *
 * LZ4 frames of format 0 have a checksum of their header that also covers the frame's magic, which is wrong, and what its
 * clients write and expect (KIP-57).
 */
import {
  COMPRESSION_MASK,
  LOG_APPEND_TIME_FLAG,
  LOG_OVERHEAD_BYTES,
  MalformedBatch,
  NO_TIMESTAMP,
  readInt32,
  readInt64,
  type TimestampType,
  writeInt32,
  writeInt64,
} from "./batch.ts";
import { compress, Compression, type CompressionId, decompress } from "./compression.ts";
import { crc32 } from "./crc32.ts";
import { decodeCount } from "./decode_count.ts";
import { compressLz4, decompressLz4 } from "./lz4.ts";

export type MessageMagic = 0 | 1;

/** An empty message of format 0, counted from byte 12. */
export const MESSAGE_LENGTH_MIN = 14;

const CRC_AT = 12;
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 17;
const TIMESTAMP_AT = 18;
/** Of a writer; it doubles as needed. */
const FIRST_BYTES = 4 * 1024;

/** One message inside `bytes`, starting at `at`. The constructor has checked that it lies inside in full. */
export class MessageView {
  readonly bytes: Uint8Array;
  readonly at: number;

  /** @throws {MalformedBatch} when no whole message starts at `at` */
  constructor(bytes: Uint8Array, at = 0) {
    const problem = messageProblem(bytes, at);
    if (problem !== null) {
      throw new MalformedBatch(`Cannot read a message at byte ${at} of ${bytes.length}: ${problem}`);
    }
    this.bytes = bytes;
    this.at = at;
  }

  get offset(): number {
    return readInt64(this.bytes, this.at);
  }

  get sizeBytes(): number {
    return LOG_OVERHEAD_BYTES + readInt32(this.bytes, this.at + 8);
  }

  get magic(): MessageMagic {
    return this.bytes[this.at + MAGIC_AT] as MessageMagic;
  }

  /** An id of `Compression`, or one of the three unused numbers. */
  get compression(): number {
    return this.bytes[this.at + ATTRIBUTES_AT]! & COMPRESSION_MASK;
  }

  get timestampType(): TimestampType {
    const hasFlag = (this.bytes[this.at + ATTRIBUTES_AT]! & LOG_APPEND_TIME_FLAG) !== 0;
    return this.magic === 1 && hasFlag ? "logAppendTime" : "createTime";
  }

  /** `NO_TIMESTAMP` in format 0. */
  get timestamp(): number {
    return this.magic === 0 ? NO_TIMESTAMP : readInt64(this.bytes, this.at + TIMESTAMP_AT);
  }

  isCrcValid(): boolean {
    return crc32(this.bytes, this.at + MAGIC_AT, this.at + this.sizeBytes) ===
      readInt32(this.bytes, this.at + CRC_AT) >>> 0;
  }

  /** @throws {MalformedBatch} */
  get key(): Uint8Array | null {
    return this.#field(this.#keyAt());
  }

  /** @throws {MalformedBatch} */
  get value(): Uint8Array | null {
    const keyAt = this.#keyAt();
    return this.#field(keyAt + 4 + Math.max(0, this.#length(keyAt)));
  }

  #keyAt(): number {
    return this.at + (this.magic === 0 ? TIMESTAMP_AT : TIMESTAMP_AT + 8);
  }

  #field(at: number): Uint8Array | null {
    const length = this.#length(at);
    return length === -1 ? null : this.bytes.subarray(at + 4, at + 4 + length);
  }

  #length(at: number): number {
    const left = this.at + this.sizeBytes - at - 4;
    const length = left < 0 ? -2 : readInt32(this.bytes, at);
    if (length < -1 || length > left) {
      throw new MalformedBatch(`Cannot read a message: a length is ${length}, ${left} bytes are left`);
    }
    return length;
  }
}

/** What keeps the bytes at `at` from being a whole message, or null when they are one. */
export function messageProblem(bytes: Uint8Array, at: number): string | null {
  const left = bytes.length - at;
  if (left <= MAGIC_AT) return `${left} bytes are too few for a message`;
  const length = readInt32(bytes, at + 8);
  const magic = bytes[at + MAGIC_AT]!;
  if (magic > 1) return `format ${magic} is none of messages`;
  const lengthMin = magic === 0 ? MESSAGE_LENGTH_MIN : MESSAGE_LENGTH_MIN + 8;
  if (length < lengthMin) return `length ${length} is under the least of ${lengthMin}`;
  if (length > left - LOG_OVERHEAD_BYTES) return `length ${length} exceeds the bytes left`;
  return null;
}

/**
 * The whole messages at the start of `bytes`, wrappers as they are; what is cut at the end is left out.
 * @throws {MalformedBatch} on bytes that are not the start of a message either
 */
export function* messages(bytes: Uint8Array): Generator<MessageView> {
  for (let at = 0; bytes.length - at >= LOG_OVERHEAD_BYTES;) {
    const length = readInt32(bytes, at + 8);
    if (length < MESSAGE_LENGTH_MIN) throw new MalformedBatch(`Cannot read a message at byte ${at}: length ${length}`);
    if (length > bytes.length - at - LOG_OVERHEAD_BYTES) return;
    const message = new MessageView(bytes, at);
    yield message;
    at += message.sizeBytes;
  }
}

/** A message with its place and time in the log, which those inside a wrapper do not know themselves. */
export interface PlacedMessage {
  readonly offset: number;
  readonly timestamp: number;
  readonly message: MessageView;
}

/**
 * What a set holds, wrappers unpacked. Checksums are not looked at.
 * @throws {MalformedBatch} when something in it is no message, or a wrapper unpacks to more than the limit
 */
export function* unpackedMessages(
  bytes: Uint8Array,
  options: { readonly sizeBytesMax: number },
): Generator<PlacedMessage> {
  for (const message of messages(bytes)) {
    if (message.compression !== Compression.none) yield* messagesInside(message, options);
    else yield { offset: message.offset, timestamp: message.timestamp, message };
  }
}

/**
 * The messages inside a wrapper.
 * @throws {MalformedBatch}
 */
export function* messagesInside(
  wrapper: MessageView,
  options: { readonly sizeBytesMax: number },
): Generator<PlacedMessage> {
  decodeCount.batches++;
  const packed = wrapper.value;
  if (packed === null) throw new MalformedBatch("Cannot unpack a message: it has no value");
  const bytes = unpack(wrapper, packed, options.sizeBytesMax);
  const firstOffset = wrapper.magic === 1 ? firstOffsetInside(wrapper, bytes) : 0;
  const sharedTime = wrapper.timestampType === "logAppendTime" ? wrapper.timestamp : null;
  let count = 0;
  for (const message of messages(bytes)) {
    if (message.compression !== Compression.none) {
      throw new MalformedBatch("Cannot unpack a message: one inside it is compressed itself");
    }
    yield { offset: firstOffset + message.offset, timestamp: sharedTime ?? message.timestamp, message };
    count++;
  }
  if (count === 0) throw new MalformedBatch("Cannot unpack a message: there is none inside it");
}

function unpack({ compression, magic }: MessageView, packed: Uint8Array, sizeBytesMax: number): Uint8Array {
  if (compression > Compression.lz4) {
    throw new MalformedBatch(`Cannot unpack a message: its compression is ${compression}`);
  }
  try {
    if (compression === Compression.lz4 && magic === 0) {
      return decompressLz4(packed, sizeBytesMax, { hasOldHeaderChecksum: true });
    }
    return decompress(compression, packed, sizeBytesMax);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MalformedBatch(`Cannot unpack a message: ${reason}`, { cause });
  }
}

/** Format 1 counts from 0 inside. A wrapper at 0 is one that its producer did not number (librdkafka): so it starts there. */
function firstOffsetInside(wrapper: MessageView, bytes: Uint8Array): number {
  if (wrapper.offset === 0) return 0;
  let last = 0;
  for (const message of messages(bytes)) last = message.offset;
  if (wrapper.offset < last) {
    throw new MalformedBatch(`Cannot unpack a message: its offset is ${wrapper.offset}, the last inside is ${last}`);
  }
  return wrapper.offset - last;
}

/** Makes a set from records, one after the other; of a compression, one wrapper around all of them. */
export class MessageSetWriter {
  readonly #magic: MessageMagic;
  readonly #compression: CompressionId;
  readonly #flags: number;
  #bytes: Uint8Array;
  #end = 0;
  #firstOffset = -1;
  #lastOffset = -1;
  #maxTimestamp = NO_TIMESTAMP;

  constructor(options: {
    readonly magic: MessageMagic;
    /** Not zstd, which these formats do not have. */
    readonly compression: CompressionId;
    readonly timestampType: TimestampType;
  }) {
    this.#magic = options.magic;
    this.#compression = options.compression;
    this.#flags = options.magic === 1 && options.timestampType === "logAppendTime" ? LOG_APPEND_TIME_FLAG : 0;
    this.#bytes = new Uint8Array(FIRST_BYTES);
  }

  /** Before compression. */
  get sizeBytes(): number {
    return this.#end;
  }

  /** Offsets rise; a record of a log with gaps has its own. */
  append(record: {
    readonly offset: number;
    readonly timestamp: number;
    readonly key: Uint8Array | null;
    readonly value: Uint8Array | null;
  }): void {
    const { offset, timestamp } = record;
    if (this.#firstOffset < 0) this.#firstOffset = offset;
    this.#lastOffset = offset;
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
    const isRelative = this.#magic === 1 && this.#compression !== Compression.none;
    const sizeBytes = messageSizeBytes(this.#magic, record);
    this.#reserve(sizeBytes);
    writeMessage(this.#bytes, this.#end, {
      ...record,
      magic: this.#magic,
      attributes: this.#flags,
      offset: isRelative ? offset - this.#firstOffset : offset,
    });
    this.#end += sizeBytes;
  }

  /** The set. The writer is not used after this. */
  finish(): Uint8Array {
    const inner = this.#bytes.subarray(0, this.#end);
    if (this.#compression === Compression.none || this.#end === 0) return inner;
    const value = this.#compression === Compression.lz4 && this.#magic === 0
      ? compressLz4(inner, { hasOldHeaderChecksum: true })
      : compress(this.#compression, inner);
    const wrapper = { key: null, value, timestamp: this.#maxTimestamp };
    const bytes = new Uint8Array(messageSizeBytes(this.#magic, wrapper));
    const attributes = this.#compression | this.#flags;
    writeMessage(bytes, 0, { ...wrapper, magic: this.#magic, attributes, offset: this.#lastOffset });
    return bytes;
  }

  #reserve(sizeBytes: number): void {
    if (this.#end + sizeBytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#end + sizeBytes, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}

/** What a record takes as a message. */
export function messageSizeBytes(
  magic: MessageMagic,
  { key, value }: { readonly key: Uint8Array | null; readonly value: Uint8Array | null },
): number {
  return TIMESTAMP_AT + (magic === 0 ? 0 : 8) + 8 + (key?.length ?? 0) + (value?.length ?? 0);
}

interface MessageDraft {
  readonly magic: MessageMagic;
  readonly attributes: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

function writeMessage(bytes: Uint8Array, start: number, message: MessageDraft): void {
  const { magic, key, value } = message;
  const end = start + messageSizeBytes(magic, message);
  writeInt64(bytes, start, message.offset);
  writeInt32(bytes, start + 8, end - start - LOG_OVERHEAD_BYTES);
  bytes[start + MAGIC_AT] = magic;
  bytes[start + ATTRIBUTES_AT] = message.attributes;
  let at = start + TIMESTAMP_AT;
  if (magic === 1) {
    writeInt64(bytes, at, message.timestamp);
    at += 8;
  }
  for (const field of [key, value]) {
    writeInt32(bytes, at, field?.length ?? -1);
    if (field !== null) bytes.set(field, at + 4);
    at += 4 + (field?.length ?? 0);
  }
  writeInt32(bytes, start + CRC_AT, crc32(bytes, start + MAGIC_AT, end));
}
