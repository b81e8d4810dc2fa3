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
 * (4) `logStartOffset` only grows, unless a follower drops the whole log. Segments wholly below it go, the oldest first: no gaps.
 *
 * The parts: writes, `log_writer.ts`; where the log starts, what is deleted, `log_start.ts`; what is on the disk for good,
 * `log_sync.ts`, with its indexes, `log_settling.ts`; offline, `log_health.ts`; producers, `producer_log.ts`; reads,
 * `log_reader.ts`, `tail.ts`, `segment_reader.ts`; a follower's cuts, `truncation.ts`; opening, `log_loader.ts`.
 */
import { BatchView } from "../protocol/batch.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type AbortedTransaction, abortedTransactionsIn } from "./aborted_transactions.ts";
import { LogCompaction } from "./compaction.ts";
import { type ColdRead } from "./cold_reads.ts";
import { type StorageContext } from "./context.ts";
import { assert, OffsetOutOfRange, type StorageError, storageError } from "./errors.ts";
import { type EpochEnd, type LazyLeaderEpochs, type LeaderEpochs } from "./leader_epochs.ts";
import { type LogConfig } from "./log_config.ts";
import { type LogHealth } from "./log_health.ts";
import { openLeaderEpochs, unreadLog } from "./log_loader.ts";
import { createLogParts } from "./log_parts.ts";
import { type LogRead, type ReadLimits } from "./log_read.ts";
import { LogReader } from "./log_reader.ts";
import { LogSettling } from "./log_settling.ts";
import { type DeletionTime, LogStart } from "./log_start.ts";
import { type LogSync } from "./log_sync.ts";
import {
  type AppendOptions,
  type AppendResult,
  duplicateOf,
  type LogOptions,
  type LogOwner,
  type UnopenedLogOptions,
} from "./log_types.ts";
import { LogWriter } from "./log_writer.ts";
import { type ProducerEntry } from "./producer_entry.ts";
import { type ProducerLog } from "./producer_log.ts";
import { type KnownProducers } from "./producer_state.ts";
import { deletableCount } from "./retention.ts";
import { type Segment } from "./segment.ts";
import { type SegmentList } from "./segment_list.ts";
import { Tail } from "./tail.ts";
import { type FoundOffset } from "./time_lookup.ts";
import { LogTruncation } from "./truncation.ts";

export { ColdRead } from "./cold_reads.ts";
export type { FoundOffset } from "./time_lookup.ts";
export type { LogRead, ReadLimits } from "./log_read.ts";
export type { ProducerStateEntry } from "./producer_entry.ts";
export type { AppendOrigin, KnownProducers } from "./producer_state.ts";
export type { AppendOptions, AppendResult, LogIdentity, LogOwner } from "./log_types.ts";

export class Log {
  readonly topic: string;
  readonly partition: number;
  topicId: string;
  /** Where it is, once it `hasFolder`. */
  readonly directory: string;
  /** Something was past its recovery point when it was opened. */
  readonly wasRecovered: boolean;
  readonly #context: StorageContext;
  readonly #owner: LogOwner;
  readonly #segments: SegmentList;
  readonly #producers: ProducerLog;
  readonly #epochs: LazyLeaderEpochs;
  readonly #sync: LogSync;
  readonly #settling: LogSettling;
  readonly #writer: LogWriter;
  readonly #start: LogStart;
  /** What a cleaner does here. */
  readonly compaction: LogCompaction;
  /** What a follower does here. */
  readonly truncation: LogTruncation;
  readonly #health: LogHealth;
  readonly #reader: LogReader;
  readonly #tail: Tail;
  #config: LogConfig;

  constructor(context: StorageContext, owner: LogOwner, directory: string, options: LogOptions) {
    const { identity, loaded, hasFolder } = options;
    this.topic = identity.topic;
    this.partition = identity.partition;
    this.topicId = identity.topicId;
    this.directory = directory;
    this.#context = context;
    this.#owner = owner;
    this.#config = options.config;
    const openEpochs = () => this.#openEpochs();
    const parts = createLogParts(context, { name: this.name, directory, loaded, hasFolder, openEpochs });
    this.#segments = parts.segments;
    this.#producers = parts.producers;
    this.#epochs = parts.epochs;
    this.#sync = parts.sync;
    this.#health = parts.health;
    this.wasRecovered = loaded.replayFromOffset !== null;
    this.#settling = new LogSettling(parts, {
      settledOffset: this.wasRecovered ? -1 : loaded.logEndOffset,
      recoveryPointMoved: () => owner.recoveryPointMoved(),
    });
    this.#writer = new LogWriter(parts, this.#settling, { hasFolder, topicId: () => this.topicId });
    this.#start = new LogStart(parts, this.#settling, {
      offset: loaded.logStartOffset,
      needsCare: () => owner.needsCare(this),
      startOffsetMoved: () => owner.startOffsetMoved(),
    });
    const tail = this.#tail = new Tail(context.tails, context.buffers);
    const { cleanedOffset } = loaded;
    const config = () => this.#config;
    const replaced = (endOffset: number) => tail.forgetBefore(endOffset);
    const compaction = this.compaction = new LogCompaction(parts, this.#start, { cleanedOffset, config, replaced });
    const changed = { start: this.#start, settling: this.#settling, writer: this.#writer, compaction, tail };
    this.truncation = new LogTruncation(parts, { ...changed, owner, config });
    const mayHaveGap = (offset: number) => offset < compaction.cleanedOffset || this.#config.cleanupPolicy.compact;
    this.#reader = new LogReader(parts, this.#start, tail, mayHaveGap);
    if (this.wasRecovered) this.#producers.loadAtStart();
    const nowMs = context.runtime.clock.nowMs();
    for (const segment of loaded.dropped) this.#start.unlinkLater(segment, this.#deletionTime(nowMs));
  }

  /** A log that could not be opened: it answers every request with the reason. Its files are not touched. */
  static unopened(context: StorageContext, owner: LogOwner, directory: string, options: UnopenedLogOptions): Log {
    const { identity, config, recoveryPoint, logStartOffset, cause } = options;
    const log = new Log(context, owner, directory, {
      identity,
      config,
      loaded: unreadLog(context, directory, { config, recoveryPoint, logStartOffset }),
      hasFolder: true,
    });
    log.#health.goOffline(cause);
    return log;
  }

  // ------------------------------------------------------------------------------------------- what it is

  get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  get hasFolder(): boolean {
    return this.#writer.hasFolder;
  }

  /** The first offset a reader may ask for. */
  get logStartOffset(): number {
    return this.#start.offset;
  }

  /** For the folder: what to write down as the log's start. */
  get startOffsetToSave(): number {
    return this.#start.offsetToSave;
  }

  /** The offset the next record gets. */
  get logEndOffset(): number {
    return this.#sync.endOffset;
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

  /** All but the one that is written to, as they are now. */
  closedSegments(): readonly Segment[] {
    return this.#health.isClosed ? [] : this.#segments.all.slice(0, -1);
  }

  get activeSegment(): Segment {
    return this.#segments.active;
  }
  /** Base offsets of the segments, ascending. */
  segmentBases(): number[] {
    return this.#segments.all.map((segment) => segment.baseOffset);
  }

  /** The latest leader epoch that wrote here, -1 when none did. */
  get leaderEpoch(): number {
    return this.#epochs.load().latestEpoch;
  }

  get isOffline(): boolean {
    return this.#health.isOffline;
  }

  /** Why the log is offline. */
  get offlineCause(): StorageError | null {
    return this.#health.offlineCause;
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
    this.#health.assertOnline();
    const config = this.#config;
    const nowMs = this.#context.runtime.clock.nowMs();
    const stampsTime = config.timestampType === "LogAppendTime";
    const firstOffset = this.#sync.endOffset;
    const isOneBatch = records.length > 0 && new BatchView(records, 0).sizeBytes === records.length;
    const staged = isOneBatch ? null : new Map<number, ProducerEntry>();
    let nextOffset = firstOffset;
    let maxTimestampMs = -1;
    for (let at = 0; at < records.length;) {
      const batch = new BatchView(records, at);
      const isIdempotent = batch.hasProducerId;
      if (isIdempotent) {
        const verdict = this.#producers.load().check(batch, options, staged);
        if (verdict.kind === "duplicate") return duplicateOf(verdict.batch, this.#start.offset);
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
    const { leaderEpoch } = options;
    const extent = { sizeBytes: records.length, lastOffset: nextOffset - 1, maxTimestampMs, leaderEpoch };
    if (!this.#sync.hasUnsynced) this.#owner.needsCare(this); // Before a roll has something to sync.
    this.#writer.write(records, extent, config, nowMs);
    this.#writer.note(records, nowMs);
    this.#sync.wrote(this.#segments.active, nextOffset, nowMs); // (1)
    this.#tail.append(records, firstOffset, nextOffset);
    if (nextOffset - this.#sync.syncedOffset >= config.flushMessages) this.#health.inBackground(this.sync());
    return {
      kind: "appended",
      firstOffset,
      lastOffset: nextOffset - 1,
      logAppendTimeMs: stampsTime ? nowMs : -1,
      logStartOffset: this.#start.offset,
    };
  }

  /** Ends the active segment and begins a new one; nothing when it is empty. */
  roll(): void {
    this.#health.assertOnline();
    this.#writer.roll(this.#config);
  }

  // ------------------------------------------------------------------------------------------- read

  /**
   * Whole batches from the one that holds `offset` on, up to the limits; none when `offset` is at `upToOffset` or past it.
   * @throws {OffsetOutOfRange} below the log's start or past its end
   */
  read(offset: number, limits: ReadLimits): LogRead {
    this.#health.assertOnline();
    return this.#reader.read(offset, limits, this.#sync.endOffset);
  }

  /** The same without a wait for the disk: what is not in memory is being loaded, and may then be asked for again. */
  tryRead(offset: number, limits: ReadLimits): LogRead | ColdRead {
    this.#health.assertOnline();
    return this.#reader.tryRead(offset, limits, this.#sync.endOffset);
  }

  /** The first record whose timestamp is at least `timestampMs`; null when all are older. */
  async offsetForTimestamp(timestampMs: number): Promise<FoundOffset | null> {
    this.#health.assertOnline();
    return await this.#reader.offsetForTimestamp(timestampMs);
  }

  /** The first record with the largest timestamp; null when no record has one. */
  async offsetOfMaxTimestamp(): Promise<FoundOffset | null> {
    this.#health.assertOnline();
    return await this.#reader.offsetOfMaxTimestamp();
  }

  /** Where a leader epoch ended (see `LeaderEpochs.endOffsetFor`). */
  endOffsetForEpoch(epoch: number): EpochEnd {
    return this.#epochs.load().endOffsetFor(epoch, this.#sync.endOffset);
  }

  /** The epoch that wrote `offset`, -1 when not known. */
  epochOf(offset: number): number {
    return this.#epochs.load().epochOf(offset);
  }

  // ------------------------------------------------------------------------------------------- durability

  /**
   * Resolves when everything appended before the call is on the disk. Concurrent callers share a sync.
   * @throws {StorageError} when the sync failed; the log is then offline
   */
  sync(): Promise<void> {
    return this.#settling.sync();
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
  advanceRecoveryPoint(): Promise<void> {
    return this.#settling.advanceRecoveryPoint();
  }

  // ------------------------------------------------------------------------------------------- deletion

  /**
   * Records below `offset` go. Resolves when they are gone for readers, which is once a restart will not bring them back.
   * @throws {OffsetOutOfRange} past the log's end
   * @throws {StorageError} when the start could not be written down; the log then starts where it did
   */
  deleteRecordsBefore(offset: number): Promise<void> {
    this.#health.assertOnline();
    if (offset > this.#sync.endOffset) throw new OffsetOutOfRange(offset, this.#start.offset, this.#sync.endOffset);
    if (offset <= this.#start.offset) return Promise.resolve();
    const saved = this.#start.moveTo(offset);
    saved.catch(() => {}); // The folder has reported it; who waits gets it too.
    return saved;
  }

  /**
   * Deletes segments whose time has come; returns how many. `highWatermark`: what consumers have not been shown stays.
   */
  applyRetention(nowMs: number, highWatermark: number = this.#sync.endOffset): number {
    this.#health.assertOnline();
    if (this.compaction.isReplacing) return 0; // For a moment: the next time will do.
    let count = deletableCount(this.#segments.all, {
      config: this.#config,
      nowMs,
      logStartOffset: this.#start.offset,
      logEndOffset: this.#sync.endOffset,
      highWatermark,
    });
    // On a full disk no segment can be begun, and all the more the others must go.
    if (count === this.#segments.count && !this.#writer.tryRoll(this.#config)) count--;
    if (count === 0) return 0;
    try {
      this.#producers.ensureSnapshot(this.#segments.all[count]!.baseOffset);
    } catch (cause) {
      throw this.#health.failedWrite("delete segments of", this.#sync.endOffset, cause);
    }
    try {
      return this.#start.deleteFirst(count, this.#deletionTime(nowMs));
    } catch (cause) {
      // Some are gone and some are not: what the next start finds is what there is.
      throw this.#health.goOffline(storageError(`Cannot delete segments of log "${this.directory}"`, cause));
    }
  }

  /** Unlinks segments deleted `file.delete.delay.ms` ago that nobody reads any more. */
  unlinkDeleted(nowMs: number): void {
    this.#start.deleted.unlinkDue(nowMs);
  }

  get hasDeleted(): boolean {
    return this.#start.deleted.count > 0;
  }

  /** Whether somebody holds a view of its files. */
  get isInUse(): boolean {
    return this.#health.background.size > 0 || !this.#sync.isIdle || this.#start.deleted.isInUse ||
      this.#segments.all.some((segment) => segment.isInUse);
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

  /** Those that overlap [from, to), by their first offset. */
  abortedTransactions(from: number, to: number): AbortedTransaction[] {
    return abortedTransactionsIn(this.#segments, { from, to });
  }

  /** The same without a wait for the disk. */
  tryAbortedTransactions(from: number, to: number): AbortedTransaction[] | ColdRead {
    return this.#reader.tryAbortedTransactions(from, to);
  }

  /** Idempotent producers that are remembered. */
  producers(): KnownProducers {
    return this.#producers.load();
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
    const { background } = this.#health;
    if (this.#health.isClosed) return !this.isOffline;
    let isClean = false;
    await this.compaction.stop();
    try {
      while (background.size > 0) await Promise.all(background);
      isClean = await this.#settling.settle();
    } catch (cause) {
      this.#health.goOffline(storageError(`Cannot close log "${this.directory}" in order`, cause));
    }
    this.#health.isClosed = true;
    this.#letGo();
    return isClean;
  }

  /** No more use of the log but views already given. `abandon` follows. */
  shut(): void {
    this.#health.isClosed = true;
  }

  /** The same, and lets go of the files: its folder is being renamed, to be deleted. */
  async abandon(): Promise<void> {
    this.shut();
    await this.compaction.stop();
    while (this.#health.background.size > 0) await Promise.allSettled(this.#health.background);
    await this.#sync.idle(); // Or it would open the files again, by a name that another log may have by then.
    this.#letGo();
  }

  // ------------------------------------------------------------------------------------------- inside

  #letGo(): void {
    this.#tail.clear();
    for (const segment of this.#segments.all) segment.close();
    this.#start.deleted.close();
  }

  #openEpochs(): LeaderEpochs {
    const epochs = openLeaderEpochs(this.#context, this.directory, this.#segments.all);
    // The file need not follow every change of the log's ends.
    epochs.truncateFromEnd(this.#sync.endOffset);
    epochs.truncateFromStart(this.#start.offset);
    return epochs;
  }

  #deletionTime(nowMs: number): DeletionTime {
    return { nowMs, delayMs: this.#config.fileDeleteDelayMs };
  }
}
