/**
 * Keeps the cleaner out of everybody's way. It works on the loop in slices of a fraction of a millisecond; between two of them
 * the loop does all that has come in. What it reads and writes stays below `log.cleaner.io.max.bytes.per.second`.
 *
 *   cleaner  ▓▓      ▓▓  ▓▓  ▓▓            a slice is late by as much as others had to do: under load
 *   others     ▒▒▒▒▒▒  ▒   ▒   ▒▒▒▒▒▒…     the cleaner backs off, on an idle broker it runs on
 */
import { type Runtime } from "../runtime/runtime.ts";

/** So long nobody else gets a turn. decisions/0011 has the measurements. */
const SLICE_MS = 0.5;
/** A slice ends after so many bytes whatever the clock says: one that stands still must not keep the others out. */
const SLICE_BYTES = 1024 * 1024;
/** Others that took this long are busy. */
const BUSY_MS = 0.3;
/** How long the cleaner then keeps away. */
const BACK_OFF_MS = 1;
/** The rate is kept over windows of this length, and no wait for it is longer. */
const WINDOW_MS = 300;

export class CleanerPace {
  readonly #runtime: Runtime;
  readonly #bytesPerSecond: () => number;
  #sliceStartMs = -Infinity;
  #sliceBytes = 0;
  #windowStartMs = -Infinity;
  #windowBytes = 0;

  constructor(runtime: Runtime, bytesPerSecond: () => number) {
    this.#runtime = runtime;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** The slice is over: `rest` is due. */
  // hot: per batch
  get isSpent(): boolean {
    return this.#sliceBytes >= SLICE_BYTES ||
      this.#runtime.clock.monotonicMs() - this.#sliceStartMs >= SLICE_MS;
  }

  /** So many bytes were looked at. */
  // hot: per batch
  passed(bytes: number): void {
    this.#sliceBytes += bytes;
  }

  /** Lets everybody else have a turn. */
  async rest(): Promise<void> {
    const { clock, timers } = this.#runtime;
    const startedMs = clock.monotonicMs();
    await new Promise<void>((resolve) => timers.soon(resolve));
    if (clock.monotonicMs() - startedMs > BUSY_MS) await this.#wait(BACK_OFF_MS);
    this.#sliceStartMs = clock.monotonicMs();
    this.#sliceBytes = 0;
  }

  /** So many bytes were read or written: waits as long as the limit asks. Also the start of a slice. */
  async moved(bytes: number): Promise<void> {
    const { clock } = this.#runtime;
    const limit = Math.max(1, this.#bytesPerSecond());
    const nowMs = clock.monotonicMs();
    this.#windowBytes += bytes;
    const dueMs = this.#windowStartMs + (this.#windowBytes / limit) * 1000;
    if (dueMs > nowMs) await this.#wait(Math.min(dueMs - nowMs, WINDOW_MS));
    else if (nowMs - this.#windowStartMs > WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#windowBytes = 0;
    }
    this.#sliceStartMs = clock.monotonicMs();
    this.#sliceBytes = 0;
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#runtime.timers.after(Math.ceil(delayMs), resolve));
  }
}
