/**
 * The five ways a batch's records may be packed. Nothing on the broker's hot path unpacks them: clients do, the cleaner,
 * and whoever wants to look.
 *
 *   gzip    RFC 1952                                   the host's zlib (`host_zlib.ts`)
 *   snappy  blocks in the framing of the Java client;  hysnappy (`snappy.ts`)
 *           one bare block is read too
 *   lz4     the frame format                           `lz4.ts`
 *   zstd    RFC 8878                                   the host's zlib
 *
 * Every decompression has a bound on what it may make, kept while it runs: a batch of 1 KiB can claim to hold gigabytes.
 */
import { hostGzip, hostZstd } from "./host_zlib.ts";
import { compressLz4, decompressLz4 } from "./lz4.ts";
import { compressSnappy, decompressSnappy } from "./snappy.ts";

export const Compression = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
export type CompressionName = keyof typeof Compression;
export type CompressionId = (typeof Compression)[CompressionName];

/** The bytes are not what their compression says, decompress to more than allowed, or this host lacks the codec. */
export class CompressionError extends Error {
  override readonly name = "CompressionError";
}

export interface Codec {
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws when the bytes are damaged or make more than `sizeBytesMax`. */
  decompress(bytes: Uint8Array, sizeBytesMax: number): Uint8Array;
}

const codecs = new Map<number, Codec>([
  [Compression.gzip, {
    compress: (bytes) => hostGzip().compress(bytes),
    decompress: (...all) => hostGzip().decompress(...all),
  }],
  [Compression.snappy, { compress: compressSnappy, decompress: decompressSnappy }],
  [Compression.lz4, { compress: compressLz4, decompress: decompressLz4 }],
  [Compression.zstd, {
    compress: (bytes) => hostZstd().compress(bytes),
    decompress: (...all) => hostZstd().decompress(...all),
  }],
]);

/** Puts another implementation in the place of a codec, where the host has none (zstd in a browser) or a faster one. */
export function installCodec(compression: CompressionId, codec: Codec): void {
  codecs.set(compression, codec);
}

/** @throws {CompressionError} when this host lacks the codec */
export function compress(compression: CompressionId, bytes: Uint8Array): Uint8Array {
  if (compression === Compression.none) return bytes;
  try {
    return codecOf(compression).compress(bytes);
  } catch (cause) {
    throw new CompressionError(`Cannot compress ${bytes.length} bytes by ${compressionName(compression)}`, { cause });
  }
}

/** @throws {CompressionError} when the bytes are damaged, make more than `sizeBytesMax`, or this host lacks the codec */
export function decompress(compression: number, bytes: Uint8Array, sizeBytesMax: number): Uint8Array {
  if (compression === Compression.none && bytes.length <= sizeBytesMax) return bytes;
  try {
    return codecOf(compression).decompress(bytes, sizeBytesMax);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CompressionError(
      `Cannot decompress ${bytes.length} bytes of ${
        compressionName(compression)
      } into ${sizeBytesMax} at most: ${reason}`,
      { cause },
    );
  }
}

/** "gzip" of 1; the number itself when it has no name. */
export function compressionName(compression: number): string {
  return Object.entries(Compression).find(([, id]) => id === compression)?.[0] ?? String(compression);
}

function codecOf(compression: number): Codec {
  const codec = codecs.get(compression);
  if (codec === undefined) throw new CompressionError("there is no such codec");
  return codec;
}
