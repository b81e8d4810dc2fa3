/**
 * Open files of all logs, bounded. Ten thousand partitions have three files per segment; most are not looked at for hours.
 * A `PooledFile` is a file by its path that opens when used; the pool closes the one unused longest when there are too many.
 *
 * (1) A pinned file is not closed: a sync is under way on its handle. One told to close does so when that has ended.
 * (2) A file with unsynced writes is closed only when nothing else can be. Linux keeps a failed write-back for the next
 *     `fdatasync` of the file on any handle, but only while its inode stays in memory.
 */
import { type FileHandle, type FileSystem } from "../runtime/runtime.ts";

export const OPEN_FILES_MAX = 800;

export class FilePool {
  readonly #files: FileSystem;
  readonly #openMax: number;
  #openCount = 0;
  // A ring through the open files; `#ring.newer` is the one unused longest.
  readonly #ring: Ring = makeRing();

  constructor(files: FileSystem, openMax: number = OPEN_FILES_MAX) {
    this.#files = files;
    this.#openMax = openMax;
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
    if (this.#openCount > this.#openMax) this.#evict(file);
    return handle;
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

  #evict(justOpened: PooledFile): void {
    let dirty: PooledFile | null = null;
    for (let link = this.#ring.newer; link !== this.#ring; link = link.newer) {
      const file = link as PooledFile;
      if (file.pinCount > 0 || file === justOpened) continue; // (1)
      if (!file.isDirty) return file.close();
      dirty ??= file;
    }
    dirty?.close(); // (2)
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
  readonly #pool: FilePool;
  #handle: FileHandle | null = null;
  #isClosing = false;

  constructor(pool: FilePool, path: string) {
    this.#pool = pool;
    this.path = path;
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

  write(chunks: readonly Uint8Array[], position: number): void {
    this.isDirty = true;
    this.use().write(chunks, position);
  }

  /** Reads off the loop: what may not be in the page cache. */
  readAsync(target: Uint8Array, position: number): Promise<number> {
    return this.#pinned((handle) => handle.readAsync(target, position));
  }

  /** `fdatasync`, off the loop. */
  sync(): Promise<void> {
    return this.#pinned((handle) => {
      this.isDirty = false;
      return handle.syncData();
    });
  }

  /** `fdatasync`, on the loop. */
  syncNow(): void {
    this.use().syncDataNow();
    this.isDirty = false;
  }

  close(): void {
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
      if (this.#isClosing && this.pinCount === 0) this.close();
    }
  }
}
