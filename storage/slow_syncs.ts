/**
 * Finds syncs that do not come back. One of them holds up its own log and nobody else's, but an operator must hear of it: a
 * producer only sees that its requests time out.
 *
 * Looked for from time to time among the open files (`FilePool`), so that a sync costs nothing more than to note when.
 */
import { type Clock } from "../runtime/runtime.ts";
import { type StorageEvent } from "./context.ts";
import { type FilePool } from "./file_pool.ts";

/** A disk that needs this long is in trouble, or has far more to write than it can. */
export const SLOW_SYNC_MS = 3_000;

export class SlowSyncs {
  readonly #pool: FilePool;
  readonly #clock: Clock;
  readonly #report: (event: StorageEvent) => void;
  /** Said to be slow, by path, with when their sync began. */
  readonly #said = new Map<string, number>();

  constructor(pool: FilePool, clock: Clock, report: (event: StorageEvent) => void) {
    this.#pool = pool;
    this.#clock = clock;
    this.#report = report;
  }

  look(): void {
    const nowMs = this.#clock.monotonicMs();
    const slow = new Map<string, number>();
    for (const file of this.#pool.syncing()) {
      // When it began is not known on the hot path; when it was first seen is near enough.
      file.syncSeenMs ??= nowMs;
      if (nowMs - file.syncSeenMs >= SLOW_SYNC_MS) slow.set(file.path, file.syncSeenMs);
    }
    for (const [path, sinceMs] of slow) {
      if (this.#said.has(path)) continue;
      this.#said.set(path, sinceMs);
      const todo = "look at the disk: what waits for this sync is answered when it ends, others are served";
      this.#report({
        level: "warn",
        event: "sync-slow",
        facts: { file: path, forMs: Math.round(nowMs - sinceMs), todo },
      });
    }
    for (const [path, sinceMs] of this.#said) {
      if (slow.has(path)) continue;
      this.#said.delete(path);
      this.#report({ level: "info", event: "sync-ended", facts: { file: path, tookMs: Math.round(nowMs - sinceMs) } });
    }
  }
}
