/** What neither Bun nor Deno has in its file API: memory maps, what is in the page cache, and a lock that ends with the process. */
export interface NativeFiles {
  /** `madvise`: 0 when it was done, -1 for any failure, or without it. */
  advise(address: number, length: number, advice: number): number;
  /**
   * Maps the first `length` bytes (> 0) of an open file for reading; null where that is not possible. The file may be shorter, and
   * grow: who looks past its end ends the process.
   */
  map(descriptor: number, length: number): NativeMap | null;
  /** `preadv2` with RWF_NOWAIT: bytes read from the page cache, 0 at the end of the file; -1 for any failure, or without it. */
  readCached(descriptor: number, target: Uint8Array, position: number): number;
  /** Opens (creating) and locks; null when another holds the lock. Throws what `node:fs` throws. */
  lock(path: string): NativeLock | null;
}

export interface NativeMap {
  readonly bytes: Uint8Array;
  /** See `MappedFile`. */
  cachedUntil(start: number, end: number): number;
  isCached(start: number, end: number): boolean;
  /** Whole pages; the first part comes first. */
  unmap(start: number, end: number): void;
}

export interface NativeLock {
  release(): void;
}

/** Numbers of the C library, alike on Linux and macOS. */
export const PROT_READ = 1;
export const MAP_SHARED = 1;
export const LOCK_EXCLUSIVE = 2;
export const LOCK_NON_BLOCKING = 4;

export const RWF_NOWAIT = 8;
const IS_RESIDENT = 1;

/** One bit of each byte says whether a page is in memory; for `mincore`, used again by every call. */
const residency = new Uint8Array(4096);

/**
 * `MappedFile.cachedUntil` by `mincore`. 2–4 µs for a mebibyte whose pages the process has looked at, 25–80 µs for one that
 * it has not.
 */
export function cachedUntil(
  range: { readonly start: number; readonly end: number },
  pageBytes: number,
  mincore: (start: number, length: number, residency: Uint8Array<ArrayBuffer>) => number,
): number {
  let at = range.start - range.start % pageBytes;
  while (at < range.end) {
    const pageCount = Math.min(residency.length, Math.ceil((range.end - at) / pageBytes));
    if (mincore(at, pageCount * pageBytes, residency) !== 0) return Math.max(range.start, at);
    for (let page = 0; page < pageCount; page++) {
      if ((residency[page]! & IS_RESIDENT) === 0) return Math.max(range.start, at + page * pageBytes);
    }
    at += pageCount * pageBytes;
  }
  return range.end;
}

/** Where the C library may be, the first that opens is taken. */
export const libcPaths: readonly string[] = [
  "libc.so.6",
  "libSystem.B.dylib",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libc.so",
];
