/**
 * A network in memory: every address is this machine, and a connection is two pipes with as much room as a kernel's
 * socket buffers. A reader that pauses fills the pipe, and a full pipe leaves the rest with the writer.
 *
 * Addresses of 192.0.2.0/24 (set aside for documentation) never answer.
 */

import type { Scheduler } from "./memory_time.ts";
import { addressOf, reportBug } from "./network_support.ts";
import { GATHER_BYTES, OutgoingQueue } from "./outgoing.ts";
import {
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Network,
  NetworkError,
  type Socket,
  type SocketHandler,
} from "./runtime.ts";

/** Bytes under way in one direction: sent, not yet read. */
const PIPE_BYTES_MAX = 256 * 1024;
/** Bytes handed to a reader at once. */
const CHUNK_BYTES_MAX = 64 * 1024;
const RECYCLED_BYTE = 0xdb;
const PORT_FIRST_EPHEMERAL = 32_768;
const PORT_MAX = 65_535;

type Accept = (socket: Socket) => SocketHandler;

export class MemoryNetwork implements Network {
  readonly #scheduler: Scheduler;
  readonly #listeners = new Map<number, { readonly hostname: string; readonly accept: Accept }[]>();
  #portNext = PORT_FIRST_EPHEMERAL;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  // deno-lint-ignore require-await -- the interface promises, for runtimes that resolve names first
  async listen(options: ListenOptions, accept: Accept): Promise<Listener> {
    const hostname = literal(options.hostname);
    const port = options.port === 0 ? this.#freePort() : options.port;
    const others = this.#listeners.get(port) ?? [];
    if (others.some((other) => other.hostname === hostname || isWildcard(other.hostname) || isWildcard(hostname))) {
      throw new NetworkError(`Cannot listen on ${addressOf(options)}: it is in use`, "EADDRINUSE");
    }
    const entry = { hostname, accept };
    this.#listeners.set(port, [...others, entry]);
    return {
      hostname,
      port,
      close: () => {
        const left = (this.#listeners.get(port) ?? []).filter((other) => other !== entry);
        if (left.length === 0) this.#listeners.delete(port);
        else this.#listeners.set(port, left);
      },
    };
  }

  connect(options: ConnectOptions, opened: Accept): Promise<Socket> {
    const hostname = literal(options.hostname);
    return new Promise((resolve, reject) => {
      if (hostname.startsWith("192.0.2.")) {
        this.#scheduler.after(options.timeoutMs, () => {
          reject(new NetworkError(`Cannot connect to ${addressOf(options)}: no answer`, "ETIMEDOUT"));
        });
        return;
      }
      this.#scheduler.soon(() => {
        const listener = this.#listeners.get(options.port)?.find((entry) =>
          entry.hostname === hostname || isWildcard(entry.hostname)
        );
        if (listener === undefined) {
          reject(new NetworkError(`Cannot connect to ${addressOf(options)}: refused`, "ECONNREFUSED"));
          return;
        }
        const local = { hostname, port: this.#freePort() };
        const remote = { hostname, port: options.port };
        const client = new MemorySocket(this.#scheduler, local, remote);
        const server = new MemorySocket(this.#scheduler, remote, local);
        client.start(server, opened);
        server.start(client, listener.accept);
        resolve(client);
      });
    });
  }

  #freePort(): number {
    do {
      this.#portNext = this.#portNext === PORT_MAX ? PORT_FIRST_EPHEMERAL : this.#portNext + 1;
    } while (this.#listeners.has(this.#portNext));
    return this.#portNext;
  }
}

interface Address {
  readonly hostname: string;
  readonly port: number;
}

class MemorySocket implements Socket {
  readonly remoteHostname: string;
  readonly remotePort: number;
  readonly localHostname: string;
  readonly localPort: number;
  readonly #scheduler: Scheduler;
  readonly #outgoing = new OutgoingQueue();
  #handler: SocketHandler | null = null;
  #peer: MemorySocket | null = null;
  #state: "open" | "ending" | "ended" | "closed" = "open";
  #isPaused = false;
  /** Sent to us by the peer and not yet read. */
  readonly #arrived: Uint8Array[] = [];
  #arrivedBytes = 0;
  /** The peer will send no more. */
  #hasPeerEnded = false;
  #isSendDue = false;
  #isReadDue = false;

  constructor(scheduler: Scheduler, local: Address, remote: Address) {
    this.#scheduler = scheduler;
    this.localHostname = local.hostname;
    this.localPort = local.port;
    this.remoteHostname = remote.hostname;
    this.remotePort = remote.port;
  }

  start(peer: MemorySocket, accept: Accept): void {
    this.#peer = peer;
    try {
      this.#handler = accept(this);
    } catch (bug) {
      reportBug(bug);
    }
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  get pendingBytes(): number {
    return this.#outgoing.pendingBytes;
  }

  write(chunks: readonly Uint8Array[], sent?: () => void): void {
    if (this.#state !== "open") {
      if (sent !== undefined) this.#scheduler.soon(sent);
      return;
    }
    this.#outgoing.push(chunks, sent);
    this.#sendSoon();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#readSoon();
  }

  /** Whoever still looks at it sees it. */
  recycle(chunk: Uint8Array): void {
    chunk.fill(RECYCLED_BYTE);
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#sendSoon();
  }

  destroy(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#peer?.endedByPeer();
    this.#scheduler.soon(() => this.#finish());
  }

  #sendSoon(): void {
    if (this.#isSendDue) return;
    this.#isSendDue = true;
    this.#scheduler.soon(() => {
      this.#isSendDue = false;
      try {
        this.#send();
      } catch (bug) {
        reportBug(bug);
      }
    });
  }

  #send(): void {
    const peer = this.#peer;
    if (peer === null || this.#state === "closed" || this.#state === "ended") return;
    const hadPending = this.#outgoing.pendingBytes > 0;
    while (peer.#arrivedBytes < PIPE_BYTES_MAX) {
      const next = this.#outgoing.peek(gather);
      if (next === null) break;
      const count = Math.min(next.length, PIPE_BYTES_MAX - peer.#arrivedBytes, CHUNK_BYTES_MAX);
      // A copy: once `take` has told the sender so, it may do with the chunk what it likes.
      peer.#arrive(next.slice(0, count));
      this.#outgoing.take(count);
      if (this.#isClosed()) return;
    }
    if (!this.#outgoing.isEmpty && this.#outgoing.pendingBytes > 0) return; // Goes on when the peer has read.
    this.#outgoing.peek(gather); // Tells those who wait for nothing.
    if (this.#state === "ending") {
      this.#state = "ended";
      this.#arrived.length = 0;
      this.#arrivedBytes = 0;
      peer.endedByPeer();
    } else if (hadPending) {
      this.#handler?.drain();
    }
  }

  #arrive(chunk: Uint8Array): void {
    if (this.#state !== "open" && this.#state !== "ending") return;
    this.#arrived.push(chunk);
    this.#arrivedBytes += chunk.length;
    this.#readSoon();
  }

  endedByPeer(): void {
    this.#hasPeerEnded = true;
    this.#readSoon();
  }

  #readSoon(): void {
    if (this.#isReadDue) return;
    this.#isReadDue = true;
    this.#scheduler.soon(() => {
      this.#isReadDue = false;
      try {
        this.#read();
      } catch (bug) {
        reportBug(bug);
      }
    });
  }

  /** Hands over one chunk, or part of one, per turn: others get theirs in between. */
  #read(): void {
    if (this.#state === "closed" || (this.#isPaused && this.#state === "open")) return;
    const chunk = this.#arrived[0];
    if (chunk === undefined) {
      if (!this.#hasPeerEnded) return;
      this.#state = "closed";
      this.#peer?.endedByPeer();
      this.#finish();
      return;
    }
    const count = this.#state === "open" ? this.#handOver(chunk) : chunk.length;
    // A handler may have closed or ended this socket, which empties `#arrived`.
    if (this.#arrived[0] === chunk) {
      if (count === chunk.length) this.#arrived.shift();
      else this.#arrived[0] = chunk.subarray(count);
      this.#arrivedBytes -= count;
    }
    if (this.#peer !== null) this.#peer.#sendSoon();
    this.#readSoon();
  }

  #handOver(chunk: Uint8Array): number {
    const handler = this.#handler;
    if (handler === null) return chunk.length;
    const target = handler.target?.() ?? null;
    if (target === null || target.length === 0 || handler.filled === undefined) {
      handler.data(chunk);
      return chunk.length;
    }
    const count = Math.min(target.length, chunk.length);
    target.set(chunk.subarray(0, count));
    handler.filled(count);
    return count;
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #finish(): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#arrived.length = 0;
    this.#arrivedBytes = 0;
    try {
      this.#outgoing.abort();
      handler?.close(null);
    } catch (bug) {
      reportBug(bug);
    }
  }
}

/** Shared by all sockets: what is in it is copied before anything else happens. */
const gather = new Uint8Array(GATHER_BYTES);

function literal(hostname: string): string {
  return hostname === "localhost" ? "127.0.0.1" : hostname;
}

function isWildcard(hostname: string): boolean {
  return hostname === "0.0.0.0" || hostname === "::";
}
