/**
 * Checks a closed segment from end to end, a chunk at a time: length, format and place of every batch, and its checksum.
 *
 * (1) A batch may be of any size, and so may a length that is wrong: nothing is read or kept but the chunk.
 * (2) What is found damaged may be read again (`lookAgain`), with the batch before it: one with a wrong offset shows in the next.
 */
import { BATCH_HEADER_BYTES, CRC_START, LOG_OVERHEAD_BYTES, MAGIC, readInt32, readInt64 } from "../protocol/batch.ts";
import { crc32cOfMore } from "../protocol/crc32c.ts";
import { StorageError } from "./errors.ts";
import { type Segment } from "./segment.ts";

export class SegmentCheck {
  readonly #segment: Segment;
  readonly #endOffset: number;
  /** Where the batch starts that is looked at. */
  #position = 0;
  /** The least offset it may have. */
  #nextOffset: number;
  /** The same of the batch before it. */
  #before: { readonly position: number; readonly nextOffset: number };
  /** What was read again. */
  #doubtedPosition = -1;
  #readPosition = 0;
  /** What is to come of a batch whose header was seen, and what must be true of it then. */
  #leftBytes = 0;
  #crc = 0;
  #wantedCrc = 0;
  #offsetAfter = 0;

  /** `endOffset`: where the next segment begins, which all offsets are below. */
  constructor(segment: Segment, endOffset: number) {
    this.#segment = segment;
    this.#endOffset = endOffset;
    this.#nextOffset = segment.baseOffset;
    this.#before = { position: 0, nextOffset: segment.baseOffset };
  }

  get position(): number {
    return this.#position;
  }

  get nextOffset(): number {
    return this.#nextOffset;
  }

  get isAtEnd(): boolean {
    return this.#readPosition >= this.#segment.sizeBytes;
  }

  /** After damage was found: `read` goes back to see it again (2). False when it has been seen twice. */
  lookAgain(): boolean {
    if (this.#doubtedPosition === this.#position) return false;
    this.#doubtedPosition = this.#position;
    this.#position = this.#readPosition = this.#before.position;
    this.#nextOffset = this.#before.nextOffset;
    this.#leftBytes = 0;
    return true;
  }

  /** Reads on, off the loop, into `chunk`; returns what it has read. It must hold a header at least. */
  async read(chunk: Uint8Array): Promise<Uint8Array> {
    const target = chunk.subarray(0, Math.min(chunk.length, this.#segment.sizeBytes - this.#readPosition));
    const readBytes = await this.#segment.log.readAsync(target, this.#readPosition);
    if (readBytes < target.length) throw this.#damaged(`the file ends at ${this.#readPosition + readBytes}`);
    return target;
  }

  /**
   * Checks what `read` has given.
   * @throws {StorageError} "CORRUPT"; `position` says where
   */
  check(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#leftBytes === 0) {
        if (bytes.length - at < BATCH_HEADER_BYTES) break; // The next read begins with it.
        this.#begin(bytes, at);
        at += CRC_START;
      }
      const end = Math.min(at + this.#leftBytes, bytes.length);
      this.#crc = crc32cOfMore(this.#crc, bytes, at, end);
      this.#leftBytes -= end - at;
      at = end;
      if (this.#leftBytes === 0) this.#end(this.#readPosition + at);
    }
    this.#readPosition += at;
    const isCut = at < bytes.length && this.#readPosition + (bytes.length - at) >= this.#segment.sizeBytes;
    if (isCut) throw this.#damaged("it is cut");
  }

  /** A header that may say anything: what `BatchView` asserts is asked here. hot: per batch */
  #begin(bytes: Uint8Array, at: number): void {
    const baseOffset = readInt64(bytes, at);
    const sizeBytes = LOG_OVERHEAD_BYTES + readInt32(bytes, at + 8);
    const magic = bytes[at + 16];
    const lastOffset = baseOffset + readInt32(bytes, at + 23);
    if (magic !== MAGIC) throw this.#damaged(`its format is ${magic}`);
    if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > this.#segment.sizeBytes - this.#position) {
      throw this.#damaged(`its length is ${sizeBytes}`);
    }
    if (baseOffset < this.#nextOffset || lastOffset < baseOffset || lastOffset >= this.#endOffset) {
      const range = `${this.#nextOffset} to ${this.#endOffset - 1}`;
      throw this.#damaged(`its offsets are ${baseOffset} to ${lastOffset} and must be within ${range}`);
    }
    this.#leftBytes = sizeBytes - CRC_START;
    this.#crc = 0;
    this.#wantedCrc = readInt32(bytes, at + CRC_START - 4) >>> 0;
    this.#offsetAfter = lastOffset + 1;
  }

  #end(position: number): void {
    if (this.#crc !== this.#wantedCrc) {
      throw this.#damaged(`its checksum is ${this.#crc} and must be ${this.#wantedCrc}`);
    }
    this.#before = { position: this.#position, nextOffset: this.#nextOffset };
    this.#nextOffset = this.#offsetAfter;
    this.#position = position;
  }

  #damaged(problem: string): StorageError {
    const path = this.#segment.log.path;
    return new StorageError(`The batch at position ${this.#position} of "${path}" is damaged: ${problem}`, "CORRUPT");
  }
}
