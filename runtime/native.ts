/** What neither Bun nor Deno has in its file API: memory maps, and a lock that ends with the process. */
export interface NativeFiles {
  /** Maps the first `length` bytes (> 0) of an open file for reading; null where that is not possible. */
  map(descriptor: number, length: number): NativeMap | null;
  /** Opens (creating) and locks; null when another holds the lock. Throws what `node:fs` throws. */
  lock(path: string): NativeLock | null;
}

export interface NativeMap {
  readonly bytes: Uint8Array;
  unmap(): void;
}

export interface NativeLock {
  release(): void;
}

/** Numbers of the C library, alike on Linux and macOS. */
export const PROT_READ = 1;
export const MAP_SHARED = 1;
export const LOCK_EXCLUSIVE = 2;
export const LOCK_NON_BLOCKING = 4;

/** Where the C library may be, the first that opens is taken. */
export const libcPaths: readonly string[] = [
  "libc.so.6",
  "libSystem.B.dylib",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libc.so",
];
