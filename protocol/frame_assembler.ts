/**
 * Cuts a connection's bytes into frames: an int32 length, then that many bytes.
 *
 * Small frames are views of the chunk they arrived in. A frame that is longer than its chunk gets a buffer of its own,
 * which a runtime that reads into buffers fills directly (`target`, `filled`). The buffer grows with what has arrived,
 * so that a peer which only declares a length holds no memory: what a connection costs is bounded by what it sent.
 *
 * Invariants:
 *  1. `large` is set exactly while the length of a frame is known and not all of it has arrived.
 *  2. `carry` holds fewer than 4 bytes: the beginning of a length.
 *  3. A declared length is checked against the limit before anything is allocated for it.
 *  4. A buffer from `buffers` holds one frame and nothing else; who was given the frame may give the buffer back.
 */

const LENGTH_BYTES = 4;
/** The first buffer of a large frame: most large frames fit, so that most are never copied. */
const FIRST_BUFFER_BYTES = 1024 * 1024 + 64 * 1024;

/** The peer declared a frame that is negative or over the limit. The connection cannot go on: there is no next frame. */
export class FrameSizeError extends Error {
  override readonly name = "FrameSizeError";
}

/** Where the memory of large frames comes from. */
export interface FrameBuffers {
  /** A buffer of at least `sizeBytes`. */
  take(sizeBytes: number): Uint8Array;
  give(buffer: Uint8Array): void;
}

const FRESH_BUFFERS: FrameBuffers = { take: (sizeBytes) => new Uint8Array(sizeBytes), give: () => {} };

export class FrameAssembler {
  readonly #sizeBytesMax: number;
  readonly #emit: (frame: Uint8Array, buffer: Uint8Array | null) => void;
  readonly #buffers: FrameBuffers;
  #carry: Uint8Array | null = null;
  #large: Uint8Array | null = null;
  #largeSize = 0;
  #largeFilled = 0;

  /** `emit` gets each frame, and the buffer of `buffers` it is in if it is in one (4). */
  constructor(options: {
    readonly sizeBytesMax: number;
    readonly emit: (frame: Uint8Array, buffer: Uint8Array | null) => void;
    readonly buffers?: FrameBuffers;
  }) {
    this.#sizeBytesMax = options.sizeBytesMax;
    this.#emit = options.emit;
    this.#buffers = options.buffers ?? FRESH_BUFFERS;
  }

  /** Bytes held for a frame that is not complete. */
  get heldBytes(): number {
    return (this.#large?.length ?? 0) + (this.#carry?.length ?? 0);
  }

  /** Where the next bytes of the large frame belong; null when there is none. */
  target(): Uint8Array | null {
    return this.#large === null ? null : this.#large.subarray(this.#largeFilled, this.#largeSize);
  }

  /** @throws {FrameSizeError} */
  filled(byteCount: number): void {
    this.#largeFilled += byteCount;
    this.#completeOrGrow();
  }

  /**
   * hot: per chunk
   * @throws {FrameSizeError}
   */
  data(chunk: Uint8Array): void {
    let at = 0;
    if (this.#large !== null) {
      at = this.#fillLarge(chunk, 0);
      if (at === chunk.length) return;
    }
    if (this.#carry !== null) {
      const joined = new Uint8Array(this.#carry.length + chunk.length - at);
      joined.set(this.#carry);
      joined.set(at === 0 ? chunk : chunk.subarray(at), this.#carry.length);
      this.#carry = null;
      chunk = joined;
      at = 0;
    }
    while (chunk.length - at >= LENGTH_BYTES) {
      const size = (chunk[at]! << 24) | (chunk[at + 1]! << 16) | (chunk[at + 2]! << 8) | chunk[at + 3]!;
      this.#checkSize(size);
      at += LENGTH_BYTES;
      if (chunk.length - at < size) {
        this.#large = this.#buffers.take(Math.min(size, Math.max(FIRST_BUFFER_BYTES, chunk.length - at)));
        this.#largeSize = size;
        this.#largeFilled = 0;
        this.#fillLarge(chunk, at);
        return;
      }
      this.#emit(chunk.subarray(at, at + size), null);
      at += size;
    }
    if (at < chunk.length) this.#carry = chunk.slice(at);
  }

  /** Copies what belongs to the large frame; returns the position behind it. */
  #fillLarge(chunk: Uint8Array, at: number): number {
    while (this.#large !== null && at < chunk.length) {
      const endBytes = Math.min(this.#large.length, this.#largeSize);
      const count = Math.min(endBytes - this.#largeFilled, chunk.length - at);
      this.#large.set(chunk.subarray(at, at + count), this.#largeFilled);
      this.#largeFilled += count;
      at += count;
      this.#completeOrGrow();
    }
    return at;
  }

  #completeOrGrow(): void {
    const large = this.#large!;
    if (this.#largeFilled === this.#largeSize) {
      this.#large = null;
      this.#emit(large.subarray(0, this.#largeSize), large);
      return;
    }
    if (this.#largeFilled < large.length) return;
    this.#large = this.#buffers.take(Math.min(this.#largeSize, large.length * 4));
    this.#large.set(large);
    this.#buffers.give(large);
  }

  #checkSize(size: number): void {
    if (size < 0 || size > this.#sizeBytesMax) {
      throw new FrameSizeError(`Cannot accept a frame of ${size} bytes: the limit is ${this.#sizeBytesMax}`);
    }
  }
}
