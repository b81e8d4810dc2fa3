/**
 * Writes a shard's records to its partition of `__consumer_offsets`, many requests a batch.
 *
 *  1. One batch is on its way at a time; what comes meanwhile makes the next one. So the slower the disk, the larger the
 *     batches, and outcomes are known in the order of the log.
 *  2. The outcome of a batch is applied to memory before anyone who waits for it is told.
 *  3. Records of a transaction, and its end, are batches of their own, in their turn among the others.
 *  4. Nobody waits longer than `timeoutMs`. Records whose wait is over may still land; records of a batch that has not
 *     been sent by then are dropped.
 */
import { Compression, type CompressionId } from "../../protocol/compression.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import type { Clock, Timer, Timers } from "../../runtime/runtime.ts";

export interface LogRecord {
  readonly key: Uint8Array;
  /** null deletes. */
  readonly value: Uint8Array | null;
}

/** A batch that is not shared, because its header says whose it is: records of a transaction, or its end. */
export interface OwnBatch {
  readonly encode: (nowMs: number) => Uint8Array;
  /** Of a marker: by which rules its epoch is checked. */
  readonly transactionVersion?: number;
}

export interface LogWriterOptions {
  /** Resolves when the batch is durable. */
  readonly write: (batch: Uint8Array, transactionVersion?: number) => Promise<void>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly compression: CompressionId;
  readonly timeoutMs: number;
}

/** Batches are cut at this size: well under a segment, and under what readers fetch at once. */
const batchBytesMax = 512 * 1024;
/** Lengths, deltas and attributes of one record. */
const RECORD_OVERHEAD_BYTES = 16;

interface PendingBatch {
  readonly own: OwnBatch | null;
  readonly records: LogRecord[];
  readonly outcomes: ((errorCode: number) => void)[];
  readonly waiters: ((errorCode: number) => void)[];
  sizeBytes: number;
  timer: Timer | null;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  /** Not sent yet. The last one is open for more. */
  readonly #queue: PendingBatch[] = [];
  #sending: PendingBatch | null = null;
  #isFlushDue = false;

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  /**
   * Appends the records. `outcome` is called once, in log order: NONE when they are durable, else why they are not.
   * @returns the same code, or REQUEST_TIMED_OUT when it is not known in time
   */
  append(records: readonly LogRecord[], outcome: (errorCode: number) => void): Promise<number> {
    return this.#wait(this.#place(records), outcome);
  }

  /** The same for a batch of its own, in its turn. */
  appendOwn(own: OwnBatch, outcome: (errorCode: number) => void): Promise<number> {
    return this.#wait([this.#open(own)], outcome);
  }

  async #wait(batches: readonly PendingBatch[], outcome: (errorCode: number) => void): Promise<number> {
    let openCount = batches.length;
    let firstError: number = ErrorCode.NONE;
    const codes = batches.map((batch) => {
      batch.outcomes.push((errorCode) => {
        firstError ||= errorCode;
        openCount--;
        if (openCount === 0) outcome(firstError);
      });
      return new Promise<number>((resolve) => batch.waiters.push(resolve));
    });
    return (await Promise.all(codes)).find((errorCode) => errorCode !== ErrorCode.NONE) ?? ErrorCode.NONE;
  }

  /** Resolves once all that was appended before is known to be written or not. */
  async settled(): Promise<void> {
    const last = this.#queue.at(-1) ?? this.#sending;
    if (last !== null) await new Promise<void>((resolve) => last.outcomes.push(() => resolve()));
  }

  /** Puts the records into the open batch, and into more where they do not fit; those batches are returned. */
  #place(records: readonly LogRecord[]): PendingBatch[] {
    const last = this.#queue.at(-1);
    let batch = last === undefined || last.own !== null ? this.#open() : last;
    const used = new Set<PendingBatch>();
    for (const record of records) {
      const sizeBytes = record.key.length + (record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
      if (batch.sizeBytes + sizeBytes > batchBytesMax && batch.records.length > 0) batch = this.#open();
      batch.records.push(record);
      batch.sizeBytes += sizeBytes;
      used.add(batch);
    }
    return used.size > 0 ? [...used] : [batch];
  }

  #open(own: OwnBatch | null = null): PendingBatch {
    const batch: PendingBatch = { own, records: [], outcomes: [], waiters: [], sizeBytes: 0, timer: null };
    batch.timer = this.#options.timers.after(this.#options.timeoutMs, () => this.#timeOut(batch));
    this.#queue.push(batch);
    if (this.#sending === null && !this.#isFlushDue) {
      this.#isFlushDue = true;
      // Requests of this turn of the loop share the batch.
      this.#options.timers.soon(() => {
        this.#isFlushDue = false;
        void this.#sendAll();
      });
    }
    return batch;
  }

  async #sendAll(): Promise<void> {
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      this.#sending = batch; // (1)
      const errorCode = await this.#write(batch);
      this.#sending = null;
      this.#finish(batch, errorCode);
      // An outcome may have opened a batch and asked for a turn of its own.
      if (this.#isFlushDue) return;
    }
  }

  async #write(batch: PendingBatch): Promise<number> {
    const { own } = batch;
    if (own === null && batch.records.length === 0) return ErrorCode.NONE;
    const { clock, compression, write } = this.#options;
    const timestamp = clock.nowMs();
    const records = batch.records.map(({ key, value }) => ({ timestamp, key, value }));
    try {
      if (own === null) await write(encodeBatch({ records, compression }));
      else await write(own.encode(timestamp), own.transactionVersion);
      return ErrorCode.NONE;
    } catch (error) {
      return error instanceof ProtocolError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR;
    }
  }

  #timeOut(batch: PendingBatch): void {
    batch.timer = null;
    const at = this.#queue.indexOf(batch);
    if (at >= 0) {
      this.#queue.splice(at, 1);
      this.#finish(batch, ErrorCode.REQUEST_TIMED_OUT);
    } else {
      for (const waiter of batch.waiters.splice(0)) waiter(ErrorCode.REQUEST_TIMED_OUT);
    }
  }

  #finish(batch: PendingBatch, errorCode: number): void {
    batch.timer?.cancel();
    for (const outcome of batch.outcomes.splice(0)) outcome(errorCode); // (2)
    for (const waiter of batch.waiters.splice(0)) waiter(errorCode);
  }
}

/** What a client is told when the log did not take its records: codes that make it retry, where a retry may help. */
export function coordinatorError(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
    case ErrorCode.INVALID_FETCH_SIZE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}

/** A config names it by a number; one that stands for nothing is none. */
export function compressionOf(id: number): CompressionId {
  return Object.values(Compression).find((known) => known === id) ?? Compression.none;
}
