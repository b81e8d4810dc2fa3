/**
 * One bound for the bytes of requests that were read and are not answered, over all connections of the broker
 * (`queued.max.request.bytes`; when unset a default). Full means that connections stop reading, not that they fail.
 */
export class ByteBudget {
  readonly limitBytes: number;
  #usedBytes = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get isExhausted(): boolean {
    return this.#usedBytes >= this.limitBytes;
  }

  /** Takes without asking: what has been read is there. Whoever finds the budget exhausted afterwards stops reading. */
  take(byteCount: number): void {
    this.#usedBytes += byteCount;
  }

  give(byteCount: number): void {
    this.#usedBytes -= byteCount;
    if (this.#waiting.size === 0 || this.isExhausted) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  /** Calls `resume` once when there is room again. */
  whenRoom(resume: () => void): void {
    this.#waiting.add(resume);
  }

  forget(resume: () => void): void {
    this.#waiting.delete(resume);
  }
}
