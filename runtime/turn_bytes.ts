/**
 * How much may be sent in one turn of the event loop. Whoever reads a backlog as fast as it can would otherwise hold up everybody
 * else for as long as its socket takes bytes.
 */

import type { Timers } from "./runtime.ts";

/** All sockets together, small answers aside. Less costs the processor more: decision 28. */
export const TURN_BYTES_MAX = 1024 * 1024;
/** What has no more than this to send goes first, and does not count. */
export const SMALL_BYTES_MAX = 64 * 1024;

/** The turn's bytes, for sockets that each send by themselves. */
export class TurnBytes {
  readonly #timers: Timers;
  #leftBytes = TURN_BYTES_MAX;
  #waiting: (() => void)[] = [];
  #isTurnDue = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** How many of `wantedBytes` may be sent now: none once the turn's are spent. */
  take(wantedBytes: number): number {
    const takenBytes = Math.min(wantedBytes, this.#leftBytes);
    this.#leftBytes -= takenBytes;
    this.#turnSoon();
    return takenBytes;
  }

  /** Resolves in the next turn. Who waited first is first to take. */
  next(): Promise<void> {
    this.#turnSoon();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #turnSoon(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#timers.soon(() => {
      this.#isTurnDue = false;
      this.#leftBytes = TURN_BYTES_MAX;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    });
  }
}
