/**
 * The producers of one log on disk: snapshot files, and the replay that brings a snapshot up to the log's end.
 *
 * (1) Loaded when first needed, from the newest snapshot that can be believed and the batches after it.
 * (2) A snapshot is written when a segment is begun, at checkpoints, and when the log closes. Those of segments and the
 *     newest are kept, others removed.
 * (3) After a crash, snapshots past the log's end are gone (`log_loader.ts`), and the replay starts at or below the recovery
 *     point where it can, so that aborted transactions whose index entries were not yet written are noted again.
 * (4) A snapshot, in Kafka's form, has the last batch of each producer. Those before it are read again from the log, as far
 *     back as what was under way when the process ended can be: any of them may come again.
 * (5) The snapshot at the first segment's base is durable before the segments below it are deleted, unless the disk is full: nothing else knows the
 *     producers that wrote only there. A log that begins anew at an offset above 0 has one of nobody there. The same before
 *     a cleaner thins segments out: older ones say nothing of what it takes.
 */
import { BatchView } from "../protocol/batch.ts";
import { writeFileAtomically } from "./atomic_file.ts";
import { NotInMemory } from "./cold_reads.ts";
import { type StorageContext } from "./context.ts";
import { isDiskFull, segmentDamaged, StorageError, storageError } from "./errors.ts";
import { encodeProducerSnapshot, readProducerSnapshot } from "./producer_snapshot.ts";
import { ProducerState } from "./producer_state.ts";
import { scan } from "./scan.ts";
import { fileNameOf, SNAPSHOT_SUFFIX } from "./segment_files.ts";
import { type Segment } from "./segment.ts";
import { type SegmentList } from "./segment_list.ts";

/** A producer has at most five requests under way, each of a megabyte by default. */
const RECALLED_BYTES = 4 * 1024 * 1024;

export class ProducerLog {
  readonly #context: StorageContext;
  readonly #directory: string;
  readonly #segments: SegmentList;
  #state: ProducerState | null = null;
  #snapshotOffsets: number[];
  /** The snapshot of nobody that was last seen, by its offset. */
  #emptyOffset: number | null = null;
  readonly #failed: (error: StorageError) => StorageError;
  /** Set after a crash, until the first replay: it notes aborted transactions that end at or past it too (3). */
  #replayFromOffset: number | null;

  constructor(
    context: StorageContext,
    directory: string,
    segments: SegmentList,
    options: {
      readonly snapshotOffsets: number[];
      readonly replayFromOffset: number | null;
      readonly isNew: boolean;
      /** Of a log in use they could not be read; returns what to throw. */
      readonly failed: (error: StorageError) => StorageError;
    },
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#segments = segments;
    this.#snapshotOffsets = options.snapshotOffsets;
    this.#replayFromOffset = options.replayFromOffset;
    this.#failed = options.failed;
    if (options.isNew) this.#state = new ProducerState();
  }

  get isLoaded(): boolean {
    return this.#state !== null;
  }

  /**
   * The producers as of the log's end. Every batch must be applied to it from here on.
   * @throws {StorageError} when they cannot be read
   */
  load(): ProducerState {
    return this.#state ??= this.#loadOrFail();
  }

  /** The same for a log that is being opened: nobody uses it yet. */
  loadAtStart(): void {
    this.#state ??= this.#load();
  }

  /** `records`, though checked, did not get into the log. */
  missed(records: Uint8Array): void {
    for (let at = 0; at < records.length && this.#state !== null;) {
      const batch = new BatchView(records, at);
      if (batch.hasProducerId) this.#state.missed(batch);
      at += batch.sizeBytes;
    }
  }

  /** Writes a snapshot of the state at the log's end. Quietly does not when the disk is full: it only saves time. */
  snapshot(logEndOffset: number, options: { readonly durable: boolean }): void {
    if (this.#snapshotOffsets.at(-1) === logEndOffset) return;
    const state = this.load();
    try {
      if (!this.#renameEmpty(state, logEndOffset)) this.#write(state, logEndOffset, options);
    } catch (error) {
      if (isDiskFull(error)) return;
      throw error;
    }
  }

  #write(state: ProducerState, logEndOffset: number, options: { readonly durable: boolean }): void {
    const { files } = this.#context.runtime;
    writeFileAtomically(files, this.#path(logEndOffset), encodeProducerSnapshot(state.entries(), state.count), options);
    this.#snapshotOffsets.push(logEndOffset);
    this.#emptyOffset = state.count === 0 ? logEndOffset : null;
    this.#removeStray();
  }

  /** A log without producers has one empty snapshot after the other: giving it another name is cheaper than another file. */
  #renameEmpty(state: ProducerState, logEndOffset: number): boolean {
    const newest = this.#snapshotOffsets.at(-1);
    if (state.count > 0 || newest === undefined || newest !== this.#emptyOffset) return false;
    if (this.#segments.all[this.#segments.floorIndex(newest)]!.baseOffset === newest) return false; // (2)
    this.#context.runtime.files.rename(this.#path(newest), this.#path(logEndOffset));
    this.#snapshotOffsets[this.#snapshotOffsets.length - 1] = logEndOffset;
    this.#emptyOffset = logEndOffset;
    return true;
  }

  /** Makes the snapshot at `offset` durable, off the loop, its entry in the folder aside. */
  async syncSnapshot(offset: number): Promise<void> {
    if (!this.#snapshotOffsets.includes(offset)) return;
    const handle = this.#context.runtime.files.open(this.#path(offset), {});
    try {
      await handle.syncData();
    } finally {
      handle.close();
    }
  }

  /** Sees to it that the snapshot at a segment's base is there for good: segments below are about to go (5). */
  ensureSnapshot(offset: number): void {
    const { files } = this.#context.runtime;
    if (this.#snapshotOffsets.includes(offset)) {
      const handle = files.open(this.#path(offset), {});
      try {
        handle.syncDataNow();
      } finally {
        handle.close();
      }
      files.syncDirectory(this.#directory);
      return;
    }
    // A power cut had spoilt it.
    const firstOffset = this.#segments.first.baseOffset;
    const state = new ProducerState();
    const fromOffset = this.#loadSnapshot(
      state,
      this.#snapshotOffsets.filter((known) => known >= firstOffset && known < offset).reverse(),
    );
    this.#replay(state, { fromOffset, toOffset: offset, abortedFrom: Infinity });
    try {
      writeFileAtomically(files, this.#path(offset), encodeProducerSnapshot(state.entries(), state.count));
    } catch (error) {
      // Deletion is what makes room again, and must not wait for it. The next snapshot that can be written knows them all.
      if (isDiskFull(error)) return;
      throw error;
    }
    this.#snapshotOffsets = [...this.#snapshotOffsets, offset].sort((one, other) => one - other);
  }

  /**
   * The same before segments below `offset` are thinned out: of a transaction that an older snapshot has open the end may go.
   * Its syncs are off the loop. False when the disk is full.
   */
  async settleSnapshot(offset: number): Promise<boolean> {
    if (this.#snapshotOffsets.includes(offset)) {
      await this.syncSnapshot(offset);
      await this.#context.runtime.files.syncDirectoryAsync(this.#directory);
      return true;
    }
    this.ensureSnapshot(offset);
    return this.#snapshotOffsets.includes(offset);
  }

  /** Segments below `startOffset` are gone, and their snapshots with them. */
  removeBelow(startOffset: number): void {
    this.#keep((offset) => offset >= startOffset || offset === this.#snapshotOffsets.at(-1));
  }

  /** Some segments have become one. */
  segmentsReplaced(): void {
    this.#removeStray();
  }

  /** The log was cut at `endOffset`: what snapshots say of later ones has never been. */
  truncateTo(endOffset: number): void {
    this.#state = null;
    this.#keep((offset) => offset <= endOffset);
  }

  /** The log was dropped, and nobody is known of whatever comes. */
  clear(): void {
    this.#state = new ProducerState();
    this.#keep(() => false);
  }

  #removeStray(): void {
    const bases = new Set(this.#segments.all.map((segment) => segment.baseOffset));
    const newest = this.#snapshotOffsets.at(-1);
    this.#keep((offset) => offset === newest || bases.has(offset));
  }

  #keep(isKept: (offset: number) => boolean): void {
    const { files } = this.#context.runtime;
    for (const offset of this.#snapshotOffsets.filter((offset) => !isKept(offset))) {
      files.remove(this.#path(offset));
      this.#snapshotOffsets = this.#snapshotOffsets.filter((known) => known !== offset);
    }
  }

  #loadOrFail(): ProducerState {
    try {
      return this.#load();
    } catch (error) {
      throw error instanceof StorageError ? this.#failed(error) : error;
    }
  }

  #load(): ProducerState {
    try {
      const state = new ProducerState();
      const fromOffset = this.#loadSnapshot(state, this.#snapshotsByWorth());
      if (state.count > 0) this.#recall(state, fromOffset);
      this.#replay(state, { fromOffset, toOffset: Infinity, abortedFrom: this.#replayFromOffset ?? Infinity });
      this.#replayFromOffset = null;
      return state;
    } catch (cause) {
      if (cause instanceof NotInMemory) throw cause;
      throw storageError(`Cannot read the producers of log "${this.#directory}"`, cause);
    }
  }

  /** Reads the batches before a snapshot's offset that producers may send again (4). */
  #recall(state: ProducerState, endOffset: number): void {
    const all = this.#segments.all;
    const last = this.#segments.floorIndex(endOffset);
    let first = last;
    let from = 0;
    for (let leftBytes = RECALLED_BYTES, index = last; leftBytes > 0 && index >= 0; index--) {
      const { index: entries, sizeBytes } = all[index]!;
      const endPosition = index === last ? entries.positionOf(endOffset) : sizeBytes;
      first = index;
      from = endPosition > leftBytes ? entries.batchStartBefore(endPosition - leftBytes) : 0;
      leftBytes -= endPosition - from;
    }
    const before = new ProducerState();
    for (let index = first; index <= last; index++) {
      const { log, sizeBytes } = all[index]!;
      scan(log, { from: index === first ? from : 0, to: sizeBytes }, this.#context.buffers, (batch) => {
        if (batch.baseOffset >= endOffset) return false;
        if (batch.hasProducerId && !batch.isControl) before.apply(batch, -1);
        return true;
      });
    }
    state.recall(before);
  }

  /**
   * Applies the batches from `fromOffset` to before `toOffset`, and notes aborted transactions that end at or past `abortedFrom`.
   * Those before are on the disk for good, and to write them once more would put them at risk.
   */
  #replay(
    state: ProducerState,
    range: { readonly fromOffset: number; readonly toOffset: number; readonly abortedFrom: number },
  ): void {
    const { fromOffset, toOffset, abortedFrom } = range;
    const notesAborted = abortedFrom !== Infinity;
    const all = this.#segments.all;
    let isSyncDue = false;
    for (let index = this.#segments.floorIndex(fromOffset); index < all.length; index++) {
      const segment = all[index]!;
      if (segment.baseOffset >= toOffset) break;
      if (notesAborted) segment.aborted.truncateFrom(abortedFrom);
      if (segment.sizeBytes === 0) continue;
      const from = segment.index.positionOf(fromOffset);
      const { path: file } = segment.log;
      scan(segment.log, { from, to: segment.sizeBytes }, this.#context.buffers, (batch, position, problem) => {
        if (batch.baseOffset >= toOffset) return false;
        if (problem !== null) {
          this.#context.report(segmentDamaged({ file, position, offset: batch.baseOffset, problem }));
        }
        if (!batch.hasProducerId || batch.baseOffset < fromOffset) return true;
        const aborted = state.apply(batch, -1);
        if (aborted !== null && aborted.lastOffset >= abortedFrom) segment.aborted.append(aborted);
        return true;
      });
      if (notesAborted) isSyncDue = this.#settleAborted(segment) || isSyncDue;
    }
    if (isSyncDue) this.#context.runtime.files.syncDirectory(this.#directory);
  }

  /** Brings a segment's aborted transactions to the disk: the recovery point is about to pass them. True when it had any. */
  #settleAborted(segment: Segment): boolean {
    segment.aborted.flush();
    if (!segment.aborted.file.isDirty) return false;
    segment.aborted.file.syncNow();
    return true;
  }

  /** Loads the first of these snapshots that is sound. Returns its offset, or where the log starts. */
  #loadSnapshot(state: ProducerState, offsets: readonly number[]): number {
    const { files } = this.#context.runtime;
    for (const offset of offsets) {
      const path = this.#path(offset);
      const entries = readProducerSnapshot(files, path);
      if (typeof entries !== "string") {
        state.load(entries);
        if (entries.length === 0) this.#emptyOffset = offset;
        return offset;
      }
      this.#context.report({ level: "warn", event: "snapshot-damaged", facts: { file: path, problem: entries } });
      this.#snapshotOffsets = this.#snapshotOffsets.filter((known) => known !== offset);
      files.remove(path);
    }
    return this.#segments.first.baseOffset;
  }

  /**
   * The newest that needs no replay of what is not there and starts low enough (3); then those that start later. A log of
   * which nothing was ever deleted can start from nothing instead of later. One from before the first segment is of no
   * use: it would take a producer's next batch for one out of order, where a forgotten producer may go on.
   */
  #snapshotsByWorth(): number[] {
    const firstOffset = this.#segments.first.baseOffset;
    const replayFrom = this.#replayFromOffset ?? Infinity;
    const whole = this.#snapshotOffsets.filter((offset) => offset >= firstOffset);
    const best = whole.filter((offset) => offset <= replayFrom).reverse();
    if (firstOffset === 0) return best;
    const late = whole.filter((offset) => offset > replayFrom);
    return [...best, ...late];
  }

  #path(offset: number): string {
    return `${this.#directory}/${fileNameOf(offset, SNAPSHOT_SUFFIX)}`;
  }
}
