/** Maps by FFI, where `--allow-ffi` or `-A` was given (nobody is asked); locks by Deno's own `flock`. */

import { libcPaths, MAP_SHARED, type NativeFiles, PROT_READ } from "./native.ts";

const symbols = {
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type Libc = Deno.DynamicLibrary<typeof symbols>["symbols"];

export function openDenoNative(): NativeFiles {
  const libc = openLibc();
  return {
    map(descriptor, length) {
      if (libc === null) return null;
      const address = libc.mmap(null, BigInt(length), PROT_READ, MAP_SHARED, descriptor, 0n);
      // MAP_FAILED is the address -1.
      if (address === null || Deno.UnsafePointer.value(address) === MAP_FAILED) return null;
      const bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(address, length));
      return { bytes, unmap: () => void libc.munmap(address, BigInt(length)) };
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

function openLibc(): Libc | null {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return null;
  for (const path of libcPaths) {
    try {
      return Deno.dlopen(path, symbols).symbols;
    } catch {
      // Not this one; the caller does without when there is none.
    }
  }
  return null;
}
