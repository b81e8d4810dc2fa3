/**
 * Memory maps of segments, within a budget.
 *
 * (1) A map in use is not released: its reader's views would point at nothing, and the next one to read them would crash
 *     the process. `acquire` counts a reader in, `release` counts it out.
 * (2) The budget is what may stay mapped in all. Maps nobody uses go first, the longest unused first; when all are in use
 *     there is no new one, and the caller reads into a buffer.
 * (3) A mapped file is never truncated below what is mapped of it. A segment that is retired gives its map up once its last reader has gone.
 * (4) A segment that is written to has a map of its beginning: of whole batches that are in the file for good, as long as it
 *     was when they were last asked for. It grows where it is, also under its readers, for as long as it has room; then one with
 *     more room takes its place when it has no reader, and until then the caller reads into a buffer.
 */
import { type FileSystem, type MappedFile } from "../runtime/runtime.ts";

/** Addresses, not memory: what the kernel keeps of it is page cache. */
export const MAPPED_BYTES_MAX = 8 * 1024 * 1024 * 1024;

/** Of a map to grow, so that few take each other's place. A closed segment does not use it, and it costs nothing. */
const ROOM_GROWTH = 8;
/** As long as a segment is by default. */
const ROOM_BYTES_MAX = 1024 * 1024 * 1024;

/** The mapped file of one segment; null inside while it is not mapped. */
export class SegmentMap {
  /** For `MapPool`. */
  mapped: MappedFile | null = null;
  readerCount = 0;
  isRetired = false;
}

export class MapPool {
  readonly #files: FileSystem;
  readonly #mappedMax: number;
  #mappedBytes = 0;
  #canMap = true;
  /** What is mapped, the longest unused first. */
  readonly #maps = new Set<SegmentMap>();

  constructor(files: FileSystem, mappedMax: number = MAPPED_BYTES_MAX) {
    this.#files = files;
    this.#mappedMax = mappedMax;
  }

  get mappedBytes(): number {
    return this.#mappedBytes;
  }

  /**
   * The file at `path` as bytes, to be given back by `release`: its first `sizeBytes`, or fewer, but at least `leastBytes`, of an
   * older map (4). Null where it cannot be mapped now.
   */
  acquire(map: SegmentMap, path: string, sizeBytes: number, leastBytes: number = sizeBytes): Uint8Array | null {
    if (map.mapped !== null && map.mapped.bytes.length < leastBytes && !this.#grow(map, sizeBytes)) {
      if (map.readerCount > 0) return null; // (1)
      this.#unmap(map);
    }
    if (map.mapped === null && !this.#map(map, path, sizeBytes)) return null;
    map.readerCount++;
    this.#maps.delete(map);
    this.#maps.add(map);
    return map.mapped!.bytes;
  }

  release(map: SegmentMap): void {
    map.readerCount--;
    if (map.readerCount === 0 && map.isRetired) this.#unmap(map); // (3)
  }

  /** The segment is closed or deleted: its map ends with its last reader. */
  retire(map: SegmentMap): void {
    map.isRetired = true;
    if (map.readerCount === 0) this.#unmap(map);
  }

  /** Releases what nobody uses. */
  releaseUnused(): void {
    for (const map of this.#maps) {
      if (map.readerCount === 0) this.#unmap(map);
    }
  }

  #grow({ mapped }: SegmentMap, sizeBytes: number): boolean {
    const moreBytes = sizeBytes - mapped!.bytes.length;
    if (this.#mappedBytes + moreBytes > this.#mappedMax || !mapped!.grow(sizeBytes)) return false; // (2)
    this.#mappedBytes += moreBytes;
    return true;
  }

  #map(map: SegmentMap, path: string, sizeBytes: number): boolean {
    if (!this.#canMap || map.isRetired || sizeBytes === 0 || sizeBytes > this.#mappedMax) return false;
    for (const unused of this.#maps) {
      if (this.#mappedBytes + sizeBytes <= this.#mappedMax) break;
      if (unused.readerCount === 0) this.#unmap(unused);
    }
    if (this.#mappedBytes + sizeBytes > this.#mappedMax) return false; // (2)
    const mapped = this.#files.map(path, sizeBytes, Math.min(ROOM_BYTES_MAX, sizeBytes * ROOM_GROWTH));
    if (mapped === null) {
      this.#canMap = false;
      return false;
    }
    map.mapped = mapped;
    this.#mappedBytes += mapped.bytes.length;
    return true;
  }

  #unmap(map: SegmentMap): void {
    const mapped = map.mapped;
    if (mapped === null) return;
    map.mapped = null;
    this.#maps.delete(map);
    this.#mappedBytes -= mapped.bytes.length;
    mapped.release();
  }
}
