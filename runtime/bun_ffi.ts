/** Bun's calls into the C library. `bun:ffi` is a façade of `Bun.FFI`, but its name breaks `deno check`. */

import { libcPaths } from "./native.ts";

/** The part that is used. */
export interface BunFfi {
  dlopen<Symbols>(path: string, symbols: FfiSymbols): { readonly symbols: Symbols };
  ptr(view: Uint8Array, byteOffset?: number): number;
  toArrayBuffer(pointer: number, byteOffset: number, byteLength: number): ArrayBuffer;
  readonly CFunction: new (
    options: { readonly ptr: number; readonly args: readonly string[]; readonly returns: string },
  ) => (...args: number[]) => number;
}

export type FfiSymbols = Readonly<Record<string, { readonly args: readonly string[]; readonly returns: string }>>;

interface Host {
  readonly platform: string;
  getBuiltinModule?(name: string): unknown;
}

const host = (globalThis as unknown as { process: Host }).process;

export const isLinux = host.platform === "linux";

/** Null where there is none. */
export function openFfi(): BunFfi | null {
  return (host.getBuiltinModule?.("bun:ffi") as BunFfi | undefined) ?? null;
}

/** Functions of the C library, of the first that has them all; null when none does. */
export function openFirst<Symbols>(ffi: BunFfi, symbols: FfiSymbols): Symbols | null {
  for (const path of libcPaths) {
    try {
      return ffi.dlopen<Symbols>(path, symbols).symbols;
    } catch {
      // Not this one; the caller does without when there is none.
    }
  }
  return null;
}
