/**
 * `recv` for Bun, by FFI: straight into memory that was chosen for it.
 *
 * Bun reads into a buffer of its own and copies that into a new chunk; of a large request most has not arrived by then, and is read
 * here, without a copy. Anything but bytes (none there, the end, an error) is left for Bun to find.
 */

import { isLinux, openFfi, openFirst } from "./bun_ffi.ts";

const MSG_DONTWAIT = 0x40;

interface Symbols {
  recv(descriptor: number, target: Uint8Array, length: number, flags: number): number | bigint;
}

/** Bytes read into the start of `target`; 0 or less when there are none to be had now. */
export type ReceiveInto = (descriptor: number, target: Uint8Array) => number;

/** Null where it cannot be. */
export function openBunReceive(): ReceiveInto | null {
  const ffi = openFfi();
  if (ffi === null || !isLinux) return null;
  const libc = openFirst<Symbols>(ffi, { recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i64_fast" } });
  if (libc === null) return null;
  return (descriptor, target) => Number(libc.recv(descriptor, target, target.length, MSG_DONTWAIT));
}
