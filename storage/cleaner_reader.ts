/**
 * Reads a closed segment from end to end off the loop, batch by batch, into one buffer. What it gives was checked: a segment
 * with a batch that is wrong in length, format, place or checksum ends the cleaning, and is left as it is. All is read twice
 * (`steady_read.ts`): it is written anew, and what it was read from goes.
 */
import { BATCH_HEADER_BYTES, BatchView, LOG_OVERHEAD_BYTES, MAGIC, readInt32 } from "../protocol/batch.ts";
import { StorageError } from "./errors.ts";
import { type Segment } from "./segment.ts";
import { readSteadilyAsync } from "./steady_read.ts";

export class CleanerReader {
  readonly segment: Segment;
  #buffer: Uint8Array;
  /** Where in the file the buffer starts. */
  #position: number;
  #filledBytes = 0;
  /** What of the buffer was given. */
  #at = 0;
  #nextOffset: number;

  constructor(segment: Segment, position: number, buffer: Uint8Array) {
    this.segment = segment;
    this.#position = position;
    this.#buffer = buffer;
    this.#nextOffset = segment.baseOffset;
  }

  /** All batches were given. */
  get isAtEnd(): boolean {
    return this.#position + this.#at >= this.segment.sizeBytes;
  }

  /** The next batch, a view of the buffer until the next `fill`; null when that is needed first. */
  next(): BatchView | null {
    const sizeBytes = this.#nextSize();
    if (sizeBytes < 0 || this.#at + sizeBytes > this.#filledBytes) return null;
    const batch = new BatchView(this.#buffer.subarray(0, this.#filledBytes), this.#at);
    this.#check(batch);
    this.#at += sizeBytes;
    this.#nextOffset = batch.nextOffset;
    return batch;
  }

  /** Reads on; returns the number of bytes read. */
  async fill(): Promise<number> {
    const sizeBytes = this.#nextSize();
    const leftBytes = this.segment.sizeBytes - this.#position - this.#at;
    if (sizeBytes > leftBytes) throw this.#damaged("it is longer than the file");
    const rest = this.#buffer.subarray(this.#at, this.#filledBytes);
    if (sizeBytes > this.#buffer.length) this.#buffer = new Uint8Array(sizeBytes);
    this.#buffer.set(rest); // Where it is the same memory, `set` copes.
    this.#position += this.#at;
    this.#at = 0;
    this.#filledBytes = rest.length;
    const wantedBytes = Math.min(this.#buffer.length, leftBytes);
    const target = this.#buffer.subarray(rest.length, wantedBytes);
    const readBytes = await readSteadilyAsync(this.segment.log, target, this.#position + rest.length);
    if (readBytes < target.length) throw this.#damaged("the file ends before");
    this.#filledBytes += readBytes;
    return readBytes;
  }

  /** What the batch that comes next takes, -1 when too little of it is there to say. */
  #nextSize(): number {
    const leftBytes = this.#filledBytes - this.#at;
    if (leftBytes >= BATCH_HEADER_BYTES) {
      const sizeBytes = LOG_OVERHEAD_BYTES + readInt32(this.#buffer, this.#at + 8);
      const magic = this.#buffer[this.#at + 16]!;
      if (magic !== MAGIC) throw this.#damaged(`its format is ${magic}`);
      if (sizeBytes < BATCH_HEADER_BYTES) throw this.#damaged(`its length is ${sizeBytes}`);
      return sizeBytes;
    }
    const isEnd = this.#position + this.#filledBytes >= this.segment.sizeBytes;
    if (isEnd && leftBytes > 0) throw this.#damaged("it is cut");
    return -1;
  }

  #check(batch: BatchView): void {
    const { baseOffset, lastOffsetDelta } = batch;
    if (baseOffset < this.#nextOffset || lastOffsetDelta < 0) {
      throw this.#damaged(`it has offset ${baseOffset} where ${this.#nextOffset} or later must be`);
    }
    if (!batch.isCrcValid()) throw this.#damaged("its checksum is wrong");
  }

  #damaged(problem: string): StorageError {
    return new StorageError(
      `Cannot compact "${this.segment.log.path}": the batch at position ${
        this.#position + this.#at
      } is damaged: ${problem}`,
      "CORRUPT",
    );
  }
}
