/**
 * Machine code that is called by FFI: what both adapters need to know of the C library and of the processor.
 *
 * A page is written first and made executable (and read-only) after; it stays for the life of the process. Only Linux
 * on x86-64 so far: elsewhere the caller computes by other means.
 */
import process from "node:process";
import { CRC32C_X86_64, FEATURES_X86_64 } from "./machine_code.ts";

export const PAGE_SIZE_BYTES = 4096;
/** In the page: the checksum at its start, and the question for the processor's features here. */
export const FEATURES_AT = 2048;

export const PROT_READ_WRITE = 3;
export const PROT_READ_EXECUTE = 5;
/** MAP_PRIVATE and MAP_ANONYMOUS, as Linux numbers them. */
export const MAP_PRIVATE_ANONYMOUS = 0x22;

const PCLMULQDQ = 1 << 1;
const SSE_4_2 = 1 << 20;

export function isCodeKnown(): boolean {
  return process.platform === "linux" && process.arch === "x64";
}

export function writeCode(page: Uint8Array): void {
  page.set(bytesOf(CRC32C_X86_64));
  page.set(bytesOf(FEATURES_X86_64), FEATURES_AT);
}

export function hasCrc32c(features: number): boolean {
  return (features & PCLMULQDQ) !== 0 && (features & SSE_4_2) !== 0;
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
