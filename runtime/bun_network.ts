/**
 * Sockets by `Bun.listen` and `Bun.connect`.
 *
 * Bun pushes what it reads, as chunks of up to 512 KiB, each in memory of its own (checked: kept chunks never change). Left to
 * the collector they would pile up: 55 MB of a broker's memory, page faults for every chunk that is new. So memory that is
 * done with is given back at once (`recycle`), and the allocator uses it again while it is in the processor's cache.
 * `socket.write` hands bytes to the kernel at once and says how many it took; the rest is ours to keep until `drain`. Views of
 * files go past it (`bun_send_file.ts`).
 *
 * What is given to `write` goes out at the end of the turn: answers made in one turn share their system calls.
 */

import { isLocalPeer, isLoopback, openLocalPeers } from "./bun_local_peers.ts";
import { openBunReceive, type ReceiveInto } from "./bun_receive.ts";
import { type ChunkSender } from "./bun_send_file.ts";
import { addressOf, LINGER_MS, networkError, reportBug } from "./network_support.ts";
import { CHUNK_BYTES_LARGE, GATHER_BYTES, OutgoingQueue } from "./outgoing.ts";
import type {
  ConnectOptions,
  Listener,
  ListenOptions,
  Network,
  Socket,
  SocketHandler,
  Timer,
  Timers,
} from "./runtime.ts";
import { SMALL_BYTES_MAX, TURN_BYTES_MAX } from "./turn_bytes.ts";

/** Less is not worth a call of its own: it comes with what follows it. */
const DIRECT_BYTES_MIN = 16 * 1024;
/** One socket reads so much by itself before it is the others' turn. */
const DIRECT_BYTES_MAX = 4 * 1024 * 1024;
/** Below this the collector is cheaper. */
const RECYCLED_BYTES_MIN = 16 * 1024;

interface BunSocket {
  data: BunConnection;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** The descriptor. */
  readonly fd: number;
  /** Bytes taken by the kernel; below 0 when the socket is closed. */
  write(bytes: Uint8Array): number;
  shutdown(): void;
  close(): void;
  pause(): void;
  resume(): void;
  setNoDelay(isOn: boolean): void;
}

interface BunHandler {
  readonly binaryType: "uint8array";
  open(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  close(socket: BunSocket, error?: Error): void;
  error(socket: BunSocket, error: Error): void;
  connectError?(socket: BunSocket, error: Error): void;
}

interface BunListener {
  /** The descriptor. */
  readonly fd: number;
  readonly hostname: string;
  readonly port: number;
  stop(closesConnections: boolean): void;
}

declare const Bun: {
  listen(options: { hostname: string; port: number; socket: BunHandler }): BunListener;
  connect(options: { hostname: string; port: number; socket: BunHandler }): Promise<BunSocket>;
};

export class BunNetwork implements Network {
  readonly #timers: Timers;
  readonly #flusher: Flusher;

  constructor(timers: Timers, sender: ChunkSender | null) {
    this.#timers = timers;
    this.#flusher = new Flusher(timers, sender);
  }

  // deno-lint-ignore require-await -- the interface promises, for runtimes that resolve names first
  async listen(options: ListenOptions, accept: (socket: Socket) => SocketHandler): Promise<Listener> {
    const { hostname, port } = options;
    const open = (socket: BunSocket) => {
      socket.data = new BunConnection(socket, this.#flusher, this.#timers);
      socket.data.start(accept);
    };
    try {
      const listener = Bun.listen({ hostname, port, socket: bunHandler(open) });
      if (isLoopback(listener.hostname)) this.#flusher.setUpLocalPeer?.(listener.fd); // Connections take it over.
      return { hostname: listener.hostname, port: listener.port, close: () => listener.stop(false) };
    } catch (cause) {
      throw networkError(`listen on ${addressOf(options)}`, cause);
    }
  }

  connect(options: ConnectOptions, opened: (socket: Socket) => SocketHandler): Promise<Socket> {
    const { hostname, port, timeoutMs } = options;
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = this.#timers.after(timeoutMs, () => {
        isLate = true;
        reject(
          networkError(`connect to ${addressOf(options)}`, { code: "ETIMEDOUT", message: `${timeoutMs} ms passed` }),
        );
      });
      const fail = (cause: unknown) => {
        timer.cancel();
        reject(networkError(`connect to ${addressOf(options)}`, cause));
      };
      const open = (socket: BunSocket) => {
        socket.data = new BunConnection(socket, this.#flusher, this.#timers);
        if (isLate) return socket.data.destroy();
        timer.cancel();
        socket.data.start(opened);
        resolve(socket.data);
      };
      Bun.connect({ hostname, port, socket: { ...bunHandler(open), connectError: (_, error) => fail(error) } })
        .catch(fail);
    });
  }
}

function bunHandler(open: (socket: BunSocket) => void): BunHandler {
  return {
    binaryType: "uint8array",
    open,
    data: (socket, chunk) => socket.data.received(chunk),
    drain: (socket) => socket.data.roomMade(),
    close: (socket, error) => socket.data?.closed(error ?? null),
    error: (socket, error) => socket.data?.failed(error),
  };
}

class BunConnection implements Socket {
  readonly remoteHostname: string;
  readonly remotePort: number;
  readonly localHostname: string;
  readonly localPort: number;
  readonly #socket: BunSocket;
  readonly #flusher: Flusher;
  readonly #timers: Timers;
  readonly #outgoing: OutgoingQueue;
  #handler: SocketHandler | null = null;
  #state: "open" | "ending" | "lingering" | "closed" = "open";
  #isPaused = false;
  #error: Error | null = null;
  #linger: Timer | null = null;

  constructor(socket: BunSocket, flusher: Flusher, timers: Timers) {
    this.#socket = socket;
    this.#flusher = flusher;
    this.#timers = timers;
    this.#outgoing = new OutgoingQueue(flusher.isFile);
    this.remoteHostname = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    this.localHostname = socket.localAddress;
    this.localPort = socket.localPort;
  }

  start(accept: (socket: Socket) => SocketHandler): void {
    this.#socket.setNoDelay(true);
    if (isLocalPeer(this)) this.#flusher.setUpLocalPeer?.(this.#socket.fd);
    try {
      this.#handler = accept(this);
    } catch (bug) {
      reportBug(bug); // Bun would hand it to `error`, and go on.
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
      if (sent !== undefined) this.#timers.soon(sent);
      return;
    }
    this.#outgoing.push(chunks, sent);
    this.#flusher.add(this);
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#state === "open") this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#state === "open") this.#socket.resume();
  }

  // hot: per chunk
  recycle(chunk: Uint8Array): void {
    if (chunk.length < RECYCLED_BYTES_MIN) return;
    (chunk.buffer as ArrayBuffer).transfer(0); // Detaches the views and frees what they showed.
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#flusher.add(this);
  }

  destroy(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    // Bun calls `closed` before `close` returns, in the middle of the caller's turn: what follows waits for the next.
    this.#socket.close();
    this.#timers.soon(() => this.#finish());
  }

  roomMade(): void {
    this.#flusher.add(this);
  }

  /** Hands the kernel at most so much, and says how much it was: all of it when there may be more that it would take. */
  // hot: per turn with something to send
  flush(bytesMax: number): number {
    if (this.#state === "closed" || this.#state === "lingering") return 0;
    let sentBytes = 0;
    try {
      const hadPending = this.#outgoing.pendingBytes > 0;
      for (let next = this.#outgoing.peek(gather); next !== null; next = this.#outgoing.peek(gather)) {
        if (sentBytes === bytesMax) return sentBytes;
        const part = next.length > bytesMax - sentBytes ? next.subarray(0, bytesMax - sentBytes) : next;
        const count = this.#hand(part);
        if (count < 0) return sentBytes; // Closed under us; `closed` is on its way.
        this.#outgoing.take(count);
        sentBytes += count;
        if (count < part.length || this.#isClosed()) return sentBytes; // Bun says when there is room again.
      }
      if (this.#state === "ending") this.#sayGoodbye();
      else if (hadPending) this.#handler?.drain();
    } catch (bug) {
      reportBug(bug);
    }
    return sentBytes;
  }

  /**
   * Bytes taken by the kernel; below 0 when the socket is closed. When they are not all, Bun has been asked for the rest, found
   * no room, and calls `drain`: it keeps no bytes, so that what we send beside it stays in order. Encrypted connections must
   * not come past `write`.
   */
  #hand(bytes: Uint8Array): number {
    const { sender } = this.#flusher;
    if (sender === null) return this.#socket.write(bytes);
    const isFile = bytes.length >= CHUNK_BYTES_LARGE && sender.has(bytes);
    if (!isFile && bytes.length === this.#outgoing.pendingBytes) return this.#socket.write(bytes);
    const { fd } = this.#socket;
    const count = isFile ? sender.send(fd, bytes) : Math.max(0, sender.sendAhead(fd, bytes));
    if (count === bytes.length) return count;
    const restCount = this.#socket.write(count === 0 ? bytes : bytes.subarray(count));
    if (restCount < 0) return restCount;
    if (isFile && count === 0 && restCount > 0) sender.refused(bytes);
    return count + restCount;
  }

  received(chunk: Uint8Array): void {
    if (this.#state !== "open") return;
    try {
      this.#handler?.data(chunk);
      const { receiveInto } = this.#flusher;
      if (receiveInto !== null) this.#fillTarget(receiveInto);
    } catch (bug) {
      reportBug(bug);
    }
  }

  /** Reads on where the receiver has a place for much more: without a copy. */
  #fillTarget(receiveInto: ReceiveInto): void {
    for (let leftBytes = DIRECT_BYTES_MAX; leftBytes > 0 && this.#state === "open" && !this.#isPaused;) {
      const target = this.#handler?.target?.() ?? null;
      if (target === null || target.length < DIRECT_BYTES_MIN) return;
      const byteCount = receiveInto(this.#socket.fd, target);
      if (byteCount <= 0) return;
      leftBytes -= byteCount;
      this.#handler!.filled!(byteCount);
    }
  }

  failed(error: Error): void {
    this.#error ??= error;
  }

  closed(error: Error | null): void {
    if (error !== null) this.#error ??= error;
    if (this.#state === "closed") return; // By `destroy`, which has its own ending.
    this.#state = "closed";
    this.#finish();
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  /**
   * Half closes and waits for the peer to close: a socket closed with unread bytes in it would answer them with a reset,
   * and the reset may overtake our last answer.
   */
  #sayGoodbye(): void {
    this.#state = "lingering";
    this.#socket.resume();
    this.#socket.shutdown();
    if (this.#isClosed()) return;
    this.#linger = this.#timers.after(LINGER_MS, () => this.destroy());
  }

  #finish(): void {
    this.#linger?.cancel();
    try {
      this.#outgoing.abort();
      const handler = this.#handler;
      this.#handler = null;
      const cause = this.#error;
      handler?.close(
        cause === null ? null : networkError(`go on with ${this.remoteHostname}:${this.remotePort}`, cause),
      );
    } catch (bug) {
      reportBug(bug);
    }
  }
}

/** Shared by all sockets: `write` has copied its bytes into the kernel when it returns. */
const gather = new Uint8Array(GATHER_BYTES);

/**
 * What all sockets share. Flushes those that were written to, once, at the end of the turn: those with little to send, then the
 * others in the order in which they came, as far as the turn's bytes reach. Who has more waits behind all who wait.
 */
class Flusher {
  /** Null where the C library cannot be called. */
  readonly receiveInto = openBunReceive();
  readonly setUpLocalPeer = openLocalPeers();
  readonly sender: ChunkSender | null;
  /** Whether a chunk is better sent alone. */
  readonly isFile: (chunk: Uint8Array) => boolean;
  readonly #timers: Timers;
  #waiting = new Set<BunConnection>();
  readonly #run = () => {
    const ready = this.#waiting;
    this.#waiting = new Set();
    let large: BunConnection[] | null = null;
    for (const connection of ready) {
      if (connection.pendingBytes > SMALL_BYTES_MAX) (large ??= []).push(connection);
      else connection.flush(SMALL_BYTES_MAX);
    }
    if (large !== null) this.#flushLarge(large);
  };

  constructor(timers: Timers, sender: ChunkSender | null) {
    this.#timers = timers;
    this.sender = sender;
    this.isFile = (chunk) => sender !== null && sender.has(chunk);
  }

  add(connection: BunConnection): void {
    if (this.#waiting.size === 0) this.#timers.soon(this.#run);
    this.#waiting.add(connection);
  }

  #flushLarge(large: readonly BunConnection[]): void {
    let leftBytes = TURN_BYTES_MAX;
    let count = 0;
    let unfinished: BunConnection | null = null;
    for (; count < large.length && leftBytes > 0; count++) {
      const connection = large[count]!;
      const sentBytes = connection.flush(leftBytes);
      if (sentBytes === leftBytes) unfinished = connection;
      leftBytes -= sentBytes;
    }
    for (; count < large.length; count++) this.add(large[count]!);
    if (unfinished !== null) this.add(unfinished);
  }
}
