/**
 * Sockets by `Deno.listen` and `Deno.connect`.
 *
 * Deno reads into memory it is given. Where the receiver has a place for what comes next (the rest of a large frame), it
 * is read there. Else it is read into a slab, front to back; the receiver keeps views of it, and no byte is used twice.
 * Every idle connection holds a slab, so they are small; they grow while the kernel has more than fits.
 *
 * What is given to `write` goes out at the end of the turn: answers made in one turn share their system calls.
 */

import { addressOf, LINGER_MS, networkError, reportBug } from "./network_support.ts";
import { GATHER_BYTES, OutgoingQueue } from "./outgoing.ts";
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
import { SMALL_BYTES_MAX, TurnBytes } from "./turn_bytes.ts";

const SLAB_BYTES_MIN = 4 * 1024;
const SLAB_BYTES_MAX = 256 * 1024;
const SLAB_GROWTH = 8;
/** The rest of a slab is not worth a system call below this. */
const SLAB_REST_BYTES_MIN = 1024;
/** How long accepting rests after the system refused a connection, most likely for want of descriptors. */
const ACCEPT_PAUSE_MS = 100;

type Accept = (socket: Socket) => SocketHandler;

export class DenoNetwork implements Network {
  readonly #timers: Timers;
  readonly #turnBytes: TurnBytes;

  constructor(timers: Timers) {
    this.#timers = timers;
    this.#turnBytes = new TurnBytes(timers);
  }

  // deno-lint-ignore require-await -- a failure rejects, it does not throw
  async listen(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { hostname, port } = options;
    let listener: Deno.TcpListener;
    try {
      listener = Deno.listen({ hostname, port, transport: "tcp" });
    } catch (cause) {
      throw networkError(`listen on ${addressOf(options)}`, cause);
    }
    let isClosed = false;
    const acceptAll = async () => {
      while (!isClosed) {
        try {
          const connection = await listener.accept();
          new DenoConnection(connection, this.#turnBytes, this.#timers).start(accept);
        } catch {
          if (!isClosed) await new Promise<void>((resolve) => this.#timers.after(ACCEPT_PAUSE_MS, resolve));
        }
      }
    };
    acceptAll().catch(reportBug);
    const address = listener.addr as Deno.NetAddr;
    return {
      hostname: address.hostname,
      port: address.port,
      close: () => {
        if (isClosed) return;
        isClosed = true;
        listener.close();
      },
    };
  }

  async connect(options: ConnectOptions, opened: Accept): Promise<Socket> {
    const { hostname, port, timeoutMs } = options;
    const abort = new AbortController();
    const timer = this.#timers.after(timeoutMs, () => abort.abort());
    try {
      const connection = await Deno.connect({ hostname, port, transport: "tcp", signal: abort.signal });
      const socket = new DenoConnection(connection, this.#turnBytes, this.#timers);
      socket.start(opened);
      return socket;
    } catch (cause) {
      const isLate = abort.signal.aborted;
      throw networkError(
        `connect to ${addressOf(options)}`,
        isLate ? { code: "ETIMEDOUT", message: `${timeoutMs} ms passed` } : cause,
      );
    } finally {
      timer.cancel();
    }
  }
}

class DenoConnection implements Socket {
  readonly remoteHostname: string;
  readonly remotePort: number;
  readonly localHostname: string;
  readonly localPort: number;
  readonly #connection: Deno.TcpConn;
  readonly #turnBytes: TurnBytes;
  readonly #timers: Timers;
  readonly #outgoing = new OutgoingQueue();
  #handler: SocketHandler | null = null;
  #state: "open" | "ending" | "lingering" | "closed" = "open";
  #linger: Timer | null = null;
  #isSending = false;
  #isPaused = false;
  /** Ends the wait of a reader that is paused. */
  #wakeReader: (() => void) | null = null;
  #slab: Uint8Array = EMPTY;
  #slabSizeBytes = SLAB_BYTES_MIN;

  constructor(connection: Deno.TcpConn, turnBytes: TurnBytes, timers: Timers) {
    this.#connection = connection;
    this.#turnBytes = turnBytes;
    this.#timers = timers;
    const { localAddr, remoteAddr } = connection;
    this.remoteHostname = remoteAddr.hostname;
    this.remotePort = remoteAddr.port;
    this.localHostname = localAddr.hostname;
    this.localPort = localAddr.port;
  }

  start(accept: Accept): void {
    try {
      this.#connection.setNoDelay(true);
    } catch {
      // Already gone; reading will say so.
    }
    try {
      this.#handler = accept(this);
    } catch (bug) {
      return reportBug(bug);
    }
    this.#readAll().catch(reportBug);
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
    this.#sendSoon();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#wakeReader?.();
  }

  /** A slab has chunks of several reads in it, and is small. */
  recycle(): void {}

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#sendSoon();
  }

  destroy(): void {
    this.#destroy(null);
  }

  #destroy(error: unknown): void {
    if (this.#isClosed()) return;
    this.#state = "closed";
    this.#linger?.cancel();
    try {
      this.#connection.close();
    } catch {
      // Closed by the runtime already.
    }
    this.#wakeReader?.();
    this.#timers.soon(() => {
      // A send under way still reads its chunk: it ends in an error soon, and tells the senders then.
      if (!this.#isSending) this.#outgoing.abort();
      const handler = this.#handler;
      this.#handler = null;
      handler?.close(
        error === null ? null : networkError(`go on with ${this.remoteHostname}:${this.remotePort}`, error),
      );
    });
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  async #readAll(): Promise<void> {
    try {
      while (!this.#isClosed()) {
        if (this.#isPaused && this.#state === "open") {
          await new Promise<void>((resolve) => this.#wakeReader = resolve);
          this.#wakeReader = null;
          continue;
        }
        const target = this.#handler?.target?.() ?? null;
        const byteCount = target !== null && target.length > 0 ? await this.#readInto(target) : await this.#readSlab();
        if (byteCount === null) break;
      }
    } catch (error) {
      if (error instanceof HandlerFailure) throw error.cause;
      return this.#destroy(error);
    }
    this.#destroy(null);
  }

  // hot: per read
  async #readInto(target: Uint8Array): Promise<number | null> {
    this.#slabSizeBytes = SLAB_BYTES_MIN; // What follows the frame starts small: the next large frame goes to a target too.
    const byteCount = await this.#connection.read(target);
    if (byteCount !== null && this.#state === "open") this.#call((handler) => handler.filled?.(byteCount));
    return byteCount;
  }

  // hot: per read
  async #readSlab(): Promise<number | null> {
    const restBytes = this.#slab.length;
    if (restBytes < SLAB_REST_BYTES_MIN || restBytes < this.#slabSizeBytes / SLAB_GROWTH) {
      this.#slab = new Uint8Array(this.#slabSizeBytes);
    }
    const slab = this.#slab;
    const byteCount = await this.#connection.read(slab);
    if (byteCount === null) return null;
    // Read full: there is more. Else the kernel has no more, and the next read will hold its slab for as long as it waits.
    this.#slabSizeBytes = byteCount === slab.length
      ? Math.min(SLAB_BYTES_MAX, this.#slabSizeBytes * SLAB_GROWTH)
      : SLAB_BYTES_MIN;
    this.#slab = slab.length - byteCount > SLAB_BYTES_MIN ? EMPTY : slab.subarray(byteCount);
    if (this.#state === "open") this.#call((handler) => handler.data(slab.subarray(0, byteCount)));
    return byteCount;
  }

  #call(run: (handler: SocketHandler) => void): void {
    if (this.#handler === null) return;
    try {
      run(this.#handler);
    } catch (bug) {
      throw new HandlerFailure(bug);
    }
  }

  #sendSoon(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    this.#timers.soon(() => {
      this.#sendAll().catch(reportBug);
    });
  }

  async #sendAll(): Promise<void> {
    const gather = gatherPool.pop() ?? new Uint8Array(GATHER_BYTES);
    try {
      while (!this.#isClosed()) {
        const next = this.#outgoing.peek(gather);
        if (next === null) {
          if (this.#state !== "open") break;
          this.#isSending = false; // What `drain` writes goes out in the next turn.
          return this.#handler?.drain();
        }
        const roomBytes = this.pendingBytes > SMALL_BYTES_MAX ? this.#turnBytes.take(next.length) : next.length;
        if (roomBytes === 0) {
          await this.#turnBytes.next();
          continue;
        }
        let byteCount: number;
        try {
          byteCount = await this.#connection.write(roomBytes === next.length ? next : next.subarray(0, roomBytes));
        } catch (error) {
          this.#destroy(error);
          break;
        }
        this.#outgoing.take(byteCount);
      }
      this.#isSending = false;
      if (this.#isClosed()) this.#outgoing.abort();
      else await this.#sayGoodbye();
    } finally {
      if (gatherPool.length < GATHER_POOL_COUNT_MAX) gatherPool.push(gather);
    }
  }

  /**
   * Half closes and waits for the peer to close: a socket closed with unread bytes in it would answer them with a reset,
   * and the reset may overtake our last answer.
   */
  async #sayGoodbye(): Promise<void> {
    this.#state = "lingering";
    this.#wakeReader?.();
    this.#linger = this.#timers.after(LINGER_MS, () => this.destroy());
    try {
      await this.#connection.closeWrite();
    } catch {
      // The peer is gone already; reading says so.
    }
  }
}

/** Carries what a handler threw past the code that deals with the peer's failures. */
class HandlerFailure extends Error {
  constructor(cause: unknown) {
    super("A socket's handler failed", { cause });
  }
}

const EMPTY = new Uint8Array(0);
const GATHER_POOL_COUNT_MAX = 16;
/** A buffer to gather in belongs to one socket while it sends. */
const gatherPool: Uint8Array[] = [];
