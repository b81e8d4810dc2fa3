/**
 * Files in memory, on a disk that can lose power.
 *
 * 1. What a file holds now is in `bytes`; what it would hold after a power cut is that, undone by its layers, the
 *    newest first. A layer is of one unsynced write, and has every sector it touched as it was before, and the file's size.
 * 2. A sync covers the layers that are there when it starts, and drops them when it ends: what is written in between is
 *    not covered by it, as on a real disk.
 * 3. A sync that fails takes what it was to save with it, as on Linux: it can still be read, and no later sync will save it,
 *    unless it is written again (`loseWrites`). A size that was set (`truncate`) is not lost so.
 * 4. A directory's entries are durable as of its last `syncDirectory`; the names of files made since may be gone. A rename
 *    never loses a file that was durable: it has its old name or its new one.
 * 5. A map is a copy that follows writes and is overwritten with 0xdd when released, so that a view kept too long shows.
 */

import {
  FileError,
  type FileHandle,
  type FileLock,
  type FileStat,
  type FileSystem,
  type MappedFile,
  type Random,
} from "./runtime.ts";
import { type Fates, MemoryFile } from "./memory_file.ts";
import type { Scheduler } from "./memory_time.ts";

export { SECTOR_BYTES } from "./memory_file.ts";

/**
 * What a power cut does to what is not synced.
 * `lost`: it is gone. `torn`: each sector, each file's size and each changed name is there or not, by chance.
 * `mixed`: each write on its own lands whole, vanishes or tears, and each changed name lands or not.
 */
export type CrashKind = "lost" | "torn" | "mixed";

/** Asked before every operation: an error code ("EIO", "ENOSPC", …) makes it fail with that. */
export type FileFault = (operation: FileOperation, path: string) => string | null;
export type FileOperation =
  | "open"
  | "stat"
  | "list"
  | "makeDirectory"
  | "remove"
  | "rename"
  | "map"
  | "lock"
  | "syncDirectory"
  | "write"
  | "read"
  | "truncate"
  | "syncData";

export class MemoryFileSystem implements FileSystem {
  /** Set by tests to make operations fail. */
  fault: FileFault | null = null;
  /** Set by tests; asked at every read of a file: true flips one bit of what is read, by chance. What is stored stays. */
  flips: ((path: string) => boolean) | null = null;
  /** Set by tests to make the disk slow: how long a sync off the loop takes. */
  syncDelayMs: (() => number) | null = null;
  /** The same for a read off the loop. */
  readDelayMs: ((path: string) => number) | null = null;
  /** Set by tests to have ranges that are not in the page cache: all but `readAsync` then act as a real disk's would. */
  isCold: ((path: string, position: number, length: number) => boolean) | null = null;
  readonly readsAtOnceMax = 2;
  readonly scheduler: Scheduler;
  readonly #random: Random;
  readonly #capacityBytes: number;
  #root = new MemoryDirectory();
  /** Counts power cuts; handles of an earlier life are dead. */
  life = 0;

  constructor(scheduler: Scheduler, random: Random, capacityBytes: number) {
    this.scheduler = scheduler;
    this.#random = random;
    this.#capacityBytes = capacityBytes;
  }

  /** Cuts the power: open files and locks are gone, and what was not synced meets its fate (1, 4). */
  crash(kind: CrashKind = "lost"): void {
    this.life++;
    this.#root.crash(fatesOf(kind, this.#random));
  }

  /** Flips one bit of a file's content, by chance, and for good. Nothing happens to an empty one. */
  rot(path: string): void {
    const file = this.#file("rot", path);
    file.rot(Math.floor(this.#random.next() * file.sizeBytes * 8));
  }

  /** For reads: flips a bit of `bytes` where the test wants one flipped. */
  seen(path: string, bytes: Uint8Array): void {
    if (bytes.length === 0 || this.flips === null || !this.flips(path)) return;
    const bit = Math.floor(this.#random.next() * bytes.length * 8);
    bytes[bit >>> 3]! ^= 1 << (bit & 7);
  }

  /** What is written to a file and not synced will not be, by any sync (3). */
  loseWrites(path: string): void {
    const node = this.#find(path);
    if (node?.kind === "file") node.loseWrites();
  }

  open(
    path: string,
    options: { readonly create?: boolean; readonly readOnly?: boolean; readonly truncate?: boolean },
  ): FileHandle {
    this.check("open", path);
    const { parent, name } = this.#parentOf("open", path);
    let node = parent.entries.get(name);
    if (node === undefined) {
      if (!options.create) throw failure("open", path, "ENOENT");
      node = new MemoryFile(this.scheduler.nowMs());
      parent.entries.set(name, node);
    }
    if (node.kind === "directory") throw failure("open", path, "EISDIR");
    if (options.truncate) node.resize(0, this.scheduler.nowMs());
    return new MemoryFileHandle(this, path, node, options.readOnly ?? false);
  }

  stat(path: string): FileStat | null {
    this.check("stat", path);
    const node = this.#find(path);
    if (node === null) return null;
    if (node.kind === "directory") return { kind: "directory", sizeBytes: 0, modifiedMs: 0 };
    return { kind: "file", sizeBytes: node.sizeBytes, modifiedMs: node.modifiedMs };
  }

  list(path: string): string[] {
    this.check("list", path);
    const node = this.#find(path) ?? fail("list", path, "ENOENT");
    if (node.kind === "file") throw failure("list", path, "ENOTDIR");
    return [...node.entries.keys()].sort();
  }

  makeDirectory(path: string): void {
    this.check("makeDirectory", path);
    let directory = this.#root;
    for (const part of partsOf(path)) {
      let next = directory.entries.get(part);
      if (next === undefined) directory.entries.set(part, next = new MemoryDirectory());
      if (next.kind === "file") throw failure("make directory", path, "EEXIST");
      directory = next;
    }
  }

  remove(path: string): void {
    this.check("remove", path);
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw failure("remove", path, "EBUSY");
    const parent = this.#find(parts.join("/"));
    if (parent?.kind === "directory") parent.entries.delete(name);
  }

  async removeAsync(path: string): Promise<void> {
    await Promise.resolve();
    this.remove(path);
  }

  rename(source: string, target: string): void {
    this.check("rename", source);
    const from = this.#parentOf("rename", source);
    const node = from.parent.entries.get(from.name) ?? fail("rename", source, "ENOENT");
    const to = this.#parentOf("rename", target);
    const replaced = to.parent.entries.get(to.name);
    if (replaced?.kind === "directory") {
      if (node.kind === "file") throw failure("rename", target, "EISDIR");
      if (replaced.entries.size > 0) throw failure("rename", target, "ENOTEMPTY");
    }
    if (replaced?.kind === "file" && node.kind === "directory") throw failure("rename", target, "ENOTDIR");
    from.parent.entries.delete(from.name);
    to.parent.entries.set(to.name, node);
  }

  readFile(path: string): Uint8Array {
    this.check("read", path);
    const file = this.#file("read", path);
    const bytes = file.bytes.slice(0, file.sizeBytes);
    this.seen(path, bytes);
    return bytes;
  }

  syncDirectory(path: string): void {
    this.check("syncDirectory", path);
    this.#directory(path).sync()();
  }

  async syncDirectoryAsync(path: string): Promise<void> {
    const end = this.#directory(path).sync();
    const { life } = this;
    await later(this.scheduler, this.syncDelayMs?.() ?? 0, () => {
      if (life !== this.life) throw failure("sync directory", path, "EIO");
      this.check("syncDirectory", path);
      end();
    });
  }

  #directory(path: string): MemoryDirectory {
    const node = this.#find(path) ?? fail("sync directory", path, "ENOENT");
    if (node.kind === "file") throw failure("sync directory", path, "ENOTDIR");
    return node;
  }

  freeBytes(path: string): number {
    if (this.#find(path) === null) throw failure("measure the file system of", path, "ENOENT");
    return Math.max(0, this.#capacityBytes - this.#root.usedBytes());
  }

  totalBytes(path: string): number {
    if (this.#find(path) === null) throw failure("measure the file system of", path, "ENOENT");
    return this.#capacityBytes;
  }

  map(path: string, length: number, lengthMax = length): MappedFile | null {
    this.check("map", path);
    const file = this.#file("map", path);
    if (file.sizeBytes < length) throw failure("map", path, "EINVAL");
    return file.map(
      length,
      Math.max(length, lengthMax),
      (start, end) => this.isCold?.(path, start, end - start) ? start : end,
    );
  }

  lock(path: string): FileLock | null {
    this.check("lock", path);
    this.open(path, { create: true }).close();
    const file = this.#file("lock", path);
    if (file.lockLife === this.life) return null;
    file.lockLife = this.life;
    const life = this.life;
    let isHeld = true;
    return {
      release: () => {
        if (isHeld && life === this.life) file.lockLife = null;
        isHeld = false;
      },
    };
  }

  /** Throws what the test's `fault` asks for. */
  check(operation: FileOperation, path: string): void {
    const code = this.fault?.(operation, path) ?? null;
    if (code !== null) throw failure(operation, path, code);
  }

  checkSpace(path: string, moreBytes: number): void {
    if (this.#capacityBytes === Infinity || moreBytes <= 0) return;
    if (this.#root.usedBytes() + moreBytes > this.#capacityBytes) throw failure("write to", path, "ENOSPC");
  }

  #find(path: string): MemoryFile | MemoryDirectory | null {
    let node: MemoryFile | MemoryDirectory = this.#root;
    for (const part of partsOf(path)) {
      const next: MemoryFile | MemoryDirectory | undefined = node.kind === "directory"
        ? node.entries.get(part)
        : undefined;
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  #file(action: string, path: string): MemoryFile {
    const node = this.#find(path) ?? fail(action, path, "ENOENT");
    if (node.kind === "directory") throw failure(action, path, "EISDIR");
    return node;
  }

  #parentOf(action: string, path: string): { parent: MemoryDirectory; name: string } {
    const parts = partsOf(path);
    const name = parts.pop() ?? fail(action, path, "EISDIR");
    const parent = this.#find(parts.join("/")) ?? fail(action, path, "ENOENT");
    if (parent.kind === "file") throw failure(action, path, "ENOTDIR");
    return { parent, name };
  }
}

class MemoryDirectory {
  readonly kind = "directory";
  entries = new Map<string, MemoryFile | MemoryDirectory>();
  /** As of the last `syncDirectory` (4). */
  durable = new Map<string, MemoryFile | MemoryDirectory>();
  #syncCount = 0;
  #endedSync = 0;

  /** Starts a sync; the result ends it. It covers the entries of now, and undoes no later one that ended before. */
  sync(): () => void {
    const entries = new Map(this.entries);
    const number = ++this.#syncCount;
    return () => {
      if (number < this.#endedSync) return;
      this.#endedSync = number;
      this.durable = entries;
    };
  }

  usedBytes(): number {
    let sum = 0;
    for (const node of this.entries.values()) sum += node.kind === "file" ? node.sizeBytes : node.usedBytes();
    return sum;
  }

  crash(fates: Fates): void {
    const kept = new Map<string, MemoryFile | MemoryDirectory>();
    for (const name of [...new Set([...this.durable.keys(), ...this.entries.keys()])].sort()) {
      const node = this.durable.get(name) === this.entries.get(name) || hasLanded(fates)
        ? this.entries.get(name)
        : this.durable.get(name);
      if (node === undefined) continue;
      node.crash(fates);
      kept.set(name, node);
    }
    // A rename is one change to the journal: what has lost its old name by it has its new one.
    const wasThere = new Set(this.durable.values());
    const isThere = new Set(kept.values());
    for (const [name, node] of this.entries) {
      if (isThere.has(node) || !wasThere.has(node)) continue;
      node.crash(fates);
      kept.set(name, node);
    }
    this.entries = kept;
    this.durable = new Map(kept);
  }
}

class MemoryFileHandle implements FileHandle {
  readonly path: string;
  readonly #files: MemoryFileSystem;
  readonly #file: MemoryFile;
  readonly #isReadOnly: boolean;
  readonly #life: number;
  #isClosed = false;

  constructor(files: MemoryFileSystem, path: string, file: MemoryFile, isReadOnly: boolean) {
    this.path = path;
    this.#files = files;
    this.#file = file;
    this.#isReadOnly = isReadOnly;
    this.#life = files.life;
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#check("write");
    if (this.#isReadOnly) throw failure("write to", this.path, "EBADF");
    let at = position;
    for (const chunk of chunks) {
      this.#files.checkSpace(this.path, at + chunk.length - this.#file.sizeBytes);
      this.#file.write(chunk, at, this.#files.scheduler.nowMs());
      at += chunk.length;
    }
  }

  read(target: Uint8Array, position: number): number {
    this.#check("read");
    const count = this.#file.read(target, position);
    this.#files.seen(this.path, target.subarray(0, count));
    return count;
  }

  readCached(target: Uint8Array, position: number): number {
    this.#check("read");
    if (this.#files.isCold?.(this.path, position, target.length)) return -1;
    const count = this.#file.read(target, position);
    this.#files.seen(this.path, target.subarray(0, count));
    return count;
  }

  readAsync(target: Uint8Array, position: number): Promise<number> {
    return this.#later(() => this.read(target, position), this.#files.readDelayMs?.(this.path) ?? 0);
  }

  truncate(sizeBytes: number): void {
    this.#check("truncate");
    if (this.#isReadOnly) throw failure("truncate", this.path, "EINVAL");
    this.#files.checkSpace(this.path, sizeBytes - this.#file.sizeBytes);
    this.#file.resize(sizeBytes, this.#files.scheduler.nowMs());
  }

  size(): number {
    this.#checkOpen("look at");
    return this.#file.sizeBytes;
  }

  // deno-lint-ignore require-await -- a closed handle rejects, it does not throw
  async syncData(): Promise<void> {
    this.#checkOpen("sync");
    const end = this.#file.sync();
    return this.#later(() => {
      if (this.#life !== this.#files.life) throw failure("sync", this.path, "EIO");
      this.#checkSync();
      end();
    }, this.#files.syncDelayMs?.() ?? 0);
  }

  syncDataNow(): void {
    this.#checkOpen("sync");
    this.#checkSync();
    this.#file.sync()();
  }

  close(): void {
    this.#isClosed = true;
  }

  #later<Result>(run: () => Result, delayMs = 0): Promise<Result> {
    return later(this.#files.scheduler, delayMs, run);
  }

  #check(operation: FileOperation): void {
    this.#checkOpen(operation);
    this.#files.check(operation, this.path);
  }

  #checkSync(): void {
    try {
      this.#files.check("syncData", this.path);
    } catch (error) {
      this.#file.loseWrites(); // (3)
      throw error;
    }
  }

  #checkOpen(action: string): void {
    if (this.#isClosed) throw failure(action, this.path, "EBADF");
    if (this.#life !== this.#files.life) throw failure(action, this.path, "EIO");
  }
}

function fatesOf(kind: CrashKind, random: Random): Fates {
  const lands = () => random.next() < 0.5;
  if (kind === "lost") return { write: () => "gone", lands: () => false };
  if (kind === "torn") return { write: () => "torn", lands };
  return { write: () => WRITE_FATES[Math.floor(random.next() * WRITE_FATES.length)]!, lands };
}

const WRITE_FATES = ["whole", "gone", "torn"] as const;

function hasLanded(fates: Fates): boolean {
  const fate = fates.write();
  return fate === "whole" || (fate === "torn" && fates.lands());
}

function later<Result>(scheduler: Scheduler, delayMs: number, run: () => Result): Promise<Result> {
  return new Promise((resolve, reject) => {
    const end = () => {
      try {
        resolve(run());
      } catch (cause) {
        reject(cause);
      }
    };
    if (delayMs > 0) scheduler.after(delayMs, end);
    else scheduler.soon(end);
  });
}

function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

function failure(action: string, path: string, code: string): FileError {
  return new FileError(`Cannot ${action} "${path}": ${code}`, code, path);
}

function fail(action: string, path: string, code: string): never {
  throw failure(action, path, code);
}
