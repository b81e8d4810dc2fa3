/**
 * One segment of a log: a `.log` file of batches and the indexes that lead into it.
 *
 * (1) Batches follow each other without a gap, offsets grow, and all are at or above `baseOffset` and below the base of
 *     the next segment. Offsets less the base fit in 31 bits.
 * (2) Only the last segment of a log is written to, and only at its end, `sizeBytes`. Bytes in the file past that are of a
 *     failed write: the next one goes over them, and they are cut before the segment closes. The cut is synced before
 *     anything behind it: come back in a power cut, the bytes would be the log's end, or lie in its middle.
 * (3) Indexes follow the log: an entry is made after its batch was written (`segment_index.ts`).
 * (4) A segment is retired by renaming its files to `.deleted`. They are unlinked later, and never while a reader has a view.
 * (5) What a cleaner writes bears an ending after its suffixes until it is in its place (`segment_replacement.ts`).
 */
import { BATCH_HEADER_BYTES, type BatchView, readInt64 } from "../protocol/batch.ts";
import { AbortedTransactionIndex } from "./aborted_transactions.ts";
import { type StorageContext } from "./context.ts";
import { isDiskFull } from "./errors.ts";
import { type PooledFile } from "./file_pool.ts";
import { type LogConfig } from "./log_config.ts";
import { SegmentMap } from "./map_pool.ts";
import {
  DELETED_SUFFIX,
  fileNameOf,
  INDEX_SUFFIX,
  LOG_SUFFIX,
  SEGMENT_SUFFIXES,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./segment_files.ts";
import { SegmentIndex } from "./segment_index.ts";
import { readSteadily } from "./steady_read.ts";
import { type TimestampOffset } from "./time_index.ts";

/** Offsets of a segment, less its base, end here: they are int32 in the indexes. */
export const RELATIVE_OFFSET_MAX = 0x7fffffff;

/** Written again in one go. */
const REWRITTEN_BYTES = 1024 * 1024;

/** What an append would add. */
export interface AppendExtent {
  readonly sizeBytes: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
}

/** What there is of a segment that could not be made, or of a retired one, cannot be removed. */
export class SegmentLeft extends Error {
  override readonly name = "SegmentLeft";
}

export class Segment {
  readonly baseOffset: number;
  readonly log: PooledFile;
  readonly map = new SegmentMap();
  readonly index: SegmentIndex;
  readonly createdMs: number;
  /** Taken off the segment's allowed age. */
  readonly jitterMs: number;
  sizeBytes: number;
  /** Readers with a view that is not a map's: of a read under way. */
  readerCount = 0;

  readonly #context: StorageContext;
  readonly #directory: string;
  readonly #isNew: boolean;
  /** After the suffix of the log, and of its indexes (5). */
  #ending: string;
  #indexEnding: string;
  #aborted: AbortedTransactionIndex | null = null;
  #firstTimestampMs: number | null = null;
  /** A failed write left bytes past `sizeBytes` (2). */
  #hasGarbage = false;
  #isRetired = false;

  private constructor(
    context: StorageContext,
    directory: string,
    options: {
      readonly baseOffset: number;
      readonly sizeBytes: number;
      readonly isNew: boolean;
      readonly config: LogConfig;
      readonly ending?: string;
    },
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#ending = this.#indexEnding = options.ending ?? "";
    this.baseOffset = options.baseOffset;
    this.sizeBytes = options.sizeBytes;
    this.#isNew = options.isNew;
    this.createdMs = context.runtime.clock.nowMs();
    const jitterMsMax = Math.min(options.config.segmentJitterMs, options.config.segmentMs);
    this.jitterMs = jitterMsMax > 0 ? Math.floor(context.runtime.random.next() * jitterMsMax) : 0;
    this.log = context.pool.file(this.path(LOG_SUFFIX));
    this.index = new SegmentIndex(context, this, {
      intervalBytes: options.config.indexIntervalBytes,
      isNew: options.isNew,
    });
  }

  /**
   * Makes a new segment with its file. Its entry in the folder is not yet durable. `ending`: see (5).
   * @throws {FileError} nothing of it is there then
   * @throws {SegmentLeft} what there is of it could not be removed; the cause is why it could not be made
   */
  static create(
    context: StorageContext,
    directory: string,
    baseOffset: number,
    config: LogConfig,
    ending = "",
  ): Segment {
    const segment = new Segment(context, directory, { baseOffset, sizeBytes: 0, isNew: true, config, ending });
    // Left over from an attempt that failed half-way: what an index says of other bytes must not be read.
    for (const suffix of SEGMENT_SUFFIXES) context.runtime.files.remove(segment.path(suffix));
    try {
      segment.makeFile();
    } catch (cause) {
      segment.#takeBack(cause);
      throw cause;
    }
    return segment;
  }

  /** A new segment in a folder that is new as well. `makeFile` comes before the first write. */
  static planned(context: StorageContext, directory: string, baseOffset: number, config: LogConfig): Segment {
    return new Segment(context, directory, { baseOffset, sizeBytes: 0, isNew: true, config });
  }

  /** A segment found on disk. Opens nothing. */
  static open(
    context: StorageContext,
    directory: string,
    options: {
      readonly baseOffset: number;
      readonly sizeBytes: number;
      readonly config: LogConfig;
      readonly ending?: string;
    },
  ): Segment {
    return new Segment(context, directory, { ...options, isNew: false });
  }

  makeFile(): void {
    this.log.use(true);
  }

  path(suffix: string): string {
    const ending = suffix === LOG_SUFFIX ? this.#ending : this.#indexEnding;
    return `${this.#directory}/${fileNameOf(this.baseOffset, suffix)}${ending}`;
  }

  // ------------------------------------------------------------------------------------------- writing

  /** Writes batches at the end. Throws with nothing changed (2); they are noted by `note` afterwards, one by one. */
  // hot: per batch
  write(records: Uint8Array): void {
    if (this.#hasGarbage) this.#cutGarbage();
    this.index.prepare();
    try {
      this.log.write([records], this.sizeBytes);
    } catch (error) {
      this.#hasGarbage = true;
      throw error;
    }
  }

  /** After a failed `write`: takes back what it may have written. Where that fails too, the next `write` tries again. */
  undoWrite(): void {
    if (!this.#hasGarbage) return;
    try {
      this.#cutGarbage();
    } catch {
      // (2) holds without it.
    }
  }

  /** Indexes a batch that `write` wrote. */
  // hot: per batch
  note(batch: BatchView): void {
    if (this.sizeBytes === 0) this.#firstTimestampMs = batch.maxTimestamp;
    this.index.note(batch, this.sizeBytes);
    this.sizeBytes += batch.sizeBytes;
  }

  /** Whether a new segment must be begun for batches of these properties. */
  // hot: per batch
  mustRoll(
    append: AppendExtent,
    config: LogConfig,
    nowMs: number,
  ): boolean {
    if (this.sizeBytes === 0) return append.lastOffset - this.baseOffset > RELATIVE_OFFSET_MAX;
    return this.sizeBytes + append.sizeBytes > config.segmentBytes ||
      append.lastOffset - this.baseOffset > RELATIVE_OFFSET_MAX ||
      this.#ageMs(append.maxTimestampMs, nowMs) > config.segmentMs - this.jitterMs ||
      this.index.isFull(config.segmentIndexBytes);
  }

  /** The segment ends: its indexes are completed and written. Not yet synced. */
  finish(): void {
    if (this.#hasGarbage) this.#cutGarbage();
    this.index.finish();
    this.#aborted?.finish();
  }

  /** Writes index entries that wait in memory, and that of the largest timestamp so far. */
  flushIndexes(): void {
    this.index.complete();
    this.#aborted?.flush();
  }

  /** Makes the indexes durable, off the loop, with their entries in the folder. */
  async syncIndexes(): Promise<void> {
    const { syncs, runtime } = this.#context;
    const newFiles = await this.syncIndexFiles();
    if (newFiles.length === 0) return;
    await syncs.run(() => runtime.files.syncDirectoryAsync(this.#directory));
    for (const file of newFiles) file.mayBeNew = false;
  }

  /** The same without their entries in the folder; returns the files that may lack one: `mayBeNew` is the caller's to end. */
  async syncIndexFiles(): Promise<readonly PooledFile[]> {
    const { syncs } = this.#context;
    const files = this.#indexFiles();
    await Promise.all(
      files.map((file) =>
        syncs.run(async () => {
          if (file.isDirty && !this.#isRetired) await file.sync();
        })
      ),
    );
    return this.#isRetired ? [] : files.filter((file) => file.mayBeNew);
  }

  /** Makes all files durable, off the loop; not their entries in the folder. */
  async syncFiles(): Promise<void> {
    const dirty = [this.log, ...this.#indexFiles()].filter((file) => file.isDirty);
    await Promise.all(dirty.map((file) => file.sync()));
  }

  /** The same, on the loop. */
  syncNow(): void {
    for (const file of [this.log, ...this.#indexFiles()]) {
      if (file.isDirty) file.syncNow();
    }
  }

  // ------------------------------------------------------------------------------------------- looking

  get aborted(): AbortedTransactionIndex {
    return this.#aborted ??= new AbortedTransactionIndex(
      this.#context.runtime.files,
      this.#context.pool,
      this.path(TRANSACTION_INDEX_SUFFIX),
      { baseOffset: this.baseOffset, isNew: this.#isNew },
    );
  }

  /** The largest timestamp in the segment and the last offset of the batch that has it; timestamp -1 when there is none. */
  largest(): TimestampOffset {
    return this.index.largest();
  }

  /** The largest timestamp, and for records without one, when the file was last written. For retention. */
  largestTimestampMs(): number {
    const { timestampMs } = this.largest();
    return timestampMs >= 0 ? timestampMs : this.writtenMs();
  }

  /** When the file was last written. */
  writtenMs(): number {
    return this.#context.runtime.files.stat(this.log.path)?.modifiedMs ?? this.createdMs;
  }

  /** The time of the first batch, -1 without one. */
  firstTimestampMs(): number {
    return this.#firstTimestampMs ??= this.#readFirstTimestamp();
  }

  /** What the larger of the indexes takes on the disk. */
  indexSizeBytes(): number {
    const { files } = this.#context.runtime;
    const sizeOf = (suffix: string) => files.stat(this.path(suffix))?.sizeBytes ?? 0;
    return Math.max(sizeOf(INDEX_SUFFIX), sizeOf(TIME_INDEX_SUFFIX));
  }

  // ------------------------------------------------------------------------------------------- its end

  /** Cuts the log to `sizeBytes`, on disk too. Only while nobody can have mapped it: during recovery. */
  truncate(sizeBytes: number): void {
    this.sizeBytes = sizeBytes;
    this.log.isDirty = true;
    this.log.use().truncate(sizeBytes);
  }

  /** Writes the bytes from `position` on once more, so that the next sync brings them to the disk whatever came before. */
  rewrite(position: number): void {
    const { buffers } = this.#context;
    const buffer = buffers.take(REWRITTEN_BYTES);
    try {
      for (let at = position; at < this.sizeBytes;) {
        const chunk = buffer.subarray(0, Math.min(REWRITTEN_BYTES, this.sizeBytes - at));
        const readBytes = readSteadily(this.log, chunk, at);
        this.log.write([chunk.subarray(0, readBytes)], at);
        at += readBytes;
        if (readBytes === 0) break;
      }
    } catch (error) {
      if (!isDiskFull(error)) throw error; // A disk that copies on write may have no room for it.
    } finally {
      buffers.give(buffer);
    }
  }

  /** Gives the files another ending (5). Readers go on reading. */
  rename(ending: string): void {
    // The log first: indexes of a log that is not there are strays, and a log without indexes gets them again.
    this.renameLog(ending);
    this.renameIndexes();
  }

  /** The same, of the log alone; `renameIndexes` follows. */
  renameLog(ending: string): void {
    const source = this.path(LOG_SUFFIX);
    const target = `${this.#directory}/${fileNameOf(this.baseOffset, LOG_SUFFIX)}${ending}`;
    this.#context.runtime.files.rename(source, target);
    this.#ending = ending;
    this.log.path = target;
  }

  renameIndexes(): void {
    const { files } = this.#context.runtime;
    this.#closeIndexes();
    const source = this.#indexEnding;
    for (const suffix of SEGMENT_SUFFIXES) {
      const name = `${this.#directory}/${fileNameOf(this.baseOffset, suffix)}`;
      if (suffix !== LOG_SUFFIX && files.stat(name + source) !== null) files.rename(name + source, name + this.#ending);
    }
    this.#indexEnding = this.#ending;
  }

  /** Removes the files of a segment that nobody has seen. */
  discard(): void {
    this.close();
    for (const suffix of SEGMENT_SUFFIXES) this.#context.runtime.files.remove(this.path(suffix));
  }

  /** It is no longer part of a log: its files have other names, or are closed. */
  get isGone(): boolean {
    return this.map.isRetired;
  }

  get isInUse(): boolean {
    return this.readerCount > 0 || this.map.readerCount > 0 || this.log.pinCount > 0 || this.log.waiterCount > 0;
  }

  /**
   * Renames the files to `.deleted` (4). Readers go on reading.
   * @throws {FileError} when a file cannot be renamed; where the disk is full, nothing was
   * @throws {SegmentLeft} the log was renamed, and what there is of the indexes could not be removed
   */
  retire(): void {
    const { files } = this.#context.runtime;
    for (const suffix of SEGMENT_SUFFIXES) {
      const path = this.path(suffix);
      try {
        if (files.stat(path) !== null) files.rename(path, path + DELETED_SUFFIX);
      } catch (cause) {
        // The log first: without it the others are strays, which nobody reads any more.
        if (suffix === LOG_SUFFIX || !isDiskFull(cause)) throw cause;
        removeOrTell(path, cause, () => files.remove(path)); // Left, they would be taken for those of a segment in its place.
      }
    }
    this.log.path += DELETED_SUFFIX;
    this.log.forgetLoads();
    this.#isRetired = true;
    this.#closeIndexes();
    this.#context.maps.retire(this.map);
  }

  /** Unlinks the files of a retired segment. */
  unlink(): void {
    this.log.closeForGood();
    for (const suffix of SEGMENT_SUFFIXES) this.#context.runtime.files.remove(this.path(suffix) + DELETED_SUFFIX);
  }

  close(): void {
    this.log.closeForGood();
    this.#closeIndexes();
    this.#context.maps.retire(this.map);
  }

  // ------------------------------------------------------------------------------------------- inside

  #takeBack(cause: unknown): void {
    removeOrTell(this.log.path, cause, () => this.discard());
  }

  #closeIndexes(): void {
    this.index.close();
    this.#aborted?.file.closeForGood();
    this.#aborted = null;
  }

  #indexFiles(): PooledFile[] {
    const files = this.index.files();
    if (this.#aborted !== null) files.push(this.#aborted.file);
    return files;
  }

  /** How long the segment has been written to: by its records' own time where they have one. */
  #ageMs(timestampMs: number, nowMs: number): number {
    const firstMs = this.firstTimestampMs();
    return firstMs >= 0 && timestampMs >= 0 ? timestampMs - firstMs : nowMs - this.createdMs;
  }

  #readFirstTimestamp(): number {
    const header = new Uint8Array(BATCH_HEADER_BYTES);
    const readBytes = this.log.use().read(header, 0);
    return readBytes < BATCH_HEADER_BYTES ? -1 : readInt64(header, 35);
  }

  #cutGarbage(): void {
    this.log.isDirty = true; // The cut is on the disk with the next sync, and not before.
    this.log.use().truncate(this.sizeBytes);
    this.#hasGarbage = false;
  }
}

function removeOrTell(path: string, cause: unknown, remove: () => void): void {
  try {
    remove();
  } catch {
    throw new SegmentLeft(`What there is of "${path}" cannot be removed`, { cause });
  }
}
