/** A socket handler that keeps what happened, and lets a test wait for it. */

import { joined } from "../../../protocol/bytes.ts";
import type { Network, Socket, SocketHandler, Timers } from "../../../runtime/runtime.ts";

export class Peer implements SocketHandler {
  readonly socket: Socket;
  readonly chunks: Uint8Array[] = [];
  receivedBytes = 0;
  drainCount = 0;
  closeCount = 0;
  closeError: Error | null = null;
  /** How deep calls of this handler are nested; the contract says never. */
  depth = 0;
  depthMax = 0;
  callsAfterClose = 0;
  /** What a test does when bytes arrive. */
  onData: ((chunk: Uint8Array) => void) | null = null;
  #waiters: { readonly isMet: () => boolean; readonly met: () => void }[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
  }

  data(chunk: Uint8Array): void {
    this.#call(() => {
      this.chunks.push(chunk);
      this.receivedBytes += chunk.length;
      this.onData?.(chunk);
    });
  }

  drain(): void {
    this.#call(() => this.drainCount++);
  }

  close(error: Error | null): void {
    this.#call(() => {
      this.closeError = error;
    });
    this.closeCount++;
    this.#check();
  }

  received(byteCount: number): Promise<void> {
    return this.when(() => this.receivedBytes >= byteCount);
  }

  drained(count = 1): Promise<void> {
    return this.when(() => this.drainCount >= count);
  }

  closed(): Promise<void> {
    return this.when(() => this.closeCount > 0);
  }

  /** Resolves when the condition holds after one of our calls. */
  when(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((met) => this.#waiters.push({ isMet, met }));
  }

  bytes(): Uint8Array {
    return joined(this.chunks);
  }

  #call(run: () => void): void {
    if (this.closeCount > 0) this.callsAfterClose++;
    this.depth++;
    this.depthMax = Math.max(this.depthMax, this.depth);
    run();
    this.depth--;
    this.#check();
  }

  #check(): void {
    const met = this.#waiters.filter((waiter) => waiter.isMet());
    this.#waiters = this.#waiters.filter((waiter) => !met.includes(waiter));
    for (const waiter of met) waiter.met();
  }
}

export interface Pair {
  readonly client: Peer;
  readonly server: Peer;
}

/** A connection with both its ends. `accepted` is called inside the accept callback. */
export async function connectPair(network: Network, accepted?: (server: Peer) => void): Promise<Pair> {
  let server!: Peer;
  let isAccepted!: () => void;
  const accepting = new Promise<void>((resolve) => isAccepted = resolve);
  const listener = await network.listen({ hostname: "127.0.0.1", port: 0 }, (socket) => {
    server = new Peer(socket);
    accepted?.(server);
    isAccepted();
    return server;
  });
  let client!: Peer;
  await network.connect({ hostname: "127.0.0.1", port: listener.port, timeoutMs: 5000 }, (socket) => {
    client = new Peer(socket);
    return client;
  });
  await accepting;
  listener.close();
  return { client, server };
}

/** Lets the event loop turn, I/O included. */
export async function turns(timers: Timers, count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => timers.soon(resolve));
}

/** Resolves when the number has not changed for many turns. */
export async function stalled(timers: Timers, measure: () => number): Promise<void> {
  for (let before = NaN; before !== measure();) {
    before = measure();
    await turns(timers, 200);
  }
}

/** Bytes that tell where they belong. */
export function pattern(byteCount: number, start = 0): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  for (let index = 0; index < byteCount; index++) bytes[index] = (start + index) * 31 + ((start + index) >>> 8);
  return bytes;
}

/** Where two byte strings first differ, or -1: quicker and shorter than to compare megabytes with `toEqual`. */
export function firstDifference(left: Uint8Array, right: Uint8Array): number {
  const count = Math.max(left.length, right.length);
  for (let index = 0; index < count; index++) if (left[index] !== right[index]) return index;
  return -1;
}

/** Makes a peer that pauses at every third chunk, and reads on at its loop's next turn. */
export function stopNowAndThen(peer: Peer, timers: Timers): void {
  peer.onData = () => {
    if (peer.chunks.length % 3 !== 0) return;
    peer.socket.pause();
    timers.soon(() => peer.socket.resume());
  };
}
