/**
 * The five ways a batch's records may be packed.
 */

export const Compression = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
export type CompressionName = keyof typeof Compression;
export type CompressionId = (typeof Compression)[CompressionName];

/** The bytes are not what their compression says, decompress to more than allowed, or this host lacks the codec. */
export class CompressionError extends Error {
  override readonly name = "CompressionError";
}

export function compress(compression: CompressionId, bytes: Uint8Array): Uint8Array {
  if (compression === Compression.none) return bytes;
  throw new CompressionError(`Cannot compress: there is no codec ${compression}`);
}

/** @throws {CompressionError} when the bytes are damaged or make more than `sizeBytesMax` */
export function decompress(compression: number, bytes: Uint8Array, sizeBytesMax: number): Uint8Array {
  if (compression === Compression.none && bytes.length <= sizeBytesMax) return bytes;
  throw new CompressionError(`Cannot decompress: there is no codec ${compression}`);
}
