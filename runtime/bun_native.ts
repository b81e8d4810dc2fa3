/**
 * Maps, locks and the state of the page cache for Bun, by FFI.
 *
 * `Bun.mmap` unmaps only when the view is collected, and a collector sees 8 bytes where a gigabyte is mapped: a reader
 * of a backlog was seen at 20 GB. So `mmap` and `munmap` are called by name, and a map has an end.
 */

import * as fs from "node:fs";
import { openCachestat } from "./bun_cachestat.ts";
import { type BunFfi, openFfi, openFirst } from "./bun_ffi.ts";
import { type FileSender } from "./bun_send_file.ts";
import {
  cachedUntil,
  LOCK_EXCLUSIVE,
  LOCK_NON_BLOCKING,
  MAP_SHARED,
  type NativeFiles,
  PROT_READ,
  RWF_NOWAIT,
} from "./native.ts";

interface LibcSymbols {
  mmap(
    address: null,
    length: number,
    protection: number,
    flags: number,
    descriptor: number,
    offset: number,
  ): number | null;
  munmap(address: number, length: number): number;
  mincore(address: number, length: number, residency: Uint8Array): number;
  madvise(address: number, length: number, advice: number): number;
  getpagesize(): number;
  flock(descriptor: number, operation: number): number;
}

/** Not in every C library. */
interface NoWaitSymbols {
  preadv2(descriptor: number, vectors: BigUint64Array, count: number, offset: number, flags: number): number | bigint;
}

/** `sender`: who is told of maps, so that they can be sent without a copy. */
export function openBunNative(sender: FileSender | null): NativeFiles {
  const ffi = openFfi();
  const libc = ffi === null ? null : openLibc(ffi);
  const noWait = ffi === null ? null : openNoWait(ffi);
  const pageBytes = libc?.getpagesize() ?? 0;
  const isCached = ffi === null ? null : openCachestat(ffi, pageBytes);
  const vector = new BigUint64Array(2);
  return {
    advise: (address, length, advice) => libc?.madvise(address, length, advice) ?? -1,
    map(descriptor, length) {
      if (ffi === null || libc === null) return null;
      const address = libc.mmap(null, length, PROT_READ, MAP_SHARED, descriptor, 0);
      // MAP_FAILED is the address -1, which is past every number an address can be.
      if (address === null || address <= 0 || address >= 2 ** 56) return null;
      const bytes = new Uint8Array(ffi.toArrayBuffer(address, 0, length));
      const mincore = (start: number, count: number, residency: Uint8Array) => {
        return libc.mincore(address + start, count, residency);
      };
      sender?.mapped(bytes.buffer, descriptor);
      return {
        bytes,
        cachedUntil: (start, end) => cachedUntil({ start, end }, pageBytes, mincore),
        isCached: (start, end) => isCached !== null && isCached(sender?.descriptorOf(bytes.buffer) ?? -1, start, end),
        unmap: (start, end) => {
          sender?.unmapped(bytes.buffer);
          libc.munmap(address + start, end - start);
        },
      };
    },
    readCached(descriptor, target, position) {
      if (ffi === null || noWait === null || target.length === 0) return -1;
      vector[0] = BigInt(ffi.ptr(target));
      vector[1] = BigInt(target.length);
      return Number(noWait.preadv2(descriptor, vector, 1, position, RWF_NOWAIT));
    },
    lock(path) {
      const descriptor = fs.openSync(path, "a+");
      if (libc === null) {
        fs.closeSync(descriptor);
        throw Object.assign(new Error("No C library to lock files with was found"), { code: "ENOTSUP" });
      }
      if (libc.flock(descriptor, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING) !== 0) {
        fs.closeSync(descriptor);
        return null;
      }
      return { release: () => fs.closeSync(descriptor) };
    },
  };
}

function openLibc(ffi: BunFfi): LibcSymbols | null {
  return openFirst<LibcSymbols>(ffi, {
    mmap: { args: ["ptr", "usize", "i32", "i32", "i32", "i64"], returns: "ptr" },
    munmap: { args: ["ptr", "usize"], returns: "i32" },
    mincore: { args: ["ptr", "usize", "ptr"], returns: "i32" },
    madvise: { args: ["ptr", "usize", "i32"], returns: "i32" },
    getpagesize: { args: [], returns: "i32" },
    flock: { args: ["i32", "i32"], returns: "i32" },
  });
}

function openNoWait(ffi: BunFfi): NoWaitSymbols | null {
  return openFirst<NoWaitSymbols>(ffi, {
    preadv2: { args: ["i32", "ptr", "i32", "i64", "i32"], returns: "i64_fast" },
  });
}
