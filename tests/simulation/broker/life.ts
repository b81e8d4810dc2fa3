/**
 * One broker process: started, ended in order or not, and failed by the disk. What a power cut at its end may take is told to
 * the history here.
 */

import type { CrashKind, FileOperation } from "../../../runtime/memory_files.ts";
import { Broker } from "../../../server/broker.ts";
import { BrokerConfig } from "../../../server/config.ts";
import type { LogFacts, Logger } from "../../../server/log.ts";
import { GO, MortalRuntime, type Verdict } from "../../support/mortal_runtime.ts";
import { Broken } from "./history.ts";
import type { World } from "./world.ts";

/** What a start and a stop may take at most, with the slowest disk. */
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 60_000;
/** Bytes that a broken write may still get to the file, at most. */
const PART_BYTES_MAX = 3_000;
/** When the flush policy `interval` has a record on the disk: a second, a look every now and then, and the syncs under way. */
const INTERVAL_MS = 1_500;
const INTERVAL_SLOW_DISK_MS = 10_000;

/** One broker process. */
export class Life {
  readonly runtime: MortalRuntime;
  broker: Broker | null = null;
  isStarted = false;
  /** An operation failed with EIO, or a full disk stopped a cleaner's swap: some log may be offline until the next start. */
  hasFailedForGood = false;
  isDiskFull = false;
  readonly #world: World;
  readonly #end: "kill" | CrashKind;
  /** When an operation failed for the first time. */
  #failedMs = Infinity;
  #dieAt = Infinity;
  #failAt = Infinity;

  constructor(world: World, end: "kill" | CrashKind) {
    this.#world = world;
    this.#end = end;
    this.runtime = new MortalRuntime(
      world.runtime,
      (operation, path, sizeBytes, makes) => this.#judge(operation, path, sizeBytes, makes),
      () => this.#crash(),
    );
  }

  get isDead(): boolean {
    return this.runtime.isDead;
  }

  get death(): Promise<void> {
    return this.runtime.death;
  }

  get hasFailed(): boolean {
    return this.#failedMs < Infinity;
  }

  /** False when it did not come to it. */
  async start(): Promise<boolean> {
    const world = this.#world;
    const config = BrokerConfig.parse(
      Object.entries(world.overrides).map(([name, value]) => ({ source: "override", name, value })),
    );
    world.startCount++;
    world.note(`start ${world.startCount}`);
    const starting = Broker.start({ runtime: this.runtime, config, logger: this.#logger() }).then(
      (broker) => {
        this.broker = broker;
        this.isStarted = true;
        return null;
      },
      (error) => this.isDead ? null : error as Error,
    );
    const outcome = await Promise.race([
      starting,
      this.death.then(() => "died" as const),
      world.sleep(START_LIMIT_MS).then(() => "hangs" as const),
    ]);
    if (outcome === null && !this.isDead) {
      world.note("started");
      // What a start finds it brings to the disk, under all flush policies.
      if (!this.hasFailed) world.safeBeforeMs = world.nowMs();
      const offline = [...this.broker!.logDir.logs()].find(({ isOffline }) => isOffline);
      if (offline !== undefined && !this.hasFailed) throw new Broken(`log ${offline.name} does not open`);
      return true;
    }
    if (outcome === "hangs") throw new Broken(`start ${world.startCount} hangs`);
    world.note(outcome instanceof Error ? `start failed: ${outcome.message}` : "died in its start");
    if (outcome instanceof Error) {
      if (!this.hasFailed) throw new Broken(`the broker does not start: ${outcome.stack}`);
      const { lockCount } = this.runtime.files.held();
      if (lockCount > 0) throw new Broken("a broker that did not start keeps its lock");
      this.runtime.die(null);
    }
    return false;
  }

  /** In order. */
  async stop(): Promise<void> {
    const world = this.#world;
    world.note("stop");
    const stopping = this.broker!.stop().then(() => null, (error) => this.isDead ? null : error as Error);
    const outcome = await Promise.race([
      stopping,
      this.death.then(() => "died" as const),
      world.sleep(STOP_LIMIT_MS).then(() => "hangs" as const),
    ]);
    if (outcome === "hangs") throw new Broken("the broker does not stop");
    world.note(outcome instanceof Error ? `stop failed: ${outcome.message}` : outcome ?? "stopped");
    if (outcome instanceof Error && !this.hasFailed) throw new Broken(`the broker does not stop: ${outcome.stack}`);
    if (outcome === null) this.#checkLeavings();
    if (outcome === null && !this.hasFailed) world.safeBeforeMs = world.nowMs();
    this.runtime.die(null);
  }

  dieWithin(operationCount: number): void {
    this.#dieAt = this.runtime.files.operationCount + operationCount;
  }

  failWithin(operationCount: number): void {
    this.#failAt = this.runtime.files.operationCount + operationCount;
  }

  die(): void {
    if (!this.isDead) this.runtime.die(this.#crash());
  }

  #checkLeavings(): void {
    const { open, mapCount, lockCount } = this.runtime.files.held();
    if (lockCount > 0) throw new Broken("the folder is locked after the stop");
    // A log that the disk has failed lets go of what it has no name for any more with the process.
    if (this.hasFailedForGood) return;
    if (open.length > 0) throw new Broken(`files are open after the stop: ${open.join(", ")}`);
    if (mapCount > 0) throw new Broken(`${mapCount} maps are held after the stop`);
  }

  #crash(): CrashKind | null {
    const world = this.#world;
    world.note(this.#end === "kill" ? "killed" : `power cut, ${this.#end}`);
    const intervalMs = world.troubles.hasSlowDisk ? INTERVAL_SLOW_DISK_MS : INTERVAL_MS;
    const wellUntilMs = Math.min(world.nowMs(), this.#failedMs);
    if (this.isStarted) world.safeByIntervalBeforeMs = Math.max(world.safeByIntervalBeforeMs, wellUntilMs - intervalMs);
    if (this.#end === "kill") return null;
    world.cutCount++;
    world.history.powerCut(world);
    return this.#end;
  }

  #judge(operation: FileOperation, path: string, sizeBytes: number, makes: boolean): Verdict {
    const world = this.#world;
    if (world.isHealing) return GO;
    const { operationCount } = this.runtime.files;
    if (operationCount >= this.#dieAt) {
      world.note(`dies in ${operation} ${path}`);
      return { kind: "die", isAfter: world.chance(0.5), writtenBytes: world.int(Math.min(sizeBytes, PART_BYTES_MAX)) };
    }
    if (operationCount >= this.#failAt && operation !== "stat" && operation !== "lock") {
      this.#failAt = Infinity;
      this.hasFailedForGood = true;
      this.#failedMs = Math.min(this.#failedMs, world.nowMs());
      world.note(`EIO in ${operation} ${path}`);
      return { kind: "fail", code: "EIO", writtenBytes: world.int(Math.min(sizeBytes, PART_BYTES_MAX)) };
    }
    // Where what is written goes elsewhere than what it takes the place of, a new name does too, and even one less.
    const takesSpace = makes || operation === "rename" || operation === "remove" ||
      (operation === "write" && sizeBytes > 0);
    if (this.isDiskFull && takesSpace && world.chance(0.9)) {
      this.#failedMs = Math.min(this.#failedMs, world.nowMs());
      world.note(`ENOSPC in ${operation} ${path}`);
      return { kind: "fail", code: "ENOSPC", writtenBytes: world.int(Math.min(sizeBytes, PART_BYTES_MAX)) };
    }
    return GO;
  }

  #logger(): Logger {
    const note = (level: string) => (event: string, facts?: LogFacts) => {
      if (event.endsWith("log-compacted")) this.#world.compactionCount++;
      if (event.endsWith("log-offline")) this.hasFailedForGood = true;
      if (!this.isDead) this.#world.note(`  ${level} ${event} ${printFacts(facts)}`);
    };
    return { level: "error", debug() {}, info: note("info"), warn: note("warn"), error: note("error") };
  }
}

function printFacts(facts: LogFacts | undefined): string {
  return Object.entries(facts ?? {}).map(([key, value]) =>
    `${key}=${value instanceof Error ? value.message : String(value)}`
  ).join(" ");
}
