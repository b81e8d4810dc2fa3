/**
 * The last batches of a log, in memory. Consumers that keep up are served from here, without a system call.
 *
 *   slabs:  [ batch batch batch batch ][ batch batch batch ][ batch …      ]
 *
 * (1) The slabs are the end of the log without a gap: the last one ends at the log's end, and each starts at the offset
 *     after the one before it.
 * (2) Bytes that were given to a reader do not change until its `release`: a slab is only written past what it holds, and
 *     goes back to the pool once it was dropped and its last reader has gone.
 * (3) A tail keeps at most `tailBytesMax`, all tails together at most the budget; who has not been appended to for longest
 *     gives first.
 * (4) Only a log that is read at its end has a tail: from the first append after such a read until `tailBytesMax` were
 *     appended without another.
 *
 * Batches are copied: the buffers they came in are the network's, and to keep those would need fresh memory for what
 * arrives next, page faults and all.
 */
import { type BufferPool } from "./buffer_pool.ts";
import { assert } from "./errors.ts";
import { emptyRead, type LogRead, OwnedRead, type ReadLimits, walkTo, walkWithin } from "./log_read.ts";

export const TAIL_BYTES_MAX = 8 * 1024 * 1024;
export const TAILS_BYTES_MAX = 64 * 1024 * 1024;

/** The more a log holds, the larger its next slab: one with little to tell should cost little. */
const SLAB_BYTES_MIN = 4 * 1024;
const SLAB_BYTES_MAX = 1024 * 1024;

interface Slab {
  readonly bytes: Uint8Array;
  usedBytes: number;
  readonly firstOffset: number;
  /** Where the last read ended: the batch with this offset starts at `hintAt`. The next read walks on from there. */
  hintOffset: number;
  hintAt: number;
  readerCount: number;
  isDropped: boolean;
}

/** What all tails together may hold. */
export class TailBudget {
  readonly tailBytesMax: number;
  readonly #totalMax: number;
  #totalBytes = 0;
  /** The one appended to longest ago first. */
  readonly #tails = new Set<Tail>();
  #latest: Tail | null = null;

  constructor(options: { readonly tailBytesMax?: number; readonly totalBytesMax?: number } = {}) {
    this.tailBytesMax = options.tailBytesMax ?? TAIL_BYTES_MAX;
    this.#totalMax = options.totalBytesMax ?? TAILS_BYTES_MAX;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** For `Tail`: it grew (or shrank) by `bytes`. */
  // hot: per batch
  grew(tail: Tail, bytes: number): void {
    this.#totalBytes += bytes;
    if (this.#latest !== tail) {
      this.#tails.delete(tail);
      this.#tails.add(tail);
      this.#latest = tail;
    }
    if (this.#totalBytes > this.#totalMax) this.#shrink();
  }

  /** For `Tail`: it dropped everything. */
  left(tail: Tail, bytes: number): void {
    this.#totalBytes -= bytes;
    this.#tails.delete(tail);
    if (this.#latest === tail) this.#latest = null;
  }

  #shrink(): void {
    for (const tail of this.#tails) {
      while (this.#totalBytes > this.#totalMax) {
        const freed = tail.dropOldest();
        if (freed === 0) break;
        this.#totalBytes -= freed;
      }
      if (this.#totalBytes <= this.#totalMax) return;
      this.#tails.delete(tail);
      if (this.#latest === tail) this.#latest = null;
    }
  }
}

export class Tail {
  readonly #budget: TailBudget;
  readonly #pool: BufferPool;
  // Slabs before `#head` are dropped.
  #slabs: Slab[] = [];
  #head = 0;
  #heldBytes = 0;
  #nextOffset = -1;
  /** How much is still kept without anybody reading it (4). */
  #wantedBytes = 0;

  constructor(budget: TailBudget, pool: BufferPool) {
    this.#budget = budget;
    this.#pool = pool;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Somebody reads at the log's end: what comes next is worth keeping (4). */
  // hot: per read
  want(): void {
    this.#wantedBytes = this.#budget.tailBytesMax;
  }

  /** Copies bytes that are now in the log, from `firstOffset` to before `nextOffset`, if anybody wants them. */
  // hot: per batch
  append(bytes: Uint8Array, firstOffset: number, nextOffset: number): void {
    if (this.#wantedBytes <= 0) {
      if (this.#heldBytes > 0) this.clear();
      return;
    }
    assert(this.#nextOffset === firstOffset || this.#isEmpty(), "a tail has no gap (1)");
    this.#wantedBytes -= bytes.length;
    this.#nextOffset = nextOffset;
    let grownBytes = 0;
    let slab = this.#isEmpty() ? null : this.#slabs[this.#slabs.length - 1]!;
    if (slab === null || slab.bytes.length - slab.usedBytes < bytes.length) {
      slab = this.#takeSlab(bytes.length, firstOffset);
      grownBytes = slab.bytes.length;
    }
    slab.bytes.set(bytes, slab.usedBytes);
    slab.usedBytes += bytes.length;
    this.#heldBytes += grownBytes;
    while (this.#heldBytes > this.#budget.tailBytesMax && this.#slabs.length - this.#head > 1) {
      grownBytes -= this.dropOldest();
    }
    this.#budget.grew(this, grownBytes);
  }

  /** Batches from the one that holds `offset` on; null when that is not here. `offset` is below the log's end. */
  // hot: per read
  read(offset: number, limits: ReadLimits): LogRead | null {
    if (this.#isEmpty() || offset < this.#slabs[this.#head]!.firstOffset) return null;
    this.want();
    let index = this.#slabOf(offset);
    let slab = this.#slabs[index]!;
    let from = walkTo(slab.bytes, offset >= slab.hintOffset ? slab.hintAt : 0, slab.usedBytes, offset).end;
    const chunks: Uint8Array[] = [];
    const read: Slab[] = [];
    let sizeBytes = 0;
    let nextOffset = offset;
    for (;;) {
      const walk = walkWithin(slab.bytes, from, slab.usedBytes, limits, sizeBytes);
      if (walk.end > from) {
        chunks.push(slab.bytes.subarray(from, walk.end));
        slab.readerCount++;
        read.push(slab);
        sizeBytes += walk.end - from;
        nextOffset = walk.nextOffset;
        slab.hintOffset = nextOffset;
        slab.hintAt = walk.end;
      }
      if (walk.end < slab.usedBytes || ++index === this.#slabs.length) break;
      slab = this.#slabs[index]!;
      from = 0;
    }
    if (sizeBytes === 0) return emptyRead(offset);
    return new OwnedRead(chunks, sizeBytes, nextOffset, () => {
      for (const slab of read) {
        slab.readerCount--;
        this.#giveBack(slab);
      }
    });
  }

  /** Drops the oldest slab; returns the bytes it took. For `TailBudget`. */
  dropOldest(): number {
    if (this.#isEmpty()) return 0;
    const slab = this.#slabs[this.#head]!;
    this.#slabs[this.#head] = DROPPED;
    this.#head++;
    this.#heldBytes -= slab.bytes.length;
    slab.isDropped = true;
    this.#giveBack(slab);
    if (this.#head === this.#slabs.length) {
      this.#slabs = [];
      this.#head = 0;
    } else if (this.#head >= 64 && this.#head * 2 >= this.#slabs.length) {
      this.#slabs = this.#slabs.slice(this.#head);
      this.#head = 0;
    }
    return slab.bytes.length;
  }

  /** Drops what holds batches before `offset`: a cleaner has thinned them out on the disk, and with them what is known of aborts. */
  forgetBefore(offset: number): void {
    if (this.#isEmpty() || this.#slabs[this.#head]!.firstOffset >= offset) return;
    if (this.#slabs.at(-1)!.firstOffset < offset) return this.clear();
    let freedBytes = 0;
    while (this.#slabs[this.#head]!.firstOffset < offset) freedBytes += this.dropOldest();
    this.#budget.grew(this, -freedBytes);
  }

  /** Drops everything: nobody reads it, the log was cut, or it is closing. */
  clear(): void {
    this.#budget.left(this, this.#heldBytes);
    while (!this.#isEmpty()) this.dropOldest();
  }

  #isEmpty(): boolean {
    return this.#head === this.#slabs.length;
  }

  #takeSlab(sizeBytes: number, firstOffset: number): Slab {
    const wantedBytes = Math.min(Math.max(SLAB_BYTES_MIN, this.#heldBytes), SLAB_BYTES_MAX);
    const bytes = this.#pool.take(Math.max(wantedBytes, sizeBytes));
    const slab: Slab = {
      bytes,
      usedBytes: 0,
      firstOffset,
      hintOffset: firstOffset,
      hintAt: 0,
      readerCount: 0,
      isDropped: false,
    };
    this.#slabs.push(slab);
    return slab;
  }

  #giveBack(slab: Slab): void {
    if (slab.isDropped && slab.readerCount === 0) this.#pool.give(slab.bytes); // (2)
  }

  /** Index of the slab that holds `offset`. */
  #slabOf(offset: number): number {
    let low = this.#head;
    let high = this.#slabs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#slabs[middle]!.firstOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const DROPPED: Slab = {
  bytes: new Uint8Array(0),
  usedBytes: 0,
  firstOffset: -1,
  hintOffset: -1,
  hintAt: 0,
  readerCount: 0,
  isDropped: true,
};
