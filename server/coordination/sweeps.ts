/** Work that is done again and again: each time a while after it was done before, until all of it is stopped. */
import type { Timer, Timers } from "../../runtime/runtime.ts";

export interface Sweep {
  /** Asked each time. */
  readonly intervalMs: () => number;
  readonly run: () => Promise<void>;
  readonly onFailed: (cause: Error) => void;
}

export class Sweeps {
  readonly #timers: Timers;
  readonly #waiting = new Set<Timer>();
  #isStopped = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  begin(sweep: Sweep): void {
    if (this.#isStopped) return;
    const timer = this.#timers.after(sweep.intervalMs(), () => {
      this.#waiting.delete(timer);
      sweep.run().catch(sweep.onFailed).finally(() => this.begin(sweep));
    });
    this.#waiting.add(timer);
  }

  /** What runs ends; nothing begins any more. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#waiting) timer.cancel();
    this.#waiting.clear();
  }
}
