/**
 * LZ4 in its frame format, both ways. Our own, because the packages there are either need native code (one executable
 * cannot carry it), trust their input, or write blocks that depend on each other, which the Java client refuses.
 *
 *   frame:  04 22 4d 18 · flags · block size · [content size 8] · [dictionary 4] · header checksum 1
 *           · per block: size 4 (top bit: stored as is), bytes, [checksum 4]
 *           · 0 as the size of no block · [content checksum 4]
 *   flags:  bits 7–6 version 01 · 5 independent blocks · 4 block checksums · 3 content size · 2 content checksum · 0 dictionary
 *   block:  sequences of: token (literal count, match length − 4; 15 = more bytes follow) · literals · distance 2
 *           The last sequence has literals only, five of them or more; the last match starts 12 bytes or more from the end.
 *
 * All numbers are little-endian. Checksums are xxHash32 and are checked where a frame has them.
 */
import { xxhash32 } from "./xxhash32.ts";

const MAGIC = 0x184d2204;
const VERSION_MASK = 0xc0;
const VERSION = 0x40;
const INDEPENDENT_BLOCKS = 0x20;
const BLOCK_CHECKSUMS = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const STORED = 0x8000_0000;

/** What the Java client writes: 64 KiB, code 4. */
const BLOCK_BYTES = 64 * 1024;
const BLOCK_CODE = 4;
const MATCH_MIN = 4;
const LAST_LITERALS = 5;
const MATCH_FIND_MARGIN = 12;
const HASH_BITS = 13;
/** A block's byte makes at most 255: a match length of 15 + 255 + 255 + … */
const EXPANSION_MAX = 255;

export interface Lz4Options {
  /**
   * The header checksum covers the four bytes before the flags too, as Kafka's clients had it in messages of format 0 (KIP-57).
   * Written so; either is read, as some of those clients had it right.
   */
  readonly hasOldHeaderChecksum?: boolean;
}

// ---------------------------------------------------------------------------------------------- decompress

export function decompressLz4(source: Uint8Array, sizeBytesMax: number, options: Lz4Options = {}): Uint8Array {
  if (source.length < 7 || readUint32(source, 0) !== MAGIC) throw new Error("no frame starts here");
  const flags = source[4]!;
  const blockSizeMax = blockSizeOf(source[5]!);
  if ((flags & VERSION_MASK) !== VERSION) throw new Error(`a frame of version ${flags >> 6}`);
  if ((flags & DICTIONARY) !== 0) throw new Error("a frame that needs a dictionary");
  const hasBlockChecksums = (flags & BLOCK_CHECKSUMS) !== 0;
  const headerEnd = 6 + ((flags & CONTENT_SIZE) !== 0 ? 8 : 0);
  need(source, headerEnd, 1);
  const isHeaderWhole = source[headerEnd] === headerChecksum(source.subarray(4, headerEnd)) ||
    (options.hasOldHeaderChecksum === true && source[headerEnd] === headerChecksum(source.subarray(0, headerEnd)));
  if (!isHeaderWhole) throw new Error("a damaged frame header");

  let at = headerEnd + 1;
  let end = 0; // of what is decompressed
  let target = new Uint8Array(Math.min(sizeBytesMax, blockSizeMax, source.length * 4));
  for (;;) {
    need(source, at, 4);
    const word = readUint32(source, at);
    at += 4;
    if (word === 0) break;
    const isStored = word >= STORED;
    const length = isStored ? word - STORED : word;
    if (length > blockSizeMax) throw new Error(`a block of ${length} bytes in a frame of ${blockSizeMax}`);
    need(source, at, length + (hasBlockChecksums ? 4 : 0));
    if (hasBlockChecksums && xxhash32(source.subarray(at, at + length)) !== readUint32(source, at + length)) {
      throw new Error("a damaged block");
    }
    const room = Math.min(sizeBytesMax, end + (isStored ? length : Math.min(blockSizeMax, length * EXPANSION_MAX)));
    if (room > target.length) target = grown(target, end, Math.min(sizeBytesMax, Math.max(room, target.length * 2)));
    if (isStored) {
      if (length > target.length - end) throw tooLarge();
      target.set(source.subarray(at, at + length), end);
      end += length;
    } else {
      end = decompressBlock({ source, start: at, end: at + length, target, targetStart: end, targetEnd: room });
    }
    at += length + (hasBlockChecksums ? 4 : 0);
  }
  const content = target.subarray(0, end);
  if ((flags & CONTENT_CHECKSUM) !== 0) {
    need(source, at, 4);
    if (xxhash32(content) !== readUint32(source, at)) throw new Error("damaged content");
    at += 4;
  }
  if (at !== source.length) throw new Error(`${source.length - at} bytes behind the frame`);
  return content;
}

interface BlockDecompression {
  readonly source: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Holds what earlier blocks made, up to `targetStart`: a match may reach back there. */
  readonly target: Uint8Array;
  readonly targetStart: number;
  readonly targetEnd: number;
}

/** Where the block's content ends in the target. */
function decompressBlock({ source, start, end, target, targetStart, targetEnd }: BlockDecompression): number {
  let at = start;
  let to = targetStart;
  for (;;) {
    if (at >= end) throw new Error("a block without its last literals");
    const token = source[at++]!;

    let literalCount = token >> 4;
    if (literalCount === 15) {
      for (let more = 255; more === 255;) {
        if (at >= end) throw new Error("a block cut in a length");
        more = source[at++]!;
        literalCount += more;
      }
    }
    if (literalCount > end - at) throw new Error("a block cut in its literals");
    if (literalCount > targetEnd - to) throw tooLarge();
    if (literalCount > 24) target.set(source.subarray(at, at + literalCount), to);
    else for (let index = 0; index < literalCount; index++) target[to + index] = source[at + index]!;
    at += literalCount;
    to += literalCount;
    if (at === end) return to;

    if (at + 2 > end) throw new Error("a block cut in a distance");
    const distance = source[at]! | (source[at + 1]! << 8);
    at += 2;
    if (distance === 0 || distance > to) throw new Error(`a match ${distance} bytes back, where there are ${to}`);
    let length = token & 15;
    if (length === 15) {
      for (let more = 255; more === 255;) {
        if (at >= end) throw new Error("a block cut in a length");
        more = source[at++]!;
        length += more;
      }
    }
    length += MATCH_MIN;
    if (length > targetEnd - to) throw tooLarge();
    const from = to - distance;
    if (distance >= length && length > 24) target.copyWithin(to, from, from + length);
    else if (distance === 1 && length > 24) target.fill(target[from]!, to, to + length);
    else for (let index = 0; index < length; index++) target[to + index] = target[from + index]!;
    to += length;
  }
}

function blockSizeOf(descriptor: number): number {
  const code = (descriptor >> 4) & 7;
  if (code < 4) throw new Error(`a frame with block size code ${code}`);
  return 1 << (8 + 2 * code); // 4: 64 KiB, 5: 256 KiB, 6: 1 MiB, 7: 4 MiB
}

function grown(bytes: Uint8Array, usedBytes: number, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(sizeBytes);
  larger.set(bytes.subarray(0, usedBytes));
  return larger;
}

function need(source: Uint8Array, at: number, count: number): void {
  if (count > source.length - at) throw new Error("a frame that is cut");
}

function tooLarge(): Error {
  return new Error("more content than allowed");
}

// ---------------------------------------------------------------------------------------------- compress

export function compressLz4(source: Uint8Array, options: Lz4Options = {}): Uint8Array {
  const blockCount = Math.ceil(source.length / BLOCK_BYTES);
  // A block that does not shrink is stored, but is tried in place first: room for what trying may take.
  const target = new Uint8Array(source.length + Math.ceil(source.length / 255) + 20 * blockCount + 16);
  writeUint32(target, 0, MAGIC);
  target[4] = VERSION | INDEPENDENT_BLOCKS;
  target[5] = BLOCK_CODE << 4;
  target[6] = headerChecksum(target.subarray(options.hasOldHeaderChecksum === true ? 0 : 4, 6));
  let to = 7;
  for (let start = 0; start < source.length; start += BLOCK_BYTES) {
    const length = Math.min(BLOCK_BYTES, source.length - start);
    const compressedEnd = compressBlock(source, start, start + length, target, to + 4);
    const compressedLength = compressedEnd - to - 4;
    if (compressedLength < length) {
      writeUint32(target, to, compressedLength);
      to = compressedEnd;
    } else {
      writeUint32(target, to, STORED + length);
      target.set(source.subarray(start, start + length), to + 4);
      to += 4 + length;
    }
  }
  writeUint32(target, to, 0);
  return target.subarray(0, to + 4);
}

/** Of four bytes: where in the block they were seen last. Blocks are 64 KiB, so 16 bits are enough. */
const seen = new Uint16Array(1 << HASH_BITS);

/** Where the block ends in the target. */
function compressBlock(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  targetStart: number,
): number {
  seen.fill(0);
  const matchStartMax = end - MATCH_FIND_MARGIN;
  const matchEndMax = end - LAST_LITERALS;
  let to = targetStart;
  let literals = start; // first byte not yet written
  let at = start + 1; // 0 in the table means the block's first byte: a match there is found like any other
  let tries = 64; // the longer nothing is found, the larger the steps
  while (at <= matchStartMax) {
    const word = readWord(source, at);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    let from = start + seen[slot]!;
    seen[slot] = at - start;
    if (from >= at || readWord(source, from) !== word) {
      at += tries++ >> 6;
      continue;
    }
    tries = 64;
    while (at > literals && from > start && source[at - 1] === source[from - 1]) {
      at--;
      from--;
    }
    const distance = at - from;
    let matchEnd = at + MATCH_MIN;
    while (matchEnd < matchEndMax && source[matchEnd] === source[matchEnd - distance]) matchEnd++;

    const matchLength = matchEnd - at - MATCH_MIN;
    to = writeLiterals(source, literals, at, target, to, Math.min(matchLength, 15));
    target[to++] = distance;
    target[to++] = distance >> 8;
    if (matchLength >= 15) to = writeLength(target, to, matchLength - 15);
    at = matchEnd;
    literals = matchEnd;
    if (at <= matchStartMax) {
      seen[Math.imul(readWord(source, at - 2), 0x9e3779b1) >>> (32 - HASH_BITS)] = at - 2 - start;
    }
  }
  return writeLiterals(source, literals, end, target, to, 0);
}

function writeLiterals(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  to: number,
  matchNibble: number,
): number {
  const count = end - start;
  target[to++] = (Math.min(count, 15) << 4) | matchNibble;
  if (count >= 15) to = writeLength(target, to, count - 15);
  if (count > 24) target.set(source.subarray(start, end), to);
  else for (let index = 0; index < count; index++) target[to + index] = source[start + index]!;
  return to + count;
}

function writeLength(target: Uint8Array, to: number, rest: number): number {
  for (; rest >= 255; rest -= 255) target[to++] = 255;
  target[to++] = rest;
  return to;
}

function headerChecksum(descriptor: Uint8Array): number {
  return (xxhash32(descriptor) >>> 8) & 0xff;
}

function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return readWord(bytes, at) >>> 0;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
