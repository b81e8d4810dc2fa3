/** One file in memory: its bytes, what a power cut would undo, its maps. Numbers in brackets are of `memory_files.ts`. */

import type { MappedFile } from "./runtime.ts";

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;
const RELEASED_BYTE = 0xdd;
const CAPACITY_BYTES_MIN = 4096;

/** Unsynced writes whose fate is decided one by one; those past it share the fate of the last. */
const LAYERS_MAX = 1000;

/** What becomes of an unsynced write when the power goes. Of a torn one each sector, and the file's size, by chance. */
export type WriteFate = "whole" | "gone" | "torn";

/** Decides what a power cut leaves. */
export interface Fates {
  write(): WriteFate;
  /** Whether a part of a torn write, or a changed name, is on the disk. */
  lands(): boolean;
}

/** What undoes one write (1). */
interface UndoLayer {
  /** The file's size before; null when the size now is saved, though the sectors are not. */
  sizeBytes: number | null;
  /** Sector number → the sector before, null where the file did not reach. */
  readonly sectors: Map<number, Uint8Array | null>;
  /** Of a new size only: that is the journal's, and not lost with data that could not be written. */
  isResize: boolean;
  /** Not to be dropped by a sync (3). */
  isStuck: boolean;
}

export class MemoryFile {
  readonly kind = "file";
  /** Has room behind `sizeBytes`, always zero. */
  bytes = new Uint8Array(0);
  sizeBytes = 0;
  modifiedMs: number;
  lockLife: number | null = null;
  /** Of the writes that are not synced, in their order. */
  #layers: UndoLayer[] = [];
  /** The newest layer may take one more write: no sync has begun since. */
  #isNewestOpen = false;
  readonly #maps = new Set<MemoryMap>();

  constructor(nowMs: number) {
    this.modifiedMs = nowMs;
  }

  write(chunk: Uint8Array, position: number, nowMs: number): void {
    if (chunk.length === 0) return;
    const end = position + chunk.length;
    this.#remember(Math.min(position, this.sizeBytes), end);
    this.#reserve(end);
    this.bytes.set(chunk, position);
    this.sizeBytes = Math.max(this.sizeBytes, end);
    this.modifiedMs = nowMs;
    for (const map of this.#maps) map.follow(this.bytes, position, end);
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.sizeBytes - position));
    target.set(this.bytes.subarray(position, position + count));
    return count;
  }

  resize(sizeBytes: number, nowMs: number): void {
    for (const map of this.#maps) {
      if (map.length > sizeBytes) {
        throw new Error("Cannot truncate a mapped file: on a real one its readers would crash");
      }
    }
    this.#isNewestOpen = false;
    this.#remember(Math.min(sizeBytes, this.sizeBytes), Math.max(sizeBytes, this.sizeBytes));
    this.#layers.at(-1)!.isResize = true;
    this.#isNewestOpen = false;
    this.#reserve(sizeBytes);
    if (sizeBytes < this.sizeBytes) this.bytes.fill(0, sizeBytes, this.sizeBytes);
    this.sizeBytes = sizeBytes;
    this.modifiedMs = nowMs;
  }

  map(length: number, lengthMax: number, cachedUntil: MappedFile["cachedUntil"]): MappedFile {
    const copy = (length: number) => length <= Math.min(lengthMax, this.sizeBytes) ? this.bytes.slice(0, length) : null;
    const map = new MemoryMap(copy, length, cachedUntil, () => this.#maps.delete(map));
    this.#maps.add(map);
    return map;
  }

  /** Starts a sync; the result ends it (2). */
  sync(): () => void {
    const sealed = this.#layers.at(-1);
    this.#isNewestOpen = false;
    return () => {
      const index = sealed === undefined ? -1 : this.#layers.indexOf(sealed);
      if (index === -1) return; // A later sync has ended before, and covers this one.
      const saved = this.#layers.splice(0, index + 1);
      if (!saved.some((layer) => layer.isStuck)) return;
      const stuck: UndoLayer[] = [];
      const sectors = new Set<number>();
      let isSizeSaved = false;
      for (const layer of saved.reverse()) {
        if (layer.isStuck) {
          for (const sector of sectors) layer.sectors.delete(sector); // It was written again.
          if (isSizeSaved) layer.sizeBytes = null;
          stuck.unshift(layer);
        } else {
          for (const sector of layer.sectors.keys()) sectors.add(sector);
          isSizeSaved = true;
        }
      }
      this.#layers.unshift(...stuck);
    };
  }

  loseWrites(): void {
    for (const layer of this.#layers) layer.isStuck ||= !layer.isResize;
    this.#isNewestOpen = false;
  }

  crash(fates: Fates): void {
    const landed = new Set<number>(); // Of a sector, the newest write that landed is what the disk has.
    let hasSizeLanded = false;
    for (const layer of this.#layers.reverse()) {
      const fate = fates.write();
      const lands = () => fate === "whole" || (fate === "torn" && fates.lands());
      const isSizeThere = lands();
      for (const [sector, before] of layer.sectors) {
        if (landed.has(sector)) continue;
        if (lands()) {
          landed.add(sector);
          continue;
        }
        const start = sector * SECTOR_BYTES;
        this.bytes.fill(0, start, Math.min(start + SECTOR_BYTES, this.bytes.length));
        if (before !== null) this.bytes.set(before, start);
      }
      if (layer.sizeBytes === null || hasSizeLanded) continue;
      hasSizeLanded = isSizeThere;
      if (!isSizeThere) {
        this.#reserve(layer.sizeBytes);
        this.sizeBytes = layer.sizeBytes;
      }
    }
    this.bytes.fill(0, this.sizeBytes);
    this.#layers = [];
    this.#isNewestOpen = false;
    this.#maps.clear();
  }

  /** Flips one bit, on the disk too: nobody wrote that. */
  rot(bit: number): void {
    const at = bit >>> 3;
    if (at < this.sizeBytes) this.bytes[at]! ^= 1 << (bit & 7);
  }

  /** Keeps what the sectors of a range hold now, to undo what is about to be written there. */
  #remember(start: number, end: number): void {
    const { sectors } = this.#newestLayer();
    for (let sector = Math.floor(start / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
      if (sectors.has(sector)) continue;
      const at = sector * SECTOR_BYTES;
      sectors.set(
        sector,
        at >= this.sizeBytes ? null : this.bytes.slice(at, Math.min(at + SECTOR_BYTES, this.sizeBytes)),
      );
    }
  }

  #newestLayer(): UndoLayer {
    const newest = this.#layers.at(-1);
    if (newest !== undefined && this.#isNewestOpen && this.#layers.length >= LAYERS_MAX) return newest;
    const layer: UndoLayer = { sizeBytes: this.sizeBytes, sectors: new Map(), isResize: false, isStuck: false };
    this.#layers.push(layer);
    this.#isNewestOpen = true;
    return layer;
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(sizeBytes, this.bytes.length * 2, CAPACITY_BYTES_MIN));
    grown.set(this.bytes.subarray(0, this.sizeBytes));
    this.bytes = grown;
  }
}

/** A copy that follows writes; a longer one for each time it has grown, as views of those before are still looked at. */
export class MemoryMap implements MappedFile {
  readonly cachedUntil: MappedFile["cachedUntil"];
  /** Null when there is not so much of the file. */
  readonly #copy: (length: number) => Uint8Array | null;
  readonly #copies: Uint8Array[];
  readonly #forget: () => void;

  constructor(
    copy: (length: number) => Uint8Array | null,
    length: number,
    cachedUntil: MappedFile["cachedUntil"],
    forget: () => void,
  ) {
    this.cachedUntil = cachedUntil;
    this.#copy = copy;
    this.#copies = [copy(length)!];
    this.#forget = forget;
  }

  get length(): number {
    return this.bytes.length;
  }

  get bytes(): Uint8Array {
    const bytes = this.#copies.at(-1);
    if (bytes === undefined) throw new Error("Cannot read a mapped file after its release");
    return bytes;
  }

  grow(length: number): boolean {
    const grown = length < this.length ? null : this.#copy(length); // `length` throws after the release.
    if (grown === null) return false;
    this.#copies.push(grown);
    return true;
  }

  isCached(start: number, end: number): boolean {
    return this.cachedUntil(start, end) === end;
  }

  follow(source: Uint8Array, start: number, end: number): void {
    for (const copy of this.#copies) {
      if (start < copy.length) copy.set(source.subarray(start, Math.min(end, copy.length)), start);
    }
  }

  release(): void {
    for (const copy of this.#copies.splice(0)) copy.fill(RELEASED_BYTE);
    this.#forget();
  }
}
