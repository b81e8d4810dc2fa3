/** The processor's CRC32C for Bun. */

import { type BunFfi, openFfi, openFirst } from "./bun_ffi.ts";
import {
  FEATURES_AT,
  hasCrc32c,
  isCodeKnown,
  MAP_PRIVATE_ANONYMOUS,
  PAGE_SIZE_BYTES,
  PROT_READ_EXECUTE,
  PROT_READ_WRITE,
  writeCode,
} from "./executable_page.ts";
import type { ProcessorCrc32c } from "./runtime.ts";

/** Where a call (70 ns) is worth it: the table loop of protocol/crc32c.ts takes as long for so many bytes. */
const SIZE_BYTES_MIN = 128;

interface Symbols {
  mmap(
    address: null,
    length: number,
    protection: number,
    flags: number,
    descriptor: number,
    offset: number,
  ): number | null;
  mprotect(address: number, length: number, protection: number): number;
}

export function openBunCrc32c(): ProcessorCrc32c | null {
  const ffi = openFfi();
  if (ffi === null || !isCodeKnown()) return null;
  const page = openPage(ffi);
  if (page === null) return null;
  const features = new ffi.CFunction({ ptr: page + FEATURES_AT, args: [], returns: "u32" });
  if (!hasCrc32c(features())) return null;
  const code = new ffi.CFunction({ ptr: page, args: ["ptr", "u32"], returns: "u32" });
  const addressOf = ffi.ptr;
  return {
    sizeBytesMin: SIZE_BYTES_MIN,
    // hot: per batch
    compute: (bytes, start, end) => code(addressOf(bytes, start), end - start),
  };
}

function openPage(ffi: BunFfi): number | null {
  const libc = openFirst<Symbols>(ffi, {
    mmap: { args: ["ptr", "usize", "i32", "i32", "i32", "i64"], returns: "ptr" },
    mprotect: { args: ["ptr", "usize", "i32"], returns: "i32" },
  });
  if (libc === null) return null;
  const address = libc.mmap(null, PAGE_SIZE_BYTES, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  // MAP_FAILED is the address -1, which is past every number an address can be.
  if (address === null || address <= 0 || address >= 2 ** 56) return null;
  writeCode(new Uint8Array(ffi.toArrayBuffer(address, 0, PAGE_SIZE_BYTES)));
  return libc.mprotect(address, PAGE_SIZE_BYTES, PROT_READ_EXECUTE) === 0 ? address : null;
}
