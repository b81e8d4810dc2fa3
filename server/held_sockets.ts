/**
 * Connections that are refused, but not at once: who connects too often would come again at once. They are not read from, and
 * closed after a while.
 */
import type { Socket, SocketHandler, Timer, Timers } from "../runtime/runtime.ts";

/** Beyond it they are closed at once: a flood is not to take up all the files that the process may open. */
export const HELD_MAX = 1_000;

export class HeldSockets {
  readonly #timers: Timers;
  readonly #held = new Map<Socket, Timer>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get count(): number {
    return this.#held.size;
  }

  /** Gives what the socket's connection does: nothing. */
  hold(socket: Socket, durationMs: number): SocketHandler {
    if (this.#held.size >= HELD_MAX) socket.destroy();
    else {
      socket.pause();
      this.#held.set(socket, this.#timers.after(durationMs, () => socket.destroy()));
    }
    return { data() {}, drain() {}, close: () => this.#forget(socket) };
  }

  closeAll(): void {
    for (const socket of [...this.#held.keys()]) {
      this.#forget(socket);
      socket.destroy();
    }
  }

  #forget(socket: Socket): void {
    this.#held.get(socket)?.cancel();
    this.#held.delete(socket);
  }
}
