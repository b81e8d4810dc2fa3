/**
 * Compaction of one log: of records with the same key the last one stays.
 *
 *   1. The keys of the dirty part are put into a table, key → last offset, as far as it has room.
 *   2. All closed segments up to there are written anew without records the table, or the end of a transaction, makes obsolete;
 *      small ones are joined. Each new segment takes the place of the old ones at once.
 *   3. Where the table ended, the next cleaning begins: `cleanedOffset`.
 *
 * (1) The last record of every key stays, tombstones for their time, and offsets of records never change.
 * (2) The last batch of each producer still known stays, emptied at worst: a replay of the log must find its sequence. So does
 *     the last batch of each group of segments (`segment_replacement.ts`).
 * (3) The log is used meanwhile: appended to, read, deleted from. After every wait the cleaning looks whether its segments are
 *     still there and whether it still should; if not, it leaves no trace.
 * (4) It works in bounded memory: the table, one buffer each to read and to write, one batch.
 * (5) What is damaged is left as it is and reported; the log serves on, and is not cleaned again until the next start.
 * (6) Before the first segment is replaced, the recovery point on the disk is past all of them, and a snapshot of producers: no
 *     recovery and no replay needs what a cleaning takes.
 */
import { BatchView, MalformedBatch } from "../protocol/batch.ts";
import { CompressionError } from "../protocol/compression.ts";
import { abortedTransactionsIn } from "./aborted_transactions.ts";
import { type BatchFate, BatchFilter } from "./cleaner_filter.ts";
import { KeyMap } from "./cleaner_key_map.ts";
import { type CleanerPace } from "./cleaner_pace.ts";
import { CleanerReader } from "./cleaner_reader.ts";
import { RecordCursor } from "./cleaner_records.ts";
import { CleanerTransactions } from "./cleaner_transactions.ts";
import { CleanerWriter } from "./cleaner_writer.ts";
import { type CompactionPlan, groupSegments, planCompaction } from "./compaction_plan.ts";
import { StorageError, storageError } from "./errors.ts";
import { type LogConfig } from "./log_config.ts";
import { type LogParts } from "./log_parts.ts";
import { type LogStart } from "./log_start.ts";
import { DECOMPRESSED_SIZE_BYTES_MAX, plainRecordBytes } from "../protocol/record.ts";
import { Segment } from "./segment.ts";
import { CLEANED_SUFFIX } from "./segment_files.ts";
import { SegmentReplacement } from "./segment_replacement.ts";

/** Records between two looks at the clock. */
const STEP_RECORDS = 64;

/** Ends a cleaning that is no longer wanted. */
class CleaningStopped extends Error {
  override readonly name = "CleaningStopped";
}

/** What the cleaner of a data folder gives to each cleaning. */
export interface CleaningTools {
  readonly pace: CleanerPace;
  /** For the table of keys. */
  readonly tableBytesMax: number;
  readonly tableLoadFactor: number;
  /** Half of it reads, half of it writes. */
  readonly bufferBytes: number;
  readonly seed: number;
  /** Brings the recovery points to the disk (6). */
  saveRecoveryPoints(): void;
}

export interface CleaningResult {
  /** False: stopped half-way. */
  readonly isDone: boolean;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

interface Round {
  readonly tools: CleaningTools;
  readonly config: LogConfig;
  readonly nowMs: number;
  readonly keys: KeyMap;
  readonly readBuffer: Uint8Array;
  readonly writeBuffer: Uint8Array;
  readBytes: number;
  writtenBytes: number;
}

/** What of a producer has to stay (2). */
interface LastOfProducer {
  readonly producerEpoch: number;
  readonly lastOffset: number;
}

export class LogCompaction {
  readonly #parts: LogParts;
  readonly #start: LogStart;
  readonly #config: () => LogConfig;
  readonly #replaced: (endOffset: number) => void;
  readonly #replacement: SegmentReplacement;
  /** A cleaner has been through what is below. */
  cleanedOffset: number;
  /** Why the log is not cleaned any more (5). */
  failure: StorageError | null = null;
  #underWay: Promise<unknown> | null = null;
  #isStopping = false;

  constructor(parts: LogParts, start: LogStart, options: {
    readonly cleanedOffset: number;
    readonly config: () => LogConfig;
    /** Segments that end at `endOffset` were replaced: what is kept of them in memory is out of date. */
    readonly replaced: (endOffset: number) => void;
  }) {
    this.#parts = parts;
    this.#start = start;
    this.#config = options.config;
    this.#replaced = options.replaced;
    this.#replacement = new SegmentReplacement(parts, start);
    this.cleanedOffset = options.cleanedOffset;
  }

  /** Segments are being exchanged: none may be deleted just now. */
  get isReplacing(): boolean {
    return this.#replacement.isUnderWay;
  }

  /** What there is to clean. `lastStableOffset`: nothing at or past it is touched. */
  plan(nowMs: number, lastStableOffset: number): CompactionPlan {
    const { segments, sync } = this.#parts;
    return planCompaction(segments.all, {
      config: this.#config(),
      nowMs,
      cleanedOffset: this.cleanedOffset,
      logStartOffset: this.#start.offset,
      logEndOffset: sync.endOffset,
      lastStableOffset,
      recoveryPoint: sync.recoveryPoint,
    });
  }

  /**
   * Carries out a plan made in the same turn.
   * @throws {StorageError} when it failed; the log serves on unless it is offline now
   */
  async clean(plan: CompactionPlan, tools: CleaningTools): Promise<CleaningResult> {
    const cleaning = this.#clean(plan, tools);
    this.#underWay = cleaning;
    try {
      return await cleaning;
    } catch (cause) {
      throw this.#failed(cause);
    } finally {
      this.#underWay = null;
    }
  }

  /** Ends a cleaning that is under way, and all that would come; resolves when it has let go of everything. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#underWay?.catch(() => {});
  }

  /** What was stopped may be cleaned again. */
  resume(): void {
    this.#isStopping = false;
  }

  // ------------------------------------------------------------------------------------------- the cleaning

  async #clean(plan: CompactionPlan, tools: CleaningTools): Promise<CleaningResult> {
    const { context, segments, producers } = this.#parts;
    const { firstDirtyOffset, firstUncleanableOffset } = plan;
    const halfBytes = Math.max(1024, Math.floor(tools.bufferBytes / 2));
    const round: Round = {
      tools,
      config: this.#config(),
      nowMs: context.runtime.clock.nowMs(),
      keys: new KeyMap({
        sizeBytesMax: tools.tableBytesMax,
        loadFactor: tools.tableLoadFactor,
        keyCountWanted: firstUncleanableOffset - firstDirtyOffset,
        seed: tools.seed,
      }),
      readBuffer: context.buffers.take(halfBytes),
      writeBuffer: context.buffers.take(halfBytes),
      readBytes: 0,
      writtenBytes: 0,
    };
    const result = (isDone: boolean) => ({
      isDone,
      readBytes: round.readBytes,
      writtenBytes: round.writtenBytes,
    });
    try {
      const endOffset = await this.#fillTable(round, firstDirtyOffset, firstUncleanableOffset);
      tools.saveRecoveryPoints(); // (6)
      const closed = segments.all.filter((segment) => segment.baseOffset < endOffset && segment !== segments.active);
      const transactions = new CleanerTransactions();
      const lastEnd = segments.all[closed.length]!.baseOffset;
      if (!await producers.settleSnapshot(lastEnd)) return result(false); // (6)
      this.#assertWanted();
      for (const group of groupSegments(closed, round.config, lastEnd)) {
        await this.#cleanGroup(round, group, transactions, firstUncleanableOffset);
      }
      this.cleanedOffset = endOffset;
      return result(true);
    } catch (cause) {
      if (cause instanceof CleaningStopped || !this.#isWanted) return result(false);
      throw cause;
    } finally {
      context.buffers.give(round.readBuffer); // Nobody looks at them: every wait for a read or write is over.
      context.buffers.give(round.writeBuffer);
    }
  }

  /** Puts the keys in [fromOffset, toOffset) into the table. Returns the offset before which all are in it. */
  async #fillTable(round: Round, fromOffset: number, toOffset: number): Promise<number> {
    const { segments } = this.#parts;
    const { keys, tools: { pace } } = round;
    const transactions = new CleanerTransactions();
    transactions.expect(abortedTransactionsIn(segments, { from: fromOffset, to: toOffset }));
    const cursor = new RecordCursor();
    const dirty = segments.all.slice(segments.floorIndex(fromOffset))
      .filter((segment) => segment.baseOffset < toOffset && segment !== segments.active);
    for (const [index, segment] of dirty.entries()) {
      const position = index === 0 ? segment.index.positionOf(fromOffset) : 0;
      const reader = new CleanerReader(segment, position, round.readBuffer);
      for (let batch = await this.#next(reader, round); batch !== null; batch = await this.#next(reader, round)) {
        const isSkipped = batch.isControl ? (transactions.passMarker(batch), true) : transactions.passBatch(batch);
        if (!isSkipped && batch.recordCount > 0 && batch.lastOffset >= fromOffset) {
          cursor.load(plainRecordBytes(batch, DECOMPRESSED_SIZE_BYTES_MAX));
          for (let count = 1; count <= batch.recordCount; count++) {
            cursor.next();
            const offset = batch.baseOffset + cursor.offsetDelta;
            if (!cursor.hasKey || offset < fromOffset) continue;
            if (keys.isFull) return keys.latestOffset + 1;
            keys.put(cursor.bytes, cursor.keyStart, cursor.keyEnd, offset);
            if (count % STEP_RECORDS === 0 && pace.isSpent) await this.#rest(round);
          }
        }
        if (batch.lastOffset >= fromOffset) keys.latestOffset = Math.max(keys.latestOffset, batch.lastOffset);
        if (pace.isSpent) await this.#rest(round);
      }
    }
    // Offsets that are gone count as looked at.
    keys.latestOffset = Math.max(keys.latestOffset, toOffset - 1);
    return toOffset;
  }

  /** Writes a group anew and puts the result in its place. */
  async #cleanGroup(
    round: Round,
    group: readonly Segment[],
    transactions: CleanerTransactions,
    endOffset: number,
  ): Promise<void> {
    const { context, segments, directory } = this.#parts;
    if (!segments.hasRun(group)) throw new CleaningStopped(); // Some were deleted meanwhile (3).
    const cleaned = Segment.create(context, directory, group[0]!.baseOffset, round.config, CLEANED_SUFFIX);
    let isReplaced = false;
    try {
      transactions.markerKept = (transaction) => cleaned.aborted.append(transaction);
      const writer = new CleanerWriter(cleaned, round.writeBuffer);
      const filter = new BatchFilter({ ...round, deleteRetentionMs: round.config.deleteRetentionMs });
      const lasts = this.#lastOfProducers();
      for (const segment of group) {
        transactions.expect(this.#abortedIn(segment));
        const reader = new CleanerReader(segment, 0, round.readBuffer);
        const isLastSegment = segment === group.at(-1);
        for (let batch = await this.#next(reader, round); batch !== null; batch = await this.#next(reader, round)) {
          const isLast = (isLastSegment && reader.isAtEnd) || batch.nextOffset === endOffset;
          filter.begin(batch, fateOf(batch, { transactions, lasts, isLast, nowMs: round.nowMs }));
          while (!filter.step(STEP_RECORDS)) {
            if (round.tools.pace.isSpent) await this.#rest(round);
          }
          const kept = filter.finish();
          const writtenBytes = kept === null ? 0 : writer.add(kept);
          if (writtenBytes > 0) await this.#written(writer, writtenBytes, round);
          if (round.tools.pace.isSpent) await this.#rest(round);
        }
      }
      await this.#written(writer, writer.flush(), round);
      cleaned.finish();
      isReplaced = await this.#replacement.run(group, cleaned, round.config);
      if (!isReplaced) throw new CleaningStopped();
      this.#parts.producers.segmentsReplaced();
      this.#replaced(segments.all[segments.floorIndex(cleaned.baseOffset) + 1]!.baseOffset);
    } finally {
      transactions.markerKept = null;
      if (!isReplaced) this.#drop(cleaned);
    }
  }

  /** The next batch of a segment, null at its end. */
  async #next(reader: CleanerReader, round: Round): Promise<BatchView | null> {
    for (;;) {
      if (reader.isAtEnd) return null;
      const batch = reader.next();
      if (batch !== null) {
        round.tools.pace.passed(batch.sizeBytes);
        return batch;
      }
      const readBytes = await reader.fill();
      round.readBytes += readBytes;
      await round.tools.pace.moved(readBytes);
      this.#assertWanted();
      if (!this.#parts.segments.all.includes(reader.segment)) throw new CleaningStopped(); // Deleted meanwhile (3).
    }
  }

  async #written(writer: CleanerWriter, writtenBytes: number, round: Round): Promise<void> {
    round.writtenBytes += writtenBytes;
    if (writer.isSyncDue) await writer.sync();
    await round.tools.pace.moved(writtenBytes);
    this.#assertWanted();
  }

  async #rest(round: Round): Promise<void> {
    await round.tools.pace.rest();
    this.#assertWanted();
  }

  /** (3) */
  #assertWanted(): void {
    if (!this.#isWanted) throw new CleaningStopped();
  }

  get #isWanted(): boolean {
    const { health } = this.#parts;
    return !this.#isStopping && !health.isClosed && !health.isOffline && this.#config().cleanupPolicy.compact;
  }

  /** What was written for nothing. Where the folder was taken away, its name may be another log's by now. */
  #drop(cleaned: Segment): void {
    const { health } = this.#parts;
    if (health.isClosed || health.isOffline) return cleaned.close();
    try {
      cleaned.discard();
    } catch {
      cleaned.close(); // The next start removes it.
    }
  }

  #abortedIn(segment: Segment) {
    const { segments } = this.#parts;
    const next = segments.all[segments.all.indexOf(segment) + 1];
    return abortedTransactionsIn(segments, { from: segment.baseOffset, to: next?.baseOffset ?? Infinity });
  }

  #lastOfProducers(): ReadonlyMap<number, LastOfProducer> {
    const lasts = new Map<number, LastOfProducer>();
    for (const { producerId, producerEpoch, lastOffset } of this.#parts.producers.load().entries()) {
      lasts.set(producerId, { producerEpoch, lastOffset });
    }
    return lasts;
  }

  #failed(cause: unknown): StorageError {
    const action = `Cannot compact log "${this.#parts.directory}"`;
    const isDamage = cause instanceof MalformedBatch || cause instanceof CompressionError;
    return isDamage
      ? new StorageError(`${action}: ${cause.message}`, "CORRUPT", { cause })
      : storageError(action, cause);
  }
}

/** Decides over a batch by what is known without its records. */
function fateOf(batch: BatchView, state: {
  readonly transactions: CleanerTransactions;
  readonly lasts: ReadonlyMap<number, LastOfProducer>;
  /** Of its group, or of all that is cleaned. */
  readonly isLast: boolean;
  readonly nowMs: number;
}): BatchFate {
  const { transactions, lasts, nowMs } = state;
  const staysEmpty = state.isLast || (batch.hasProducerId && isLastOfProducer(batch, lasts.get(batch.producerId)));
  if (!batch.isControl) {
    return { discardsRecords: transactions.passBatch(batch), staysEmpty, isUselessMarker: false };
  }
  const isUselessMarker = transactions.passMarker(batch);
  const { deleteHorizon } = batch;
  const discardsRecords = isUselessMarker && deleteHorizon !== null && deleteHorizon <= nowMs;
  return { discardsRecords, staysEmpty, isUselessMarker };
}

/** A producer that has written no data in its present epoch is known by its last marker. */
function isLastOfProducer(batch: BatchView, last: LastOfProducer | undefined): boolean {
  if (last === undefined) return false;
  if (last.lastOffset >= 0) return batch.lastOffset === last.lastOffset;
  return batch.isControl && batch.producerEpoch === last.producerEpoch;
}
