/**
 * Open files of all logs, bounded. Ten thousand partitions have three files per segment; most are not looked at for hours.
 * A `PooledFile` is a file by its path that opens when used; the pool closes the one unused longest when there are too many.
 *
 * (1) A pinned file is not closed: a sync is under way on its handle. One told to close does so when that has ended.
 * (2) A file with unsynced writes is closed only when nothing else can be. Linux keeps a failed write-back for the next
 *     `fdatasync` of the file on any handle, but only while its inode stays in memory.
 * (3) At most a quarter of what may be open is being synced at a time: others wait for their turn, their files closed if need
 *     be. A thousand partitions written to in one turn are a thousand syncs, and each pins its file.
 */
import { type FileHandle, type FileSystem } from "../runtime/runtime.ts";
import { type LoadedRange } from "./cold_reads.ts";

/** `log.open.files.max` */
export const OPEN_FILES_MAX = 800;
/** Of the open files, those that are being synced (3). */
const SYNCED_SHARE = 1 / 4;

/** Where reads go while nobody may wait for the disk: `ColdReads`. */
export interface ReadGate {
  readonly isTrying: boolean;
  read(file: PooledFile, handle: FileHandle, target: Uint8Array, position: number, leastBytes: number): number;
  /** Bytes from `position` on are written over. */
  overwritten(file: PooledFile, position: number): void;
  /** Nobody will read it any more. */
  forget(file: PooledFile): void;
}

export class FilePool {
  /** Set once, by the context of the pool. */
  gate: ReadGate | null = null;
  readonly #files: FileSystem;
  readonly #openMax: number;
  #openCount = 0;
  // A ring through the open files; `#ring.newer` is the one unused longest.
  readonly #ring: Ring = makeRing();
  #freeTurns: number;
  /** Syncs that wait for one (3), first come first. */
  readonly #queue: (() => void)[] = [];
  #queueHead = 0;

  constructor(files: FileSystem, openMax: number = OPEN_FILES_MAX) {
    this.#files = files;
    this.#openMax = openMax;
    this.#freeTurns = Math.max(1, Math.floor(openMax * SYNCED_SHARE));
  }

  get openCount(): number {
    return this.#openCount;
  }

  file(path: string): PooledFile {
    return new PooledFile(this, path);
  }

  /** For `PooledFile`. */
  open(file: PooledFile, create: boolean): FileHandle {
    const handle = this.#files.open(file.path, { create });
    this.#openCount++;
    link(this.#ring, file);
    while (this.#openCount > this.#openMax && this.#evict(file));
    return handle;
  }

  /** For `PooledFile`: a turn to sync (3), null when it may begin at once. `giveTurn` follows. */
  takeTurn(): Promise<void> | null {
    if (this.#freeTurns > 0) {
      this.#freeTurns--;
      return null;
    }
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  /** For `PooledFile`. */
  giveTurn(): void {
    if (this.#queueHead === this.#queue.length) {
      this.#freeTurns++;
      return;
    }
    this.#queue[this.#queueHead++]!();
    if (this.#queueHead < 1024 && this.#queueHead < this.#queue.length) return;
    this.#queue.splice(0, this.#queueHead);
    this.#queueHead = 0;
  }

  /** For `PooledFile`. */
  touched(file: PooledFile): void {
    if (this.#ring.older === file) return;
    unlink(file);
    link(this.#ring, file);
  }

  /** For `PooledFile`. */
  closed(file: PooledFile): void {
    unlink(file);
    this.#openCount--;
  }

  /** Those with a sync under way. */
  *syncing(): Iterable<PooledFile> {
    for (let link = this.#ring.newer; link !== this.#ring; link = link.newer) {
      const file = link as PooledFile;
      if (file.isSyncing) yield file;
    }
  }

  /** False when nothing can be closed. */
  #evict(justOpened: PooledFile): boolean {
    let dirty: PooledFile | null = null;
    for (let link = this.#ring.newer; link !== this.#ring; link = link.newer) {
      const file = link as PooledFile;
      if (file.pinCount > 0 || file === justOpened) continue; // (1)
      if (!file.isDirty) {
        file.closeHandle();
        return true;
      }
      dirty ??= file;
    }
    dirty?.closeHandle(); // (2)
    return dirty !== null;
  }
}

interface Ring {
  older: Ring;
  newer: Ring;
}

function makeRing(): Ring {
  const ring = {} as Ring;
  ring.older = ring;
  ring.newer = ring;
  return ring;
}

function link(ring: Ring, entry: Ring): void {
  entry.older = ring.older;
  entry.newer = ring;
  ring.older.newer = entry;
  ring.older = entry;
}

function unlink(entry: Ring): void {
  entry.older.newer = entry.newer;
  entry.newer.older = entry.older;
}

const NOTHING_LOADED: readonly LoadedRange[] = [];

export class PooledFile implements Ring {
  older: Ring = this;
  newer: Ring = this;
  /** Follows the file when it is renamed. */
  path: string;
  /** Written since the last sync. */
  isDirty = false;
  /** Perhaps made by the last `use`: its entry in the folder may not be durable. */
  mayBeNew = false;
  pinCount = 0;
  /** Syncs that wait for their turn (3). */
  waiterCount = 0;
  /** How often it was told to close. */
  #closeCount = 0;
  /** For `ColdReads`: what it has of this file in memory, and what of it is being loaded. */
  loaded: readonly LoadedRange[] = NOTHING_LOADED;
  loadCount = 0;
  /** When the sync under way was first looked at (`slow_syncs.ts`). */
  syncSeenMs: number | null = null;
  readonly #pool: FilePool;
  #handle: FileHandle | null = null;
  #isClosing = false;
  #syncCount = 0;

  constructor(pool: FilePool, path: string) {
    this.#pool = pool;
    this.path = path;
  }

  get isSyncing(): boolean {
    return this.#syncCount > 0;
  }

  get isOpen(): boolean {
    return this.#handle !== null;
  }

  /** The open file; the handle is good until control returns to the event loop, or while pinned. */
  // hot: per batch
  use(create = false): FileHandle {
    const handle = this.#handle;
    if (handle === null) {
      if (create) this.mayBeNew = true;
      return this.#handle = this.#pool.open(this, create);
    }
    this.#pool.touched(this);
    return handle;
  }

  get hasLoads(): boolean {
    return this.loaded.length > 0 || this.loadCount > 0;
  }

  /**
   * Reads at `position`; the count is short only at the end of the file. While nobody may wait for the disk it is as short as
   * `leastBytes` allows, and what is not in memory throws `NotInMemory`.
   */
  read(target: Uint8Array, position: number, leastBytes = target.length): number {
    const { gate } = this.#pool;
    const handle = this.use();
    if (gate === null || !gate.isTrying) return handle.read(target, position);
    return gate.read(this, handle, target, position, leastBytes);
  }

  /** Reads what seemed wrong once more, past all that is in memory of it: `read` has just waited for the disk. */
  readAgain(target: Uint8Array, position: number): number {
    return this.use().read(target, position);
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.isDirty = true;
    if (this.hasLoads) this.#pool.gate?.overwritten(this, position);
    this.use().write(chunks, position);
  }

  /** Reads off the loop: what may not be in the page cache. */
  readAsync(target: Uint8Array, position: number): Promise<number> {
    return this.#pinned((handle) => handle.readAsync(target, position));
  }

  /** `fdatasync`, off the loop. Does nothing when the file is told to close before its turn comes: nobody needs it any more. */
  async sync(): Promise<void> {
    const turn = this.#pool.takeTurn();
    try {
      if (turn !== null && !await this.#hasTurn(turn)) return;
      await this.#pinned((handle) => {
        this.isDirty = false;
        if (this.#syncCount++ === 0) this.syncSeenMs = null;
        return handle.syncData().finally(() => this.#syncCount--);
      });
    } finally {
      this.#pool.giveTurn();
    }
  }

  /** `fdatasync`, on the loop. */
  syncNow(): void {
    this.use().syncDataNow();
    this.isDirty = false;
  }

  /** Closes it, and drops what is in memory of it. */
  closeForGood(): void {
    this.forgetLoads();
    this.close();
  }

  forgetLoads(): void {
    if (this.hasLoads) this.#pool.gate?.forget(this);
  }

  close(): void {
    this.#closeCount++;
    this.closeHandle();
  }

  /** The file may be used again. */
  closeHandle(): void {
    if (this.#handle === null) return;
    this.#isClosing = this.pinCount > 0; // (1)
    if (this.#isClosing) return;
    const handle = this.#handle;
    this.#handle = null;
    this.#pool.closed(this);
    handle.close();
  }

  async #pinned<Result>(run: (handle: FileHandle) => Promise<Result>): Promise<Result> {
    const handle = this.use();
    this.pinCount++;
    try {
      return await run(handle);
    } finally {
      this.pinCount--;
      if (this.#isClosing && this.pinCount === 0) this.closeHandle();
    }
  }

  /** Waits for the turn; false when the file was told to close meanwhile. */
  async #hasTurn(turn: Promise<void>): Promise<boolean> {
    const closeCount = this.#closeCount;
    this.waiterCount++;
    try {
      await turn;
    } finally {
      this.waiterCount--;
    }
    return this.#closeCount === closeCount;
  }
}
