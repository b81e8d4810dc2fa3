/**
 * A segment's `.timeindex`: by when the log had reached which timestamp.
 *
 *   entry:  int64 timestamp · int32 offset, less the segment's base
 *
 * (1) An entry says: the largest timestamp up to here is this one, in the batch that ends with this offset. Everything
 *     before that batch is older, or as old.
 * (2) Timestamps grow from entry to entry, and so do offsets.
 * (3) The last entry of a closed segment holds its largest timestamp. Retention by time believes it.
 */
import { readInt32, readInt64, writeInt32, writeInt64 } from "../protocol/batch.ts";
import { type FilePool } from "./file_pool.ts";
import { IndexFile } from "./index_file.ts";

export const TIME_ENTRY_BYTES = 12;

export interface TimestampOffset {
  readonly timestampMs: number;
  readonly offset: number;
}

export class TimeIndex {
  readonly entries: IndexFile;
  readonly #baseOffset: number;
  #lastTimestampMs = -1;

  constructor(pool: FilePool, path: string, baseOffset: number, isNew: boolean) {
    this.entries = new IndexFile(pool, path, TIME_ENTRY_BYTES, isNew);
    this.#baseOffset = baseOffset;
  }

  /** One entry is kept free for the last, which is added when the segment ends. */
  isFull(sizeBytesMax: number): boolean {
    return (this.entries.count + 2) * TIME_ENTRY_BYTES > sizeBytesMax;
  }

  /** Adds an entry when it says something new. */
  // hot: per index entry
  append(timestampMs: number, lastOffset: number): void {
    if (timestampMs <= this.#lastTimestampMs) return; // (2)
    const entry = this.entries.grow();
    writeInt64(entry, 0, timestampMs);
    writeInt32(entry, 8, lastOffset - this.#baseOffset);
    this.#lastTimestampMs = timestampMs;
  }

  /** The last entry whose timestamp is at most `timestampMs`, or one before it; null when there is none. */
  floor(timestampMs: number): TimestampOffset | null {
    for (let looks = 1; looks <= 2; looks++) {
      const index = this.entries.floor(timestampMs, readInt64);
      if (index < 0) return null;
      const entry = this.#read(index);
      if (entry.timestampMs <= timestampMs) return entry; // As in the offset index.
    }
    return null;
  }

  lastEntry(): TimestampOffset | null {
    const count = this.entries.count;
    return count === 0 ? null : this.#parse(this.entries.steadyEntry(count - 1));
  }

  problem(): string | null {
    if (this.entries.hasRaggedEnd()) return "its size is no multiple of an entry's";
    const last = this.lastEntry();
    if (last === null) return null;
    const first = this.#parse(this.entries.steadyEntry(0));
    if (last.timestampMs < first.timestampMs) return "it was not trimmed";
    if (last.offset < this.#baseOffset) return `its last entry is for offset ${last.offset}`;
    return null;
  }

  /** Cuts the index before the first entry that breaks (2) or is for an offset above `offsetMax`. */
  keepSound(offsetMax: number): void {
    const bytes = this.entries.all();
    let lastTimestampMs = -1;
    let lastOffset = -1;
    let count = 0;
    for (let at = 0; at < bytes.length; at += TIME_ENTRY_BYTES) {
      const timestampMs = readInt64(bytes, at);
      const offset = readInt32(bytes, at + 8);
      if (timestampMs <= lastTimestampMs || offset < lastOffset || offset < 0) break;
      if (this.#baseOffset + offset > offsetMax) break;
      lastTimestampMs = timestampMs;
      lastOffset = offset;
      count++;
    }
    this.entries.keep(count);
    this.#lastTimestampMs = lastTimestampMs;
  }

  /** To be called once before the first append to an index found on disk. */
  resume(): void {
    this.#lastTimestampMs = this.lastEntry()?.timestampMs ?? -1;
  }

  reset(): void {
    this.entries.reset();
    this.#lastTimestampMs = -1;
  }

  #read(index: number): TimestampOffset {
    return this.#parse(this.entries.entry(index));
  }

  #parse(entry: Uint8Array): TimestampOffset {
    return { timestampMs: readInt64(entry, 0), offset: this.#baseOffset + readInt32(entry, 8) };
  }
}
