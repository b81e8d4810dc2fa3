/**
 * A segment's `.index`: where in the `.log` an offset is, about every `index.interval.bytes`.
 *
 *   entry:  int32 offset, less the segment's base · int32 position       (of the batch whose last offset it is)
 *
 * (1) Offsets and positions both grow from entry to entry.
 * (2) The batch at an entry's position ends with the entry's offset, so a reader of any offset from there to the next
 *     entry starts at the position and walks on.
 */
import { readInt32, writeInt32 } from "../protocol/batch.ts";
import { type FilePool } from "./file_pool.ts";
import { IndexFile } from "./index_file.ts";

export const OFFSET_ENTRY_BYTES = 8;

export class OffsetIndex {
  readonly entries: IndexFile;
  readonly #baseOffset: number;
  #lastRelativeOffset = -1;

  constructor(pool: FilePool, path: string, baseOffset: number, isNew: boolean) {
    this.entries = new IndexFile(pool, path, OFFSET_ENTRY_BYTES, isNew);
    this.#baseOffset = baseOffset;
  }

  isFull(sizeBytesMax: number): boolean {
    return (this.entries.count + 1) * OFFSET_ENTRY_BYTES > sizeBytesMax;
  }

  // hot: per index entry
  append(lastOffset: number, position: number): void {
    const relativeOffset = lastOffset - this.#baseOffset;
    if (relativeOffset <= this.#lastRelativeOffset) return; // (1); compaction can leave a batch of no new offset
    const entry = this.entries.grow();
    writeInt32(entry, 0, relativeOffset);
    writeInt32(entry, 4, position);
    this.#lastRelativeOffset = relativeOffset;
  }

  /** Entry for `offset` or the one before it, null when there is none. */
  floor(offset: number): { readonly index: number; readonly offset: number; readonly position: number } | null {
    for (let looks = 1; looks <= 2; looks++) {
      const index = this.entries.floor(offset - this.#baseOffset, readInt32);
      if (index < 0) return null;
      const entry = this.#read(index);
      if (entry.offset <= offset) return { index, ...entry };
      // A flipped bit in what was searched: an entry too low costs time, one too high would pass over batches.
    }
    return null;
  }

  /** The last entry for a batch at or before `position`, null when there is none. */
  floorOfPosition(position: number): { readonly offset: number; readonly position: number } | null {
    const index = this.entries.floor(position, (bytes, at) => readInt32(bytes, at + 4));
    const entry = index < 0 ? null : this.#read(index);
    return entry === null || entry.position > position ? null : entry;
  }

  lastEntry(): { readonly offset: number; readonly position: number } | null {
    const count = this.entries.count;
    return count === 0 ? null : this.#parse(this.entries.steadyEntry(count - 1));
  }

  /** Null when the entries can be believed, else what is wrong with them. Looks at the ends only: the whole is in `checkAll`. */
  problem(logSizeBytes: number): string | null {
    if (this.entries.hasRaggedEnd()) return "its size is no multiple of an entry's";
    const last = this.lastEntry();
    if (last === null) return null;
    if (last.offset < this.#baseOffset || last.position < 0) {
      return `its last entry is ${last.offset} → ${last.position}`;
    }
    if (last.position >= logSizeBytes && logSizeBytes > 0) {
      return `its last entry is past the log's ${logSizeBytes} bytes`;
    }
    // A file still filled up with zeros ends in an entry of zeros, which only a first entry may be.
    if (this.entries.count > 1 && last.offset === this.#baseOffset) return "it was not trimmed";
    return null;
  }

  /** Cuts the index before the first entry that breaks (1) or points outside of `logSizeBytes`. */
  keepSound(logSizeBytes: number): void {
    const bytes = this.entries.all();
    let lastOffset = -1;
    let lastPosition = -1;
    let count = 0;
    for (let at = 0; at < bytes.length; at += OFFSET_ENTRY_BYTES) {
      const offset = readInt32(bytes, at);
      const position = readInt32(bytes, at + 4);
      if (offset <= lastOffset || position <= lastPosition || position >= logSizeBytes) break;
      lastOffset = offset;
      lastPosition = position;
      count++;
    }
    this.keep(count);
  }

  keep(count: number): void {
    this.entries.keep(count);
    this.#lastRelativeOffset = count === 0 ? -1 : readInt32(this.entries.steadyEntry(count - 1), 0);
  }

  /** To be called once before the first append to an index found on disk. */
  resume(): void {
    const last = this.lastEntry();
    this.#lastRelativeOffset = last === null ? -1 : last.offset - this.#baseOffset;
  }

  reset(): void {
    this.entries.reset();
    this.#lastRelativeOffset = -1;
  }

  #read(index: number): { readonly offset: number; readonly position: number } {
    return this.#parse(this.entries.entry(index));
  }

  #parse(entry: Uint8Array): { readonly offset: number; readonly position: number } {
    return { offset: this.#baseOffset + readInt32(entry, 0), position: readInt32(entry, 4) };
  }
}
