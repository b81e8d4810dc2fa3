/**
 * Keeps the cleaner out of everybody's way. It works on the loop in slices of a fraction of a millisecond; between two of them
 * the loop does all that has come in. When that was something, the broker is in use, and the cleaner takes a tenth of the time
 * for a while; on an idle one it runs on.
 *
 *   cleaner  ▓▓▓▓▓▓▓▓▓▓   ▓▓      ▓▓      ▓▓         ▓▓▓▓▓▓▓▓
 *   others             ▒▒▒   ▒▒▒▒▒▒  ▒      ▒▒
 *
 * What it reads and writes stays below `log.cleaner.io.max.bytes.per.second`.
 */
import { type Runtime } from "../runtime/runtime.ts";

/** So long nobody else gets a turn. decisions/0011 has the measurements. */
const SLICE_MS = 0.3;
/** A slice ends after so many bytes whatever the clock says: one that stands still must not keep the others out. */
const SLICE_BYTES = 1024 * 1024;
/** A turn of the loop that takes this long had something to do. */
const BUSY_TURN_MS = 0.08;
/** For how long the broker then counts as in use. */
const BUSY_FOR_MS = 100;
/** How long the cleaner keeps away after a slice, when it is. */
const BACK_OFF_MS = 3;
/** The rate is kept over windows of this length, and no wait for it is longer. */
const WINDOW_MS = 300;

export class CleanerPace {
  readonly #runtime: Runtime;
  readonly #bytesPerSecond: () => number;
  #sliceStartMs = -Infinity;
  #busyUntilMs = -Infinity;
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
    const nowMs = clock.monotonicMs();
    if (nowMs - startedMs > BUSY_TURN_MS) this.#busyUntilMs = nowMs + BUSY_FOR_MS;
    if (nowMs < this.#busyUntilMs) await this.#wait(BACK_OFF_MS);
    this.#sliceStartMs = clock.monotonicMs();
    this.#sliceBytes = 0;
  }

  /** So many bytes were read or written: waits as long as the limit asks. */
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
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#runtime.timers.after(Math.ceil(delayMs), resolve));
  }
}
