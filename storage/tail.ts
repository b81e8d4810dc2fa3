/**
 * The last batches of a log, in memory. Consumers that keep up are served from here, without a system call.
 *
 *   pieces:  [ slab: small batches copied one after the other ][ a large batch as it arrived ][ slab … ]
 *
 * (1) The pieces are the end of the log without a gap: the last one ends at the log's end, and each starts at the offset
 *     after the one before it.
 * (2) Bytes that were given to a reader never change: a slab is only written past what it holds.
 * (3) A tail keeps at most `tailBytesMax`, all tails together at most the budget; who has not been appended to for longest
 *     gives first. Dropped pieces live on while a reader has a view of them: they are ordinary memory.
 * (4) A batch that would keep a much larger buffer alive (its neighbours in a received chunk) is copied out of it.
 */
import { emptyRead, type LogRead, MemoryRead, type ReadLimits, walkTo, walkWithin } from "./log_read.ts";
import { assert } from "./errors.ts";

export const TAIL_BYTES_MAX = 8 * 1024 * 1024;
export const TAILS_BYTES_MAX = 64 * 1024 * 1024;

/** Batches up to this size are gathered in slabs. */
const SLABBED_BYTES_MAX = 4 * 1024;
const SLAB_BYTES_MIN = 4 * 1024;
const SLAB_BYTES_MAX = 32 * 1024;
/** A buffer may be so many times as large as the batch it is kept for. */
const RETAINED_FACTOR = 2;

interface Piece {
  readonly bytes: Uint8Array;
  usedBytes: number;
  readonly firstOffset: number;
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
  // Pieces before `#head` are dropped.
  #pieces: Piece[] = [];
  #head = 0;
  #heldBytes = 0;
  #nextOffset = -1;

  constructor(budget: TailBudget) {
    this.#budget = budget;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Keeps bytes that are now in the log, from `firstOffset` to before `nextOffset`. The caller gives them up. */
  // hot: per batch
  append(bytes: Uint8Array, firstOffset: number, nextOffset: number): void {
    assert(this.#nextOffset === firstOffset || this.#isEmpty(), "a tail has no gap (1)");
    this.#nextOffset = nextOffset;
    let grownBytes = 0;
    if (bytes.length <= SLABBED_BYTES_MAX) {
      grownBytes = this.#appendToSlab(bytes, firstOffset);
    } else {
      const isWasteful = bytes.buffer.byteLength > bytes.length * RETAINED_FACTOR;
      const kept = isWasteful ? bytes.slice() : bytes; // (4)
      this.#pieces.push({ bytes: kept, usedBytes: kept.length, firstOffset });
      grownBytes = kept.length;
    }
    this.#heldBytes += grownBytes;
    while (this.#heldBytes > this.#budget.tailBytesMax) {
      grownBytes -= this.dropOldest();
    }
    this.#budget.grew(this, grownBytes);
  }

  /** Batches from the one that holds `offset` on; null when that is not here. `offset` is below the log's end. */
  // hot: per read
  read(offset: number, limits: ReadLimits): LogRead | null {
    if (this.#isEmpty() || offset < this.#pieces[this.#head]!.firstOffset) return null;
    let index = this.#pieceOf(offset);
    let piece = this.#pieces[index]!;
    let from = walkTo(piece.bytes, 0, piece.usedBytes, offset).end;
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    let nextOffset = offset;
    for (;;) {
      const walk = walkWithin(piece.bytes, from, piece.usedBytes, limits, sizeBytes);
      if (walk.end > from) {
        chunks.push(piece.bytes.subarray(from, walk.end));
        sizeBytes += walk.end - from;
        nextOffset = walk.nextOffset;
      }
      if (walk.end < piece.usedBytes || ++index === this.#pieces.length) break;
      piece = this.#pieces[index]!;
      from = 0;
    }
    return sizeBytes === 0 ? emptyRead(offset) : new MemoryRead(chunks, sizeBytes, nextOffset);
  }

  /** Drops the oldest piece; returns the bytes it took. For `TailBudget`. */
  dropOldest(): number {
    if (this.#isEmpty()) return 0;
    const freed = this.#pieces[this.#head]!.bytes.length;
    this.#pieces[this.#head] = DROPPED;
    this.#head++;
    this.#heldBytes -= freed;
    if (this.#head === this.#pieces.length) {
      this.#pieces = [];
      this.#head = 0;
    } else if (this.#head >= 64 && this.#head * 2 >= this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#head);
      this.#head = 0;
    }
    return freed;
  }

  /** Drops everything: the log was cut, or is closing. */
  clear(): void {
    this.#budget.left(this, this.#heldBytes);
    this.#pieces = [];
    this.#head = 0;
    this.#heldBytes = 0;
  }

  #isEmpty(): boolean {
    return this.#head === this.#pieces.length;
  }

  /** Adds to the last slab, or to a new one. Returns how much more is held. */
  #appendToSlab(bytes: Uint8Array, firstOffset: number): number {
    const last = this.#pieces.length > this.#head ? this.#pieces[this.#pieces.length - 1]! : null;
    if (last !== null && last.bytes.length - last.usedBytes >= bytes.length) {
      last.bytes.set(bytes, last.usedBytes);
      last.usedBytes += bytes.length;
      return 0;
    }
    // The more a log holds, the larger its next slab: an idle one should cost little.
    const wantedBytes = Math.max(SLAB_BYTES_MIN, this.#heldBytes, bytes.length);
    const slab = new Uint8Array(Math.min(wantedBytes, SLAB_BYTES_MAX));
    slab.set(bytes);
    this.#pieces.push({ bytes: slab, usedBytes: bytes.length, firstOffset });
    return slab.length;
  }

  /** Index of the piece that holds `offset`. */
  #pieceOf(offset: number): number {
    let low = this.#head;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#pieces[middle]!.firstOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const DROPPED: Piece = { bytes: new Uint8Array(0), usedBytes: 0, firstOffset: -1 };
