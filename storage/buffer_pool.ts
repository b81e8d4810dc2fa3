/**
 * Buffers that are used again once their reader has sent them: reads from files, and the tails of logs. Without it every
 * fetch of cold data would make, clear and drop a megabyte.
 */

const CLASS_BYTES_MIN = 4 * 1024;
const CLASS_BYTES_MAX = 4 * 1024 * 1024;
/** What waits for its next use, in all. */
export const POOLED_BYTES_MAX = 32 * 1024 * 1024;
const POISON = 0xdb;

export class BufferPool {
  readonly #pooledMax: number;
  readonly #isPoisoning: boolean;
  /** Free buffers by size class: 4 KiB, 8 KiB, … 4 MiB. */
  readonly #free: Uint8Array[][] = [];
  #pooledBytes = 0;

  /** `isPoisoning`: what is given back is written over, so that a test sees who still looks at it. */
  constructor(pooledMax: number = POOLED_BYTES_MAX, isPoisoning = false) {
    this.#pooledMax = pooledMax;
    this.#isPoisoning = isPoisoning;
  }

  get pooledBytes(): number {
    return this.#pooledBytes;
  }

  /** A buffer of at least `sizeBytes`; what it holds is anybody's. */
  take(sizeBytes: number): Uint8Array {
    if (sizeBytes > CLASS_BYTES_MAX) return new Uint8Array(sizeBytes);
    const index = classOf(sizeBytes);
    const free = this.#free[index]?.pop();
    if (free === undefined) return new Uint8Array(CLASS_BYTES_MIN << index);
    this.#pooledBytes -= free.length;
    return free;
  }

  /** Gives a buffer of `take` back. Nobody may look at it any more. */
  give(buffer: Uint8Array): void {
    if (this.#isPoisoning) buffer.fill(POISON);
    if (buffer.length > CLASS_BYTES_MAX || this.#pooledBytes + buffer.length > this.#pooledMax) return;
    (this.#free[classOf(buffer.length)] ??= []).push(buffer);
    this.#pooledBytes += buffer.length;
  }
}

function classOf(sizeBytes: number): number {
  return sizeBytes <= CLASS_BYTES_MIN ? 0 : 32 - Math.clz32((sizeBytes - 1) / CLASS_BYTES_MIN);
}
