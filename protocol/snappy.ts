/**
 * Snappy as Kafka clients write it. The Java client (and sarama) frame blocks of 32 KiB the way the Java snappy library
 * does; librdkafka and others send one bare block. Both are read; the framed form is written.
 *
 *   framed:  82 'S' 'N' 'A' 'P' 'P' 'Y' 00 · version int32 = 1 · least version int32 = 1
 *            · per block: length int32, the block
 *   block:   size when decompressed, varint · literals and copies
 */
import { snappyCompressor, snappyUncompressor } from "hysnappy";
import { readInt32, writeInt32 } from "./batch.ts";

const MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const FRAME_HEADER_BYTES = 16;
const BLOCK_BYTES = 32 * 1024;
/** WebAssembly memory never shrinks: larger blocks get an instance of their own, which is dropped afterwards. */
const KEPT_MEMORY_BYTES_MAX = 4 * 1024 * 1024;

type Uncompress = (block: Uint8Array, sizeBytes: number) => Uint8Array;

let compressBlock: ((bytes: Uint8Array) => Uint8Array) | null = null;
let uncompressBlock: Uncompress | null = null;

export function compressSnappy(bytes: Uint8Array): Uint8Array {
  compressBlock ??= snappyCompressor();
  const blocks: Uint8Array[] = [];
  let sizeBytes = FRAME_HEADER_BYTES;
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = compressBlock(bytes.subarray(at, at + BLOCK_BYTES));
    blocks.push(block);
    sizeBytes += 4 + block.length;
  }
  const framed = new Uint8Array(sizeBytes);
  framed.set(MAGIC);
  writeInt32(framed, 8, 1);
  writeInt32(framed, 12, 1);
  let at = FRAME_HEADER_BYTES;
  for (const block of blocks) {
    writeInt32(framed, at, block.length);
    framed.set(block, at + 4);
    at += 4 + block.length;
  }
  return framed;
}

export function decompressSnappy(bytes: Uint8Array, sizeBytesMax: number): Uint8Array {
  if (!isFramed(bytes)) return decompressBlock(bytes, blockSize(bytes, sizeBytesMax));

  // Two passes: the first adds up what the blocks claim, so that nothing is made of a frame that claims too much.
  let sizeBytes = 0;
  for (const block of framedBlocks(bytes)) sizeBytes += blockSize(block, sizeBytesMax - sizeBytes);
  const result = new Uint8Array(sizeBytes);
  let at = 0;
  for (const block of framedBlocks(bytes)) {
    const part = decompressBlock(block, blockSize(block, sizeBytesMax));
    result.set(part, at);
    at += part.length;
  }
  return result;
}

function isFramed(bytes: Uint8Array): boolean {
  return bytes.length >= FRAME_HEADER_BYTES && MAGIC.every((byte, index) => bytes[index] === byte);
}

function* framedBlocks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = FRAME_HEADER_BYTES; at < bytes.length;) {
    const left = bytes.length - at - 4;
    const length = left < 0 ? 0 : readInt32(bytes, at);
    if (length <= 0 || length > left) throw new Error(`a block of ${length} bytes where ${left} are left`);
    at += 4 + length;
    yield bytes.subarray(at - length, at);
  }
}

/** What a block says it decompresses to. */
function blockSize(block: Uint8Array, sizeBytesMax: number): number {
  let size = 0;
  for (let at = 0, scale = 1; at < 5; at++, scale *= 128) {
    const byte = block[at];
    if (byte === undefined) break;
    size += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (size > sizeBytesMax) throw new Error(`a block claims ${size} bytes`);
      return size;
    }
  }
  throw new Error("a block without a size");
}

function decompressBlock(block: Uint8Array, sizeBytes: number): Uint8Array {
  if (block.length + sizeBytes > KEPT_MEMORY_BYTES_MAX) return snappyUncompressor()(block, sizeBytes);
  uncompressBlock ??= snappyUncompressor();
  return uncompressBlock(block, sizeBytes);
}
