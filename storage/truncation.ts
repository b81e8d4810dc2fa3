/**
 * Takes the end off a log, or all of it: what a follower has and its leader has not.
 *
 *   step                                  on the disk afterwards              a start then finds
 *   1 the recovery point goes down        the whole log                       the log, and looks at what is past the cut
 *   2 later segments go, the last first   [ A ][ B ]                          a log that ends with a segment
 *   3 the segment with the cut is cut     [ A ][ b ]                          that, or the log cut
 *   4 snapshots, leader epochs, folder    [ A ][ b ]                          the log cut
 *
 * (1) At every step the disk has a beginning of the log that reaches to the cut at least, and says nothing of a recovery point past
 *     it: a start would take the rest for lost.
 * (2) A truncation that has resolved is on the disk before anything is appended: old bytes behind new ones would be a log
 *     that nobody has written.
 * (3) What is known of producers, aborted transactions and leader epochs is that of what is left. A snapshot past the cut is
 *     gone for good before the log grows there again: it tells of batches that never were.
 * (4) A file that is mapped, or read off the loop, is not cut: its beginning is copied, and takes its name. Readers keep the old one.
 * (5) All of it happens in one turn of the loop, once no sync, no roll and no cleaning is under way.
 */
import { type LogCompaction } from "./compaction.ts";
import { assert, StorageError, storageError } from "./errors.ts";
import { type LogConfig } from "./log_config.ts";
import { type LogParts } from "./log_parts.ts";
import { type LogSettling } from "./log_settling.ts";
import { type LogStart } from "./log_start.ts";
import { type LogOwner } from "./log_types.ts";
import { type LogWriter } from "./log_writer.ts";
import { scan } from "./scan.ts";
import { Segment } from "./segment.ts";
import { readSteadily } from "./steady_read.ts";
import { type Tail } from "./tail.ts";

const COPIED_BYTES = 1024 * 1024;

/** What a truncation changes besides the log's parts, and whom it tells. */
export interface TruncationOptions {
  readonly start: LogStart;
  readonly settling: LogSettling;
  readonly writer: LogWriter;
  readonly compaction: LogCompaction;
  readonly tail: Tail;
  readonly owner: LogOwner;
  readonly config: () => LogConfig;
}

/** Where a segment is cut. */
interface Cut {
  readonly position: number;
  /** After the last batch before it. */
  readonly endOffset: number;
}

export class LogTruncation {
  readonly #parts: LogParts;
  readonly #options: TruncationOptions;
  /** Where the log starts is written down even where its first segment seems to say so: that goes. */
  isStartingAgain = false;

  constructor(parts: LogParts, options: TruncationOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /**
   * Drops every batch that has `offset` or a later one. Resolves with where the log ends now, which is before `offset` when that
   * was in a batch or behind the last one; where nothing is left of what a reader may ask for, it starts and ends at `offset`.
   * @throws {StorageError} when it failed; the log is offline then, unless nothing has happened
   */
  async truncateTo(offset: number): Promise<number> {
    assert(Number.isSafeInteger(offset) && offset >= 0, "an offset is at least 0");
    return await this.#run(() => {
      const { sync, epochs } = this.#parts;
      if (offset >= sync.endOffset) {
        epochs.load().truncateFromEnd(offset); // The leader may know of others there.
        epochs.save();
        return;
      }
      this.#truncate(offset);
    });
  }

  /**
   * Drops everything; the log starts and ends at `offset`, wherever it did before.
   * @throws {StorageError} as above
   */
  async truncateFullyAndStartAt(offset: number): Promise<void> {
    assert(Number.isSafeInteger(offset) && offset >= 0, "an offset is at least 0");
    await this.#run(() => this.#startAgain(offset));
  }

  async #run(work: () => void): Promise<number> {
    const { health, sync, directory } = this.#parts;
    const { compaction } = this.#options;
    health.assertOnline();
    try {
      do {
        await compaction.stop();
        await Promise.allSettled(health.background);
        await sync.idle();
      } while (health.background.size > 0 || !sync.isIdle);
      health.assertOnline();
      try {
        work(); // (5)
      } catch (cause) {
        if (cause instanceof NothingDone) throw storageError(`Cannot truncate log "${directory}"`, cause.cause);
        throw health.goOffline(storageError(`Cannot truncate log "${directory}"`, cause));
      }
      return sync.endOffset;
    } finally {
      compaction.resume();
    }
  }

  #truncate(offset: number): void {
    const { segments, sync, producers, epochs, context, directory } = this.#parts;
    const index = segments.floorIndex(offset);
    const segment = segments.all[index]!;
    const { position, endOffset } = this.#find(segment, offset);
    // Nothing is left that a reader may ask for: not even an end that it could go on from.
    if (offset < this.#options.start.offset || endOffset < this.#options.start.offset) return this.#startAgain(offset);
    const recoveryPoint = Math.min(sync.recoveryPoint, endOffset);
    // Below the cut: a start that finds nothing past its recovery point does not sync what is before.
    this.#lowerRecoveryPoint(Math.max(0, endOffset - 1)); // step 1
    const { start, owner } = this.#options;
    if (start.offsetToSave > endOffset) { // By a deletion that failed, and may be on the disk all the same.
      start.set(start.offset);
      owner.startOffsetSet();
    }
    this.#dropAfter(index); // 2
    segments.replaceActive(this.#cutSegment(segment, { position, endOffset })); // 3
    producers.truncateTo(endOffset); // 4
    epochs.load().truncateFromEnd(endOffset);
    epochs.save();
    context.runtime.files.syncDirectory(directory); // (2)
    sync.truncated(segment, endOffset);
    this.#options.settling.moveRecoveryPoint(recoveryPoint);
    this.#ended(endOffset);
  }

  #startAgain(offset: number): void {
    const { segments, sync, producers, epochs, context, directory } = this.#parts;
    const { start, owner, writer, config } = this.#options;
    const { files } = context.runtime;
    const old = segments.first;
    this.#lowerRecoveryPoint(Math.min(offset, sync.endOffset));
    if (writer.hasFolder) {
      this.isStartingAgain = true;
      // From here on a start that finds old records drops them. Where a deletion that failed would have moved it is forgotten.
      start.set(Math.max(offset, start.offset));
      owner.startOffsetSet(); // And one that finds none begins there.
      this.#dropAfter(0);
      this.#drop(old);
      if (offset < start.offset) start.set(offset), owner.startOffsetSet();
      producers.clear();
      files.syncDirectory(directory); // (3): before there is a log again to which an old snapshot might seem to belong.
      producers.snapshot(offset, { durable: true }); // Of nobody: a start need not look for what was before.
      segments.replaceActive(Segment.create(context, directory, offset, config()));
    } else {
      start.set(offset);
      producers.clear();
      segments.replaceActive(Segment.planned(context, directory, offset, config()));
    }
    epochs.load().truncateFromEnd(0);
    if (writer.hasFolder) {
      epochs.save();
      files.syncDirectory(directory); // (2)
    }
    sync.truncated(old, offset);
    sync.recoveryPoint = offset;
    this.isStartingAgain = false;
    this.#ended(offset);
  }

  /** Where batches begin of which one has `offset` or a later one. */
  #find(segment: Segment, offset: number): Cut {
    let endOffset = segment.baseOffset;
    if (offset <= endOffset) return { position: 0, endOffset };
    const from = segment.index.positionOf(offset - 1); // The batch there ends before `offset`, or is the first.
    const { buffers } = this.#parts.context;
    const { position, problem } = scan(segment.log, { from, to: segment.sizeBytes }, buffers, (batch) => {
      if (batch.lastOffset >= offset) return false;
      endOffset = batch.nextOffset;
      return true;
    });
    if (problem === null) return { position, endOffset };
    throw new StorageError(`Cannot read "${segment.log.path}" at ${position}: ${problem}`, "CORRUPT");
  }

  #lowerRecoveryPoint(offset: number): void {
    const { sync } = this.#parts;
    const { compaction, owner } = this.#options;
    sync.recoveryPoint = Math.min(sync.recoveryPoint, offset);
    compaction.cleanedOffset = Math.min(compaction.cleanedOffset, offset);
    try {
      owner.recoveryPointLowered(); // (1)
    } catch (cause) {
      throw new NothingDone("The recovery point could not be written", { cause });
    }
  }

  /** One by one, the last first: a compacted log would not show that one is missing in the middle. */
  #dropAfter(index: number): void {
    const { segments } = this.#parts;
    while (segments.count > index + 1) this.#drop(segments.takeLast());
  }

  #drop(segment: Segment): void {
    const { sync, context, directory } = this.#parts;
    const { start, config } = this.#options;
    sync.forget(segment);
    segment.retire();
    start.unlinkLater(segment, { nowMs: context.runtime.clock.nowMs(), delayMs: config().fileDeleteDelayMs });
    context.runtime.files.syncDirectory(directory);
  }

  /** The segment as it is from now on. Of the old one, views that were given stay as they are. */
  #cutSegment(old: Segment, { position, endOffset }: Cut): Segment {
    const { context, directory } = this.#parts;
    const { baseOffset } = old;
    const isShared = old.map.readerCount > 0 || old.log.pinCount > 0;
    old.flushIndexes(); // Of what stays, some may be known in memory only, or not be synced.
    old.syncNow();
    if (isShared && position < old.sizeBytes) this.#copyStart(old, position); // (4)
    old.close();
    const segment = Segment.open(context, directory, {
      baseOffset,
      sizeBytes: position,
      config: this.#options.config(),
    });
    if (!isShared && position < old.sizeBytes) segment.truncate(position);
    segment.log.isDirty = true;
    const resumed = endOffset > baseOffset ? segment.index.resumeBefore(endOffset) : segment.index.restart();
    const from = resumed?.position ?? 0;
    scan(segment.log, { from, to: position }, context.buffers, (batch, at) => {
      segment.index.note(batch, at);
      return true;
    });
    segment.flushIndexes();
    segment.aborted.truncateFrom(endOffset);
    segment.syncNow();
    return segment;
  }

  #copyStart(segment: Segment, sizeBytes: number): void {
    const { files } = this.#parts.context.runtime;
    const { buffers } = this.#parts.context;
    const { path } = segment.log;
    const buffer = buffers.take(COPIED_BYTES);
    const copy = files.open(`${path}.tmp`, { create: true, truncate: true });
    try {
      for (let at = 0; at < sizeBytes;) {
        const chunk = buffer.subarray(0, Math.min(COPIED_BYTES, sizeBytes - at));
        const readBytes = readSteadily(segment.log, chunk, at);
        if (readBytes === 0) throw new StorageError(`Cannot read "${path}": it ends at ${at}`, "CORRUPT");
        copy.write([chunk.subarray(0, readBytes)], at);
        at += readBytes;
      }
      copy.syncDataNow();
    } finally {
      copy.close();
      buffers.give(buffer);
    }
    files.rename(`${path}.tmp`, path);
  }

  #ended(endOffset: number): void {
    const { context, name } = this.#parts;
    this.#options.settling.truncated();
    this.#options.tail.clear();
    context.report({ level: "info", event: "log-cut", facts: { log: name, endOffset } });
  }
}

/** The truncation failed before it had begun. */
class NothingDone extends Error {
  override readonly name = "NothingDone";
}
