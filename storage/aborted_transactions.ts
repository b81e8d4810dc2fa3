/**
 * A segment's `.txnindex`: the transactions aborted by a marker in it, so that a reader of committed records knows what to
 * skip. Absent while there are none, which is nearly always.
 *
 *   entry:  int16 version 0 · int64 producer id · int64 first offset · int64 last offset (the marker's)
 *           · int64 last stable offset once the marker was written
 *
 * (1) Entries are in the order of their markers.
 * (2) Every transaction that overlaps [from, to) and was aborted ends in the segment of `from` or a later one; the search may
 *     stop at an entry whose last stable offset is at or past `to`, since all later ones began after it.
 * (3) The index is rebuilt with the producers' state whenever the segment is scanned.
 */
import { readInt16, readInt64, writeInt16, writeInt64 } from "../protocol/batch.ts";
import { StorageError } from "./errors.ts";
import { type FilePool, type PooledFile } from "./file_pool.ts";
import { type FileSystem } from "../runtime/runtime.ts";
import { type SegmentList } from "./segment_list.ts";
import { readSteadily } from "./steady_read.ts";

export const ABORTED_ENTRY_BYTES = 34;
const VERSION = 0;

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

export class AbortedTransactionIndex {
  readonly file: PooledFile;
  readonly #files: FileSystem;
  readonly #baseOffset: number;
  // Null until asked for.
  #entries: AbortedTransaction[] | null;
  #writtenCount = 0;

  constructor(
    files: FileSystem,
    pool: FilePool,
    path: string,
    options: { readonly baseOffset: number; readonly isNew: boolean },
  ) {
    this.#files = files;
    this.#baseOffset = options.baseOffset;
    this.file = pool.file(path);
    this.#entries = options.isNew ? [] : null;
  }

  /** Notes a transaction; `flush` writes it. */
  append(transaction: AbortedTransaction): void {
    this.entries().push(transaction);
  }

  /** Writes what was appended. */
  flush(): void {
    const entries = this.#entries;
    if (entries === null || entries.length === this.#writtenCount) return;
    const added = entries.slice(this.#writtenCount);
    this.file.isDirty = true;
    this.file.use(true).write([encodeAbortedTransactions(added)], this.#writtenCount * ABORTED_ENTRY_BYTES);
    this.#writtenCount = entries.length;
  }

  entries(): AbortedTransaction[] {
    return this.#entries ??= this.#read();
  }

  /** Drops entries whose marker is at `offset` or later. */
  truncateFrom(offset: number): void {
    const entries = this.entries();
    const kept = entries.filter((entry) => entry.lastOffset < offset);
    if (kept.length === entries.length) return;
    this.#entries = kept;
    if (kept.length >= this.#writtenCount) return;
    this.#writtenCount = kept.length;
    this.file.isDirty = true;
    this.file.use(true).truncate(kept.length * ABORTED_ENTRY_BYTES);
  }

  /** Whether the file holds what a log can have aborted. A power cut may have left zeros, or half of it. */
  isSound(): boolean {
    try {
      let lastOffset = this.#baseOffset - 1;
      for (const entry of this.entries()) {
        // A transaction has a record before its marker (1).
        if (entry.lastOffset <= lastOffset || entry.firstOffset >= entry.lastOffset) return false;
        lastOffset = entry.lastOffset;
      }
      return true;
    } catch (error) {
      if (error instanceof StorageError) return false;
      throw error;
    }
  }

  /** Forgets everything, also of a damaged file; durably. */
  reset(): void {
    this.#entries = [];
    this.#writtenCount = 0;
    if (this.#files.stat(this.file.path) === null) return;
    this.file.use().truncate(0);
    this.file.syncNow();
  }

  /** Writes what was appended, and gives the memory back: the segment is closed. */
  finish(): void {
    this.flush();
    this.#entries = null;
  }

  #read(): AbortedTransaction[] {
    const isThere = this.#files.stat(this.file.path) !== null;
    const entries = isThere ? this.#readAll() : [];
    this.#writtenCount = entries.length;
    return entries;
  }

  #readAll(): AbortedTransaction[] {
    const bytes = new Uint8Array(this.file.use().size());
    const readBytes = readSteadily(this.file, bytes, 0);
    return decodeAbortedTransactions(bytes.subarray(0, readBytes), this.file.path);
  }
}

/** Aborted transactions that overlap [from, to), by their first offset. */
export function abortedTransactionsIn(
  segments: SegmentList,
  { from, to }: { readonly from: number; readonly to: number },
): AbortedTransaction[] {
  const found: AbortedTransaction[] = [];
  const all = segments.all;
  search: for (let index = segments.floorIndex(from); index < all.length; index++) {
    for (const entry of all[index]!.aborted.entries()) {
      if (entry.lastOffset >= from && entry.firstOffset < to) found.push(entry);
      if (entry.lastStableOffset >= to) break search; // (2)
    }
  }
  return found.sort((one, other) => one.firstOffset - other.firstOffset);
}

function encodeAbortedTransactions(transactions: readonly AbortedTransaction[]): Uint8Array {
  const bytes = new Uint8Array(transactions.length * ABORTED_ENTRY_BYTES);
  let at = 0;
  for (const transaction of transactions) {
    writeInt16(bytes, at, VERSION);
    writeInt64(bytes, at + 2, transaction.producerId);
    writeInt64(bytes, at + 10, transaction.firstOffset);
    writeInt64(bytes, at + 18, transaction.lastOffset);
    writeInt64(bytes, at + 26, transaction.lastStableOffset);
    at += ABORTED_ENTRY_BYTES;
  }
  return bytes;
}

export function decodeAbortedTransactions(bytes: Uint8Array, path: string): AbortedTransaction[] {
  if (bytes.length % ABORTED_ENTRY_BYTES !== 0) {
    throw new StorageError(`Cannot read "${path}": ${bytes.length} bytes are no whole number of entries`, "CORRUPT");
  }
  const entries: AbortedTransaction[] = [];
  for (let at = 0; at < bytes.length; at += ABORTED_ENTRY_BYTES) {
    const version = readInt16(bytes, at);
    if (version !== VERSION) throw new StorageError(`Cannot read "${path}": entry of version ${version}`, "CORRUPT");
    entries.push({
      producerId: readInt64(bytes, at + 2),
      firstOffset: readInt64(bytes, at + 10),
      lastOffset: readInt64(bytes, at + 18),
      lastStableOffset: readInt64(bytes, at + 26),
    });
  }
  return entries;
}
