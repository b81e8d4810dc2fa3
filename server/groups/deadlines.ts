/**
 * What happens to groups when nobody does anything: named timers, pushed back far more often than they fire, so that a heartbeat
 * only moves a number. There are as many as members, so they are a heap behind one timer of the runtime.
 *
 *     place in the heap    by when it is looked at (`firesMs`), which is never after it is due
 *     looked at too soon   goes on for what is left
 */
import type { Clock, Timer, Timers } from "../../runtime/runtime.ts";
import { SmallMap } from "./small_map.ts";

/** Whose deadlines they are. */
export interface Timed<Event> {
  /** By name. Changed here only. */
  readonly deadlines: SmallMap<string, Deadline<Event>>;
}

export interface Deadline<Event> {
  readonly name: string;
  readonly owner: Timed<Event>;
  event: Event;
  dueMs: number;
  firesMs: number;
  /** Its place in the heap. */
  at: number;
}

export class Deadlines<Owner extends Timed<Event>, Event> {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #run: (owner: Owner, event: Event) => void;
  readonly #heap: Deadline<Event>[] = [];
  #timer: Timer | null = null;
  #timerMs = Infinity;

  /** @param run called when a deadline is over */
  constructor(
    { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
    run: (owner: Owner, event: Event) => void,
  ) {
    this.#clock = clock;
    this.#timers = timers;
    this.#run = run;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Gives the owner `event` once after `delayMs`, in place of what the name stood for. hot: per heartbeat */
  set(owner: Owner, name: string, delayMs: number, event: Event): void {
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const known = owner.deadlines.get(name);
    if (known === undefined) {
      const deadline = { name, owner, event, dueMs, firesMs: dueMs, at: this.#heap.length };
      owner.deadlines.set(name, deadline);
      this.#heap.push(deadline);
      this.#rise(deadline);
    } else {
      known.event = event;
      known.dueMs = dueMs;
      if (known.firesMs <= dueMs) return;
      known.firesMs = dueMs;
      this.#rise(known);
    }
    if (dueMs < this.#timerMs) this.#wait();
  }

  cancel(owner: Owner, name: string): void {
    const deadline = owner.deadlines.get(name);
    if (deadline === undefined) return;
    this.#remove(deadline);
    if (this.#heap.length === 0) this.#wait();
  }

  cancelAll(owner: Owner): void {
    for (const deadline of owner.deadlines.values()) this.#remove(deadline);
    if (this.#heap.length === 0) this.#wait();
  }

  /** Sets the timer for the first. */
  #wait(): void {
    this.#timer?.cancel();
    const [first] = this.#heap;
    this.#timerMs = first?.firesMs ?? Infinity;
    this.#timer = first === undefined
      ? null
      : this.#timers.after(this.#timerMs - this.#clock.monotonicMs(), () => this.#fired());
  }

  #fired(): void {
    this.#timer = null;
    const nowMs = this.#clock.monotonicMs();
    // Those that are set meanwhile wait for another turn, however short they are.
    for (let count = this.#heap.length; count > 0; count--) {
      const first = this.#heap[0];
      if (first === undefined || first.firesMs > nowMs) break;
      if (first.dueMs > nowMs) {
        first.firesMs = first.dueMs;
        this.#sink(first);
      } else {
        this.#remove(first);
        this.#run(first.owner as Owner, first.event);
      }
    }
    this.#wait();
  }

  // -------------------------------------------------------------------------------------------- the heap

  #remove(deadline: Deadline<Event>): void {
    deadline.owner.deadlines.delete(deadline.name);
    const last = this.#heap.pop()!;
    if (last === deadline) return;
    this.#heap[deadline.at] = last;
    last.at = deadline.at;
    this.#rise(last);
    this.#sink(last);
  }

  #rise(deadline: Deadline<Event>): void {
    const heap = this.#heap;
    let at = deadline.at;
    while (at > 0) {
      const parent = heap[(at - 1) >> 1]!;
      if (parent.firesMs <= deadline.firesMs) break;
      heap[at] = parent;
      [parent.at, at] = [at, parent.at];
    }
    heap[at] = deadline;
    deadline.at = at;
  }

  #sink(deadline: Deadline<Event>): void {
    const heap = this.#heap;
    let at = deadline.at;
    for (let below = 2 * at + 1; below < heap.length; below = 2 * at + 1) {
      const [left, right] = [heap[below]!, heap[below + 1]];
      const child = right !== undefined && right.firesMs < left.firesMs ? right : left;
      if (child.firesMs >= deadline.firesMs) break;
      heap[at] = child;
      [child.at, at] = [at, child.at];
    }
    heap[at] = deadline;
    deadline.at = at;
  }
}
