/**
 * What the cleaner knows of transactions while it passes over a log: which batches were aborted, so that their records go, and
 * which markers nobody needs any more.
 *
 * (1) A batch belongs to an aborted transaction when the index says so: one of its producer has begun and its abort marker has
 *     not been passed.
 * (2) A marker stays as long as a batch of its transaction does: without the marker, an aborted record would look committed,
 *     and a committed one would look open.
 * (3) An abort marker that stays has its transaction noted for the new segment's index.
 */
import { type BatchView } from "../protocol/batch.ts";
import { decodeControlMarker, decodeRecords } from "../protocol/record.ts";
import { type AbortedTransaction } from "./aborted_transactions.ts";

interface PassedTransaction {
  readonly transaction: AbortedTransaction;
  hasBatches: boolean;
}

export class CleanerTransactions {
  /** Called with aborted transactions whose markers stay (3), in the order of the markers. */
  markerKept: ((transaction: AbortedTransaction) => void) | null = null;
  /** Not begun yet, by their first offset, the first last. */
  #ahead: AbortedTransaction[] = [];
  readonly #aborting = new Map<number, PassedTransaction>();
  /** Producers with a batch, since their last marker, that was not aborted. */
  readonly #committing = new Set<number>();

  /** Aborted transactions of what is passed next. May come more than once. */
  expect(transactions: readonly AbortedTransaction[]): void {
    if (transactions.length === 0) return;
    this.#ahead = [...this.#ahead, ...transactions].sort((one, other) => other.firstOffset - one.firstOffset);
  }

  /** Passes a batch of records; returns whether it was aborted, so that its records go. */
  passBatch(batch: BatchView): boolean {
    this.#beginUpTo(batch.lastOffset);
    if (!batch.isTransactional) return false;
    const aborting = this.#aborting.get(batch.producerId);
    if (aborting === undefined) {
      this.#committing.add(batch.producerId);
      return false;
    }
    aborting.hasBatches = true;
    return true;
  }

  /** Passes a marker; returns whether it is of no use any more (2). */
  passMarker(batch: BatchView): boolean {
    this.#beginUpTo(batch.lastOffset);
    const first = decodeRecords(batch).next();
    if (first.done === true) return true; // Emptied by an earlier cleaning.
    const { kind } = decodeControlMarker(first.value);
    const { producerId } = batch;
    if (kind === "commit") return !this.#committing.delete(producerId);
    if (kind !== "abort") return false;
    const aborted = this.#aborting.get(producerId);
    this.#aborting.delete(producerId);
    if (aborted === undefined || !aborted.hasBatches) return true;
    this.markerKept?.(aborted.transaction); // (3)
    return false;
  }

  #beginUpTo(offset: number): void {
    for (let next = this.#ahead.at(-1); next !== undefined && next.firstOffset <= offset; next = this.#ahead.at(-1)) {
      this.#ahead.pop();
      if (!this.#aborting.has(next.producerId)) {
        this.#aborting.set(next.producerId, { transaction: next, hasBatches: false });
      }
    }
  }
}
