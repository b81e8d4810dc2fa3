/**
 * The world around the broker: its lives and deaths, the disk's moods, time and chance, the trace.
 *
 * One broker at a time lives on the memory runtime's disk. It is stopped in order, killed, or loses its power, at a moment
 * or at some file operation, also while it starts or stops. Everything is drawn from the seed; which kinds of trouble
 * there are at all, too.
 */

import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import type { CrashKind } from "../../../runtime/memory_files.ts";
import { createPrng } from "../../support/prng.ts";
import { Broken, History } from "./history.ts";
import { Life } from "./life.ts";

export const PORT = 9092;
export const HOSTNAME = "127.0.0.1";
const TRACE_LINES_MAX = 20_000;

/** How a broker's life ends. */
type End = "stop" | "kill" | CrashKind;

/** The kinds of trouble of one run. */
interface Troubles {
  readonly ends: readonly End[];
  readonly hasFullDisk: boolean;
  readonly hasIoErrors: boolean;
  readonly hasSlowDisk: boolean;
  /** How much of what is read is not in the page cache. */
  readonly coldShare: number;
  readonly hasBadNetwork: boolean;
  readonly hasBrokenStarts: boolean;
}

export class World {
  readonly seed: number;
  readonly runtime: MemoryRuntime;
  readonly history = new History();
  readonly troubles: Troubles;
  /** How long there is trouble: a few lives of the broker, or many. */
  readonly troubleMs: number;
  readonly lines: string[] = [];
  /** Power cuts so far: what was asked before one may be taken back by it. */
  cutCount = 0;
  /** No more trouble: what was promised must come true. */
  isHealing = false;
  /** The actors' work is done. */
  isOver = false;
  failure: unknown = null;
  /** What was in a log before this moment is on the disk for good; under the flush policy `interval`, also before that one. */
  safeBeforeMs = -1;
  safeByIntervalBeforeMs = -1;
  life: Life | null = null;
  startCount = 0;
  /** Reads that waited for the disk, off the loop. */
  coldReadCount = 0;
  /** Logs that a cleaner has been through. */
  compactionCount = 0;
  readonly overrides: Readonly<Record<string, string>>;
  readonly #next: () => number;

  constructor(seed: number, overrides: Readonly<Record<string, string>> = {}) {
    this.seed = seed;
    this.#next = createPrng(seed);
    this.runtime = createMemoryRuntime({ seed });
    const ends: End[] = (["stop", "kill", "lost", "torn"] as const).filter(() => this.chance(0.6));
    this.troubles = {
      ends: ends.length > 0 ? ends : ["kill"],
      hasFullDisk: this.chance(0.3),
      hasIoErrors: this.chance(0.3),
      hasSlowDisk: this.chance(0.5),
      coldShare: this.pick([0, 0.1, 0.5, 1]),
      hasBadNetwork: this.chance(0.5),
      hasBrokenStarts: this.chance(0.6),
    };
    this.troubleMs = this.chance(0.9) ? 8_000 : 60_000;
    this.overrides = {
      "listeners": `PLAINTEXT://${HOSTNAME}:${PORT}`,
      "log.dirs": "/data",
      "offsets.topic.num.partitions": "2",
      "offsets.topic.segment.bytes": "1048576",
      "group.initial.rebalance.delay.ms": "0",
      "log.roll.ms": String(this.pick([2_000, 86_400_000])), // of the offsets topic
      "log.cleaner.backoff.ms": String(this.pick([100, 1_000])),
      "log.retention.check.interval.ms": String(this.pick([1_000, 5_000])),
      "log.flush.offset.checkpoint.interval.ms": String(this.pick([500, 3_000, 60_000])),
      "log.segment.delete.delay.ms": String(this.pick([0, 1_000, 60_000])),
      "metadata.log.max.record.bytes.between.snapshots": String(this.pick([300, 2_000, 1_000_000])),
      ...overrides,
    };
    if (this.troubles.hasSlowDisk) {
      this.runtime.files.syncDelayMs = () => this.chance(0.05) ? this.int(2_000) : this.int(20);
    }
    this.#makeCold(this.troubles.coldShare);
  }

  /** What has left the page cache is loaded late, while retention, cleanings and deletions go on. */
  #makeCold(share: number): void {
    if (share === 0) return;
    const { files } = this.runtime;
    const isSlow = this.troubles.hasSlowDisk;
    files.isCold = () => this.chance(share);
    files.readDelayMs = () => {
      this.coldReadCount++;
      if (this.isHealing) return this.int(5);
      return isSlow && this.chance(0.1) ? this.int(3_000) : this.int(50);
    };
  }

  // ------------------------------------------------------------------------------------------ chance, time, trace

  int(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.int(items.length)]!;
  }

  nowMs(): number {
    return this.runtime.clock.monotonicMs();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.runtime.timers.after(ms, resolve));
  }

  note(what: string): void {
    this.lines.push(`${String(Math.round(this.runtime.clock.monotonicMs())).padStart(8)} ${what}`);
    if (this.lines.length > TRACE_LINES_MAX) this.lines.splice(0, TRACE_LINES_MAX / 4);
  }

  /** Runs something beside everything else; its failure ends the run. */
  spawn(name: string, work: () => Promise<void>): Promise<void> {
    return work().catch((error) => {
      this.note(`${name} failed: ${error}`);
      this.failure ??= error;
    });
  }

  // ------------------------------------------------------------------------------------------ the broker's lives

  /** Starts brokers and ends them, until the world heals. */
  async live(): Promise<void> {
    while (!this.isHealing) {
      const end = this.pick(this.troubles.ends);
      const life = new Life(this, end === "stop" ? "kill" : end);
      this.life = life;
      if (this.troubles.hasBrokenStarts && this.chance(0.3)) life.dieWithin(this.int(300));
      if (!await life.start()) continue;
      await this.#disturb(life);
      if (life.isDead || this.isHealing) continue;
      if (end === "stop") {
        if (this.chance(0.2)) life.dieWithin(this.int(100));
        await life.stop();
      } else {
        life.dieWithin(this.int(200));
        await Promise.race([life.death, this.sleep(3_000)]);
        life.die();
      }
    }
  }

  /** A broker that nothing happens to. One that the disk has failed is killed first, as an operator would. */
  async heal(): Promise<Life> {
    this.isHealing = true;
    this.runtime.files.syncDelayMs = null;
    this.note("healing");
    if (this.life !== null && !this.life.isDead && this.life.isStarted && !this.life.hasFailedForGood) return this.life;
    this.life?.die();
    return await this.startAgain();
  }

  /** The last life is over: another one, undisturbed. */
  async startAgain(): Promise<Life> {
    const life = this.life = new Life(this, "kill");
    if (!await life.start()) throw new Broken("the broker does not start on a healthy disk");
    return life;
  }

  async #disturb(life: Life): Promise<void> {
    const untilMs = this.runtime.clock.monotonicMs() + 200 + this.int(this.chance(0.2) ? 10_000 : 3_000);
    const { hasFullDisk, hasIoErrors } = this.troubles;
    while (this.runtime.clock.monotonicMs() < untilMs && !life.isDead && !this.isHealing) {
      await Promise.race([life.death, this.sleep(100 + this.int(800))]);
      if (hasFullDisk && this.chance(0.2)) {
        this.note("the disk is full");
        life.isDiskFull = true;
        await Promise.race([life.death, this.sleep(100 + this.int(3_000))]);
        life.isDiskFull = false;
        this.note("the disk has room");
      }
      if (hasIoErrors && this.chance(0.1)) life.failWithin(this.int(60));
    }
  }
}
