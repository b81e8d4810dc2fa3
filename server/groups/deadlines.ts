/**
 * Named timers that are pushed back far more often than they fire: a heartbeat only moves a number. A timer that fires
 * before its deadline goes on for what is left.
 */
import type { Clock, Timer, Timers } from "../../runtime/runtime.ts";

interface Deadline {
  dueMs: number;
  firesMs: number;
  timer: Timer;
  run: () => void;
}

export class Deadlines<Name> {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #deadlines = new Map<Name, Deadline>();

  constructor({ clock, timers }: { readonly clock: Clock; readonly timers: Timers }) {
    this.#clock = clock;
    this.#timers = timers;
  }

  get size(): number {
    return this.#deadlines.size;
  }

  has(name: Name): boolean {
    return this.#deadlines.has(name);
  }

  /** Runs `run` once after `delayMs`, in place of what the name stood for. */
  set(name: Name, delayMs: number, run: () => void): void {
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const deadline = this.#deadlines.get(name);
    if (deadline !== undefined && deadline.firesMs <= dueMs) {
      deadline.dueMs = dueMs;
      deadline.run = run;
      return;
    }
    deadline?.timer.cancel();
    this.#deadlines.set(name, { dueMs, firesMs: dueMs, run, timer: this.#timer(name, delayMs) });
  }

  cancel(name: Name): void {
    this.#deadlines.get(name)?.timer.cancel();
    this.#deadlines.delete(name);
  }

  cancelAll(): void {
    for (const { timer } of this.#deadlines.values()) timer.cancel();
    this.#deadlines.clear();
  }

  #timer(name: Name, delayMs: number): Timer {
    return this.#timers.after(delayMs, () => this.#fired(name));
  }

  #fired(name: Name): void {
    const deadline = this.#deadlines.get(name);
    if (deadline === undefined) return;
    const leftMs = deadline.dueMs - this.#clock.monotonicMs();
    if (leftMs > 0) {
      deadline.firesMs = deadline.dueMs;
      deadline.timer = this.#timer(name, leftMs);
      return;
    }
    this.#deadlines.delete(name);
    deadline.run();
  }
}
