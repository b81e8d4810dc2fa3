/**
 * `sendfile` for Bun, by FFI: what is in the page cache goes to a socket without a copy.
 *
 * Nobody who sends knows of files: a chunk is a view of a map, its place in the file is its place in the map, and the
 * file is found here, by the map's memory.
 *
 * (1) A descriptor is the map's own, duplicated when the map is made and closed when it ends: a number that is used again for
 *     another file would send that to a client.
 * (2) A map may have none: there are more maps than a process may have files open. The one used longest ago is closed for a
 *     new one. What has none is sent by a copy.
 * (3) The kernel keeps the pages until the peer has them, not the bytes: what is written over or cut off in between arrives
 *     changed. Segments are only ever appended to, and what is cut off was never given to a consumer (`truncation.ts`).
 */

import { isLinux, openFfi, openFirst } from "./bun_ffi.ts";

/** Beside those of `log.open.files.max` and the connections (2). */
const DESCRIPTORS_MAX = 128;
/** After so many refusals in a row this file's file system cannot do it. One may be chance: room that came a moment later. */
const REFUSALS_MAX = 64;

const F_DUPFD_CLOEXEC = 1030;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;

/** Of the C library. */
export interface SendFileCalls {
  sendfile(socket: number, file: number, position: BigInt64Array, length: number): number | bigint;
  send(socket: number, bytes: Uint8Array, length: number, flags: number): number | bigint;
  fcntl(descriptor: number, command: number, argument: number): number;
  close(descriptor: number): number;
}

interface SentFile {
  descriptor: number;
  refusalCount: number;
}

/** Null where it cannot be. */
export function openFileSender(): FileSender | null {
  const ffi = openFfi();
  if (ffi === null || !isLinux) return null;
  const libc = openFirst<SendFileCalls>(ffi, {
    sendfile: { args: ["i32", "i32", "ptr", "usize"], returns: "i64_fast" },
    send: { args: ["i32", "ptr", "usize", "i32"], returns: "i64_fast" },
    fcntl: { args: ["i32", "i32", "usize"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });
  return libc === null ? null : new FileSender(libc);
}

/** What connections use of it. */
export interface ChunkSender {
  /** Whether a chunk is a view of a file that can be sent so. */
  has(chunk: Uint8Array): boolean;
  /** Bytes of `chunk` taken by the kernel; 0 when it took none, for whatever reason. */
  send(socket: number, chunk: Uint8Array): number;
  /** Nothing was taken of `chunk`, and yet the socket had room. */
  refused(chunk: Uint8Array): void;
  /** Bytes taken of what is followed by more at once, so that it does not travel alone; below 0 when none. */
  sendAhead(socket: number, bytes: Uint8Array): number;
}

export class FileSender implements ChunkSender {
  readonly #libc: SendFileCalls;
  /** By the memory of their maps, the one used longest ago first (2). */
  readonly #files = new Map<ArrayBufferLike, SentFile>();
  readonly #position = new BigInt64Array(1);

  constructor(libc: SendFileCalls) {
    this.#libc = libc;
  }

  /** `memory` is a map of the file from its start. */
  mapped(memory: ArrayBufferLike, descriptor: number): void {
    if (this.#files.size >= DESCRIPTORS_MAX) {
      const [oldest] = this.#files.keys();
      this.unmapped(oldest!);
    }
    const own = this.#libc.fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (own >= 0) this.#files.set(memory, { descriptor: own, refusalCount: 0 });
  }

  /** Before the map ends (1). */
  unmapped(memory: ArrayBufferLike): void {
    const file = this.#files.get(memory);
    if (file === undefined) return;
    this.#files.delete(memory);
    this.#libc.close(file.descriptor);
  }

  /** Of the file that `memory` is a map of; -1 when it has none. */
  descriptorOf(memory: ArrayBufferLike): number {
    return this.#files.get(memory)?.descriptor ?? -1;
  }

  has(chunk: Uint8Array): boolean {
    return this.#files.has(chunk.buffer);
  }

  // hot: per large chunk
  send(socket: number, chunk: Uint8Array): number {
    const { buffer } = chunk;
    const file = this.#files.get(buffer);
    if (file === undefined) return 0;
    this.#files.delete(buffer);
    this.#files.set(buffer, file);
    this.#position[0] = BigInt(chunk.byteOffset);
    const count = Number(this.#libc.sendfile(socket, file.descriptor, this.#position, chunk.length));
    if (count <= 0) return 0;
    file.refusalCount = 0;
    return count;
  }

  refused(chunk: Uint8Array): void {
    const file = this.#files.get(chunk.buffer);
    if (file !== undefined && ++file.refusalCount >= REFUSALS_MAX) this.unmapped(chunk.buffer);
  }

  sendAhead(socket: number, bytes: Uint8Array): number {
    return Number(this.#libc.send(socket, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE));
  }
}
