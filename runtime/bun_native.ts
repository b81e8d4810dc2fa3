/**
 * Maps and locks for Bun, by FFI.
 *
 * `Bun.mmap` unmaps only when the view is collected, and a collector sees 8 bytes where a gigabyte is mapped: a reader
 * of a backlog was seen at 20 GB. So `mmap` and `munmap` are called by name, and a map has an end.
 */

import * as fs from "node:fs";
import { libcPaths, LOCK_EXCLUSIVE, LOCK_NON_BLOCKING, MAP_SHARED, type NativeFiles, PROT_READ } from "./native.ts";

/** The part of `Bun.FFI` that is used (`bun:ffi` is a façade of it, but its name breaks `deno check`). */
interface BunFfi {
  dlopen(path: string, symbols: Record<string, { args: readonly string[]; returns: string }>): {
    readonly symbols: LibcSymbols;
  };
  toArrayBuffer(pointer: number, byteOffset: number, byteLength: number): ArrayBuffer;
}

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
  flock(descriptor: number, operation: number): number;
}

interface BuiltinModules {
  getBuiltinModule?(name: string): unknown;
}

export function openBunNative(): NativeFiles {
  const ffi = (globalThis as unknown as { process: BuiltinModules }).process.getBuiltinModule?.("bun:ffi") as
    | BunFfi
    | undefined;
  const libc = ffi === undefined ? null : openLibc(ffi);
  return {
    map(descriptor, length) {
      if (ffi === undefined || libc === null) return null;
      const address = libc.mmap(null, length, PROT_READ, MAP_SHARED, descriptor, 0);
      // MAP_FAILED is the address -1, which is past every number an address can be.
      if (address === null || address <= 0 || address >= 2 ** 56) return null;
      const bytes = new Uint8Array(ffi.toArrayBuffer(address, 0, length));
      return { bytes, unmap: () => void libc.munmap(address, length) };
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
  for (const path of libcPaths) {
    try {
      return ffi.dlopen(path, {
        mmap: { args: ["ptr", "usize", "i32", "i32", "i32", "i64"], returns: "ptr" },
        munmap: { args: ["ptr", "usize"], returns: "i32" },
        flock: { args: ["i32", "i32"], returns: "i32" },
      }).symbols;
    } catch {
      // Not this one; the caller does without when there is none.
    }
  }
  return null;
}
