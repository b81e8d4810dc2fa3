/**
 * A fetch in wait: for records, for the disk, for its time to be up. Ends exactly once: enough, time up, a partition gone, or
 * the client gone.
 *
 * (1) Its time does not end it while there are records that only have to be loaded: no records would be the wrong answer. A disk
 *     that takes longer than `DISK_WAIT_MS` does end it; the client asks again, and finds the load where it stands.
 */
import type { Timer, Timers } from "../../runtime/runtime.ts";
import type { StorageError } from "../../storage/errors.ts";
import type { FetchedPartition } from "./fetch_session.ts";
import type { Partition, PartitionWaiter } from "./partition.ts";

/** Well below the `request.timeout.ms` of 30 s that clients have. */
export const DISK_WAIT_MS = 10_000;

/** What a look was for: there may be more now, the client's time is up, or it all ends. */
export type Moment = "there is more" | "time is up" | "end";

interface ColdPartition {
  readonly asked: FetchedPartition;
  readonly loaded: Promise<StorageError | null>;
}

/** What is still to wait for. */
export interface Missing {
  readonly missingBytes: number;
  readonly cold: readonly ColdPartition[];
}

export class DelayedFetch implements PartitionWaiter {
  readonly #partitions: readonly Partition[];
  readonly #look: (moment: Moment) => Missing | null;
  readonly #timers: Timers;
  readonly #failed: Set<FetchedPartition>;
  /** Loads whose end is awaited. */
  readonly #loads = new Set<Promise<StorageError | null>>();
  #timer: Timer;
  #missingBytes: number;
  #isTimeUp = false;
  #isLooking = false;
  #isDone = false;

  constructor(options: {
    readonly partitions: readonly Partition[];
    readonly missingBytes: number;
    readonly cold: readonly ColdPartition[];
    /** Gets what could not be loaded. */
    readonly failed: Set<FetchedPartition>;
    readonly maxWaitMs: number;
    readonly timers: Timers;
    /** Looks again; null when it has answered. */
    readonly look: (moment: Moment) => Missing | null;
  }) {
    this.#partitions = options.partitions;
    this.#missingBytes = options.missingBytes;
    this.#look = options.look;
    this.#timers = options.timers;
    this.#failed = options.failed;
    for (const partition of this.#partitions) partition.subscribe(this);
    this.#timer = options.timers.after(options.maxWaitMs, () => this.#timeUp());
    this.#watch(options.cold);
  }

  advanced(addedBytes: number): void {
    this.#missingBytes -= addedBytes;
    if (this.#missingBytes <= 0) this.#lookSoon();
  }

  ended(): void {
    this.end();
  }

  /** Looks for the last time, now. */
  end(): void {
    if (this.#isDone) return;
    this.#stop();
    this.#look("end");
  }

  /** Once for all that this turn appends or has loaded. */
  #lookSoon(): void {
    if (this.#isLooking || this.#isDone) return;
    this.#isLooking = true;
    queueMicrotask(() => {
      this.#isLooking = false;
      if (!this.#isDone) this.#lookNow();
    });
  }

  #lookNow(): void {
    const missing = this.#look(this.#isTimeUp ? "time is up" : "there is more");
    if (missing === null) return this.#stop();
    this.#missingBytes = missing.missingBytes;
    this.#watch(missing.cold);
  }

  #timeUp(): void {
    this.#isTimeUp = true;
    this.#timer = this.#timers.after(DISK_WAIT_MS, () => this.end()); // (1)
    this.#lookNow();
  }

  #watch(cold: readonly ColdPartition[]): void {
    for (const { asked, loaded } of cold) {
      if (this.#loads.has(loaded)) continue;
      this.#loads.add(loaded);
      loaded.then((error) => {
        this.#loads.delete(loaded);
        if (error !== null) this.#failed.add(asked);
        this.#lookSoon();
      });
    }
  }

  #stop(): void {
    this.#isDone = true;
    this.#timer.cancel();
    for (const partition of this.#partitions) partition.unsubscribe(this);
  }
}
