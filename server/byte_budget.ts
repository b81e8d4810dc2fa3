/**
 * One bound for the bytes of requests that were read and are not answered, over all connections of the broker
 * (`queued.max.request.bytes`; when unset a default). Full means that connections stop reading, not that they fail.
 *
 * One reader at a time may go past the bound: when the budget is spent on requests that are not whole yet, nothing would
 * ever be answered otherwise.
 */
export class ByteBudget {
  readonly limitBytes: number;
  #usedBytes = 0;
  readonly #waiting = new Set<() => void>();
  #exceeding: unknown = null;

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
    if (!this.isExhausted) this.#wake();
  }

  /** Whether `reader` is the one that may go on although the budget is spent; the first to ask is. */
  mayExceed(reader: unknown): boolean {
    this.#exceeding ??= reader;
    return this.#exceeding === reader;
  }

  /** The reader's request is whole, or the reader is gone: it is another's turn. */
  endExcess(reader: unknown): void {
    if (this.#exceeding !== reader) return;
    this.#exceeding = null;
    this.#wake();
  }

  /** Calls `resume` once when there is room again. */
  whenRoom(resume: () => void): void {
    this.#waiting.add(resume);
  }

  forget(resume: () => void): void {
    this.#waiting.delete(resume);
  }

  #wake(): void {
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }
}
