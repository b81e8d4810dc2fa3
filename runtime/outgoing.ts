/**
 * What a socket has been given to send and has not yet handed to the kernel.
 *
 * Large chunks are sent as they are. Small ones that follow each other are copied into one buffer, so that a hundred
 * answers of 60 bytes cost one system call; the first bytes of a large chunk behind them come along. The queue holds
 * the callers' chunks and nothing else: a peer that never reads costs what the caller gave to `write`, no more.
 */

/** Chunks from this size are sent as they are; below it a copy is cheaper than a system call. */
export const CHUNK_BYTES_LARGE = 16 * 1024;
/** Size of the buffer in which small chunks are gathered. */
export const GATHER_BYTES = 64 * 1024;
/** Sent entries are forgotten in runs of this many, so that taking one from the front is cheap. */
const FORGET_COUNT = 1024;

type Sent = () => void;

export class OutgoingQueue {
  /** Bytes pushed and not yet taken. */
  pendingBytes = 0;
  #chunks: Uint8Array[] = [];
  /** Beside each chunk: who wants to know that it, and with it all before it, is gone. */
  #sents: (Sent | undefined)[] = [];
  #first = 0;
  /** Bytes of the first chunk that are already taken. */
  #offset = 0;

  readonly #isApart: (chunk: Uint8Array) => boolean;

  /** `isApart`: whether a large chunk is to be shown alone, none of it behind small ones. */
  constructor(isApart: (chunk: Uint8Array) => boolean = () => false) {
    this.#isApart = isApart;
  }

  get isEmpty(): boolean {
    return this.#first === this.#chunks.length;
  }

  // hot: per write
  push(chunks: readonly Uint8Array[], sent?: Sent): void {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#chunks.push(chunk);
      this.#sents.push(undefined);
      this.pendingBytes += chunk.length;
    }
    if (sent === undefined) return;
    const last = this.#chunks.length - 1;
    if (last >= this.#first && this.#sents[last] === undefined) {
      this.#sents[last] = sent;
    } else {
      // Nothing to wait for, or the last chunk already has a listener: an empty entry keeps the order.
      this.#chunks.push(EMPTY);
      this.#sents.push(sent);
    }
  }

  /**
   * The next bytes to send: a view of a large chunk, or small chunks copied into `gather`. Null when there are none.
   * The bytes stay in the queue until `take`.
   */
  // hot: per system call
  peek(gather: Uint8Array): Uint8Array | null {
    this.#skipEmpty();
    const chunk = this.#chunks[this.#first];
    if (chunk === undefined) return null;
    const rest = chunk.length - this.#offset;
    if (rest >= CHUNK_BYTES_LARGE || this.#first + 1 === this.#chunks.length) {
      return this.#offset === 0 ? chunk : chunk.subarray(this.#offset);
    }
    gather.set(this.#offset === 0 ? chunk : chunk.subarray(this.#offset));
    let filled = rest;
    for (let index = this.#first + 1; index < this.#chunks.length && filled < gather.length; index++) {
      const next = this.#chunks[index]!;
      if (next.length >= CHUNK_BYTES_LARGE && this.#isApart(next)) break;
      const count = Math.min(next.length, gather.length - filled, CHUNK_BYTES_LARGE);
      gather.set(count === next.length ? next : next.subarray(0, count), filled);
      filled += count;
      if (count < next.length) break;
    }
    return gather.subarray(0, filled);
  }

  /** The kernel took `byteCount` bytes of what `peek` showed. Tells those whose last byte was among them. */
  take(byteCount: number): void {
    this.pendingBytes -= byteCount;
    let left = byteCount;
    while (left > 0) {
      const chunk = this.#chunks[this.#first]!;
      const rest = chunk.length - this.#offset;
      if (left < rest) {
        this.#offset += left;
        return;
      }
      left -= rest;
      this.#forgetFirst();
    }
    this.#skipEmpty();
  }

  /** The connection is gone: drops everything, and still tells everyone once. */
  abort(): void {
    while (!this.isEmpty) {
      this.pendingBytes -= this.#chunks[this.#first]!.length - this.#offset;
      this.#forgetFirst();
    }
  }

  #skipEmpty(): void {
    while (this.#first < this.#chunks.length && this.#chunks[this.#first]!.length === 0) this.#forgetFirst();
  }

  #forgetFirst(): void {
    const sent = this.#sents[this.#first];
    this.#chunks[this.#first] = EMPTY;
    this.#sents[this.#first] = undefined;
    this.#first++;
    this.#offset = 0;
    if (this.#first === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#sents.length = 0;
      this.#first = 0;
    } else if (this.#first >= FORGET_COUNT) {
      this.#chunks.splice(0, this.#first);
      this.#sents.splice(0, this.#first);
      this.#first = 0;
    }
    sent?.();
  }
}

const EMPTY = new Uint8Array(0);
