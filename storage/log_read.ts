/** What a read gives: whole batches as views, and the duty to say when they are done with. */
import { BATCH_HEADER_BYTES, LOG_OVERHEAD_BYTES, MAGIC, readInt32, readInt64 } from "../protocol/batch.ts";

export interface ReadLimits {
  /** Batches are added while they fit in this. */
  readonly maxBytes: number;
  /** Only batches that end below this offset. */
  readonly upToOffset: number;
  /** The first batch may exceed `maxBytes`: a reader must be able to get past a batch of any size. */
  readonly atLeastOneBatch: boolean;
}

/** The reader calls `release` once when it has sent the chunks (or dropped them), and does not look at them after that. */
export interface LogRead {
  readonly chunks: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** Where to read on: the offset after the last batch; the offset asked for when there is none. */
  readonly nextOffset: number;
  /** Memory of the process's own that stays taken until `release`; 0 when it is the page cache or a log's tail. */
  readonly heldBytes: number;
  release(): void;
}

export function emptyRead(offset: number): LogRead {
  return { chunks: [], sizeBytes: 0, nextOffset: offset, heldBytes: 0, release: () => {} };
}

/** A view of something that ends: `end` is called at the first `release`, and only then. */
export class OwnedRead implements LogRead {
  #end: (() => void) | null;
  constructor(
    readonly chunks: readonly Uint8Array[],
    readonly sizeBytes: number,
    readonly nextOffset: number,
    end: () => void,
    readonly heldBytes: number = 0,
  ) {
    this.#end = end;
  }
  release(): void {
    const end = this.#end;
    this.#end = null;
    end?.();
  }
}

const NOT_A_BATCH = -1;

/** Size of the batch whose header starts at `at`, of which at least `BATCH_HEADER_BYTES` are there; -1 when it is none. */
// hot: per batch
export function batchSizeAt(bytes: Uint8Array, at: number): number {
  const sizeBytes = LOG_OVERHEAD_BYTES + readInt32(bytes, at + 8);
  return sizeBytes < BATCH_HEADER_BYTES || bytes[at + 16] !== MAGIC ? NOT_A_BATCH : sizeBytes;
}

// hot: per batch
export function lastOffsetAt(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at) + readInt32(bytes, at + 23);
}

/** Where a walk over batches ended, and why. */
export interface Walk {
  /** The first byte not passed. */
  end: number;
  /** The offset after the last batch passed, or -1. */
  nextOffset: number;
  /** The walk met bytes that are no batch. */
  isBroken: boolean;
}

/**
 * Passes the batches in `bytes[at, end)` that end before `offset`; stops at the first that does not, or where the bytes
 * end. May end past `end`, when the last batch passed does.
 */
// hot: per read
export function walkTo(bytes: Uint8Array, at: number, end: number, offset: number): Walk {
  const walk: Walk = { end: at, nextOffset: -1, isBroken: false };
  while (walk.end + BATCH_HEADER_BYTES <= end) {
    const sizeBytes = batchSizeAt(bytes, walk.end);
    if (sizeBytes < 0) {
      walk.isBroken = true;
      return walk;
    }
    const lastOffset = lastOffsetAt(bytes, walk.end);
    if (lastOffset >= offset) return walk;
    walk.end += sizeBytes;
    walk.nextOffset = lastOffset + 1;
  }
  return walk;
}

/** Passes whole batches from `at` within `end`, the limits, and `spentBytes` already taken elsewhere. */
// hot: per read
export function walkWithin(
  bytes: Uint8Array,
  at: number,
  end: number,
  limits: ReadLimits,
  spentBytes: number,
): Walk {
  const walk: Walk = { end: at, nextOffset: -1, isBroken: false };
  while (walk.end + BATCH_HEADER_BYTES <= end) {
    const sizeBytes = batchSizeAt(bytes, walk.end);
    if (sizeBytes < 0) {
      walk.isBroken = true;
      return walk;
    }
    const lastOffset = lastOffsetAt(bytes, walk.end);
    const taken = spentBytes + walk.end - at;
    if (lastOffset >= limits.upToOffset || walk.end + sizeBytes > end) return walk;
    if (taken + sizeBytes > limits.maxBytes && !(taken === 0 && limits.atLeastOneBatch)) return walk;
    walk.end += sizeBytes;
    walk.nextOffset = lastOffset + 1;
  }
  return walk;
}
