/** `cachestat` (Linux 6.5) for Bun: what part of a file is in the page cache, asked of the file, a folio at a time. */

import { type BunFfi, isLinux, openFirst } from "./bun_ffi.ts";

/** The same on every processor. */
const SYS_CACHESTAT = 451;
const PAGE_BYTES_MIN = 4096;

interface Symbols {
  syscall(number: number, descriptor: number, range: BigUint64Array, found: BigUint64Array, flags: number): number;
}

/** Whether all pages of a range of a file are in the page cache, or being read into it. */
export type IsCached = (descriptor: number, start: number, end: number) => boolean;

/** Null where the C library cannot be called; always false where the kernel does not know it. */
export function openCachestat(ffi: BunFfi, pageBytes: number): IsCached | null {
  if (!isLinux || pageBytes < PAGE_BYTES_MIN) return null;
  const libc = openFirst<Symbols>(ffi, {
    syscall: { args: ["i64", "i32", "ptr", "ptr", "u32"], returns: "i64_fast" },
  });
  if (libc === null) return null;
  const range = new BigUint64Array(2);
  const found = new BigUint64Array(5); // Its first number: pages that are there.
  let isKnown = true;
  return (descriptor, start, end) => {
    if (!isKnown || descriptor < 0 || end <= start) return false;
    range[0] = BigInt(start);
    range[1] = BigInt(end - start);
    if (Number(libc.syscall(SYS_CACHESTAT, descriptor, range, found, 0)) !== 0) {
      isKnown = false;
      return false;
    }
    const pageCount = Math.ceil(end / pageBytes) - Math.floor(start / pageBytes);
    return Number(found[0]) === pageCount;
  };
}
