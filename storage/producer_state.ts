/**
 * All idempotent producers of a partition, and its open transactions.
 *
 * (1) The state at offset X is what a replay of every batch below X gives; a snapshot at or below X plus the batches
 *     between is the same thing, and cheaper. Nothing else may change it but `expire`.
 * (2) A batch is checked before it is written and noted after: a failed write leaves no trace here, but for one: where it
 *     was a producer's first, those that the producer sent after it may not take its place.
 * (3) A transaction is open from its first batch to its marker. Readers of committed records stop at the first open one,
 *     and at one whose marker is not yet below the high watermark: until then the marker can still be lost.
 */
import { type BatchView } from "../protocol/batch.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type ControlMarker, decodeControlMarker, decodeRecords, type RecordView } from "../protocol/record.ts";
import { type AbortedTransaction } from "./aborted_transactions.ts";
import { type KnownBatch, ProducerEntry, type ProducerStateEntry } from "./producer_entry.ts";

export type AppendOrigin = "client" | "coordinator";

/** By what rules the producer of a batch is checked. */
export interface ProducerCheck {
  readonly origin: AppendOrigin;
  /** Of a marker: 2 when its epoch is one of its own (KIP-890). */
  readonly transactionVersion?: number | undefined;
  /** Of a client's batch: one of whom nothing is known must begin at sequence 0, as each epoch of KIP-890 does. */
  readonly startsAtZero?: boolean | undefined;
}

/** The producers of a log, to be looked at. */
export interface KnownProducers extends Iterable<ProducerStateEntry> {
  find(producerId: number): ProducerStateEntry | undefined;
  /** A batch was refused for now, before it came to the log: those behind it may not take its place. */
  missed(batch: BatchView): void;
}

/** The marker of a control batch with the time in its record; null for an empty batch, as a cleaner may leave. */
interface Marker extends ControlMarker {
  readonly timestampMs: number;
}

/** The verdict on a batch. */
export type ProducerVerdict =
  | { readonly kind: "fine" }
  | { readonly kind: "duplicate"; readonly batch: KnownBatch }
  | { readonly kind: "refused"; readonly errorCode: number };

const FINE: ProducerVerdict = { kind: "fine" };

interface FinishedTransaction {
  readonly firstOffset: number;
  /** Of the marker. */
  readonly lastOffset: number;
}

export class ProducerState implements KnownProducers {
  readonly #producers = new Map<number, ProducerEntry>();
  /** First offset → producer, ascending: a transaction begins where the log ends. */
  readonly #openTransactions = new Map<number, number>();
  #finishedTransactions: FinishedTransaction[] = [];

  get count(): number {
    return this.#producers.size;
  }

  entries(): Iterable<ProducerStateEntry> {
    return this.#producers.values();
  }

  [Symbol.iterator](): Iterator<ProducerStateEntry> {
    return this.#producers.values();
  }

  find(producerId: number): ProducerStateEntry | undefined {
    return this.#producers.get(producerId);
  }

  /** Producers from a snapshot. */
  load(entries: readonly ProducerStateEntry[]): void {
    this.#producers.clear();
    this.#openTransactions.clear();
    this.#finishedTransactions = [];
    const open: ProducerStateEntry[] = [];
    for (const entry of entries) {
      this.#producers.set(entry.producerId, ProducerEntry.of(entry));
      if (entry.currentTransactionFirstOffset >= 0) open.push(entry);
    }
    open.sort((one, other) => one.currentTransactionFirstOffset - other.currentTransactionFirstOffset);
    for (const entry of open) this.#openTransactions.set(entry.currentTransactionFirstOffset, entry.producerId);
  }

  /** Of the producers here, takes over the batches that `other` remembers too. */
  recall(other: ProducerState): void {
    for (const entry of this.#producers.values()) {
      const known = other.#producers.get(entry.producerId);
      if (known !== undefined) entry.recall(known);
    }
  }

  /** Looks whether a batch of a known producer may be written. `staged`: producers changed by earlier batches of the same append. */
  // hot: per batch
  check(batch: BatchView, by: ProducerCheck, staged: Map<number, ProducerEntry> | null): ProducerVerdict {
    const producerId = batch.producerId;
    const entry = staged?.get(producerId) ?? this.#producers.get(producerId);
    if (entry === undefined) {
      return by.startsAtZero === true && batch.baseSequence !== 0
        ? { kind: "refused", errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER }
        : FINE;
    }
    if (batch.isControl) return verdictOf(this.#checkMarker(entry, batch, by.transactionVersion ?? 0));
    if (by.origin === "client") {
      const known = entry.duplicateOf(batch);
      if (known !== null) return { kind: "duplicate", batch: known };
    }
    return verdictOf(entry.check(batch, by.origin === "client"));
  }

  /** The batch could not be written. Only it may be its producer's first, when it comes again (2). */
  missed(batch: BatchView): void {
    if (batch.isControl || batch.baseSequence !== 0 || this.#producers.has(batch.producerId)) return;
    this.#producers.set(batch.producerId, ProducerEntry.expecting(batch));
  }

  /** Notes in `staged` what `apply` will note here, so that the next batch of the same append is checked against it. */
  stage(batch: BatchView, staged: Map<number, ProducerEntry>): void {
    const producerId = batch.producerId;
    const entry = staged.get(producerId) ?? this.#producers.get(producerId)?.clone() ?? new ProducerEntry(producerId);
    staged.set(producerId, entry);
    if (!batch.isControl) return entry.addBatch(batch);
    const marker = markerOf(batch);
    if (marker !== null) entry.addMarker(batch.producerEpoch, marker.coordinatorEpoch, marker.timestampMs);
  }

  /**
   * Notes a batch that is in the log, its base offset stamped. Returns the transaction it aborted, for the index, or null.
   * `nowMs` is -1 in a replay.
   */
  // hot: per batch
  apply(batch: BatchView, nowMs: number): AbortedTransaction | null {
    const producerId = batch.producerId;
    let entry = this.#producers.get(producerId);
    if (batch.isControl) return this.#applyMarker(entry ?? null, batch, nowMs);
    if (entry === undefined) {
      entry = new ProducerEntry(producerId);
      this.#producers.set(producerId, entry);
    }
    const wasOpen = entry.currentTransactionFirstOffset >= 0;
    entry.addBatch(batch);
    entry.lastSeenMs = nowMs;
    if (!wasOpen && batch.isTransactional) this.#openTransactions.set(batch.baseOffset, producerId);
    return null;
  }

  /** Offset of the first transaction that has not ended, null when none is open. */
  get firstOpenOffset(): number | null {
    for (const offset of this.#openTransactions.keys()) return offset;
    return null;
  }

  /** The same, counting transactions whose marker is at or above `highWatermark` as open (3). */
  firstUnstableOffset(highWatermark: number): number | null {
    let first = this.firstOpenOffset;
    if (this.#finishedTransactions.length > 0) {
      this.#finishedTransactions = this.#finishedTransactions.filter(({ lastOffset }) => lastOffset >= highWatermark);
      for (const { firstOffset } of this.#finishedTransactions) {
        if (first === null || firstOffset < first) first = firstOffset;
      }
    }
    return first;
  }

  /** Forgets producers not heard of for `expirationMs`, unless a transaction of theirs is open. Returns how many. */
  expire(nowMs: number, expirationMs: number): number {
    let count = 0;
    for (const entry of this.#producers.values()) {
      if (entry.currentTransactionFirstOffset >= 0) continue;
      if (nowMs - Math.max(entry.lastTimestampMs, entry.lastSeenMs) < expirationMs) continue;
      this.#producers.delete(entry.producerId);
      count++;
    }
    return count;
  }

  #checkMarker(entry: ProducerEntry, batch: BatchView, transactionVersion: number): number {
    const marker = markerOf(batch);
    if (marker === null) return ErrorCode.NONE;
    return entry.checkMarker(batch.producerEpoch, marker.coordinatorEpoch, transactionVersion);
  }

  #applyMarker(known: ProducerEntry | null, batch: BatchView, nowMs: number): AbortedTransaction | null {
    const marker = markerOf(batch);
    if (marker === null) return null;
    const producerId = batch.producerId;
    const entry = known ?? new ProducerEntry(producerId);
    if (known === null) this.#producers.set(producerId, entry);
    const firstOffset = entry.currentTransactionFirstOffset;
    entry.addMarker(batch.producerEpoch, marker.coordinatorEpoch, marker.timestampMs);
    entry.lastSeenMs = nowMs;
    if (firstOffset < 0) return null; // A transaction without records here.
    const lastOffset = batch.baseOffset;
    this.#openTransactions.delete(firstOffset);
    if (nowMs >= 0) this.#finishedTransactions.push({ firstOffset, lastOffset });
    if (marker.kind !== "abort") return null;
    return { producerId, firstOffset, lastOffset, lastStableOffset: this.firstOpenOffset ?? lastOffset + 1 };
  }
}

function verdictOf(errorCode: number): ProducerVerdict {
  return errorCode === ErrorCode.NONE ? FINE : { kind: "refused", errorCode };
}

function markerOf(batch: BatchView): Marker | null {
  const first = decodeRecords(batch).next();
  if (first.done === true) return null;
  const record: RecordView = first.value;
  const { kind, coordinatorEpoch } = decodeControlMarker(record);
  return kind === "other" ? null : { kind, coordinatorEpoch, timestampMs: record.timestamp };
}
