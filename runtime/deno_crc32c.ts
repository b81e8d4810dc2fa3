/** The processor's CRC32C for Deno, where `--allow-ffi` or `-A` was given (nobody is asked). */

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
import { libcPaths } from "./native.ts";
import type { ProcessorCrc32c } from "./runtime.ts";

/** A call takes 1.4 µs: Deno compiles calls of libraries' symbols, not of addresses. */
const SIZE_BYTES_MIN = 2048;

const codeType = { parameters: ["buffer", "u32"], result: "u32" } as const;

export function openDenoCrc32c(): ProcessorCrc32c | null {
  if (!isCodeKnown() || Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return null;
  const page = openPage();
  if (page === null) return null;
  const featuresType = { parameters: [], result: "u32" } as const;
  const features: Deno.PointerValue<typeof featuresType> = Deno.UnsafePointer.offset(page, FEATURES_AT);
  if (features === null || !hasCrc32c(new Deno.UnsafeFnPointer(features, featuresType).call())) return null;
  const code = new Deno.UnsafeFnPointer(page as Deno.PointerObject<typeof codeType>, codeType);
  return {
    sizeBytesMin: SIZE_BYTES_MIN,
    // hot: per batch
    compute: (bytes, start, end) => code.call(bytes.subarray(start, end) as Uint8Array<ArrayBuffer>, end - start),
  };
}

function openPage(): Deno.PointerObject | null {
  for (const path of libcPaths) {
    try {
      const libc = Deno.dlopen(path, {
        mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
        mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
      }).symbols;
      const size = BigInt(PAGE_SIZE_BYTES);
      const page = libc.mmap(null, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0n);
      // MAP_FAILED is the address -1.
      if (page === null || Deno.UnsafePointer.value(page) === 2n ** 64n - 1n) return null;
      writeCode(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(page, PAGE_SIZE_BYTES)));
      return libc.mprotect(page, size, PROT_READ_EXECUTE) === 0 ? page : null;
    } catch {
      // Not this one; the caller does without when there is none.
    }
  }
  return null;
}
