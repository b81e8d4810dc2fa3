/**
 * One partition's log: batches in order, from `logStartOffset` to `logEndOffset`, in segments on disk.
 *
 *   [ 0 ][ 1200 ][ 2450 ][ 3600      ]        segments by their base offset; the last one is active
 *             ^         ^         ^   ^
 *             start     recovery  synced  end (next offset)
 *
 * (1) Offsets are given here, once: a batch gets the log's end as its base offset, and the end moves past it only after
 *     its bytes were handed to the operating system. An append that fails changes nothing a reader can see.
 * (2) A batch of an idempotent producer that was written before is answered as before and not written again; one that
 *     does not follow its predecessor is refused.
 * (3) Readers get whole batches as they were written. What a read gave stays readable until its `release`, whatever is
 *     appended, rolled or deleted meanwhile.
 * (4) `logStartOffset` only grows. Segments wholly below it are deleted; a segment is deleted from the oldest on, so what is
 *     left has no gap.
 * (5) A log that could not write, or could not sync, for any other reason than a full disk is offline: it answers nothing
 *     until the process starts again and looks at what the disk has (`recovery.ts`).
 * (6) A new log is nothing on disk: its first append makes its folder, and the first sync brings that to the disk with the
 *     record. Who makes logs has it written down elsewhere which there are (`LogDir`), so ten thousand empty ones cost no
 *     file.
 *
 * What is on the disk for good: `log_sync.ts`. Producers: `producer_log.ts`. Opening: `log_loader.ts`.
 */
import { BatchView } from "../protocol/batch.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type AbortedTransaction } from "./aborted_transactions.ts";
import { type StorageContext } from "./context.ts";
import { assert, isDiskFull, OffsetOutOfRange, StorageError, storageError } from "./errors.ts";
import { type EpochEnd, LeaderEpochs } from "./leader_epochs.ts";
import { type LogConfig } from "./log_config.ts";
import { type LoadedLog, openLeaderEpochs } from "./log_loader.ts";
import { emptyRead, type LogRead, type ReadLimits } from "./log_read.ts";
import { LogSync } from "./log_sync.ts";
import { type KnownBatch, type ProducerEntry, type ProducerStateEntry } from "./producer_entry.ts";
import { ProducerLog } from "./producer_log.ts";
import { type AppendOrigin, type ProducerState } from "./producer_state.ts";
import { writePartitionMetadata } from "./partition_metadata.ts";
import { deletableCount } from "./retention.ts";
import { Segment } from "./segment.ts";
import { SegmentList } from "./segment_list.ts";
import { SegmentReader } from "./segment_reader.ts";
import { Tail } from "./tail.ts";
import { findByTimestamp, findLargestTimestamp, type FoundOffset } from "./time_lookup.ts";

export type { FoundOffset } from "./time_lookup.ts";
export type { LogRead, ReadLimits } from "./log_read.ts";
export type { ProducerStateEntry } from "./producer_entry.ts";
export type { AppendOrigin } from "./producer_state.ts";

export interface AppendOptions {
  readonly leaderEpoch: number;
  readonly origin: AppendOrigin;
}

/** `errorCode` is one of `ErrorCode`; `logAppendTimeMs` is -1 where the records keep their own time. */
export type AppendResult =
  | {
    readonly kind: "appended" | "duplicate";
    readonly firstOffset: number;
    readonly lastOffset: number;
    readonly logAppendTimeMs: number;
    readonly logStartOffset: number;
  }
  | { readonly kind: "rejected"; readonly errorCode: number };

/** Where a log tells its folder what concerns it. */
export interface LogOwner {
  /** Has unsynced writes, or segments to unlink: look at it in periodic jobs. */
  needsCare(log: Log): void;
  /** `recoveryPoint` moved. */
  recoveryPointMoved(): void;
  /** `logStartOffset` moved within a segment; resolves when that is durable. */
  startOffsetMoved(): Promise<void>;
}

export interface LogIdentity {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
}

interface DeletedSegment {
  readonly segment: Segment;
  readonly dueMs: number;
}

export class Log {
  readonly topic: string;
  readonly partition: number;
  topicId: string;
  readonly #context: StorageContext;
  readonly #owner: LogOwner;
  #directory: string;
  #config: LogConfig;
  #segments: SegmentList;
  readonly #producers: ProducerLog;
  readonly #sync: LogSync;
  readonly #reader: SegmentReader;
  readonly #tail: Tail;
  #epochs: LeaderEpochs | null;
  #logStartOffset: number;
  /** Where it shall start: on its way to the disk, and told to nobody before it is there. */
  #startOffsetToSave: number;
  #logEndOffset: number;
  #deleted: DeletedSegment[] = [];
  /** Rolled segments on their way to the disk, one after the other: the recovery point passes them in order. */
  #settling: Promise<void> = Promise.resolve();
  #unsettledCount = 0;
  /** What a clean shutdown would do is done up to here. */
  #settledOffset: number;
  /** Work under way off the loop; `close` waits for it. */
  readonly #background = new Set<Promise<void>>();
  #offlineCause: StorageError | null = null;
  #hasFolder: boolean;
  #isClosed = false;

  constructor(
    context: StorageContext,
    owner: LogOwner,
    directory: string,
    options: {
      readonly identity: LogIdentity;
      readonly config: LogConfig;
      readonly loaded: LoadedLog;
      /** False: the first append makes it (6). */
      readonly hasFolder: boolean;
    },
  ) {
    const { identity, loaded } = options;
    this.topic = identity.topic;
    this.partition = identity.partition;
    this.topicId = identity.topicId;
    this.#context = context;
    this.#owner = owner;
    this.#directory = directory;
    this.#config = options.config;
    this.#segments = new SegmentList(loaded.segments);
    this.#logStartOffset = loaded.logStartOffset;
    this.#startOffsetToSave = loaded.logStartOffset;
    this.#logEndOffset = loaded.logEndOffset;
    this.#epochs = loaded.epochs;
    this.#tail = new Tail(context.tails, context.buffers);
    const { cleanedOffset } = loaded;
    this.#reader = new SegmentReader(context, this.#segments, (offset) => {
      return offset < cleanedOffset || this.#config.cleanupPolicy.compact;
    });
    this.#sync = new LogSync(context, directory, {
      endOffset: loaded.logEndOffset,
      recoveryPoint: loaded.recoveryPoint,
      isNewFolder: !options.hasFolder,
    });
    this.#hasFolder = options.hasFolder;
    const isNew = loaded.replayFromOffset === null && loaded.snapshotOffsets.length === 0 &&
      this.#segments.count === 1 &&
      this.#segments.active.sizeBytes === 0;
    this.#producers = new ProducerLog(context, directory, this.#segments, { ...loaded, isNew });
    const wasRecovered = loaded.replayFromOffset !== null;
    this.#settledOffset = wasRecovered ? -1 : loaded.logEndOffset;
    if (wasRecovered) this.#producers.load();
    for (const segment of loaded.dropped) this.#deleteLater(segment);
  }

  /** A log that could not be opened: it answers every request with the reason. Its files are not touched. */
  static unopened(
    context: StorageContext,
    owner: LogOwner,
    directory: string,
    options: {
      readonly identity: LogIdentity;
      readonly config: LogConfig;
      readonly recoveryPoint: number;
      readonly logStartOffset: number;
      readonly cause: StorageError;
    },
  ): Log {
    const { identity, config, recoveryPoint, logStartOffset, cause } = options;
    const log = new Log(context, owner, directory, {
      identity,
      config,
      loaded: {
        segments: [Segment.open(context, directory, { baseOffset: 0, sizeBytes: 0, config })],
        dropped: [],
        logStartOffset,
        logEndOffset: logStartOffset,
        recoveryPoint,
        cleanedOffset: 0,
        snapshotOffsets: [],
        epochs: LeaderEpochs.empty(context.runtime.files, directory),
        replayFromOffset: null,
      },
      hasFolder: true,
    });
    log.#goOffline(cause);
    return log;
  }

  // ------------------------------------------------------------------------------------------- what it is

  get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  /** Where it is, once it `hasFolder`. */
  get directory(): string {
    return this.#directory;
  }

  get hasFolder(): boolean {
    return this.#hasFolder;
  }

  /** The first offset a reader may ask for. */
  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  /** The offset the next record gets. */
  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  /** All below is on the disk for good. */
  get syncedOffset(): number {
    return this.#sync.syncedOffset;
  }

  /** All below is on the disk with its indexes: where a recovery starts. */
  get recoveryPoint(): number {
    return this.#sync.recoveryPoint;
  }

  get sizeBytes(): number {
    return this.#segments.sizeBytes;
  }

  get segmentCount(): number {
    return this.#segments.count;
  }

  get firstSegmentOffset(): number {
    return this.#segments.first.baseOffset;
  }

  /** Base offsets of the segments, ascending. */
  segmentBases(): number[] {
    return this.#segments.all.map((segment) => segment.baseOffset);
  }

  /** The latest leader epoch that wrote here, -1 when none did. */
  get leaderEpoch(): number {
    return this.#leaderEpochs().latestEpoch;
  }

  get isOffline(): boolean {
    return this.#offlineCause !== null;
  }

  /** Why the log is offline. */
  get offlineCause(): StorageError | null {
    return this.#offlineCause;
  }

  get config(): LogConfig {
    return this.#config;
  }

  updateConfig(config: LogConfig): void {
    this.#config = config;
  }

  // ------------------------------------------------------------------------------------------- append

  /**
   * Writes batches at the end. The caller has checked them: base offset, leader epoch and, where the topic wants it, the log
   * append time are stamped into them. Nothing keeps the bytes once this has returned.
   * @throws {StorageError} when they could not be written; nothing is then in the log
   */
  // hot: per batch
  append(records: Uint8Array, options: AppendOptions): AppendResult {
    this.#assertOnline();
    const config = this.#config;
    const nowMs = this.#context.runtime.clock.nowMs();
    const stampsTime = config.timestampType === "LogAppendTime";
    const firstOffset = this.#logEndOffset;
    const isOneBatch = records.length > 0 && new BatchView(records, 0).sizeBytes === records.length;
    const staged = isOneBatch ? null : new Map<number, ProducerEntry>();
    let nextOffset = firstOffset;
    let maxTimestampMs = -1;
    for (let at = 0; at < records.length;) {
      const batch = new BatchView(records, at);
      const isIdempotent = batch.hasProducerId;
      if (isIdempotent) {
        const verdict = this.#producers.load().check(batch, options.origin, staged);
        if (verdict.kind === "duplicate") return this.#duplicate(verdict.batch);
        if (verdict.kind === "refused") return { kind: "rejected", errorCode: verdict.errorCode };
      }
      batch.baseOffset = nextOffset;
      batch.partitionLeaderEpoch = options.leaderEpoch;
      if (stampsTime) batch.stampLogAppendTime(nowMs);
      if (isIdempotent && staged !== null) this.#producers.load().stage(batch, staged);
      const timestampMs = batch.maxTimestamp;
      if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
      nextOffset += batch.lastOffsetDelta + 1;
      at += batch.sizeBytes;
    }
    assert(nextOffset > firstOffset, "an append holds a batch, and a batch an offset");
    if (records.length > config.segmentBytes) {
      return { kind: "rejected", errorCode: ErrorCode.RECORD_LIST_TOO_LARGE };
    }
    const extent = { sizeBytes: records.length, lastOffset: nextOffset - 1, maxTimestampMs };
    this.#write(records, extent, options.leaderEpoch, nowMs);
    this.#noteBatches(records, nowMs);
    this.#logEndOffset = nextOffset; // (1)
    if (!this.#sync.hasUnsynced) this.#owner.needsCare(this);
    this.#sync.wrote(this.#segments.active, nextOffset, nowMs);
    this.#tail.append(records, firstOffset, nextOffset);
    if (nextOffset - this.#sync.syncedOffset >= config.flushMessages) this.#inBackground(this.sync());
    return {
      kind: "appended",
      firstOffset,
      lastOffset: nextOffset - 1,
      logAppendTimeMs: stampsTime ? nowMs : -1,
      logStartOffset: this.#logStartOffset,
    };
  }

  /** Ends the active segment and begins a new one; nothing when it is empty. */
  roll(): void {
    this.#assertOnline();
    try {
      this.#roll();
    } catch (cause) {
      throw this.#failedWrite("roll", cause);
    }
  }

  // ------------------------------------------------------------------------------------------- read

  /**
   * Whole batches from the one that holds `offset` on, up to the limits; none when `offset` is at `upToOffset` or past it.
   * @throws {OffsetOutOfRange} below the log's start or past its end
   */
  read(offset: number, limits: ReadLimits): LogRead {
    this.#assertOnline();
    if (offset < this.#logStartOffset || offset > this.#logEndOffset) {
      throw new OffsetOutOfRange(offset, this.#logStartOffset, this.#logEndOffset);
    }
    if (offset >= limits.upToOffset || offset === this.#logEndOffset) {
      this.#tail.want();
      return emptyRead(offset);
    }
    const fromTail = this.#tail.read(offset, limits);
    if (fromTail !== null) return fromTail;
    try {
      const read = this.#reader.read(offset, limits);
      if (read.nextOffset >= limits.upToOffset) this.#tail.want();
      return read;
    } catch (cause) {
      throw storageError(`Cannot read log "${this.#directory}" at offset ${offset}`, cause);
    }
  }

  /** The first record whose timestamp is at least `timestampMs`; null when all are older. */
  // deno-lint-ignore require-await
  async offsetForTimestamp(timestampMs: number): Promise<FoundOffset | null> {
    this.#assertOnline();
    return findByTimestamp(this.#context, this.#liveSegments(), timestampMs, this.#logStartOffset);
  }

  /** The first record with the largest timestamp; null when no record has one. */
  // deno-lint-ignore require-await
  async offsetOfMaxTimestamp(): Promise<FoundOffset | null> {
    this.#assertOnline();
    return findLargestTimestamp(this.#context, this.#liveSegments(), this.#logStartOffset);
  }

  /** Where a leader epoch ended (see `LeaderEpochs.endOffsetFor`). */
  endOffsetForEpoch(epoch: number): EpochEnd {
    return this.#leaderEpochs().endOffsetFor(epoch, this.#logEndOffset);
  }

  /** The epoch that wrote `offset`, -1 when not known. */
  epochOf(offset: number): number {
    return this.#leaderEpochs().epochOf(offset);
  }

  // ------------------------------------------------------------------------------------------- durability

  /**
   * Resolves when everything appended before the call is on the disk. Concurrent callers share a sync.
   * @throws {StorageError} when the sync failed; the log is then offline (5)
   */
  async sync(): Promise<void> {
    this.#assertOnline();
    try {
      await this.#sync.wait();
    } catch (cause) {
      throw this.#goOffline(storageError(`Cannot sync log "${this.#directory}"`, cause));
    }
  }

  /** True when `sync` has something to do and the oldest of it is `flush.ms` old. */
  isFlushDue(nowMs: number): boolean {
    return !this.isOffline && this.#sync.isDue(nowMs, this.#config.flushMs);
  }

  get hasUnsynced(): boolean {
    return this.#sync.hasUnsynced;
  }

  /**
   * Moves the recovery point up to what is synced, its index entries with it; syncs nothing else. Of a log whose policy leaves
   * syncing to the kernel it stays where the last roll put it.
   */
  async advanceRecoveryPoint(): Promise<void> {
    const target = this.#sync.syncedOffset;
    if (this.isOffline || this.#isClosed) return;
    if (this.#unsettledCount > 0 || target <= this.#sync.recoveryPoint) return;
    const { active } = this.#segments;
    try {
      active.flushIndexes();
      this.#epochs?.save();
      // Of the state now, which may be ahead of what is synced; a recovery takes one at or below the recovery point.
      if (target === this.#logEndOffset) this.#producers.snapshot(target, { durable: false });
      await active.syncIndexes();
    } catch (cause) {
      if (isDiskFull(cause)) return; // It stays where it is: the next start reads more.
      throw this.#goOffline(storageError(`Cannot write indexes of "${this.#directory}"`, cause));
    }
    if (this.#isClosed) return;
    this.#moveRecoveryPoint(target);
    if (target === this.#logEndOffset) this.#settledOffset = target;
  }

  // ------------------------------------------------------------------------------------------- deletion

  /**
   * Records below `offset` go. Resolves when they are gone for readers, which is once a restart will not bring them back.
   * @throws {OffsetOutOfRange} past the log's end
   * @throws {StorageError} when the start could not be written down; the log then starts where it did
   */
  deleteRecordsBefore(offset: number): Promise<void> {
    this.#assertOnline();
    if (offset > this.#logEndOffset) throw new OffsetOutOfRange(offset, this.#logStartOffset, this.#logEndOffset);
    if (offset <= this.#logStartOffset) return Promise.resolve();
    const saved = this.#moveStart(offset);
    saved.catch(() => {}); // The folder has reported it; who waits gets it too.
    return saved;
  }

  /** For the folder: what to write down as the log's start. */
  get startOffsetToSave(): number {
    return Math.max(this.#startOffsetToSave, this.#logStartOffset);
  }

  async #moveStart(offset: number): Promise<void> {
    this.#startOffsetToSave = Math.max(this.#startOffsetToSave, offset);
    try {
      // With its folder gone in a power cut, the log would start at 0 again, whatever the checkpoint says.
      if (!this.#sync.isFolderSynced) await this.sync();
      await this.#owner.startOffsetMoved();
    } catch (cause) {
      if (this.#startOffsetToSave === offset) this.#startOffsetToSave = this.#logStartOffset;
      throw cause;
    }
    if (offset <= this.#logStartOffset || this.#isClosed) return;
    this.#logStartOffset = offset; // (4)
    this.#leaderEpochs().truncateFromStart(offset);
  }

  /**
   * Deletes segments whose time has come; returns how many. `highWatermark`: what consumers have not been shown stays.
   */
  applyRetention(nowMs: number, highWatermark: number = this.#logEndOffset): number {
    this.#assertOnline();
    let count = deletableCount(this.#segments.all, {
      config: this.#config,
      nowMs,
      logStartOffset: this.#logStartOffset,
      logEndOffset: this.#logEndOffset,
      highWatermark,
    });
    // On a full disk no segment can be begun, and all the more the others must go.
    if (count === this.#segments.count && !this.#tryRoll()) count--;
    if (count === 0) return 0;
    try {
      this.#producers.ensureSnapshot(this.#segments.all[count]!.baseOffset);
    } catch (cause) {
      throw this.#failedWrite("delete segments of", cause);
    }
    try {
      this.#deleteFirst(count, nowMs);
    } catch (cause) {
      // Some are gone and some are not: what the next start finds is what there is.
      throw this.#goOffline(storageError(`Cannot delete segments of log "${this.#directory}"`, cause));
    }
    return count;
  }

  /** Unlinks segments deleted `file.delete.delay.ms` ago that nobody reads any more. */
  unlinkDeleted(nowMs: number): void {
    this.#deleted = this.#deleted.filter(({ segment, dueMs }) => {
      if (nowMs < dueMs || segment.isInUse) return true;
      segment.unlink();
      return false;
    });
  }

  get hasDeleted(): boolean {
    return this.#deleted.length > 0;
  }

  /** Whether somebody holds a view of its files. */
  get isInUse(): boolean {
    return this.#background.size > 0 || !this.#sync.isIdle || this.#segments.all.some((segment) => segment.isInUse) ||
      this.#deleted.some(({ segment }) => segment.isInUse);
  }

  // ------------------------------------------------------------------------------------------- producers, transactions

  /** The first offset of an open transaction, null when there is none. */
  get firstUnstableOffset(): number | null {
    return this.#producers.load().firstOpenOffset;
  }

  /** The same, counting transactions whose end is at or past `highWatermark` as open: readers of committed records stop there. */
  firstUnstableOffsetBelow(highWatermark: number): number | null {
    return this.#producers.load().firstUnstableOffset(highWatermark);
  }

  /** Aborted transactions that overlap [from, to), by their first offset. */
  abortedTransactions(from: number, to: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    const all = this.#segments.all;
    search: for (let index = this.#segments.floorIndex(from); index < all.length; index++) {
      for (const entry of all[index]!.aborted.entries()) {
        if (entry.lastOffset >= from && entry.firstOffset < to) found.push(entry);
        if (entry.lastStableOffset >= to) break search;
      }
    }
    return found.sort((one, other) => one.firstOffset - other.firstOffset);
  }

  /** Idempotent producers that are remembered. */
  producers(): Iterable<ProducerStateEntry> {
    return this.#producers.load().entries();
  }

  /** Forgets producers not heard of for `expirationMs`; returns how many. Those not yet loaded are looked at when they are. */
  expireProducers(nowMs: number, expirationMs: number): number {
    return this.#producers.isLoaded ? this.#producers.load().expire(nowMs, expirationMs) : 0;
  }

  // ------------------------------------------------------------------------------------------- its end

  /**
   * Syncs everything, writes indexes and a producer snapshot, and lets go of the files. Returns false when the log is not in
   * order on disk: the folder must not be called cleanly shut down.
   */
  async close(): Promise<boolean> {
    if (this.#isClosed) return !this.isOffline;
    let isClean = false;
    try {
      while (this.#background.size > 0) await Promise.all(this.#background);
      isClean = await this.#settle();
    } catch (cause) {
      this.#goOffline(storageError(`Cannot close log "${this.#directory}" in order`, cause));
    }
    this.#isClosed = true;
    this.#tail.clear();
    for (const segment of this.#segments.all) segment.close();
    for (const { segment } of this.#deleted) segment.close();
    return isClean;
  }

  /** The folder was renamed, to be deleted: no more use of the log but views already given. */
  async abandon(): Promise<void> {
    this.#isClosed = true;
    this.#tail.clear();
    while (this.#background.size > 0) await Promise.allSettled(this.#background);
    await this.#sync.idle(); // Or it would open the files again, by a name that another log may have by then.
    for (const segment of this.#segments.all) segment.close();
    for (const { segment } of this.#deleted) segment.close();
  }

  // ------------------------------------------------------------------------------------------- inside

  #leaderEpochs(): LeaderEpochs {
    if (this.#epochs === null) {
      this.#epochs = openLeaderEpochs(this.#context, this.#directory, this.#segments.all);
      // The file need not follow every change of the log's ends.
      this.#epochs.truncateFromEnd(this.#logEndOffset);
      this.#epochs.truncateFromStart(this.#logStartOffset);
    }
    return this.#epochs;
  }

  #liveSegments(): readonly Segment[] {
    return this.#segments.all.slice(this.#segments.floorIndex(this.#logStartOffset));
  }

  #duplicate(batch: KnownBatch): AppendResult {
    const { firstOffset, lastOffset, timestampMs } = batch;
    return {
      kind: "duplicate",
      firstOffset,
      lastOffset,
      logAppendTimeMs: timestampMs,
      logStartOffset: this.#logStartOffset,
    };
  }

  /** Bytes to the operating system, in the segment they belong to. */
  // hot: per batch
  #write(
    records: Uint8Array,
    extent: { readonly sizeBytes: number; readonly lastOffset: number; readonly maxTimestampMs: number },
    leaderEpoch: number,
    nowMs: number,
  ): void {
    try {
      if (!this.#hasFolder) this.#makeFolder();
      const epochs = this.#epochs ?? this.#leaderEpochs();
      if (leaderEpoch > epochs.latestEpoch) epochs.assign(leaderEpoch, this.#logEndOffset);
      if (this.#segments.active.mustRoll(extent, this.#config, nowMs)) this.#roll();
      this.#segments.active.write(records);
    } catch (cause) {
      this.#segments.active.undoWrite();
      for (let at = 0; at < records.length && this.#producers.isLoaded;) {
        const batch = new BatchView(records, at);
        if (batch.hasProducerId) this.#producers.load().missed(batch);
        at += batch.sizeBytes;
      }
      throw this.#failedWrite("append to", cause);
    }
  }

  /** For the first append (6). After a failure the next one tries again. */
  #makeFolder(): void {
    const { files } = this.#context.runtime;
    files.makeDirectory(this.#directory);
    writePartitionMetadata(files, this.#directory, this.topicId, { durable: false });
    this.#segments.active.makeFile();
    this.#hasFolder = true;
  }

  // hot: per batch
  #noteBatches(records: Uint8Array, nowMs: number): void {
    const { active } = this.#segments;
    for (let at = 0; at < records.length;) {
      const batch = new BatchView(records, at);
      active.note(batch);
      if (batch.hasProducerId) this.#noteProducer(this.#producers.load(), batch, nowMs);
      at += batch.sizeBytes;
    }
  }

  #noteProducer(producers: ProducerState, batch: BatchView, nowMs: number): void {
    const aborted = producers.apply(batch, nowMs);
    if (aborted !== null) this.#segments.active.aborted.append(aborted);
  }

  #roll(): void {
    const old = this.#segments.active;
    if (old.sizeBytes === 0) return;
    old.finish();
    this.#sync.addsFiles();
    const segment = Segment.create(this.#context, this.#directory, this.#logEndOffset, this.#config);
    this.#producers.snapshot(this.#logEndOffset, { durable: false });
    this.#segments.push(segment);
    this.#unsettledCount++;
    this.#settling = this.#settling.then(() => this.#settleRolled(old, segment.baseOffset));
    this.#inBackground(this.#settling);
  }

  /** False when the disk is too full for it. */
  #tryRoll(): boolean {
    try {
      this.#roll();
      return true;
    } catch (cause) {
      const error = this.#failedWrite("roll", cause);
      if (isDiskFull(cause)) return false;
      throw error;
    }
  }

  /** Brings a segment that ended to the disk with all its files, so that no recovery has to read it. */
  async #settleRolled(old: Segment, endOffset: number): Promise<void> {
    await this.sync();
    await old.syncIndexes();
    await this.#producers.syncSnapshot(endOffset);
    if (this.#isClosed) return; // Deleted meanwhile: another log may live under the old name.
    this.#context.runtime.files.syncDirectory(this.#directory);
    this.#unsettledCount--;
    try {
      this.#epochs?.save();
    } catch (cause) {
      if (isDiskFull(cause)) return; // The recovery point stays; a checkpoint moves it when there is room.
      throw cause;
    }
    this.#moveRecoveryPoint(endOffset);
  }

  /** Brings everything to the disk, as a clean shutdown wants it. */
  async #settle(): Promise<boolean> {
    if (this.isOffline) return false;
    const { active } = this.#segments;
    const endOffset = this.#logEndOffset;
    if (endOffset === this.#settledOffset) return true;
    await this.sync();
    active.finish();
    await active.syncIndexes();
    this.#epochs?.save();
    this.#producers.snapshot(endOffset, { durable: false });
    this.#moveRecoveryPoint(endOffset);
    return true;
  }

  #moveRecoveryPoint(offset: number): void {
    if (offset <= this.#sync.recoveryPoint) return;
    this.#sync.recoveryPoint = offset;
    this.#owner.recoveryPointMoved();
  }

  #deleteFirst(count: number, nowMs: number): void {
    const { files } = this.#context.runtime;
    const firstOffset = this.#segments.all[count]!.baseOffset;
    const segments = this.#segments.takeFirst(count);
    this.#logStartOffset = Math.max(this.#logStartOffset, firstOffset);
    // A killed process may have begun to delete, and not have come to its sync.
    if (!this.#sync.isFolderSynced) files.syncDirectory(this.#directory);
    for (const segment of segments) {
      this.#sync.forget(segment);
      segment.retire();
      this.#deleteLater(segment, nowMs);
      // One by one: a power cut may bring back the last, and the start offset with it, but must leave no gap (4).
      files.syncDirectory(this.#directory);
    }
    this.#producers.removeBelow(firstOffset);
    this.#leaderEpochs().truncateFromStart(this.#logStartOffset);
    this.#moveRecoveryPoint(firstOffset); // Of what is below there is nothing left to recover.
    this.#context.report({
      level: "info",
      event: "segments-deleted",
      facts: { log: this.name, count, logStartOffset: this.#logStartOffset },
    });
  }

  #deleteLater(segment: Segment, nowMs: number = this.#context.runtime.clock.nowMs()): void {
    this.#deleted.push({ segment, dueMs: nowMs + this.#config.fileDeleteDelayMs });
    this.#owner.needsCare(this);
  }

  /** Runs work that nobody waits for. Its failure takes the log offline. */
  #inBackground(work: Promise<void>): void {
    const supervised: Promise<void> = work.catch((cause) => {
      this.#goOffline(storageError(`Cannot bring log "${this.#directory}" to the disk`, cause));
    }).finally(() => this.#background.delete(supervised));
    this.#background.add(supervised);
  }

  /** The error of a write that failed. A full disk passes (5). */
  #failedWrite(action: string, cause: unknown): StorageError {
    const error = storageError(`Cannot ${action} log "${this.#directory}" at offset ${this.#logEndOffset}`, cause);
    return isDiskFull(cause) ? error : this.#goOffline(error);
  }

  #goOffline(error: StorageError): StorageError {
    // One taken out of use has lost its folder's name, and nobody else asks for it.
    if (this.#offlineCause === null && !this.#isClosed) {
      this.#offlineCause = error;
      if (this.#isClosed) return error; // Deleted: its files are gone, and nobody wants to know.
      this.#context.report({ level: "error", event: "log-offline", facts: { log: this.name, problem: error.message } });
    }
    return error;
  }

  #assertOnline(): void {
    if (this.#offlineCause === null && !this.#isClosed) return;
    const reason = this.#offlineCause?.message ?? "it is closed";
    throw new StorageError(`Log "${this.name}" is offline: ${reason}`, "OFFLINE", {
      cause: this.#offlineCause ?? undefined,
    });
  }
}
