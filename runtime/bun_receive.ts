/**
 * `recv` for Bun, by FFI: straight into memory that was chosen for it.
 *
 * Bun reads into a buffer of its own and copies that into a new chunk; of a large request most has not arrived by then, and is read
 * here, without a copy. Anything but bytes (none there, the end, an error) is left for Bun to find.
 */

import { libcPaths } from "./native.ts";

const MSG_DONTWAIT = 0x40;

interface BunFfi {
  dlopen(path: string, symbols: Record<string, { args: readonly string[]; returns: string }>): {
    readonly symbols: { recv(descriptor: number, target: Uint8Array, length: number, flags: number): number | bigint };
  };
}

interface Host {
  readonly platform: string;
  getBuiltinModule?(name: string): unknown;
}

/** Bytes read into the start of `target`; 0 or less when there are none to be had now. */
export type ReceiveInto = (descriptor: number, target: Uint8Array) => number;

/** Null where it cannot be. */
export function openBunReceive(): ReceiveInto | null {
  const host = (globalThis as unknown as { process: Host }).process;
  const ffi = host.getBuiltinModule?.("bun:ffi") as BunFfi | undefined;
  if (ffi === undefined || host.platform !== "linux") return null;
  for (const path of libcPaths) {
    try {
      const { recv } =
        ffi.dlopen(path, { recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i64_fast" } }).symbols;
      return (descriptor, target) => Number(recv(descriptor, target, target.length, MSG_DONTWAIT));
    } catch {
      // Not this one; without any, Bun's chunks are copied.
    }
  }
  return null;
}
