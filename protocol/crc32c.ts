/**
 * CRC32C (Castagnoli), the checksum of record batches.
 *
 * Once `initCrc32c` was called, inputs that are worth a call go to the processor's own instruction where the runtime can
 * reach it (`Runtime.openCrc32c`), else to WebAssembly with vectors (`crc32c_fold.ts`), and where it has none, to hash-wasm; small
 * ones, and everything before that, through a table loop over sixteen bytes at a time. All give the same number, so a caller
 * that forgets `initCrc32c` is only slower.
 *
 *                     64 B   256 B   1 KiB   4 KiB   64 KiB   1 MB     GB/s
 *   processor, Bun    1.0    2.9     6.2     14      16       16
 *   processor, Deno   0.04   0.2     0.7     2.6     15       16       from 2 KiB on
 *   vectors, Bun      –      –       –       2.2     7        9        from 1.5 KiB on
 *   vectors, Deno     –      –       –       2.0     6        6
 *   hash-wasm         0.2    0.6     1.1     1.4     1.5      1.5      Bun; Deno within a tenth
 *   this loop         1.0    1.1     1.2     1.2     1.2      1.2      Bun; Deno within a tenth
 */
import { createCRC32 } from "hash-wasm";
import { openCrc32cFold } from "./crc32c_fold.ts";

/** The reflected Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78;
/** Where hash-wasm overtakes the table loop. */
const WASM_SIZE_BYTES_MIN = 4096;

interface WasmHasher {
  init(): unknown;
  update(bytes: Uint8Array): unknown;
  digest(outputType: "binary"): Uint8Array;
}

let wasmHasher: WasmHasher | null = null;
let loading: Promise<void> | null = null;

/** The checksum by other means than this file's, for inputs from `sizeBytesMin` on. */
export interface NativeCrc32c {
  readonly sizeBytesMin: number;
  /** Of `bytes[start, end)`, unsigned. */
  compute(bytes: Uint8Array, start: number, end: number): number;
}

let native: NativeCrc32c | null = null;
let ownVectors: NativeCrc32c | null = null;
const openOwnVectors = () => ownVectors ??= openCrc32cFold(crc32cOfMore);
let nativeSizeBytesMin = Infinity;

/**
 * Takes `candidate` into use if it gives the same numbers as the table; else, or without one, WebAssembly, with vectors under the same
 * condition (a second call waits for the same load).
 *
 * @returns what large inputs are computed by from now on
 */
export async function initCrc32c(
  candidate: NativeCrc32c | null = null,
  openVectors = openOwnVectors,
): Promise<"native" | "vectors" | "wasm"> {
  if (take(candidate)) return "native";
  if (take(openVectors())) return "vectors";
  loading ??= createCRC32(POLYNOMIAL).then((hasher) => {
    wasmHasher = hasher;
  });
  await loading;
  return "wasm";
}

function take(candidate: NativeCrc32c | null): boolean {
  native = candidate !== null && isRight(candidate) ? candidate : null;
  nativeSizeBytesMin = native?.sizeBytesMin ?? Infinity;
  return native !== null;
}

/** Lengths at which each loop of what is offered runs not at all, once and again; few, for nothing is compiled yet. */
const TRIAL_LENGTHS = [...Array.from({ length: 40 }, (_, index) => index + 1), 767, 768, 1543, 12_287, 25_400];

function isRight(candidate: NativeCrc32c): boolean {
  const bytes = new Uint8Array(Math.max(...TRIAL_LENGTHS) + 8);
  for (let index = 0, value = 1; index < bytes.length; index++) {
    value = Math.imul(value, 1_664_525) + 1_013_904_223;
    bytes[index] = value >>> 24;
  }
  return TRIAL_LENGTHS.every((length) => {
    const start = length % 8;
    return candidate.compute(bytes, start, start + length) === crc32cByTable(bytes, start, start + length);
  });
}

/** CRC32C of `bytes[start, end)`, unsigned. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (end - start >= nativeSizeBytesMin) return native!.compute(bytes, start, end);
  if (wasmHasher !== null && end - start >= WASM_SIZE_BYTES_MIN) return crc32cByWasm(wasmHasher, bytes, start, end);
  return crc32cByTable(bytes, start, end);
}

function crc32cByWasm(hasher: WasmHasher, bytes: Uint8Array, start: number, end: number): number {
  hasher.init();
  hasher.update(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  const digest = hasher.digest("binary");
  return ((digest[0]! << 24) | (digest[1]! << 16) | (digest[2]! << 8) | digest[3]!) >>> 0;
}

// hot: per batch
export function crc32cByTable(bytes: Uint8Array, start: number, end: number): number {
  return crc32cOfMore(0, bytes, start, end);
}

/** The checksum of what gave `previous` (0: nothing) with `bytes[start, end)` behind it. */
export function crc32cOfMore(previous: number, bytes: Uint8Array, start: number, end: number): number {
  const table = TABLE;
  let crc = ~previous;
  let at = start;
  for (const last = end - 16; at <= last; at += 16) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = table[3840 + (crc & 255)]! ^ table[3584 + ((crc >>> 8) & 255)]! ^
      table[3328 + ((crc >>> 16) & 255)]! ^ table[3072 + (crc >>> 24)]! ^
      table[2816 + bytes[at + 4]!]! ^ table[2560 + bytes[at + 5]!]! ^
      table[2304 + bytes[at + 6]!]! ^ table[2048 + bytes[at + 7]!]! ^
      table[1792 + bytes[at + 8]!]! ^ table[1536 + bytes[at + 9]!]! ^
      table[1280 + bytes[at + 10]!]! ^ table[1024 + bytes[at + 11]!]! ^
      table[768 + bytes[at + 12]!]! ^ table[512 + bytes[at + 13]!]! ^
      table[256 + bytes[at + 14]!]! ^ table[bytes[at + 15]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 255]!;
  return (crc ^ -1) >>> 0;
}

/** TABLE[256 * n + b]: what the byte b does to the checksum when n more bytes follow it. */
const TABLE = makeTable();

function makeTable(): Int32Array {
  const table = new Int32Array(16 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let entry = 256; entry < table.length; entry++) {
    const shorter = table[entry - 256]!;
    table[entry] = (shorter >>> 8) ^ table[shorter & 255]!;
  }
  return table;
}
