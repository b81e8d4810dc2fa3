/**
 * Virtual time, and the one queue through which everything in the memory runtime happens.
 *
 * Timers run only when a test says that time passes; what is due "soon" runs by itself, in the order it was asked for.
 * Two runs with the same seed and the same calls therefore do the same things in the same order.
 */

import { reportBug } from "./network_support.ts";
import type { Clock, Random, Timer, Timers } from "./runtime.ts";

export class Scheduler implements Clock, Timers {
  readonly #startMs: number;
  #elapsedMs = 0;
  #tasks: (() => void)[] = [];
  #isPumpDue = false;
  /** By due time, and by age where that is equal. */
  #timers: MemoryTimer[] = [];

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  nowMs(): number {
    return Math.floor(this.#startMs + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** When the next timer is due on the monotonic clock, or null when there is none. */
  nextTimerMs(): number | null {
    return this.#timers[0]?.dueMs ?? null;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = new MemoryTimer(this.#elapsedMs + Math.max(0, delayMs), run, () => {
      const index = this.#timers.indexOf(timer);
      if (index !== -1) this.#timers.splice(index, 1);
    });
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle]!.dueMs <= timer.dueMs) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return timer;
  }

  soon(run: () => void): void {
    this.#tasks.push(run);
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    nextTurn(this.#pump);
  }

  /** Resolves when nothing is left to do at this instant: all "soon" tasks ran, and all promises they settled were seen. */
  async settle(): Promise<void> {
    do await new Promise<void>(nextTurn); while (this.#isPumpDue);
  }

  /** Lets `ms` pass: runs what falls due, each at its own time, and lets everything settle in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await this.settle();
    for (let timer = this.#timers[0]; timer !== undefined && timer.dueMs <= endMs; timer = this.#timers[0]) {
      this.#timers.shift();
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueMs);
      runTask(timer.run);
      await this.settle();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, endMs);
  }

  readonly #pump = (): void => {
    const tasks = this.#tasks;
    this.#tasks = [];
    this.#isPumpDue = false;
    for (const task of tasks) runTask(task);
  };
}

class MemoryTimer implements Timer {
  readonly dueMs: number;
  readonly run: () => void;
  readonly cancel: () => void;

  constructor(dueMs: number, run: () => void, cancel: () => void) {
    this.dueMs = dueMs;
    this.run = run;
    this.cancel = cancel;
  }
}

function runTask(task: () => void): void {
  try {
    task();
  } catch (bug) {
    reportBug(bug);
  }
}

/** A turn of the real event loop, by the quickest way the place has. */
const nextTurn: (run: () => void) => void = (globalThis as { setImmediate?: (run: () => void) => void }).setImmediate ??
  ((run) => void setTimeout(run, 0));

/** The same numbers for the same seed: the "small fast chaotic" generator, 128 bits of state. */
export function seededRandom(seed: number): Random {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  function bits(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return sum >>> 0;
  }
  for (let round = 0; round < 16; round++) bits(); // Lets close seeds drift apart.
  return {
    next: () => (bits() * 2 ** 21 + (bits() >>> 11)) / 2 ** 53,
    bytes: (count) => Uint8Array.from({ length: count }, () => bits() >>> 24),
  };
}
