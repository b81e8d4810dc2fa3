/**
 * What a partition remembers of one idempotent producer: its epoch, its last five batches, its open transaction.
 *
 * Five, because a producer has at most five requests under way: any of them may come again when an answer was lost, and
 * must then be answered as the first time, not written twice.
 */
import { addToSequence, type BatchView, NO_PRODUCER_EPOCH, NO_SEQUENCE } from "../protocol/batch.ts";
import { ErrorCode } from "../protocol/errors.ts";

export const BATCHES_KEPT = 5;
const NO_OFFSET = -1;
const NO_COORDINATOR_EPOCH = -1;
const EPOCH_MAX = 0x7fff;
/** Numbers per batch in `#batches`: last sequence, last offset, offset delta, timestamp. */
const WIDTH = 4;

/** A batch that was written before, as its first answer said. */
export interface KnownBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly timestampMs: number;
}

/** One producer, for display and for the snapshot. */
export interface ProducerStateEntry {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  readonly lastTimestampMs: number;
  readonly coordinatorEpoch: number;
  /** -1 when no transaction is open. */
  readonly currentTransactionFirstOffset: number;
}

export class ProducerEntry implements ProducerStateEntry {
  readonly producerId: number;
  producerEpoch = NO_PRODUCER_EPOCH;
  lastTimestampMs = -1;
  /** When this process last saw the producer, by the wall clock. Records with old timestamps must not age their producer. */
  lastSeenMs = -1;
  coordinatorEpoch = NO_COORDINATOR_EPOCH;
  currentTransactionFirstOffset = NO_OFFSET;
  // A ring of the last batches; `#next` is where the next one goes.
  readonly #batches = new Float64Array(BATCHES_KEPT * WIDTH);
  #count = 0;
  #next = 0;

  constructor(producerId: number) {
    this.producerId = producerId;
  }

  static of(state: ProducerStateEntry): ProducerEntry {
    const entry = new ProducerEntry(state.producerId);
    entry.producerEpoch = state.producerEpoch;
    entry.coordinatorEpoch = state.coordinatorEpoch;
    entry.currentTransactionFirstOffset = state.currentTransactionFirstOffset;
    if (state.lastOffset >= 0) {
      entry.#addBatch(state.lastSequence, state.lastOffset, state.offsetDelta, state.lastTimestampMs);
    }
    entry.lastTimestampMs = state.lastTimestampMs;
    return entry;
  }

  /** One of whom nothing is written, and who starts with `batch`. */
  static expecting(batch: BatchView): ProducerEntry {
    const entry = new ProducerEntry(batch.producerId);
    entry.producerEpoch = batch.producerEpoch;
    entry.lastTimestampMs = batch.maxTimestamp;
    return entry;
  }

  clone(): ProducerEntry {
    const copy = new ProducerEntry(this.producerId);
    copy.producerEpoch = this.producerEpoch;
    copy.lastTimestampMs = this.lastTimestampMs;
    copy.lastSeenMs = this.lastSeenMs;
    copy.coordinatorEpoch = this.coordinatorEpoch;
    copy.currentTransactionFirstOffset = this.currentTransactionFirstOffset;
    copy.#batches.set(this.#batches);
    copy.#count = this.#count;
    copy.#next = this.#next;
    return copy;
  }

  /** Takes over the batches that `other` remembers, when both end with the same one: a snapshot has only the last. */
  recall(other: ProducerEntry): void {
    if (other.producerEpoch !== this.producerEpoch || other.lastOffset !== this.lastOffset) return;
    this.#batches.set(other.#batches);
    this.#count = other.#count;
    this.#next = other.#next;
  }

  get lastSequence(): number {
    return this.#count === 0 ? NO_SEQUENCE : this.#batches[this.#lastAt()]!;
  }

  get lastOffset(): number {
    return this.#count === 0 ? NO_OFFSET : this.#batches[this.#lastAt() + 1]!;
  }

  get offsetDelta(): number {
    return this.#count === 0 ? 0 : this.#batches[this.#lastAt() + 2]!;
  }

  /** The same batch written before, null when it is new. */
  // hot: per batch
  duplicateOf(batch: BatchView): KnownBatch | null {
    if (batch.producerEpoch !== this.producerEpoch) return null;
    const lastSequence = batch.lastSequence;
    for (let slot = 0; slot < this.#count; slot++) {
      const at = slot * WIDTH;
      if (this.#batches[at] !== lastSequence) continue;
      const offsetDelta = this.#batches[at + 2]!;
      if (addToSequence(lastSequence, -offsetDelta) !== batch.baseSequence) continue;
      const lastOffset = this.#batches[at + 1]!;
      return { firstOffset: lastOffset - offsetDelta, lastOffset, timestampMs: this.#batches[at + 3]! };
    }
    return null;
  }

  /** The error code a client's or coordinator's data batch is refused with, 0 when it may be written. */
  // hot: per batch
  check(batch: BatchView, isFromClient: boolean): number {
    const epoch = batch.producerEpoch;
    if (epoch < this.producerEpoch) return ErrorCode.INVALID_PRODUCER_EPOCH;
    if (isFromClient && this.producerEpoch !== NO_PRODUCER_EPOCH) {
      const sequence = batch.baseSequence;
      // A new epoch starts at 0. Where nothing is remembered of a producer (its records are gone, say) any start is right.
      const isNext = epoch !== this.producerEpoch ? sequence === 0 : isNextSequence(this.lastSequence, sequence);
      if (!isNext) return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    // What is not part of it may not come in the middle of a transaction.
    if (this.currentTransactionFirstOffset !== NO_OFFSET && epoch === this.producerEpoch && !batch.isTransactional) {
      return ErrorCode.INVALID_TXN_STATE;
    }
    return ErrorCode.NONE;
  }

  /**
   * The same for the marker that ends a transaction. By KIP-890 (`transactionVersion` 2) its epoch is the one after that of the
   * transaction's records: one with their epoch is late, and would end the next transaction (KIP-1228). With none open it is
   * one that comes again. The highest epoch has none after it.
   */
  checkMarker(producerEpoch: number, coordinatorEpoch: number, transactionVersion: number): number {
    const isLate = transactionVersion >= 2 && producerEpoch === this.producerEpoch && producerEpoch < EPOCH_MAX &&
      this.currentTransactionFirstOffset !== NO_OFFSET;
    if (producerEpoch < this.producerEpoch || isLate) return ErrorCode.INVALID_PRODUCER_EPOCH;
    if (coordinatorEpoch < this.coordinatorEpoch) return ErrorCode.TRANSACTION_COORDINATOR_FENCED;
    return ErrorCode.NONE;
  }

  // hot: per batch
  addBatch(batch: BatchView): void {
    this.#setEpoch(batch.producerEpoch);
    const timestampMs = batch.maxTimestamp;
    this.#addBatch(batch.lastSequence, batch.lastOffset, batch.lastOffsetDelta, timestampMs);
    this.lastTimestampMs = timestampMs;
    if (batch.isTransactional && this.currentTransactionFirstOffset === NO_OFFSET) {
      this.currentTransactionFirstOffset = batch.baseOffset;
    }
  }

  addMarker(producerEpoch: number, coordinatorEpoch: number, timestampMs: number): void {
    this.#setEpoch(producerEpoch);
    this.coordinatorEpoch = coordinatorEpoch;
    this.lastTimestampMs = timestampMs;
    this.currentTransactionFirstOffset = NO_OFFSET;
  }

  #setEpoch(producerEpoch: number): void {
    if (producerEpoch === this.producerEpoch) return;
    this.producerEpoch = producerEpoch;
    this.#count = 0;
    this.#next = 0;
  }

  #addBatch(lastSequence: number, lastOffset: number, offsetDelta: number, timestampMs: number): void {
    const at = this.#next * WIDTH;
    this.#batches[at] = lastSequence;
    this.#batches[at + 1] = lastOffset;
    this.#batches[at + 2] = offsetDelta;
    this.#batches[at + 3] = timestampMs;
    this.#next = (this.#next + 1) % BATCHES_KEPT;
    if (this.#count < BATCHES_KEPT) this.#count++;
  }

  #lastAt(): number {
    return ((this.#next + BATCHES_KEPT - 1) % BATCHES_KEPT) * WIDTH;
  }
}

/** 2^31 - 1 is followed by 0. After an epoch without batches, 0 is the first. */
function isNextSequence(lastSequence: number, sequence: number): boolean {
  return sequence === lastSequence + 1 || (sequence === 0 && lastSequence === 0x7fffffff);
}
