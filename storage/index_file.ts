/**
 * What offset and time index have in common: a file of equal entries whose keys grow.
 *
 * (1) An index is a guess that saves time, never the truth: an entry leads to a place in the log from which to look on.
 *     What it says is checked against the log, and a damaged index is built again from its segment.
 * (2) New entries wait in memory and are written a block at a time: one small write per batch would double the cost of an
 *     append. After a crash the segment's index is rebuilt past the recovery point, so nothing is lost with them.
 * (3) `writtenCount` entries are in the file, the rest in `pending`; together they are the index. The file may be longer
 *     (Kafka fills the active segment's index with zeros): what is past `writtenCount` is overwritten or cut.
 * (4) Dropping entries touches no file: what is there past `writtenCount` goes with the next write. A start after a crash
 *     makes the indexes of thousands of logs again, and writes none of them.
 */
import { type FilePool, type PooledFile } from "./file_pool.ts";
import { readSteadily } from "./steady_read.ts";

/** Entries that wait for their write. 128 offset entries of 64 KiB batches are 8 MiB of log. */
const PENDING_COUNT = 128;
/** How many entries of a file are read in one go once the search is that close. */
const BLOCK_COUNT = 256;

export class IndexFile {
  readonly file: PooledFile;
  readonly entryBytes: number;
  #writtenCount = 0;
  #pending: Uint8Array | null = null;
  #pendingCount = 0;
  #isCounted: boolean;
  /** The file may hold entries that were dropped (4). */
  #isCutDue = false;

  /** `isNew`: the file does not exist or does not matter; it is made at the first write. */
  constructor(pool: FilePool, path: string, entryBytes: number, isNew: boolean) {
    this.file = pool.file(path);
    this.entryBytes = entryBytes;
    this.#isCounted = isNew;
  }

  /** Entries in all. Of an index found on disk the first call asks for the file's size, and throws when it is missing. */
  get count(): number {
    if (!this.#isCounted) this.#countWritten();
    return this.#writtenCount + this.#pendingCount;
  }

  /** True when the file's size is no multiple of an entry's. */
  hasRaggedEnd(): boolean {
    return this.file.use().size() % this.entryBytes !== 0;
  }

  /** More than one entry, the last of them zeros: the file is longer than what it holds (3). */
  endsInZeros(): boolean {
    const { count } = this;
    return count > 1 && this.steadyEntry(count - 1).every((byte) => byte === 0);
  }

  /** Room for one more entry at the returned position of the returned bytes. The caller fills it at once. */
  // hot: per index entry
  grow(): Uint8Array {
    if (!this.#isCounted) this.#countWritten();
    const entryBytes = this.entryBytes;
    let pending = this.#pending ??= new Uint8Array(PENDING_COUNT * entryBytes);
    if (this.#pendingCount * entryBytes === pending.length) {
      if (this.#tryWritePending()) {
        pending = this.#pending;
      } else {
        // The disk is full: keep them, the next block tries again. An index has a size limit, so this has one too.
        pending = new Uint8Array(this.#pending.length * 2);
        pending.set(this.#pending);
        this.#pending = pending;
      }
    }
    const at = this.#pendingCount++ * entryBytes;
    return pending.subarray(at, at + entryBytes);
  }

  /** Writes what waits, and cuts what was dropped. */
  flush(): void {
    if (this.#pendingCount === 0 && !this.#isCutDue) return;
    this.file.isDirty = true;
    const handle = this.file.use(true);
    if (this.#pendingCount > 0) {
      const bytes = this.#pending!.subarray(0, this.#pendingCount * this.entryBytes);
      handle.write([bytes], this.#writtenCount * this.entryBytes);
      this.#writtenCount += this.#pendingCount;
      this.#pendingCount = 0;
    }
    if (!this.#isCutDue) return;
    const sizeBytes = this.#writtenCount * this.entryBytes;
    if (handle.size() > sizeBytes) handle.truncate(sizeBytes);
    this.#isCutDue = false;
  }

  /** Writes what waits, cuts what does not belong, and gives the memory back: the index grows no more. */
  finish(): void {
    if (!this.#isCounted) return;
    this.flush();
    this.#pending = null;
    const handle = this.file.use(true);
    const sizeBytes = this.#writtenCount * this.entryBytes;
    if (handle.size() > sizeBytes) handle.truncate(sizeBytes);
  }

  /** Keeps the first `count` entries (4). */
  keep(count: number): void {
    const total = this.count;
    if (count >= total) return;
    if (count < this.#writtenCount) {
      this.#writtenCount = count;
      this.#pendingCount = 0;
      this.#isCutDue = true;
    } else {
      this.#pendingCount = count - this.#writtenCount;
    }
  }

  /** Forgets everything, also of a file that is missing or damaged (4). */
  reset(): void {
    this.#isCounted = true;
    this.#writtenCount = 0;
    this.#pendingCount = 0;
    this.#isCutDue = true;
  }

  /** The bytes of entry `index`. */
  entry(index: number): Uint8Array {
    const entryBytes = this.entryBytes;
    const count = this.count;
    if (index < 0 || index >= count) throw new RangeError(`Entry ${index} of ${count} in "${this.file.path}"`);
    if (index >= this.#writtenCount) {
      const at = (index - this.#writtenCount) * entryBytes;
      return this.#pending!.subarray(at, at + entryBytes);
    }
    return this.#readBlock(index, 1);
  }

  /** The same as two reads agree on it: for what is believed without a look at the log. */
  steadyEntry(index: number): Uint8Array {
    return index >= this.#writtenCount ? this.entry(index) : this.#readBlock(index, 1, readSteadily);
  }

  /** Index of the last entry whose key is at most `target`, by `keyAt`; -1 when all are above. */
  floor(target: number, keyAt: (bytes: Uint8Array, at: number) => number): number {
    const entryBytes = this.entryBytes;
    const count = this.count;
    if (count === 0) return -1;
    const pending = this.#pending;
    if (this.#pendingCount > 0 && keyAt(pending!, 0) <= target) {
      return this.#writtenCount + floorIn(pending!, entryBytes, this.#pendingCount, target, keyAt);
    }
    // Entries below `low` are at most the target, from `high` on above it.
    let low = 0;
    let high = this.#writtenCount;
    while (high - low > BLOCK_COUNT) {
      const middle = (low + high) >>> 1;
      if (keyAt(this.#readBlock(middle, 1), 0) <= target) low = middle + 1;
      else high = middle;
    }
    if (low === high) return low - 1;
    return low + floorIn(this.#readBlock(low, high - low), entryBytes, high - low, target, keyAt);
  }

  /** Every entry in one piece, as two reads agree on it: for what is cut by it. */
  all(): Uint8Array {
    const bytes = new Uint8Array(this.count * this.entryBytes);
    if (this.#writtenCount > 0) bytes.set(this.#readBlock(0, this.#writtenCount, readSteadily));
    if (this.#pendingCount > 0) {
      bytes.set(this.#pending!.subarray(0, this.#pendingCount * this.entryBytes), this.#writtenCount * this.entryBytes);
    }
    return bytes;
  }

  close(): void {
    this.file.close();
  }

  #countWritten(): void {
    this.#writtenCount = Math.floor(this.file.use().size() / this.entryBytes);
    this.#isCounted = true;
  }

  #tryWritePending(): boolean {
    try {
      this.flush();
      return true;
    } catch {
      return false;
    }
  }

  #readBlock(index: number, count: number, read = readOnce): Uint8Array {
    const block = new Uint8Array(count * this.entryBytes);
    const readBytes = read(this.file, block, index * this.entryBytes);
    if (readBytes !== block.length) {
      throw new RangeError(`Index "${this.file.path}" ends at entry ${index} and ${readBytes} bytes`);
    }
    return block;
  }
}

function readOnce(file: PooledFile, target: Uint8Array, position: number): number {
  return file.read(target, position);
}

function floorIn(
  bytes: Uint8Array,
  entryBytes: number,
  count: number,
  target: number,
  keyAt: (bytes: Uint8Array, at: number) => number,
): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyAt(bytes, middle * entryBytes) <= target) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
