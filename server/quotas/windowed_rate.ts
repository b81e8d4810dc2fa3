/**
 * How much there was per second of late, and how long to wait until it is within a limit: Kafka's own arithmetic
 * (`tests/golden/java_quotas/` holds it to Kafka's classes).
 *
 * What is recorded is summed up in samples of one window each; a sample without an event for as long as all windows together is
 * emptied. A rate is over the time from the oldest sample on, but over no less than all windows but the last, so that the
 * first bytes are no flood.
 *
 *     windows of 1 s, 3 of them     |  sample  |  sample  | sample ····|      one more is kept, that overlaps the beginning
 *                                   oldest                      now
 */
export interface Windows {
  readonly count: number;
  readonly lengthMs: number;
}

export class WindowedRate {
  readonly #windows: Windows;
  readonly #sums: number[] = [];
  readonly #startsMs: number[] = [];
  readonly #lastEventsMs: number[] = [];
  #current = 0;

  constructor(windows: Windows) {
    this.#windows = windows;
  }

  /** A negative value takes back. */
  record(value: number, nowMs: number): void {
    if (this.#sums.length === 0) this.#reset(0, nowMs);
    if (nowMs - this.#startsMs[this.#current]! >= this.#windows.lengthMs) {
      this.#current = (this.#current + 1) % (this.#windows.count + 1);
      this.#reset(this.#current, nowMs);
    }
    this.#sums[this.#current]! += value;
    this.#lastEventsMs[this.#current] = nowMs;
  }

  /** Per second. */
  rate(nowMs: number): number {
    const overMs = this.#overMs(nowMs);
    let sum = 0;
    for (const one of this.#sums) sum += one;
    return sum / (overMs / 1_000);
  }

  /** How long nothing may come so that the rate is the limit again; 0 when it is not above. */
  throttleMs(limit: number, nowMs: number): number {
    const rate = this.rate(nowMs);
    return rate > limit ? Math.round((rate - limit) / limit * this.#overMs(nowMs)) : 0;
  }

  /** The time that a rate is over, whole windows for those that are missing; samples of long ago are emptied first. */
  #overMs(nowMs: number): number {
    const { count, lengthMs } = this.#windows;
    if (this.#sums.length === 0) this.#reset(0, nowMs);
    let oldestMs = Infinity;
    for (let index = 0; index < this.#sums.length; index++) {
      if (nowMs - this.#lastEventsMs[index]! >= count * lengthMs) this.#reset(index, nowMs);
      oldestMs = Math.min(oldestMs, this.#startsMs[index]!);
    }
    const elapsedMs = nowMs - oldestMs;
    const missing = count - 1 - Math.trunc(elapsedMs / lengthMs);
    return Math.max(1, missing > 0 ? elapsedMs + missing * lengthMs : elapsedMs);
  }

  #reset(index: number, nowMs: number): void {
    this.#sums[index] = 0;
    this.#startsMs[index] = nowMs;
    this.#lastEventsMs[index] = nowMs;
  }
}
