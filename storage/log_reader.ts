/**
 * Everything that is read from a log: batches from its tail or its segments, offsets by time, aborted transactions.
 *
 * Each comes in a form that never waits for the disk on the loop (`cold_reads.ts`): a read says that it would have to, a lookup
 * is a promise. `read` itself waits: it is for the start, and for tests.
 *
 * (1) What cannot be read is said once per log. Damage in the segment that is written to takes the log offline: nothing should be
 *     put behind it. In others the log goes on, and what is sound of it is read.
 */
import { type AbortedTransaction, abortedTransactionsIn } from "./aborted_transactions.ts";
import { type ColdRead, NotInMemory } from "./cold_reads.ts";
import { type StorageContext } from "./context.ts";
import { OffsetOutOfRange, remedyFor, type StorageError, storageError } from "./errors.ts";
import { type LogParts } from "./log_parts.ts";
import { emptyRead, type LogRead, type ReadLimits } from "./log_read.ts";
import { type LogStart } from "./log_start.ts";
import { type Segment } from "./segment.ts";
import { type SegmentList } from "./segment_list.ts";
import { SegmentDamage, SegmentReader } from "./segment_reader.ts";
import { type Tail } from "./tail.ts";
import { findByTimestamp, findLargestTimestamp, type FoundOffset } from "./time_lookup.ts";

export class LogReader {
  readonly #context: StorageContext;
  readonly #directory: string;
  readonly #segments: SegmentList;
  readonly #start: LogStart;
  readonly #tail: Tail;
  readonly #reader: SegmentReader;
  readonly #parts: LogParts;
  #isFailureSaid = false;

  constructor(parts: LogParts, start: LogStart, tail: Tail, mayHaveGap: (offset: number) => boolean) {
    this.#parts = parts;
    this.#context = parts.context;
    this.#directory = parts.directory;
    this.#segments = parts.segments;
    this.#start = start;
    this.#tail = tail;
    this.#reader = new SegmentReader(parts.context, parts.segments, mayHaveGap);
  }

  // hot: per read
  read(offset: number, limits: ReadLimits, logEndOffset: number): LogRead {
    if (offset < this.#start.offset || offset > logEndOffset) {
      throw new OffsetOutOfRange(offset, this.#start.offset, logEndOffset);
    }
    if (offset >= limits.upToOffset || offset === logEndOffset) {
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
      if (cause instanceof NotInMemory) throw cause;
      throw this.#failed(storageError(`Cannot read log "${this.#directory}" at offset ${offset}`, cause), offset);
    }
  }

  // hot: per read
  tryRead(offset: number, limits: ReadLimits, logEndOffset: number): LogRead | ColdRead {
    const { cold } = this.#context;
    cold.begin();
    try {
      return this.read(offset, limits, logEndOffset);
    } catch (error) {
      const read = cold.coldRead(error);
      read.loaded.then((failure) => failure !== null && this.#failed(failure, offset));
      return read;
    } finally {
      cold.end();
    }
  }

  tryAbortedTransactions(from: number, to: number): AbortedTransaction[] | ColdRead {
    const { cold } = this.#context;
    cold.begin();
    try {
      return abortedTransactionsIn(this.#segments, { from, to });
    } catch (error) {
      if (error instanceof NotInMemory) return cold.coldRead(error);
      throw this.#failed(storageError(`Cannot read aborted transactions of log "${this.#directory}"`, error), from);
    } finally {
      cold.end();
    }
  }

  offsetForTimestamp(timestampMs: number): Promise<FoundOffset | null> {
    return this.#look(findByTimestamp(this.#context, this.#liveSegments(), timestampMs, this.#start.offset));
  }

  offsetOfMaxTimestamp(): Promise<FoundOffset | null> {
    return this.#look(findLargestTimestamp(this.#context, this.#liveSegments(), this.#start.offset));
  }

  async #look(found: Promise<FoundOffset | null>): Promise<FoundOffset | null> {
    try {
      return await found;
    } catch (cause) {
      throw this.#failed(storageError(`Cannot look for a time in log "${this.#directory}"`, cause), this.#start.offset);
    }
  }

  /** (1) */
  #failed(error: StorageError, offset: number): StorageError {
    const { health, name } = this.#parts;
    if (error instanceof SegmentDamage && error.segment === this.#segments.active) return health.goOffline(error);
    if (this.#isFailureSaid || health.isClosed) return error;
    this.#isFailureSaid = true;
    const facts = { log: name, offset, problem: error.message };
    const todo = remedyFor(error.code);
    const event = error.code === "CORRUPT" ? "log-damaged" : "log-unreadable";
    this.#context.report({ level: "error", event, facts: todo === null ? facts : { ...facts, todo } });
    return error;
  }

  #liveSegments(): readonly Segment[] {
    return this.#segments.all.slice(this.#segments.floorIndex(this.#start.offset));
  }
}
