/**
 * The two indexes of a segment as one: where an offset is, and by when which timestamp was reached.
 *
 * (1) Opened when first needed. An idle partition has none in memory.
 * (2) Every entry that is used is looked up in the log first: the batch it names must end with its offset, and for times have
 *     its timestamp. An index that says otherwise, or is missing, is made again from the log. A flipped bit in an index costs
 *     time and never gives a wrong record.
 * (3) The last entry for times, of a segment that was finished, has the segment's largest timestamp.
 * (4) What does not fit is read again first (`steady_read.ts`): to make an index takes a look at all of the segment.
 * (5) Where one of the files is the other is too, with nothing in it if need be: one alone is a folder that has lost something, to
 *     the next start as to Kafka's tools.
 */
import { BATCH_HEADER_BYTES, type BatchView } from "../protocol/batch.ts";
import { NotInMemory } from "./cold_reads.ts";
import { type StorageContext } from "./context.ts";
import { segmentDamaged } from "./errors.ts";
import { type PooledFile } from "./file_pool.ts";
import { batchSizeAt, lastOffsetAt } from "./log_read.ts";
import { OFFSET_ENTRY_BYTES, OffsetIndex } from "./offset_index.ts";
import { scan } from "./scan.ts";
import { INDEX_SUFFIX, TIME_INDEX_SUFFIX } from "./segment_files.ts";
import { TimeIndex, type TimestampOffset } from "./time_index.ts";

/** Shorter ones no Kafka has made ahead. */
const PREALLOCATED_BYTES_MIN = 1024;

/** The segment that is indexed. */
export interface IndexedSegment {
  readonly baseOffset: number;
  readonly log: PooledFile;
  readonly sizeBytes: number;
  path(suffix: string): string;
}

interface PositionEntry {
  readonly offset: number;
  readonly position: number;
}

export class SegmentIndex {
  readonly #context: StorageContext;
  readonly #segment: IndexedSegment;
  readonly #intervalBytes: number;
  #isNew: boolean;
  #offsets: OffsetIndex | null = null;
  #times: TimeIndex | null = null;
  /** Opened, and not yet looked at: that had to wait for the disk. */
  #halfOpen: { readonly offsets: OffsetIndex; readonly times: TimeIndex } | null = null;
  #bytesSinceEntry = 0;
  #areFilesMade = false;
  /** Null while not known: of a segment found on disk, until asked for. */
  #largest: { timestampMs: number; offset: number } | null;

  constructor(
    context: StorageContext,
    segment: IndexedSegment,
    options: { readonly intervalBytes: number; readonly isNew: boolean },
  ) {
    this.#context = context;
    this.#segment = segment;
    this.#intervalBytes = options.intervalBytes;
    this.#isNew = options.isNew;
    this.#largest = options.isNew ? { timestampMs: -1, offset: segment.baseOffset } : null;
  }

  // ------------------------------------------------------------------------------------------- writing

  /** Does all that can fail in `note`. */
  // hot: per batch
  prepare(): void {
    if (this.#times === null) this.#open();
    this.#largest ??= this.#readLargest();
  }

  /** Adds entries for a batch at `position` when it is time. `prepare` was called, or `beginRebuild`. */
  // hot: per batch
  note(batch: BatchView, position: number): void {
    const largest = this.#largest!;
    const timestampMs = batch.maxTimestamp;
    // A batch that a cleaner has emptied keeps its largest timestamp, and has no record with it.
    if (timestampMs > largest.timestampMs && batch.recordCount > 0) {
      largest.timestampMs = timestampMs;
      largest.offset = batch.lastOffset;
    }
    if (this.#bytesSinceEntry > this.#intervalBytes) {
      this.#offsets!.append(batch.lastOffset, position);
      this.#times!.append(largest.timestampMs, largest.offset);
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += batch.sizeBytes;
  }

  // hot: per batch
  isFull(sizeBytesMax: number): boolean {
    if (this.#times === null) this.#open();
    return this.#offsets!.isFull(sizeBytesMax) || this.#times!.isFull(sizeBytesMax);
  }

  /** The segment ends: its indexes are completed and written (3). */
  finish(): void {
    if (this.#segment.sizeBytes === 0 && this.#times === null) return;
    this.prepare();
    const { timestampMs, offset } = this.#largest!;
    this.#times!.append(timestampMs, offset);
    this.#times!.entries.finish();
    this.#offsets!.entries.finish();
  }

  /** Writes entries that wait in memory, and one for the largest timestamp so far; the segment goes on. */
  complete(): void {
    if (this.#times === null) return;
    this.prepare();
    const { timestampMs, offset } = this.#largest!;
    this.#times.append(timestampMs, offset);
    this.#flush();
    if (this.#areFilesMade) return;
    for (const { entries } of [this.#times, this.#offsets!]) entries.file.use(true); // (5)
    this.#areFilesMade = true;
  }

  /** The files that are open, or were. */
  files(): PooledFile[] {
    return this.#times === null ? [] : [this.#offsets!.entries.file, this.#times.entries.file];
  }

  close(): void {
    for (const file of this.files()) file.closeForGood();
    if (this.#halfOpen !== null) {
      this.#halfOpen.offsets.entries.file.closeForGood();
      this.#halfOpen.times.entries.file.closeForGood();
    }
    this.#halfOpen = null;
    this.#offsets = null;
    this.#times = null;
  }

  // ------------------------------------------------------------------------------------------- looking up

  /** The position of a batch that is at or before the one with `offset`, not far. */
  positionOf(offset: number): number {
    if (offset <= this.#segment.baseOffset) return 0;
    if (this.#offsets === null) this.#open();
    const floor = () => this.#offsets!.floor(offset);
    const isTrue = (entry: PositionEntry) => this.#isPositionTrue(entry);
    let entry = floor();
    if (entry === null || isTrue(entry)) return entry?.position ?? 0;
    entry = floor(); // (4)
    if (entry === null || isTrue(entry)) return entry?.position ?? 0;
    this.#rebuild("an entry leads to another offset"); // (2)
    return floor()?.position ?? 0;
  }

  /** What a crash left of the indexes, unchanged: a position as above and the last time. Null when something is wrong with them. */
  glance(offset: number): { readonly position: number; readonly last: TimestampOffset | null } | null {
    const found = this.#openFiles();
    if (found === null) return null;
    const { offsets, times } = found;
    try {
      if (offsets.problem(this.#segment.sizeBytes) !== null || times.problem() !== null) return null;
      const entry = offsets.floor(offset);
      if (entry !== null && !this.#isPositionTrue(entry)) return null;
      return { position: entry?.position ?? 0, last: times.lastEntry() };
    } finally {
      this.close();
    }
  }

  /**
   * Whether the files are as a Kafka that was killed leaves those of its active segment: as long as the other, but for a part of an
   * entry, and zeros behind what they hold. Ours are as long as what they hold, which a power cut may leave as zeros: two or three
   * entries of each are as long as the other too, so short ones are nobody's but ours (Kafka's are 10 MiB unless it is told otherwise).
   */
  isPreallocated(): boolean {
    const found = this.#openFiles();
    if (found === null) return false;
    const offsets = found.offsets.entries;
    const times = found.times.entries;
    try {
      if (offsets.count * offsets.entryBytes < PREALLOCATED_BYTES_MIN) return false;
      const differenceBytes = offsets.count * offsets.entryBytes - times.count * times.entryBytes;
      return Math.abs(differenceBytes) < times.entryBytes && offsets.endsInZeros() && times.endsInZeros();
    } finally {
      this.close();
    }
  }

  /** The position of a batch that is at or before `position`, not far. */
  batchStartBefore(position: number): number {
    if (this.#offsets === null) this.#open();
    const entry = this.#offsets!.floorOfPosition(position);
    return entry !== null && this.#isPositionTrue(entry) ? entry.position : 0;
  }

  /** The offset of a batch before which everything is older than `timestampMs`. */
  offsetFor(timestampMs: number): number {
    if (this.#times === null) this.#open();
    const { baseOffset } = this.#segment;
    const floor = () => this.#times!.floor(timestampMs);
    const isTrue = (entry: TimestampOffset) => this.#isTimeTrue(entry);
    let entry = floor();
    if (entry === null || isTrue(entry)) return entry?.offset ?? baseOffset;
    entry = floor(); // (4)
    if (entry === null || isTrue(entry)) return entry?.offset ?? baseOffset;
    this.#rebuild("an entry names another time"); // (2)
    return floor()?.offset ?? baseOffset;
  }

  /** The largest timestamp in the segment and the last offset of the batch that has it; timestamp -1 when there is none. */
  largest(): TimestampOffset {
    return this.#largest ??= this.#readLargest();
  }

  // ------------------------------------------------------------------------------------------- making it again

  /**
   * For recovery: the entry from which the segment may be read on when all before `offset` is known to be sound. Drops what
   * comes after it, and prepares for `note` from its position. Null when there is none: `note` must then start at 0.
   */
  resumeBefore(offset: number): { readonly offset: number; readonly position: number } | null {
    const found = this.#hasEntries() ? this.#openFiles() : null;
    if (found === null) return this.#beginRebuild();
    const { offsets, times } = found;
    offsets.keepSound(this.#segment.sizeBytes);
    const entry = offsets.floor(offset - 1);
    if (entry === null || entry.position === 0 || !this.#isPositionTrue(entry)) return this.#beginRebuild();
    offsets.keep(entry.index + 1);
    times.keepSound(entry.offset);
    // Each offset entry came with one for the time when that had moved: what is before the position is known.
    const last = times.lastEntry();
    if (last !== null && !this.#isTimeTrue(last)) return this.#beginRebuild();
    this.#largest = last === null ? { timestampMs: -1, offset: this.#segment.baseOffset } : { ...last };
    this.#bytesSinceEntry = 0;
    return entry;
  }

  /** For recovery: starts over. */
  restart(): null {
    return this.#beginRebuild();
  }

  // ------------------------------------------------------------------------------------------- inside

  #open(): void {
    if (this.#isNew) {
      this.#make();
      return;
    }
    const found = this.#halfOpen ?? this.#openFiles();
    if (found === null) {
      if (this.#segment.sizeBytes > 0) return this.#rebuild("it is missing");
      this.#isNew = true;
      this.#make();
      return;
    }
    try {
      const problem = found.offsets.problem(this.#segment.sizeBytes) ?? found.times.problem();
      if (problem !== null) return this.#rebuild(problem);
      found.offsets.resume();
      found.times.resume();
      this.#halfOpen = null;
      this.#offsets = found.offsets;
      this.#times = found.times;
    } catch (error) {
      if (error instanceof NotInMemory) { // What is loaded for them must find them again.
        this.#halfOpen = found;
        this.#offsets = null;
        this.#times = null;
      } else {
        this.#giveUp();
      }
      throw error;
    }
  }

  #flush(): void {
    this.#times!.entries.flush();
    this.#offsets!.entries.flush();
  }

  /** Most logs of many are too short for one. */
  #hasEntries(): boolean {
    return (this.#context.runtime.files.stat(this.#segment.path(INDEX_SUFFIX))?.sizeBytes ?? 0) >= OFFSET_ENTRY_BYTES;
  }

  #make(): { readonly offsets: OffsetIndex; readonly times: TimeIndex } {
    const { pool } = this.#context;
    const { baseOffset } = this.#segment;
    const offsets = this.#offsets = new OffsetIndex(pool, this.#segment.path(INDEX_SUFFIX), baseOffset, true);
    const times = this.#times = new TimeIndex(pool, this.#segment.path(TIME_INDEX_SUFFIX), baseOffset, true);
    return { offsets, times };
  }

  /** The indexes as they are on disk, unchecked; null when one is missing. */
  #openFiles(): { readonly offsets: OffsetIndex; readonly times: TimeIndex } | null {
    const { pool, runtime } = this.#context;
    const { baseOffset } = this.#segment;
    const offsetPath = this.#segment.path(INDEX_SUFFIX);
    const timePath = this.#segment.path(TIME_INDEX_SUFFIX);
    if (runtime.files.stat(offsetPath) === null || runtime.files.stat(timePath) === null) return null;
    const offsets = this.#offsets = new OffsetIndex(pool, offsetPath, baseOffset, false);
    const times = this.#times = new TimeIndex(pool, timePath, baseOffset, false);
    return { offsets, times };
  }

  #rebuild(problem: string): void {
    const { log, sizeBytes } = this.#segment;
    this.#context.report({ level: "warn", event: "index-rebuilt", facts: { file: log.path, problem } });
    try {
      // It waits for the disk: an attempt that begins again at every cold megabyte would take a thousand times as long.
      this.#context.cold.waiting(() => {
        this.#beginRebuild();
        this.#flush(); // Who comes after an attempt that fails must not take the old entries for the new.
        let offset = this.#segment.baseOffset;
        const damaged = (position: number, problem: string) =>
          this.#context.report(segmentDamaged({ file: log.path, position, offset, problem }));
        const end = scan(log, { from: 0, to: sizeBytes }, this.#context.buffers, (batch, position, damage) => {
          if (damage !== null) damaged(position, damage);
          this.note(batch, position);
          offset = batch.nextOffset;
          return true;
        });
        if (end.problem !== null) damaged(end.position, end.problem);
        this.complete();
      });
    } catch (error) {
      this.#giveUp();
      throw error;
    }
  }

  /** What was opened or built half-way is not to be used: the next one who asks begins anew. */
  #giveUp(): void {
    this.close();
    this.#largest = null;
  }

  #beginRebuild(): null {
    this.close();
    const { offsets, times } = this.#make();
    offsets.reset();
    times.reset();
    this.#largest = { timestampMs: -1, offset: this.#segment.baseOffset };
    this.#bytesSinceEntry = 0;
    return null;
  }

  #readLargest(): { timestampMs: number; offset: number } {
    if (this.#times === null) this.#open();
    // A rebuild on the way has found it.
    if (this.#largest !== null) return this.#largest;
    const last = this.#times!.lastEntry();
    if (last === null) return { timestampMs: -1, offset: this.#segment.baseOffset };
    if (this.#isTimeTrue(last)) return { ...last };
    this.#rebuild("its last entry names another time"); // (2)
    return this.#largest!;
  }

  #isPositionTrue(entry: PositionEntry): boolean {
    const { log } = this.#segment;
    const header = new Uint8Array(BATCH_HEADER_BYTES);
    const isTrue = (readBytes: number) =>
      readBytes === BATCH_HEADER_BYTES && batchSizeAt(header, 0) > 0 && lastOffsetAt(header, 0) === entry.offset;
    return isTrue(log.read(header, entry.position)) || isTrue(log.readAgain(header, entry.position)); // (4)
  }

  #isTimeTrue(entry: TimestampOffset): boolean {
    let isTrue = false;
    const range = { from: this.positionOf(entry.offset), to: this.#segment.sizeBytes };
    scan(this.#segment.log, range, this.#context.buffers, (batch) => {
      if (batch.lastOffset < entry.offset) return true;
      isTrue = batch.lastOffset === entry.offset && batch.maxTimestamp === entry.timestampMs;
      return false;
    });
    return isTrue;
  }
}
