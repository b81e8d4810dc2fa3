/**
 * Maps and the state of the page cache by FFI, where `--allow-ffi` or `-A` was given (nobody is asked); locks by Deno's own
 * `flock`.
 */

import { cachedUntil, libcPaths, MAP_SHARED, type NativeFiles, PROT_READ, RWF_NOWAIT } from "./native.ts";

const symbols = {
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  mincore: { parameters: ["pointer", "usize", "buffer"], result: "i32" },
  madvise: { parameters: ["usize", "usize", "i32"], result: "i32" },
  getpagesize: { parameters: [], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Not in every C library. */
const noWaitSymbols = {
  preadv2: { parameters: ["i32", "buffer", "i32", "i64", "i32"], result: "i64" },
} as const satisfies Deno.ForeignLibraryInterface;

export function openDenoNative(): NativeFiles {
  const libc = openFirst(symbols);
  const noWait = openFirst(noWaitSymbols);
  const pageBytes = libc?.getpagesize() ?? 0;
  const vector = new BigUint64Array(2);
  return {
    advise: (address, length, advice) => libc?.madvise(BigInt(address), BigInt(length), advice) ?? -1,
    map(descriptor, length) {
      if (libc === null) return null;
      const address = libc.mmap(null, BigInt(length), PROT_READ, MAP_SHARED, descriptor, 0n);
      // MAP_FAILED is the address -1.
      if (address === null || Deno.UnsafePointer.value(address) === MAP_FAILED) return null;
      const bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(address, length));
      const mincore = (start: number, count: number, residency: Uint8Array<ArrayBuffer>) => {
        return libc.mincore(Deno.UnsafePointer.offset(address, start), BigInt(count), residency);
      };
      return {
        bytes,
        cachedUntil: (start, end) => cachedUntil({ start, end }, pageBytes, mincore),
        isCached: () => false, // A map outlives the descriptor that it would be asked of.
        unmap: (start, end) => void libc.munmap(Deno.UnsafePointer.offset(address, start), BigInt(end - start)),
      };
    },
    readCached(descriptor, target, position) {
      if (noWait === null || target.length === 0) return -1;
      vector[0] = Deno.UnsafePointer.value(Deno.UnsafePointer.of(target as Uint8Array<ArrayBuffer>));
      vector[1] = BigInt(target.length);
      return Number(noWait.preadv2(descriptor, vector, 1, BigInt(position), RWF_NOWAIT));
    },
    lock(path) {
      const file = Deno.openSync(path, { create: true, write: true });
      if (!file.tryLockSync(true)) {
        file.close();
        return null;
      }
      return { release: () => file.close() };
    },
  };
}

const MAP_FAILED = 2n ** 64n - 1n;

function openFirst<const Symbols extends Deno.ForeignLibraryInterface>(
  wanted: Symbols,
): Deno.DynamicLibrary<Symbols>["symbols"] | null {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return null;
  for (const path of libcPaths) {
    try {
      return Deno.dlopen(path, wanted).symbols;
    } catch {
      // Not this one; the caller does without when there is none.
    }
  }
  return null;
}
