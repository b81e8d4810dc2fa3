/**
 * The seam between Weir and the place it runs in: sockets, files, memory maps, time, chance and the process.
 *
 * Nothing outside `runtime/` names `Bun`, `Deno`, `node:*`, `Date.now`, `Math.random`, `setTimeout` or `console`:
 * what does, cannot run on the other runtime, nor in the in-memory world where time is virtual and disks crash.
 *
 * Three adapters implement it: `bun.ts`, `deno.ts`, `memory.ts`. One contract suite (`tests/unit/runtime/`) runs
 * against all three.
 */

export interface Runtime {
  readonly name: "bun" | "deno" | "memory";
  /** Version of the runtime, as it says it itself. */
  readonly version: string;
  readonly network: Network;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly digests: Digests;
  readonly process: Process;
  /** Opens the processor's own CRC32C, for the life of the process; null where there is none, or no leave to use it. */
  openCrc32c(): ProcessorCrc32c | null;
}

export interface ProcessorCrc32c {
  /** Shorter inputs are faster by other means, for what a call costs. */
  readonly sizeBytesMin: number;
  /** Of `bytes[start, end)`, at least one byte; unsigned. */
  compute(bytes: Uint8Array, start: number, end: number): number;
}

export type HashName = "SHA-256" | "SHA-512";

/** For passwords: no part of the path of records. */
export interface Digests {
  hash(name: HashName, data: Uint8Array): Uint8Array;
  hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array;
}

// ---------------------------------------------------------------------------------------------- sockets

export interface Network {
  /**
   * Listens for TCP connections. `port` 0 takes a free one.
   * @throws {NetworkError} when the address cannot be bound (`code` "EADDRINUSE", …)
   */
  listen(options: ListenOptions, accept: (socket: Socket) => SocketHandler): Promise<Listener>;
  /** @throws {NetworkError} when no connection could be made within `timeoutMs` */
  connect(options: ConnectOptions, opened: (socket: Socket) => SocketHandler): Promise<Socket>;
}

export interface ListenOptions {
  readonly hostname: string;
  readonly port: number;
}

export interface ConnectOptions {
  readonly hostname: string;
  readonly port: number;
  readonly timeoutMs: number;
}

export interface Listener {
  readonly hostname: string;
  readonly port: number;
  /** Stops accepting. Connections already open stay open. The port is free some turns of the event loop later. */
  close(): void;
}

/** One TCP connection, no delay set. All methods may be called after it closed, and do nothing then. */
export interface Socket {
  readonly remoteHostname: string;
  readonly remotePort: number;
  readonly localHostname: string;
  readonly localPort: number;
  readonly isOpen: boolean;
  /**
   * Sends the chunks in order at the end of this turn, together with all else written in it, in as few system calls as the
   * runtime allows. Never refuses and calls nobody back before it returns; the caller looks at `pendingBytes` and waits for
   * `drain` before it makes more. A chunk must not change or be released until `sent` is called: exactly once, when the
   * last byte was handed to the kernel or the connection is gone. Of a view of a map the kernel may take the file's pages
   * themselves: what is written over or cut off in the file after that can still arrive changed.
   */
  write(chunks: readonly Uint8Array[], sent?: () => void): void;
  /** Bytes given to `write` and not yet to the kernel. */
  readonly pendingBytes: number;
  /**
   * Stops reading from the peer (its window fills, it slows down) until `resume`. What is already read still arrives, and so
   * may one read that is under way. That the peer closed is not noticed meanwhile.
   */
  pause(): void;
  resume(): void;
  /** The receiver is done with a chunk that `data` gave it, and has no view of it left: its memory may be used again, or freed. */
  recycle(chunk: Uint8Array): void;
  /** Closes once all pending bytes are sent, however long the peer takes: bound it. What still arrives is dropped. */
  end(): void;
  /** Closes now; pending bytes are dropped. */
  destroy(): void;
}

/** What a connection does with what arrives. Calls never nest, and none comes after `close`. */
export interface SocketHandler {
  /** A chunk the receiver may keep: the runtime does not use its memory again unless it is told to (`recycle`). */
  data(chunk: Uint8Array): void;
  /**
   * Where the next bytes belong when the receiver has a place for them (the rest of a large frame), else null.
   * A runtime that reads into buffers reads there and calls `filled`; one that is handed chunks calls `data`
   * and the receiver copies. Optional: without it everything comes through `data`.
   */
  target?(): Uint8Array | null;
  /** `byteCount` bytes were read into the start of the last `target()`. */
  filled?(byteCount: number): void;
  /** `pendingBytes` has come back to 0: all that was written is with the kernel. */
  drain(): void;
  /** The connection is gone, by either side; `error` when not in order. Exactly once. */
  close(error: Error | null): void;
}

export class NetworkError extends Error {
  override readonly name = "NetworkError";
  constructor(message: string, readonly code: string, options?: ErrorOptions) {
    super(message, options);
  }
}

// ---------------------------------------------------------------------------------------------- files

/** Paths use "/". All failures throw `FileError`. Synchronous unless the result is a promise. */
export interface FileSystem {
  /** How many `readAsync` may be under way on a slow disk with room left for syncs. */
  readonly readsAtOnceMax: number;
  /** `create`: made when missing. Reading and writing unless `readOnly`. */
  open(
    path: string,
    options: { readonly create?: boolean; readonly readOnly?: boolean; readonly truncate?: boolean },
  ): FileHandle;
  /** null when there is nothing at `path`. */
  stat(path: string): FileStat | null;
  /** Names in the directory, sorted. */
  list(path: string): string[];
  /** With all its parents; fine when it is there. */
  makeDirectory(path: string): void;
  /** A file, or a directory with all in it; fine when it is missing. */
  remove(path: string): void;
  /** The same, off the loop. */
  removeAsync(path: string): Promise<void>;
  /** Atomic; replaces a file at `target`. */
  rename(source: string, target: string): void;
  readFile(path: string): Uint8Array;
  /** Makes new, renamed or removed entries of a directory durable (`fsync` of the directory). */
  syncDirectory(path: string): void;
  /** The same, off the loop; covers what was changed before the call. */
  syncDirectoryAsync(path: string): Promise<void>;
  /** Bytes that can still be written to the file system of `path`. */
  freeBytes(path: string): number;
  /** Size of the file system of `path`. */
  totalBytes(path: string): number;
  /**
   * Maps the first `length` bytes of a file for reading, or null where the runtime cannot (then use `FileHandle.read`).
   * The file must not be truncated below `length` while mapped; it may grow, up to `lengthMax` with its map, and may be unlinked.
   */
  map(path: string, length: number, lengthMax?: number): MappedFile | null;
  /**
   * Takes an exclusive lock on the file (created when missing) that ends with the process; null when another holds it, whose
   * process id the file then names where there are processes.
   */
  lock(path: string): FileLock | null;
}

export interface FileStat {
  readonly kind: "file" | "directory" | "other";
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface FileHandle {
  readonly path: string;
  /** Writes all chunks at `position`, gathered. Throws having written any part; the caller truncates or overwrites. */
  write(chunks: readonly Uint8Array[], position: number): void;
  /** Reads up to `target.length` bytes at `position`; the count is short only at the end of the file. */
  read(target: Uint8Array, position: number): number;
  /** The same, off the loop: for ranges that may not be in the page cache. */
  readAsync(target: Uint8Array, position: number): Promise<number>;
  /**
   * What `read` can give without a wait for the disk: the start of the range as far as it is in the page cache. 0 only where
   * `read` gives 0; -1 when nothing of it is there, or when the runtime cannot know.
   */
  readCached(target: Uint8Array, position: number): number;
  /** Sets the size; grows with zeros. */
  truncate(sizeBytes: number): void;
  size(): number;
  /** `fdatasync`, off the loop. After a failure the caller must not trust what was written since the last success. */
  syncData(): Promise<void>;
  /** `fdatasync`, on the loop: for shutdown and small checkpoint files. */
  syncDataNow(): void;
  close(): void;
}

/** A read-only view of a file. Its owner calls `release` once nobody holds a view of `bytes`; reading after that is forbidden. */
export interface MappedFile {
  readonly bytes: Uint8Array;
  /**
   * Makes `bytes` so much longer as the file has grown; views from before stay good, until `release`. False when it cannot: then only
   * another map shows more.
   */
  grow(length: number): boolean;
  /** Up to where, from `start` on and at most to `end`, bytes can be looked at without a wait for the disk. */
  cachedUntil(start: number, end: number): number;
  /**
   * A look that costs next to nothing: true when all of it is in memory, or, after something near it was not, on its way there.
   * False says nothing.
   */
  isCached(start: number, end: number): boolean;
  release(): void;
}

export interface FileLock {
  release(): void;
}

/** `code` is the operating system's ("ENOENT", "ENOSPC", "EACCES", "EIO", …) or "UNKNOWN". */
export class FileError extends Error {
  override readonly name = "FileError";
  constructor(message: string, readonly code: string, readonly path: string, options?: ErrorOptions) {
    super(message, options);
  }
}

// ---------------------------------------------------------------------------------------------- time, chance, process

export interface Clock {
  /** Wall clock, milliseconds since the epoch, whole. May go back. */
  nowMs(): number;
  /** Never goes back; the origin is arbitrary; fractions of a millisecond. For durations. */
  monotonicMs(): number;
}

export interface Timers {
  /** Calls `run` once, at least `delayMs` from now. An exception in it is a bug and ends the process. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` at the end of this turn of the event loop, after I/O callbacks that are already due. */
  soon(run: () => void): void;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Fit for ids and secrets (the memory runtime's are seeded). */
  bytes(count: number): Uint8Array;
}

export interface Process {
  readonly id: number;
  readonly args: readonly string[];
  environment(): Record<string, string>;
  /** This machine's name: what clients are told of a listener on all interfaces. */
  hostname(): string;
  onSignal(signal: "SIGTERM" | "SIGINT" | "SIGHUP", run: () => void): void;
  exit(code: number): never;
  /**
   * Standard output; text as is, no newline added; written when it returns.
   * @throws {FileError} "EPIPE" when the reader is gone
   */
  print(text: string): void;
  /** Standard error; never fails. */
  printError(text: string): void;
  /** Lines of standard input without their ends, until it closes. */
  inputLines(): AsyncIterable<string>;
  /**
   * Starts another process of this program, which ends by itself or is killed: not with this one.
   * @throws {Error} where there are no processes
   */
  spawn(args: readonly string[], options: SpawnOptions): ChildProcess;
  /** Bytes in memory: resident in all, and the JavaScript heap. */
  memory(): { readonly residentBytes: number; readonly heapBytes: number };
  /** Gives the memory back that program code takes which nobody has run of late; where that is possible. */
  releaseCode(): void;
}

export interface SpawnOptions {
  /** All of it; nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** What it prints, to either output, in pieces as they come. */
  readonly output: (text: string) => void;
}

export interface ChildProcess {
  readonly id: number;
  /** Resolves when it is gone and all it printed was handed over; `signal` when it was killed. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Does nothing once it is gone. */
  kill(signal: "SIGKILL" | "SIGTERM" | "SIGHUP"): void;
}
