/**
 * Whose turn it is to sync: all logs of a data folder share one disk, and the runtime's few threads for file work.
 *
 *   waiting   d e f                 one slot each
 *   syncing       [a][b][c]   →  disk
 *
 * (1) So many syncs are under way at a time and no more, however many logs wait: reads from the disk need threads too.
 * (2) Turns come in the order they were asked for, so every log gets one.
 * (3) What a sync covers is decided when its turn comes, not when it is asked for: the longer the queue, the more appends of a
 *     log share its next sync.
 */

/** Four of the pool's threads are left to others (`FILE_THREADS` in `runtime/bun_threads.ts`). */
export const SYNCS_AT_ONCE_MAX = 12;

export class SyncSlots {
  readonly #atOnceMax: number;
  #takenCount = 0;
  #waiting: (() => void)[] = [];
  /** Those before it have had their turn. */
  #head = 0;

  constructor(atOnceMax: number = SYNCS_AT_ONCE_MAX) {
    this.#atOnceMax = atOnceMax;
  }

  /** Calls `begin` when its turn comes, at once if there is room. Whoever began gives the slot back, once. */
  take(begin: () => void): void {
    if (this.#takenCount === this.#atOnceMax) {
      this.#waiting.push(begin); // (1)
      return;
    }
    this.#takenCount++;
    begin();
  }

  give(): void {
    const next = this.#waiting[this.#head];
    if (next === undefined) {
      this.#takenCount--;
      return;
    }
    if (++this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    }
    next(); // (2)
  }

  /** Runs `work` when its turn comes. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    await new Promise<void>((begin) => this.take(begin));
    try {
      return await work();
    } finally {
      this.give();
    }
  }
}
