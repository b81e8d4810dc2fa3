/**
 * The last offset of each key of a log's dirty part: what the cleaner keeps in memory. A table of fixed size: 16 bytes of the
 * key's hash and 8 of its offset per slot, as in Kafka, so that `log.cleaner.dedupe.buffer.size` means the same here.
 *
 * (1) `put` comes with growing offsets. All records up to `latestOffset` have been looked at, so of what lies beyond, nothing
 *     may be removed on the word of this table.
 * (2) The number of slots is a prime: a key's probes, a fixed step apart, visit every slot.
 */
import { hashKey } from "./cleaner_key_hash.ts";

export const BYTES_PER_SLOT = 24;
const WORDS = 4;

export class KeyMap {
  /** `latestOffset` of an empty table is before every offset. */
  latestOffset = -1;
  readonly #hashes: Int32Array;
  /** The offset and one more; 0 is an empty slot. */
  readonly #offsets: Float64Array;
  readonly #slotCount: number;
  readonly #keyCountMax: number;
  readonly #seed: number;
  readonly #hash = new Int32Array(WORDS);
  #keyCount = 0;

  /** `loadFactor`: how full the table may get. `keyCountWanted`: it need not hold more. */
  constructor(options: {
    readonly sizeBytesMax: number;
    readonly loadFactor: number;
    readonly keyCountWanted: number;
    readonly seed: number;
  }) {
    const slotCountMax = Math.max(2, Math.floor(options.sizeBytesMax / BYTES_PER_SLOT));
    const loadFactor = Math.min(Math.max(options.loadFactor, 0.01), 1);
    const slotCountWanted = Math.ceil((options.keyCountWanted + 1) / loadFactor) + 1;
    this.#slotCount = primeUpTo(Math.min(slotCountMax, Math.max(slotCountWanted, 31)));
    // One slot stays empty, so that looking for a key that is not there comes to an end.
    this.#keyCountMax = Math.max(1, Math.min(this.#slotCount - 1, Math.floor(this.#slotCount * loadFactor)));
    this.#hashes = new Int32Array(this.#slotCount * WORDS);
    this.#offsets = new Float64Array(this.#slotCount);
    this.#seed = options.seed | 0;
  }

  get keyCount(): number {
    return this.#keyCount;
  }

  get sizeBytes(): number {
    return this.#slotCount * BYTES_PER_SLOT;
  }

  get isFull(): boolean {
    return this.#keyCount >= this.#keyCountMax;
  }

  /** Notes that the key in `bytes[start, end)` was last seen at `offset`. The table must not be full. */
  // hot: per record
  put(bytes: Uint8Array, start: number, end: number, offset: number): void {
    const slot = this.#find(bytes, start, end);
    if (this.#offsets[slot] === 0) {
      this.#hashes.set(this.#hash, slot * WORDS);
      this.#keyCount++;
    }
    this.#offsets[slot] = offset + 1;
    this.latestOffset = offset;
  }

  /** The last offset of the key, -1 when it is not in the table. */
  // hot: per record
  get(bytes: Uint8Array, start: number, end: number): number {
    return this.#offsets[this.#find(bytes, start, end)]! - 1;
  }

  /** The slot of the key, or an empty one where it would be. */
  #find(bytes: Uint8Array, start: number, end: number): number {
    const hash = this.#hash;
    hashKey(bytes, start, end, this.#seed, hash);
    const hashes = this.#hashes;
    const offsets = this.#offsets;
    const slotCount = this.#slotCount;
    const step = 1 + (hash[1]! >>> 0) % (slotCount - 1); // (2)
    let slot = (hash[0]! >>> 0) % slotCount;
    while (offsets[slot] !== 0) {
      const at = slot * WORDS;
      if (
        hashes[at] === hash[0] && hashes[at + 1] === hash[1] && hashes[at + 2] === hash[2] && hashes[at + 3] === hash[3]
      ) return slot;
      slot += step;
      if (slot >= slotCount) slot -= slotCount;
    }
    return slot;
  }
}

/** The largest prime that is at most `count`, which is 2 or more. */
function primeUpTo(count: number): number {
  let candidate = count;
  while (!isPrime(candidate)) candidate--;
  return candidate;
}

function isPrime(number: number): boolean {
  if (number < 4) return number > 1;
  for (let divisor = 2; divisor * divisor <= number; divisor++) {
    if (number % divisor === 0) return false;
  }
  return true;
}
