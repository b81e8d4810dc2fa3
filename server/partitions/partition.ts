/**
 * One partition as the broker serves it: its log, who leads it, how far consumers may see, and who waits for that.
 *
 * What "durable" means follows the topic's flush policy (W = written to the operating system, S = synced):
 *
 *     policy      acks=0, 1 at   acks=all at   high watermark moves at
 *     group       W              S             S
 *     interval    W              W             W
 *     os          W              W             W
 *
 * Invariants:
 *  1. logStartOffset <= highWatermark <= logEndOffset, and the high watermark never goes back.
 *  2. Under `group`, highWatermark <= the log's syncedOffset: nobody has seen what a power cut could take.
 *  3. A waiter is told of every move of the high watermark, and of the partition's end, until it unsubscribes.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { BatchRules } from "./batch_check.ts";
import type { AppendOptions, AppendResult, ColdRead, Log, LogRead } from "../../storage/log.ts";

export type FlushPolicy = "group" | "interval" | "os";

export interface Appended {
  readonly result: AppendResult;
  /** Resolves when the append is as durable as `acks` asks; null when it already is. */
  readonly durable: Promise<void> | null;
}

/** Waits for more to read. */
export interface PartitionWaiter {
  /** The high watermark moved over about this many bytes; Infinity when it cannot be said what that shows. */
  advanced(addedBytes: number): void;
  /** The partition is gone. */
  ended(): void;
}

export class Partition {
  readonly topic: string;
  readonly index: number;
  readonly topicId: string;
  readonly log: Log;
  leaderId: number;
  leaderEpoch: number;
  flushPolicy: FlushPolicy;
  /** What a produced batch must satisfy here. */
  rules: BatchRules;
  #highWatermark: number;
  #isRemoved = false;
  /** Appended and not yet below the high watermark: where each append ends, and its size. */
  readonly #hiddenEnds: number[] = [];
  readonly #hiddenSizes: number[] = [];
  readonly #waiters = new Set<PartitionWaiter>();

  constructor(options: {
    readonly topic: string;
    readonly index: number;
    readonly topicId: string;
    readonly log: Log;
    readonly leaderId: number;
    readonly leaderEpoch: number;
    readonly flushPolicy: FlushPolicy;
    readonly rules: BatchRules;
  }) {
    this.topic = options.topic;
    this.index = options.index;
    this.topicId = options.topicId;
    this.log = options.log;
    this.leaderId = options.leaderId;
    this.leaderEpoch = options.leaderEpoch;
    this.flushPolicy = options.flushPolicy;
    this.rules = options.rules;
    // What recovery found is all there is: one replica has nobody to ask.
    this.#highWatermark = options.log.logEndOffset;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** End of what a read_committed consumer may see: a transaction shows once its end can no longer be lost. */
  get lastStableOffset(): number {
    const unstable = this.log.firstUnstableOffsetBelow(this.#highWatermark);
    return unstable === null ? this.#highWatermark : Math.min(unstable, this.#highWatermark);
  }

  get logStartOffset(): number {
    return this.log.logStartOffset;
  }

  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /**
   * Appends batches that have been validated; their bytes belong to the log from here on. hot: per batch
   * @throws {StorageError} when they could not be written
   */
  append(records: Uint8Array, options: Omit<AppendOptions, "leaderEpoch"> & { readonly acks: number }): Appended {
    const { acks, origin, transactionVersion, startsAtZero } = options;
    const { leaderEpoch } = this;
    const result = this.log.append(records, { leaderEpoch, origin, transactionVersion, startsAtZero });
    if (result.kind === "rejected") return { result, durable: null };
    if (result.kind === "appended") {
      this.#hiddenEnds.push(result.lastOffset + 1);
      // A marker shows more than itself to readers of committed records, who then look for how much.
      this.#hiddenSizes.push(origin === "coordinator" ? Infinity : records.length);
    }
    if (this.flushPolicy !== "group") {
      this.#advance(this.log.logEndOffset);
      return { result, durable: null };
    }
    if (result.kind === "duplicate" && this.log.syncedOffset > result.lastOffset) return { result, durable: null };
    const durable = this.log.sync().then(this.#synced);
    if (acks === -1) return { result, durable };
    // Nobody waits for this sync: should it fail, the log is offline and says so to the next request.
    durable.catch(() => {});
    return { result, durable: null };
  }

  /**
   * Where the records of a leader epoch end, or those of the last epoch before it (KIP-279); -1 for one not known here.
   * The log knows the epochs in which something was appended; the present one has begun without that.
   */
  endOffsetForEpoch(epoch: number): { readonly leaderEpoch: number; readonly endOffset: number } {
    const { log } = this;
    if (epoch === this.leaderEpoch) return { leaderEpoch: epoch, endOffset: log.logEndOffset };
    if (epoch > log.leaderEpoch && epoch < this.leaderEpoch) {
      return { leaderEpoch: log.leaderEpoch, endOffset: log.logEndOffset };
    }
    return log.endOffsetForEpoch(epoch);
  }

  /** The leader epoch of the record at `offset`, or of the one that would come there. */
  epochOf(offset: number): number {
    return offset >= this.log.logEndOffset ? this.leaderEpoch : this.log.epochOf(offset);
  }

  /**
   * Resolves once all that has been appended so far is visible. A producer that was answered before its records were
   * synced (acks=1 under `group`) and then asks where the log ends means to find them there.
   * @throws {StorageError}
   */
  async settled(): Promise<void> {
    if (this.#highWatermark < this.log.logEndOffset) await this.log.sync().then(this.#synced);
  }

  /**
   * Reads whole batches from the one that holds `offset`, up to what `isolation` lets a consumer see. Never waits for the disk.
   * @throws {OffsetOutOfRange | StorageError}
   */
  read(offset: number, options: {
    readonly maxBytes: number;
    readonly isReadCommitted: boolean;
    readonly atLeastOneBatch: boolean;
  }): LogRead | ColdRead {
    return this.log.tryRead(offset, {
      maxBytes: options.maxBytes,
      upToOffset: options.isReadCommitted ? this.lastStableOffset : this.#highWatermark,
      atLeastOneBatch: options.atLeastOneBatch,
    });
  }

  /**
   * Moves the log's start; -1 means the high watermark. Resolves to the new start once a restart will not undo it.
   * @throws {ProtocolError} OFFSET_OUT_OF_RANGE
   * @throws {StorageError}
   */
  async deleteRecordsBefore(offset: number): Promise<number> {
    await this.settled();
    const target = offset === -1 ? this.#highWatermark : offset;
    if (target < 0 || target > this.#highWatermark) {
      throw new ProtocolError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `Cannot delete records of ${this.topic}-${this.index} before ${target}: the high watermark is ${this.#highWatermark}`,
      );
    }
    await this.log.deleteRecordsBefore(target);
    return this.log.logStartOffset;
  }

  subscribe(waiter: PartitionWaiter): void {
    this.#waiters.add(waiter);
  }

  unsubscribe(waiter: PartitionWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** The partition is gone: those who wait look again and find it so. */
  markRemoved(): void {
    this.#isRemoved = true;
    for (const waiter of [...this.#waiters]) waiter.ended();
  }

  /** After a change of policy, what was held back by the old one shows. */
  setFlushPolicy(policy: FlushPolicy): void {
    this.flushPolicy = policy;
    if (policy !== "group") this.#advance(this.log.logEndOffset);
    else this.log.sync().then(this.#synced).catch(() => {});
  }

  readonly #synced = (): void => this.#advance(this.log.syncedOffset);

  #advance(offset: number): void {
    if (offset <= this.#highWatermark) return;
    this.#highWatermark = offset;
    let shownCount = 0;
    let addedBytes = 0;
    while (shownCount < this.#hiddenEnds.length && this.#hiddenEnds[shownCount]! <= offset) {
      addedBytes += this.#hiddenSizes[shownCount++]!;
    }
    this.#hiddenEnds.splice(0, shownCount);
    this.#hiddenSizes.splice(0, shownCount);
    if (this.#waiters.size === 0) return;
    for (const waiter of [...this.#waiters]) waiter.advanced(addedBytes);
  }
}
