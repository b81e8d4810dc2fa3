/** CRC-32 as zip and Ethernet have it: the checksum of messages in formats 0 and 1. Batches have another (`crc32c.ts`). */

/** The reflected polynomial. */
const POLYNOMIAL = 0xedb88320;

/** CRC-32 of `bytes[start, end)`, unsigned. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const table = tableOnce ??= makeTable();
  let crc = -1;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = table[1792 + (crc & 255)]! ^ table[1536 + ((crc >>> 8) & 255)]! ^
      table[1280 + ((crc >>> 16) & 255)]! ^ table[1024 + (crc >>> 24)]! ^
      table[768 + bytes[at + 4]!]! ^ table[512 + bytes[at + 5]!]! ^
      table[256 + bytes[at + 6]!]! ^ table[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 255]!;
  return (crc ^ -1) >>> 0;
}

/** Made when first needed, a millisecond that a broker's start spares. */
let tableOnce: Int32Array | null = null;

/** At 256 * n + b: what the byte b does to the checksum when n more bytes follow it. */
function makeTable(): Int32Array {
  const table = new Int32Array(8 * 256);
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
