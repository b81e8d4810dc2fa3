/**
 * Reads off the loop for what is not in the page cache: one that waits for the disk on the loop holds up everybody.
 *
 *     try ── all in memory ────────────────────────────▶ answer
 *      │ ▲
 *      ▼ └────────────── again ◀──────────┐
 *     NotInMemory ▶ load: waiting ▶ under way ▶ loaded range (▶ the next one, ahead of a reader in sequence)
 *
 * (1) Between `begin` and `end` no read of a pooled file waits for the disk: what is neither in the page cache nor in a loaded
 *     range throws `NotInMemory`, and the whole of what was tried is tried again after the load. So nobody keeps anything over
 *     a wait that a deletion or a truncation could make wrong.
 * (2) A loaded range is what the file has there: a write over it, or over what is being loaded, cuts it off where it begins.
 * (3) Ranges hold at most `loadedBytesMax` in all, the one unused longest goes first. One that goes while readers have views of
 *     it is theirs (`heldBytes` of their reads counts it): its buffer is free with the last of them.
 * (4) `readsAtOnceMax` loads are under way at most, so that syncs, which wait in the same threads, get through; `waitingMax` wait.
 *     Those that somebody waits for come before those made ahead, and those made ahead take up half of the budget at most.
 *
 * An index that has to be built again is built where it stands (`waiting`): damage is rare.
 */
import { type FileHandle } from "../runtime/runtime.ts";
import { type BufferPool } from "./buffer_pool.ts";
import { type StorageError, storageError } from "./errors.ts";
import { type PooledFile, type ReadGate } from "./file_pool.ts";
import { walkWithin } from "./log_read.ts";

export const LOADED_BYTES_MAX = 32 * 1024 * 1024;
/** Read in one go for a reader in sequence, and the size to which lookups in indexes are rounded. */
export const WINDOW_BYTES = 1024 * 1024;
/** Windows that are loaded before a reader in sequence asks for them. */
const AHEAD_COUNT = 2;
const WAITING_MAX = 1024;
/** A lookup that is still not in memory after so many loads waits for the disk where it stands: memory must be very short. */
const TRIES_MAX = 64;
const ALL_BATCHES = { maxBytes: Infinity, upToOffset: Infinity, atLeastOneBatch: true };

/** `length` bytes at `position` would have to be waited for. */
export class NotInMemory extends Error {
  override readonly name = "NotInMemory";
  constructor(readonly file: PooledFile, readonly position: number, readonly length: number) {
    super(`The ${length} bytes at ${position} of "${file.path}" are not in memory`);
  }
}

/** What was tried is not in memory. Once `loaded` resolves, try again, unless it is to an error. */
export class ColdRead {
  constructor(readonly loaded: Promise<StorageError | null>) {}
}

/** Bytes of a file, in a buffer. */
export class LoadedRange {
  readerCount = 0;
  isDropped = false;
  constructor(
    readonly file: PooledFile,
    readonly start: number,
    public end: number,
    readonly buffer: Uint8Array,
    /** The file ends where the range does. */
    public isAtEnd: boolean,
    /** Loaded ahead, and nobody has asked for it yet. */
    public isUnused: boolean,
  ) {}

  /** Its bytes from `position` on. */
  bytesFrom(position: number): Uint8Array {
    return this.buffer.subarray(position - this.start, this.end - this.start);
  }
}

interface Load {
  readonly file: PooledFile;
  readonly position: number;
  readonly length: number;
  isAhead: boolean;
  /** For a load ahead: where its file ends, and how many windows are to follow it. */
  readonly fileEnd: number;
  readonly followingCount: number;
  /** What lies past this was written over meanwhile (2). */
  validEnd: number;
  readonly ended: Promise<StorageError | null>;
  readonly end: (error: StorageError | null) => void;
}

export class ColdReads implements ReadGate {
  readonly #buffers: BufferPool;
  readonly #readsAtOnceMax: number;
  readonly #loadedMax: number;
  #isTrying = false;
  #isNewestNext = false;
  #loadedBytes = 0;
  /** Of ranges loaded ahead and not yet asked for, and of loads ahead. */
  #aheadBytes = 0;
  /** The one unused longest first. */
  readonly #ranges = new Set<LoadedRange>();
  readonly #waiting: Load[] = [];
  readonly #ahead: Load[] = [];
  readonly #underWay = new Set<Load>();
  #whenRoom: { readonly promise: Promise<null>; readonly resolve: (value: null) => void } | null = null;

  constructor(buffers: BufferPool, readsAtOnceMax: number, loadedBytesMax: number = LOADED_BYTES_MAX) {
    this.#buffers = buffers;
    this.#readsAtOnceMax = readsAtOnceMax;
    this.#loadedMax = loadedBytesMax;
  }

  get loadedBytes(): number {
    return this.#loadedBytes;
  }

  /** Loads that wait or are under way. */
  get loadCount(): number {
    return this.#waiting.length + this.#ahead.length + this.#underWay.size;
  }

  /** Resolves when no load is under way, and none that is known is to come. */
  async idle(): Promise<void> {
    while (this.loadCount > 0) await [...this.#underWay][0]!.ended;
  }

  // ------------------------------------------------------------------------------------------- trying

  /** Whether reads must not wait (1). */
  get isTrying(): boolean {
    return this.#isTrying;
  }

  // hot: per read
  begin(): void {
    this.#isTrying = true;
  }

  // hot: per read
  end(): void {
    this.#isTrying = false;
  }

  /** Does what may wait all the same, in the midst of an attempt. */
  waiting<Result>(run: () => Result): Result {
    const wasTrying = this.#isTrying;
    this.#isTrying = false;
    try {
      return run();
    } finally {
      this.#isTrying = wasTrying;
    }
  }

  /** For what was thrown between `begin` and `end`. */
  coldRead(error: unknown): ColdRead {
    if (!(error instanceof NotInMemory)) throw error;
    return new ColdRead(this.#load(error));
  }

  /** Does `look` without a wait on the loop, again and again until all it looks at is in memory. It may only look. */
  async run<Result>(look: () => Result): Promise<Result> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      let cold: ColdRead;
      this.begin();
      try {
        return look();
      } catch (error) {
        cold = this.coldRead(error);
      } finally {
        this.end();
      }
      const error = await cold.loaded;
      if (error !== null) throw error;
    }
    return look();
  }

  /** For `PooledFile`: reads at least `leastBytes`, or to the end of the file. */
  read(file: PooledFile, handle: FileHandle, target: Uint8Array, position: number, leastBytes: number): number {
    for (const range of file.loaded) {
      if (range.start > position || range.end < position) continue;
      const bytes = range.bytesFrom(position).subarray(0, target.length);
      if (bytes.length < leastBytes && !range.isAtEnd) continue;
      target.set(bytes);
      this.#use(range);
      return bytes.length;
    }
    let readBytes = 0;
    while (readBytes < target.length) {
      const count = handle.readCached(target.subarray(readBytes), position + readBytes);
      if (count === 0) return readBytes;
      if (count < 0) break;
      readBytes += count;
    }
    if (readBytes >= leastBytes) return readBytes;
    const start = position - position % WINDOW_BYTES;
    const windowBytes = Math.ceil((position + leastBytes - start) / WINDOW_BYTES) * WINDOW_BYTES;
    throw new NotInMemory(file, start, Math.max(1, Math.min(windowBytes, handle.size() - start)));
  }

  /** The range that has the bytes from `position` on, at least `length`, and most of them; null when there is none. */
  find(file: PooledFile, position: number, length: number): LoadedRange | null {
    let found: LoadedRange | null = null;
    for (const range of file.loaded) {
      if (range.start > position || range.end < position + length) continue;
      if (found === null || range.end > found.end) found = range;
    }
    if (found !== null) this.#use(found);
    return found;
  }

  /** Somebody has a view of the range, until `release`. */
  hold(range: LoadedRange): void {
    range.readerCount++;
  }

  release(range: LoadedRange): void {
    range.readerCount--;
    if (range.isDropped && range.readerCount === 0) this.#buffers.give(range.buffer);
  }

  // ------------------------------------------------------------------------------------------- loading

  /**
   * A reader in sequence will ask for the batches at `position` next, and those behind them. `isInMemory` says whether the
   * window at a position is: one page that is gone is no reason to load all that follows it.
   */
  loadAhead(file: PooledFile, position: number, fileEnd: number, isInMemory: (position: number) => boolean): void {
    let start = position;
    for (let count = AHEAD_COUNT; count > 0 && start < fileEnd; count--) {
      let range: LoadedRange | null = null;
      for (const one of file.loaded) {
        if (one.start <= start && batchesEnd(one, start) > start) range = one;
      }
      if (range === null) {
        if (!isInMemory(start)) this.#startAhead(file, start, fileEnd, count - 1);
        return;
      }
      start = batchesEnd(range, start);
    }
  }

  /** The reader in sequence has no more use for it. */
  passed(range: LoadedRange): void {
    this.#drop(range);
  }

  /** Bytes from `position` on are written over (2). */
  overwritten(file: PooledFile, position: number): void {
    for (const range of file.loaded) {
      if (range.end < position || (range.end === position && !range.isAtEnd)) continue;
      range.isAtEnd = false;
      range.end = Math.max(range.start, position);
      if (range.end === range.start) this.#drop(range);
    }
    for (const loads of [this.#waiting, this.#ahead, this.#underWay]) {
      for (const load of loads) {
        if (load.file === file) load.validEnd = Math.min(load.validEnd, position);
      }
    }
  }

  /** Nobody will read the file any more. */
  forget(file: PooledFile): void {
    this.overwritten(file, 0);
    for (const loads of [this.#waiting, this.#ahead]) {
      for (const load of loads.filter((one) => one.file === file)) {
        loads.splice(loads.indexOf(load), 1);
        if (load.isAhead) this.#aheadBytes -= load.length;
        file.loadCount--;
        load.end(null);
      }
    }
  }

  #load({ file, position, length }: NotInMemory): Promise<StorageError | null> {
    const known = this.#find(file, position, length);
    if (known !== null) {
      if (known.isAhead) this.#hurry(known);
      return known.ended;
    }
    if (this.#waiting.length >= WAITING_MAX) return this.#room();
    const load = this.#make({ file, position, length, isAhead: false, fileEnd: 0, followingCount: 0 });
    this.#waiting.push(load);
    this.#next();
    return load.ended;
  }

  #startAhead(file: PooledFile, position: number, fileEnd: number, followingCount: number): void {
    const length = Math.min(WINDOW_BYTES, fileEnd - position);
    if (length <= 0 || this.#waiting.length > 0 || this.#aheadBytes + length > this.#loadedMax / 2) return;
    if (this.#find(file, position, 1) !== null) return;
    this.#aheadBytes += length;
    this.#ahead.push(this.#make({ file, position, length, isAhead: true, fileEnd, followingCount }));
    this.#next();
  }

  #make(what: Omit<Load, "validEnd" | "ended" | "end">): Load {
    const { promise, resolve } = Promise.withResolvers<StorageError | null>();
    what.file.loadCount++;
    return { ...what, validEnd: Infinity, ended: promise, end: resolve };
  }

  #find(file: PooledFile, position: number, length: number): Load | null {
    if (file.loadCount === 0) return null;
    for (const loads of [this.#underWay, this.#waiting, this.#ahead]) {
      for (const load of loads) {
        if (load.file !== file || load.position > position) continue;
        if (Math.min(load.position + load.length, load.validEnd) >= position + length) return load;
      }
    }
    return null;
  }

  /** Somebody waits for what was to be loaded ahead. */
  #hurry(load: Load): void {
    load.isAhead = false;
    this.#aheadBytes -= load.length;
    const index = this.#ahead.indexOf(load);
    if (index < 0) return;
    this.#ahead.splice(index, 1);
    this.#waiting.push(load);
  }

  #room(): Promise<null> {
    return (this.#whenRoom ??= Promise.withResolvers<null>()).promise;
  }

  #next(): void {
    while (this.#underWay.size < this.#readsAtOnceMax) {
      const load = this.#nextWaiting() ?? this.#ahead.shift();
      if (load === undefined) return;
      this.#underWay.add(load);
      this.#perform(load).then((error) => {
        load.file.loadCount--;
        this.#underWay.delete(load);
        this.#whenRoom?.resolve(null);
        this.#whenRoom = null;
        load.end(error);
        this.#next();
      });
    }
  }

  /**
   * The newest and the oldest in turn. The newest often goes on from what was just loaded, which is gone when it comes after a
   * hundred others; the oldest has waited longest.
   */
  #nextWaiting(): Load | undefined {
    this.#isNewestNext = !this.#isNewestNext;
    return this.#isNewestNext ? this.#waiting.shift() : this.#waiting.pop();
  }

  /** Never rejects. */
  async #perform(load: Load): Promise<StorageError | null> {
    const { file, position, length } = load;
    const buffer = this.#buffers.take(length);
    let range: LoadedRange | null = null;
    try {
      const readBytes = await file.readAsync(buffer.subarray(0, length), position);
      const end = Math.min(position + readBytes, load.validEnd);
      const isAtEnd = readBytes < length && end === position + readBytes;
      if (end > position || isAtEnd) range = new LoadedRange(file, position, end, buffer, isAtEnd, load.isAhead);
      return null;
    } catch (cause) {
      return storageError(`Cannot read "${file.path}"`, cause);
    } finally {
      if (load.isAhead) this.#aheadBytes -= length;
      if (range === null) this.#buffers.give(buffer);
      else this.#add(range, load);
    }
  }

  #add(range: LoadedRange, load: Load): void {
    if (range.isUnused) this.#aheadBytes += range.buffer.length;
    range.file.loaded = [...range.file.loaded, range];
    this.#ranges.add(range);
    this.#loadedBytes += range.buffer.length;
    for (const oldest of this.#ranges) {
      if (this.#loadedBytes <= this.#loadedMax || oldest === range) break;
      this.#drop(oldest); // (3)
    }
    if (load.followingCount > 0) {
      this.#startAhead(range.file, batchesEnd(range, range.start), load.fileEnd, load.followingCount - 1);
    }
  }

  #use(range: LoadedRange): void {
    if (range.isUnused) {
      range.isUnused = false;
      this.#aheadBytes -= range.buffer.length;
    }
    this.#ranges.delete(range);
    this.#ranges.add(range);
  }

  #drop(range: LoadedRange): void {
    if (range.isDropped) return;
    this.#use(range);
    range.isDropped = true;
    this.#ranges.delete(range);
    range.file.loaded = range.file.loaded.filter((one) => one !== range);
    this.#loadedBytes -= range.buffer.length;
    if (range.readerCount === 0) this.#buffers.give(range.buffer);
  }
}

/** Where the last whole batch of the range ends, by a walk from the one at `position`. */
export function batchesEnd(range: LoadedRange, position: number): number {
  const { buffer, start, end } = range;
  return start + walkWithin(buffer, Math.min(position, end) - start, end - start, ALL_BATCHES, 0).end;
}
