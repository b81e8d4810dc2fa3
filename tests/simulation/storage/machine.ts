/**
 * A machine with one disk, on which a process with a data folder lives, dies and lives again. Every step of I/O that changes
 * the disk has a number; a process may be made to die at one, or a sync to fail.
 */

import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import type { CrashKind, FileOperation } from "../../../runtime/memory_files.ts";
import type { StorageEvent, StorageLimits } from "../../../storage/context.ts";
import type { Log } from "../../../storage/log.ts";
import type { LogConfig } from "../../../storage/log_config.ts";
import { LogDir } from "../../../storage/log_dir.ts";
import { createPrng } from "../../support/prng.ts";
import { GO, MortalRuntime, type Verdict } from "../../support/mortal_runtime.ts";
import { DATA, START_MS, TOPIC_ID } from "../../unit/storage/support.ts";

/** How a process ends: killed, the disk keeps what was written; or with the power. */
export type End = "kill" | CrashKind;

export const ENDS: readonly End[] = ["kill", "lost", "torn", "mixed"];
export const TOPIC = "orders";
export const FOLDER = `${DATA}/${TOPIC}-0`;

/** A promise of the storage was broken. */
export class Broken extends Error {
  override readonly name = "Broken";
}

const CHANGES: ReadonlySet<FileOperation> = new Set<FileOperation>([
  "makeDirectory",
  "remove",
  "rename",
  "write",
  "truncate",
  "syncData",
  "syncDirectory",
]);

/** After a flipped read of a file, so many of it are right. */
const RIGHT_READS = 6;
const FLIPS_SALT = 0x5eed;
/** Events that say so; what a power cut leaves unfinished has others. */
const DAMAGE: ReadonlySet<string> = new Set(["segment-damaged", "log-gap", "scrub-failed"]);

export class Machine {
  readonly runtime: MemoryRuntime;
  readonly config: LogConfig;
  readonly trace: string[] = [];
  /** Steps of I/O so far, in all lives. */
  stepCount = 0;
  /** The step at which the process dies, having done so much of it where it is a write. */
  dieAt = Infinity;
  dieWithShare = 0;
  end: End = "kill";
  /** The first sync from this step on fails. */
  failSyncAt = Infinity;
  /** A sync of this life failed. */
  hasFailed = false;
  /** Of the reads of the process, those of which a bit is flipped. */
  flipShare = 0;
  flipCount = 0;
  /** Of what is stored the process said that it is damaged. */
  damage: string | null = null;
  dir!: LogDir;
  #limits: StorageLimits;
  #life: MortalRuntime | null = null;
  /** Reads of a file until one may be flipped again, in this life. */
  readonly #rightReads = new Map<string, number>();
  /** Who reads is the test. */
  #isLooking = false;

  constructor(options: { readonly seed: number; readonly config: LogConfig; readonly limits?: StorageLimits }) {
    this.runtime = createMemoryRuntime({ startMs: START_MS, seed: options.seed });
    this.config = options.config;
    this.#limits = options.limits ?? {};
    const next = createPrng(options.seed ^ FLIPS_SALT);
    this.runtime.files.flips = (path) => this.#isFlipped(path, next);
  }

  get isAlive(): boolean {
    return this.#life !== null && !this.#life.isDead;
  }

  /** Starts the process and opens the folder. False when it died on the way. */
  async start(): Promise<boolean> {
    const life = this.#life = new MortalRuntime(
      this.runtime,
      (operation, path, sizeBytes, makes) => this.#judge(operation, path, sizeBytes, makes),
      () => this.#crashKind(),
    );
    this.hasFailed = false;
    this.#rightReads.clear();
    return await this.run(async () => {
      this.dir = await LogDir.open(life, DATA, {
        nodeId: 1,
        configOf: () => this.config,
        limits: this.#limits,
        report: (event) => {
          this.note(`  ${textOf(event)}`);
          if (DAMAGE.has(event.event)) this.damage ??= textOf(event);
        },
      });
    });
  }

  /** Runs work of the process. False when it died on the way. */
  async run(work: () => Promise<void>): Promise<boolean> {
    const life = this.#life!;
    try {
      await this.runtime.until(Promise.race([work(), life.death]));
    } catch (error) {
      if (!life.isDead) throw error;
    }
    return !life.isDead;
  }

  /** Looks at what there is as it is: nothing is flipped. */
  looking<Result>(look: () => Result): Result {
    this.#isLooking = true;
    try {
      return look();
    } finally {
      this.#isLooking = false;
    }
  }

  /** The process dies now. */
  die(end: End): void {
    if (!this.isAlive) return;
    this.end = end;
    this.#life!.die(this.#crashKind());
  }

  /** The process is over in order. */
  leave(): void {
    this.#life?.die(null);
  }

  /** The log, made when missing. */
  log(): Log {
    return this.dir.log(TOPIC, 0) ??
      this.dir.createLog({ topic: TOPIC, partition: 0, topicId: TOPIC_ID, config: this.config });
  }

  note(what: string): void {
    this.trace.push(`${String(this.stepCount).padStart(5)} ${what}`);
  }

  #crashKind(): CrashKind | null {
    this.note(this.end === "kill" ? "killed" : `power cut, ${this.end}`);
    return this.end === "kill" ? null : this.end;
  }

  /** One read of a file at a time: who doubts what it has read and reads again is told the truth. */
  #isFlipped(path: string, next: () => number): boolean {
    if (this.flipShare === 0 || this.#isLooking) return false;
    const left = this.#rightReads.get(path) ?? 0;
    if (left > 0) this.#rightReads.set(path, left - 1);
    if (left > 0 || next() >= this.flipShare) return false;
    this.#rightReads.set(path, RIGHT_READS);
    this.flipCount++;
    this.note(`flips a bit of what is read of ${path}`);
    return true;
  }

  #judge(operation: FileOperation, path: string, sizeBytes: number, makes: boolean): Verdict {
    if (!makes && !CHANGES.has(operation)) return GO;
    const step = this.stepCount++;
    if (step === this.dieAt) {
      this.note(`dies in ${operation} ${path}`);
      return { kind: "die", isAfter: false, writtenBytes: Math.floor(sizeBytes * this.dieWithShare) };
    }
    if (step >= this.failSyncAt && operation === "syncData") {
      this.note(`EIO in ${operation} ${path}`);
      this.failSyncAt = Infinity;
      this.hasFailed = true;
      return { kind: "fail", code: "EIO", writtenBytes: 0 };
    }
    return GO;
  }
}

function textOf({ event, facts }: StorageEvent): string {
  return `${event} ${Object.entries(facts).map(([name, value]) => `${name}=${value}`).join(" ")}`;
}
