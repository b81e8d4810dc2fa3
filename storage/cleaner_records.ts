/**
 * Walks over the records of one batch without making an object per record: where each starts and ends, its key, whether it has
 * a value, its time. The cleaner looks at hundreds of millions; `protocol/record.ts` is for those who want what is in them.
 *
 *   record:  length · attributes · timestamp delta · offset delta · key length, key · value length, value · headers
 */
import { MalformedBatch } from "../protocol/batch.ts";

/** Attributes, three deltas and lengths of a byte each, no headers. */
const RECORD_BYTES_MIN = 6;

export class RecordCursor {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Of the record that `next` came to. */
  start = 0;
  end = 0;
  timestampDelta = 0;
  offsetDelta = 0;
  /** Where what follows the timestamp delta starts. */
  offsetDeltaStart = 0;
  hasKey = false;
  keyStart = 0;
  keyEnd = 0;
  hasValue = false;

  /** Starts over with other bytes. */
  load(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.end = 0;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get isAtEnd(): boolean {
    return this.end === this.#bytes.length;
  }

  /** @throws {MalformedBatch} when there is no whole record more */
  // hot: per record
  next(): void {
    this.start = this.#at = this.end;
    const length = this.#varint();
    const end = this.#at + length;
    if (length < RECORD_BYTES_MIN || end > this.#bytes.length) {
      throw new MalformedBatch(`Cannot read a record at byte ${this.start}: its length is ${length}`);
    }
    this.#at++; // attributes
    this.timestampDelta = this.#varlong();
    this.offsetDeltaStart = this.#at;
    this.offsetDelta = this.#varint();
    const keyLength = this.#varint();
    this.hasKey = keyLength >= 0;
    this.keyStart = this.#at;
    this.keyEnd = this.#at += this.hasKey ? keyLength : 0;
    // A key that leaves its record would have the value's length read from elsewhere.
    if (keyLength < -1 || this.#at >= end) throw new MalformedBatch(`A record at byte ${this.start} has a wrong key`);
    const valueLength = this.#varint();
    this.hasValue = valueLength >= 0;
    if (valueLength < -1 || this.#at + Math.max(0, valueLength) > end) {
      throw new MalformedBatch(`A record at byte ${this.start} has a wrong value`);
    }
    this.end = end;
  }

  #varint(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[this.#at++];
      if (byte === undefined) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw new MalformedBatch(`Cannot read a record at byte ${this.start}: a number is cut or too long`);
  }

  /** Exact up to 2^53, rounded beyond. */
  #varlong(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let scale = 1, count = 0; count < 10; scale *= 128, count++) {
      const byte = bytes[this.#at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw new MalformedBatch(`Cannot read a record at byte ${this.start}: a number is cut or too long`);
  }
}

/**
 * The same records with `shift` added to their timestamp deltas, for a batch whose base timestamp changes.
 * The cursor must have found them sound before.
 */
export function shiftTimestamps(records: Uint8Array, recordCount: number, shift: number): Uint8Array {
  const cursor = new RecordCursor();
  cursor.load(records);
  const shifted = new Uint8Array(records.length + recordCount * GROWTH_BYTES_MAX);
  let at = 0;
  for (let index = 0; index < recordCount; index++) {
    cursor.next();
    const delta = cursor.timestampDelta + shift;
    const restBytes = cursor.end - cursor.offsetDeltaStart;
    at = writeVarint(shifted, at, 1 + varintBytes(delta) + restBytes);
    shifted[at++] = 0; // attributes: none are defined
    at = writeVarint(shifted, at, delta);
    shifted.set(records.subarray(cursor.offsetDeltaStart, cursor.end), at);
    at += restBytes;
  }
  return shifted.subarray(0, at);
}

/** A timestamp delta takes ten bytes at most, one at least; the record's length may take one byte more then. */
const GROWTH_BYTES_MAX = 11;

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 128)) count++;
  return count;
}

function writeVarint(target: Uint8Array, at: number, value: number): number {
  let rest = zigzag(value);
  while (rest >= 0x80) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}
