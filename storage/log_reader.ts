/**
 * Everything that is read from a log: batches from its tail or its segments, offsets by time, aborted transactions.
 *
 * Each comes in a form that never waits for the disk on the loop (`cold_reads.ts`): a read says that it would have to, a lookup
 * is a promise. `read` itself waits: it is for the start, and for tests.
 */
import { type AbortedTransaction, abortedTransactionsIn } from "./aborted_transactions.ts";
import { type ColdRead, NotInMemory } from "./cold_reads.ts";
import { type StorageContext } from "./context.ts";
import { OffsetOutOfRange, storageError } from "./errors.ts";
import { type LogParts } from "./log_parts.ts";
import { emptyRead, type LogRead, type ReadLimits } from "./log_read.ts";
import { type LogStart } from "./log_start.ts";
import { type Segment } from "./segment.ts";
import { type SegmentList } from "./segment_list.ts";
import { SegmentReader } from "./segment_reader.ts";
import { type Tail } from "./tail.ts";
import { findByTimestamp, findLargestTimestamp, type FoundOffset } from "./time_lookup.ts";

export class LogReader {
  readonly #context: StorageContext;
  readonly #directory: string;
  readonly #segments: SegmentList;
  readonly #start: LogStart;
  readonly #tail: Tail;
  readonly #reader: SegmentReader;

  constructor(parts: LogParts, start: LogStart, tail: Tail, mayHaveGap: (offset: number) => boolean) {
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
      throw storageError(`Cannot read log "${this.#directory}" at offset ${offset}`, cause);
    }
  }

  // hot: per read
  tryRead(offset: number, limits: ReadLimits, logEndOffset: number): LogRead | ColdRead {
    const { cold } = this.#context;
    cold.begin();
    try {
      return this.read(offset, limits, logEndOffset);
    } catch (error) {
      return cold.coldRead(error);
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
      return cold.coldRead(error);
    } finally {
      cold.end();
    }
  }

  offsetForTimestamp(timestampMs: number): Promise<FoundOffset | null> {
    return findByTimestamp(this.#context, this.#liveSegments(), timestampMs, this.#start.offset);
  }

  offsetOfMaxTimestamp(): Promise<FoundOffset | null> {
    return findLargestTimestamp(this.#context, this.#liveSegments(), this.#start.offset);
  }

  #liveSegments(): readonly Segment[] {
    return this.#segments.all.slice(this.#segments.floorIndex(this.#start.offset));
  }
}
