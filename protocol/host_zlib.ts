/**
 * gzip and zstd as the host has them: Bun, Deno and Node carry both in their zlib module, in native code.
 *
 * This is the one place outside `runtime/` that asks the host for something. It is asked when first needed and by a call
 * that only computes, so that `protocol/` stays pure and loads anywhere; a host without it (a browser) gets an error
 * here, or another codec by `installCodec`.
 */
import type { Codec } from "./compression.ts";

interface HostZlib {
  gzipSync(bytes: Uint8Array): Uint8Array;
  gunzipSync(bytes: Uint8Array, options: { readonly maxOutputLength: number }): Uint8Array;
  zstdCompressSync?(bytes: Uint8Array): Uint8Array;
  zstdDecompressSync?(bytes: Uint8Array, options: { readonly maxOutputLength: number }): Uint8Array;
}

interface Host {
  readonly Bun?: { readonly zstdDecompressSync?: unknown };
  readonly process?: { readonly getBuiltinModule?: (name: string) => HostZlib | undefined };
}

let gzip: Codec | null = null;
let zstd: Codec | null = null;

export function hostGzip(): Codec {
  if (gzip !== null) return gzip;
  const { gzipSync, gunzipSync } = hostZlib();
  gzip = {
    compress: (bytes) => plain(gzipSync(bytes)),
    decompress: (bytes, maxOutputLength) => plain(gunzipSync(bytes, { maxOutputLength: atLeastOne(maxOutputLength) })),
  };
  return gzip;
}

/** False in a browser and in Node before 22.15: `zstd_wasm.ts` steps in there. */
export function hasHostZstd(): boolean {
  // Bun is asked without its zlib module, which takes some milliseconds to load and may never be needed.
  return (globalThis as Host).Bun?.zstdDecompressSync !== undefined || findZlib()?.zstdDecompressSync !== undefined;
}

export function hostZstd(): Codec {
  if (zstd !== null) return zstd;
  const { zstdCompressSync, zstdDecompressSync } = hostZlib();
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) throw new Error("this host has no zstd");
  zstd = {
    compress: (bytes) => plain(zstdCompressSync(bytes)),
    decompress: (bytes, maxOutputLength) =>
      plain(zstdDecompressSync(bytes, { maxOutputLength: atLeastOne(maxOutputLength) })),
  };
  return zstd;
}

function hostZlib(): HostZlib {
  const zlib = findZlib();
  if (zlib === undefined) throw new Error("this host has no zlib");
  return zlib;
}

function findZlib(): HostZlib | undefined {
  return (globalThis as Host).process?.getBuiltinModule?.("node:zlib");
}

/** zlib takes no limit of 0. */
function atLeastOne(sizeBytesMax: number): number {
  return Math.max(1, sizeBytesMax);
}

/** A host gives its Buffer; callers get one shape. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
