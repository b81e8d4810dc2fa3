/** A state machine on a desk: time passes when the test says so. */
export abstract class TimedMachine<Event> {
  nowMs = 1_000_000;
  readonly timers = new Map<string, { readonly dueMs: number; readonly event: Event }>();

  abstract feed(event: Event): void;

  protected startTimer(name: string, delayMs: number, event: Event): void {
    this.timers.set(name, { dueMs: this.nowMs + delayMs, event });
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.timers].filter(([, { dueMs }]) => dueMs <= endMs).sort(([, one], [, other]) =>
        one.dueMs - other.dueMs
      );
      if (next === undefined) break;
      const [name, { dueMs, event }] = next;
      this.timers.delete(name);
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.feed(event);
    }
    this.nowMs = endMs;
  }
}

export function answerOnce<Answer>(answers: Map<number, Answer>, ticket: number, answer: Answer): void {
  if (answers.has(ticket)) throw new Error(`ticket ${ticket} is answered twice`);
  answers.set(ticket, answer);
}
