/**
 * The runtime as one process sees it: it can be killed at any file operation, and the disk can fail it.
 *
 * Wraps the memory runtime, which outlives it. After `die` nothing of the process has an effect any more: its timers do
 * not fire, its sockets are gone, its locks are free, file operations throw and asynchronous ones never end. What it
 * wrote stays, unless the power went too.
 *
 * A `judge` is asked before every operation that touches the disk.
 */

import type { MemoryRuntime } from "../../runtime/memory.ts";
import type { CrashKind, FileOperation, MemoryFileSystem } from "../../runtime/memory_files.ts";
import {
  type Clock,
  type ConnectOptions,
  type Digests,
  FileError,
  type FileHandle,
  type FileLock,
  type FileStat,
  type FileSystem,
  type Listener,
  type ListenOptions,
  type MappedFile,
  type Network,
  type Process,
  type Random,
  type Runtime,
  type Socket,
  type SocketHandler,
  type Timer,
  type Timers,
} from "../../runtime/runtime.ts";

export type Verdict =
  | { readonly kind: "go" }
  /** The operation fails; of a write the first `writtenBytes` are in the file. */
  | { readonly kind: "fail"; readonly code: string; readonly writtenBytes: number }
  /** The process dies before the operation (of a write: after so many bytes), or right after it. */
  | { readonly kind: "die"; readonly isAfter: boolean; readonly writtenBytes: number };

export const GO: Verdict = { kind: "go" };

/** `sizeBytes` of a write; 0 of anything else. `makes`: it needs a new entry in a folder. */
export type Judge = (operation: FileOperation, path: string, sizeBytes: number, makes: boolean) => Verdict;

/** Unwinds what a process was doing when it died. */
export class ProcessKilled extends Error {
  override readonly name = "ProcessKilled";
  constructor() {
    super("The process was killed");
  }
}

export class MortalRuntime implements Runtime {
  readonly name = "memory";
  readonly version: string;
  readonly network: Network;
  readonly files: MortalFiles;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly digests: Digests;
  readonly process: Process;
  readonly openCrc32c = () => null;
  /** Resolves when the process is dead. */
  readonly death: Promise<void>;
  isDead = false;
  readonly #world: MemoryRuntime;
  readonly #sockets = new Set<Socket>();
  readonly #ports = new Set<Listener>();
  #tellDeath: () => void = () => {};
  readonly #crashKind: () => CrashKind | null;

  /** `crashKind`: what happens to the disk when a judge lets the process die; null spares it. */
  constructor(world: MemoryRuntime, judge: Judge, crashKind: () => CrashKind | null) {
    this.#world = world;
    this.#crashKind = crashKind;
    this.version = world.version;
    this.clock = world.clock;
    this.random = world.random;
    this.digests = world.digests;
    this.process = world.process;
    this.death = new Promise((resolve) => this.#tellDeath = resolve);
    this.timers = {
      after: (delayMs, run) => this.#after(delayMs, run),
      soon: (run) => world.timers.soon(() => this.run(run)),
    };
    this.network = {
      listen: (options, accept) => this.#listen(options, accept),
      connect: (options, opened) => this.#connect(options, opened),
    };
    this.files = new MortalFiles(this, world.files, judge);
  }

  get openSocketCount(): number {
    return this.#sockets.size;
  }

  /** Kills the process now; with a crash kind, the power goes. */
  die(crash: CrashKind | null): void {
    if (this.isDead) return;
    this.isDead = true;
    for (const port of this.#ports) port.close();
    for (const socket of this.#sockets) socket.destroy();
    this.files.letGo();
    if (crash !== null) this.#world.files.crash(crash);
    this.#tellDeath();
  }

  /** For `MortalFiles`: dies inside an operation. */
  dieNow(): never {
    this.die(this.#crashKind());
    throw new ProcessKilled();
  }

  /** The same off the loop, where there is nothing to unwind. */
  dieOffLoop(): void {
    this.die(this.#crashKind());
  }

  /** For work off the loop: a dead process does not learn how it ended. */
  async unlessDead<Result>(work: Promise<Result>): Promise<Result> {
    try {
      const result = await work;
      return this.isDead ? await never() : result;
    } catch (error) {
      return this.isDead ? await never() : Promise.reject(error);
    }
  }

  /** For the parts of this runtime: calls into the process, if it is alive. */
  run(task: () => void): void {
    if (this.isDead) return;
    try {
      task();
    } catch (error) {
      if (!this.isDead) throw error;
    }
  }

  #after(delayMs: number, run: () => void): Timer {
    return this.#world.timers.after(delayMs, () => this.run(run));
  }

  async #listen(options: ListenOptions, accept: (socket: Socket) => SocketHandler): Promise<Listener> {
    const port = await this.#world.network.listen(options, (socket) => this.#adopt(socket, accept));
    this.#ports.add(port);
    if (this.isDead) port.close();
    return port;
  }

  #connect(options: ConnectOptions, opened: (socket: Socket) => SocketHandler): Promise<Socket> {
    return this.#world.network.connect(options, (socket) => this.#adopt(socket, opened));
  }

  #adopt(socket: Socket, accept: (socket: Socket) => SocketHandler): SocketHandler {
    if (this.isDead) {
      socket.destroy();
      return { data() {}, drain() {}, close() {} };
    }
    this.#sockets.add(socket);
    const handler = accept(socket);
    return {
      data: (chunk) => this.run(() => handler.data(chunk)),
      target: () => this.isDead ? null : handler.target?.() ?? null,
      filled: (byteCount) => this.run(() => handler.filled?.(byteCount)),
      drain: () => this.run(() => handler.drain()),
      close: (error) => {
        this.#sockets.delete(socket);
        this.run(() => handler.close(error));
      },
    };
  }
}

export class MortalFiles implements FileSystem {
  readonly #owner: MortalRuntime;
  readonly #files: MemoryFileSystem;
  readonly #judge: Judge;
  readonly #locks = new Set<FileLock>();
  readonly #open = new Set<MortalHandle>();
  readonly #maps = new Set<MappedFile>();
  readonly readsAtOnceMax: number;
  operationCount = 0;

  constructor(owner: MortalRuntime, files: MemoryFileSystem, judge: Judge) {
    this.#owner = owner;
    this.#files = files;
    this.readsAtOnceMax = files.readsAtOnceMax;
    this.#judge = judge;
  }

  /** For a handle: its sync fails, and as on Linux what it was to save counts as saved from then on. */
  failSync(path: string, code: string): never {
    this.#files.loseWrites(path);
    throw failure("syncData", path, code);
  }

  /** Files that are open, maps that are held, locks that are kept. */
  held(): { readonly open: string[]; readonly mapCount: number; readonly lockCount: number } {
    return {
      open: [...this.#open].map((handle) => handle.path),
      mapCount: this.#maps.size,
      lockCount: this.#locks.size,
    };
  }

  /** For `MortalRuntime`: the process is dead. */
  letGo(): void {
    for (const lock of this.#locks) lock.release();
    for (const map of this.#maps) map.release();
  }

  open(
    path: string,
    options: { readonly create?: boolean; readonly readOnly?: boolean; readonly truncate?: boolean },
  ): FileHandle {
    const makes = options.create === true && !this.#owner.isDead && this.#files.stat(path) === null;
    return this.perform("open", path, () => {
      const handle = new MortalHandle(this, this.#owner, this.#files.open(path, options), this.#open);
      this.#open.add(handle);
      return handle;
    }, makes);
  }

  stat(path: string): FileStat | null {
    return this.perform("stat", path, () => this.#files.stat(path));
  }

  list(path: string): string[] {
    return this.perform("list", path, () => this.#files.list(path));
  }

  makeDirectory(path: string): void {
    this.perform("makeDirectory", path, () => this.#files.makeDirectory(path), true);
  }

  remove(path: string): void {
    this.perform("remove", path, () => this.#files.remove(path));
  }

  rename(source: string, target: string): void {
    this.perform("rename", source, () => this.#files.rename(source, target));
  }

  readFile(path: string): Uint8Array {
    return this.perform("read", path, () => this.#files.readFile(path));
  }

  syncDirectory(path: string): void {
    this.perform("syncDirectory", path, () => this.#files.syncDirectory(path));
  }

  syncDirectoryAsync(path: string): Promise<void> {
    return this.#performOffLoop("syncDirectory", path, () => this.#files.syncDirectoryAsync(path));
  }

  removeAsync(path: string): Promise<void> {
    return this.#performOffLoop("remove", path, () => this.#files.removeAsync(path));
  }

  async #performOffLoop(operation: FileOperation, path: string, run: () => Promise<void>): Promise<void> {
    const verdict = this.judge(operation, path, 0, false);
    if (verdict.kind === "die" && !verdict.isAfter) this.#owner.dieOffLoop();
    if (this.#owner.isDead) return await never();
    if (verdict.kind === "fail") {
      await new Promise<void>((resolve) => this.#owner.timers.after(1, resolve));
      throw failure(operation, path, verdict.code);
    }
    await this.#owner.unlessDead(run());
    if (verdict.kind !== "die") return;
    this.#owner.dieOffLoop();
    await never();
  }

  freeBytes(path: string): number {
    return this.#files.freeBytes(path);
  }

  totalBytes(path: string): number {
    return this.#files.totalBytes(path);
  }

  map(path: string, length: number, lengthMax?: number): MappedFile | null {
    return this.perform("map", path, () => {
      const map = this.#files.map(path, length, lengthMax);
      if (map === null) return null;
      const tracked: MappedFile = {
        get bytes() {
          return map.bytes;
        },
        grow: (length) => map.grow(length),
        cachedUntil: (start, end) => map.cachedUntil(start, end),
        isCached: (start, end) => map.isCached(start, end),
        release: () => {
          this.#maps.delete(tracked);
          map.release();
        },
      };
      this.#maps.add(tracked);
      return tracked;
    });
  }

  lock(path: string): FileLock | null {
    return this.perform("lock", path, () => {
      const lock = this.#files.lock(path);
      if (lock === null) return null;
      const tracked: FileLock = {
        release: () => {
          this.#locks.delete(tracked);
          lock.release();
        },
      };
      this.#locks.add(tracked);
      return tracked;
    });
  }

  judge(operation: FileOperation, path: string, sizeBytes: number, makes: boolean): Verdict {
    if (this.#owner.isDead) throw new ProcessKilled();
    this.operationCount++;
    return this.#judge(operation, path, sizeBytes, makes);
  }

  perform<Result>(operation: FileOperation, path: string, run: () => Result, makes = false): Result {
    const verdict = this.judge(operation, path, 0, makes);
    if (verdict.kind === "fail" && operation === "syncData") this.failSync(path, verdict.code);
    if (verdict.kind === "fail") throw failure(operation, path, verdict.code);
    if (verdict.kind === "die" && !verdict.isAfter) this.#owner.dieNow();
    const result = run();
    if (verdict.kind === "die") this.#owner.dieNow();
    return result;
  }
}

class MortalHandle implements FileHandle {
  readonly path: string;
  readonly #files: MortalFiles;
  readonly #owner: MortalRuntime;
  readonly #handle: FileHandle;
  readonly #open: Set<MortalHandle>;

  constructor(files: MortalFiles, owner: MortalRuntime, handle: FileHandle, open: Set<MortalHandle>) {
    this.path = handle.path;
    this.#files = files;
    this.#owner = owner;
    this.#handle = handle;
    this.#open = open;
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const verdict = this.#files.judge("write", this.path, sizeBytes, false);
    if (verdict.kind === "go" || (verdict.kind === "die" && verdict.isAfter)) this.#handle.write(chunks, position);
    else this.#writePart(chunks, position, verdict.writtenBytes);
    if (verdict.kind === "fail") throw failure("write", this.path, verdict.code);
    if (verdict.kind === "die") this.#owner.dieNow();
  }

  read(target: Uint8Array, position: number): number {
    return this.#files.perform("read", this.path, () => this.#handle.read(target, position));
  }

  readCached(target: Uint8Array, position: number): number {
    return this.#files.perform("read", this.path, () => this.#handle.readCached(target, position));
  }

  async readAsync(target: Uint8Array, position: number): Promise<number> {
    const verdict = this.#files.judge("read", this.path, 0, false);
    if (verdict.kind === "fail") throw failure("read", this.path, verdict.code);
    return await this.#owner.unlessDead(this.#handle.readAsync(target, position));
  }

  truncate(sizeBytes: number): void {
    this.#files.perform("truncate", this.path, () => this.#handle.truncate(sizeBytes));
  }

  size(): number {
    return this.#files.perform("stat", this.path, () => this.#handle.size());
  }

  async syncData(): Promise<void> {
    const verdict = this.#files.judge("syncData", this.path, 0, false);
    if (verdict.kind === "die" && !verdict.isAfter) this.#owner.dieOffLoop();
    if (this.#owner.isDead) return await never();
    if (verdict.kind === "fail") {
      await new Promise<void>((resolve) => this.#owner.timers.after(1, resolve));
      this.#files.failSync(this.path, verdict.code);
    }
    await this.#owner.unlessDead(this.#handle.syncData());
    if (verdict.kind !== "die") return;
    this.#owner.dieOffLoop();
    await never();
  }

  syncDataNow(): void {
    this.#files.perform("syncData", this.path, () => this.#handle.syncDataNow());
  }

  close(): void {
    this.#open.delete(this);
    this.#handle.close();
  }

  #writePart(chunks: readonly Uint8Array[], position: number, byteCount: number): void {
    let left = byteCount;
    let at = position;
    for (const chunk of chunks) {
      const part = chunk.subarray(0, left);
      if (part.length > 0) this.#handle.write([part], at);
      left -= part.length;
      at += part.length;
    }
  }
}

function never<Result>(): Promise<Result> {
  return new Promise<Result>(() => {});
}

function failure(operation: FileOperation, path: string, code: string): FileError {
  return new FileError(`Cannot ${operation} "${path}": ${code}`, code, path);
}
