/**
 * Jobs of many logs on the event loop, in small steps: after a little work others come first, for three times as long.
 *
 *   job      ▓▓▓         ▓▓▓         ▓▓▓
 *   others      ▒▒▒▒▒▒▒▒▒   ▒▒▒▒▒▒▒▒▒   ▒▒▒▒▒
 */
import { type Runtime } from "../runtime/runtime.ts";

const WORK_MS = 10;
const PAUSE_MS_MAX = 100;

export class Steps {
  readonly #runtime: Pick<Runtime, "clock" | "timers">;
  #sinceMs: number;

  constructor(runtime: Pick<Runtime, "clock" | "timers">) {
    this.#runtime = runtime;
    this.#sinceMs = runtime.clock.monotonicMs();
  }

  /** The step has taken long enough: `pause`. */
  get isOver(): boolean {
    return this.#runtime.clock.monotonicMs() - this.#sinceMs >= WORK_MS;
  }

  /** Resolves when the next step may begin. */
  async pause(): Promise<void> {
    const { clock, timers } = this.#runtime;
    const workMs = clock.monotonicMs() - this.#sinceMs;
    await new Promise<void>((resolve) => timers.after(Math.min(workMs * 3, PAUSE_MS_MAX), resolve));
    this.#sinceMs = clock.monotonicMs();
  }
}
