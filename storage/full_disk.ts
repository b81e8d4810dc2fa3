/**
 * A disk that is full, or was: says so once when it begins and once when it is over, for all logs of a folder.
 *
 * Nothing waits and nobody probes: each append that a client sends is tried, and what of it was written before the room ran out
 * is cut off again (`segment.ts`). The first that is taken for a while after none was refused ends it.
 */
import { type Clock } from "../runtime/runtime.ts";
import { type StorageEvent } from "./context.ts";
import { type StorageError } from "./errors.ts";

/** Small appends may find room between large ones that do not: that is one trouble, not many. */
const QUIET_MS = 1_000;

export class FullDisk {
  readonly #clock: Clock;
  readonly #report: (event: StorageEvent) => void;
  #refusedCount = 0;
  #sinceMs = 0;
  #lastMs = 0;

  constructor(clock: Clock, report: (event: StorageEvent) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** Whether `wrote` wants to hear of what is written. */
  get isFull(): boolean {
    return this.#refusedCount > 0;
  }

  refused(log: string, error: StorageError): void {
    const nowMs = this.#clock.monotonicMs();
    this.#lastMs = nowMs;
    if (this.#refusedCount++ > 0) return;
    this.#sinceMs = nowMs;
    const todo = "free some room: appends are refused until then, and taken again without a restart";
    this.#report({ level: "error", event: "disk-full", facts: { log, problem: error.message, todo } });
  }

  /** A log took an append. */
  wrote(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastMs < QUIET_MS) return;
    const facts = { refused: this.#refusedCount, afterMs: Math.round(nowMs - this.#sinceMs) };
    this.#refusedCount = 0;
    this.#report({ level: "info", event: "disk-has-room", facts });
  }
}
