/**
 * The world around the broker: its lives and deaths, the disk's moods, the clients' connections, the trace.
 *
 * One broker at a time lives on the memory runtime's disk. It is stopped in order, killed, or loses its power, at a moment
 * or at some file operation, also while it starts or stops. Everything is drawn from the seed; which kinds of trouble
 * there are at all, too.
 */

import { decodeResponseFrame, encodeRequestFrame } from "../../../protocol/frame.ts";
import { FrameAssembler } from "../../../protocol/frame_assembler.ts";
import type { Api } from "../../../protocol/schema.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import type { CrashKind, FileOperation } from "../../../runtime/memory_files.ts";
import type { Socket } from "../../../runtime/runtime.ts";
import { Broker } from "../../../server/broker.ts";
import { BrokerConfig } from "../../../server/config.ts";
import type { LogFacts, Logger } from "../../../server/log.ts";
import { GO, MortalRuntime, type Verdict } from "../../support/mortal_runtime.ts";
import { createPrng } from "../../support/prng.ts";
import { Broken, History } from "./history.ts";

const PORT = 9092;
const HOSTNAME = "127.0.0.1";
const TRACE_LINES_MAX = 20_000;
/** What a start and a stop may take at most, with the slowest disk. */
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 60_000;
/** Bytes that a broken write may still get to the file, at most. */
const PART_BYTES_MAX = 3_000;

/** How a broker's life ends. */
type End = "stop" | "kill" | CrashKind;

/** The kinds of trouble of one run. */
interface Troubles {
  readonly ends: readonly End[];
  readonly hasFullDisk: boolean;
  readonly hasIoErrors: boolean;
  readonly hasSlowDisk: boolean;
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
  life: Life | null = null;
  startCount = 0;
  readonly overrides: Readonly<Record<string, string>>;
  readonly #next: () => number;

  constructor(seed: number) {
    this.seed = seed;
    this.#next = createPrng(seed);
    this.runtime = createMemoryRuntime({ seed });
    const ends: End[] = (["stop", "kill", "lost", "torn"] as const).filter(() => this.chance(0.6));
    this.troubles = {
      ends: ends.length > 0 ? ends : ["kill"],
      hasFullDisk: this.chance(0.3),
      hasIoErrors: this.chance(0.3),
      hasSlowDisk: this.chance(0.5),
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
      "log.retention.check.interval.ms": String(this.pick([1_000, 5_000])),
      "log.flush.offset.checkpoint.interval.ms": String(this.pick([500, 3_000, 60_000])),
      "log.segment.delete.delay.ms": String(this.pick([0, 1_000, 60_000])),
      "metadata.log.max.record.bytes.between.snapshots": String(this.pick([300, 2_000, 1_000_000])),
    };
    if (this.troubles.hasSlowDisk) {
      this.runtime.files.syncDelayMs = () => this.chance(0.05) ? this.int(2_000) : this.int(20);
    }
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

/** One broker process. */
export class Life {
  readonly runtime: MortalRuntime;
  broker: Broker | null = null;
  isStarted = false;
  /** An operation failed with EIO: some log may be offline until the next start. */
  hasFailedForGood = false;
  /** Some operation failed. */
  hasFailed = false;
  isDiskFull = false;
  readonly #world: World;
  readonly #end: "kill" | CrashKind;
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
    if (this.#end === "kill") return null;
    world.cutCount++;
    world.history.powerCut();
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
      this.hasFailed = this.hasFailedForGood = true;
      world.note(`EIO in ${operation} ${path}`);
      return { kind: "fail", code: "EIO", writtenBytes: world.int(Math.min(sizeBytes, PART_BYTES_MAX)) };
    }
    const takesSpace = makes || (operation === "write" && sizeBytes > 0);
    if (this.isDiskFull && takesSpace && world.chance(0.9)) {
      this.hasFailed = true;
      world.note(`ENOSPC in ${operation} ${path}`);
      return { kind: "fail", code: "ENOSPC", writtenBytes: world.int(Math.min(sizeBytes, PART_BYTES_MAX)) };
    }
    return GO;
  }

  #logger(): Logger {
    const note = (level: string) => (event: string, facts?: LogFacts) => {
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

// ---------------------------------------------------------------------------------------------- connections

/** The broker is not there, went away, or took too long. */
export class LinkBroken extends Error {
  override readonly name = "LinkBroken";
}

interface Waiter {
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** A client's connection, made when it is needed. Requests may be pipelined; answers come in order. */
export class Link {
  readonly #world: World;
  readonly #name: string;
  #socket: Socket | null = null;
  #opening: Promise<Socket> | null = null;
  #waiters: Waiter[] = [];
  #unsent: Uint8Array[] = [];
  #correlationId = 0;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
  }

  async open(): Promise<void> {
    if (this.#socket !== null) return;
    await (this.#opening ??= this.#connect().finally(() => this.#opening = null));
  }

  /** Sends now, on the open connection. @throws {LinkBroken} */
  async send<Request, RequestDraft, Response, ResponseDraft>(
    api: Api<Request, RequestDraft, Response, ResponseDraft>,
    version: number,
    draft: RequestDraft,
    timeoutMs = 15_000,
  ): Promise<Response> {
    const socket = this.#socket;
    if (socket === null) throw new LinkBroken("not connected");
    const correlationId = ++this.#correlationId;
    const timer = this.#world.runtime.timers.after(timeoutMs, () => {
      this.#world.note(`${this.#name}: no answer to ${api.name} in ${timeoutMs} ms`);
      this.close();
    });
    try {
      const payload = await new Promise<Uint8Array>((resolve, reject) => {
        this.#waiters.push({ resolve, reject });
        this.#write(socket, encodeRequestFrame(api, version, correlationId, this.#name, draft));
      });
      const answer = decodeResponseFrame(api, version, payload);
      if (answer.correlationId !== correlationId) {
        throw new Broken(`answer ${answer.correlationId} came to request ${correlationId}`);
      }
      return answer.response;
    } finally {
      timer.cancel();
    }
  }

  /** Connects first where that is needed. @throws {LinkBroken} */
  async ask<Request, RequestDraft, Response, ResponseDraft>(
    api: Api<Request, RequestDraft, Response, ResponseDraft>,
    version: number,
    draft: RequestDraft,
  ): Promise<Response> {
    await this.open();
    return await this.send(api, version, draft);
  }

  /** At once, or on a bad network in pieces. */
  #write(socket: Socket, chunks: readonly Uint8Array[]): void {
    if (!this.#world.troubles.hasBadNetwork) return socket.write(chunks);
    this.#unsent.push(...chunks);
    if (this.#unsent.length === chunks.length) this.#sendPiece(socket);
  }

  #sendPiece(socket: Socket): void {
    const [chunk, ...others] = this.#unsent;
    if (chunk === undefined || this.#socket !== socket) return;
    const byteCount = this.#world.chance(0.8) ? chunk.length : this.#world.int(chunk.length + 1);
    socket.write([chunk.slice(0, byteCount)]);
    this.#unsent = byteCount === chunk.length ? others : [chunk.subarray(byteCount), ...others];
    this.#world.runtime.timers.after(this.#world.chance(0.9) ? 0 : this.#world.int(20), () => this.#sendPiece(socket));
  }

  /** Reads nothing for a while: what the broker sends stays with it. */
  stall(ms: number): void {
    const socket = this.#socket;
    socket?.pause();
    this.#world.runtime.timers.after(ms, () => socket?.resume());
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new LinkBroken("closed"));
  }

  async #connect(): Promise<Socket> {
    const { network } = this.#world.runtime;
    try {
      return this.#socket = await network.connect({ hostname: HOSTNAME, port: PORT, timeoutMs: 1_000 }, (socket) => {
        const waiters: Waiter[] = this.#waiters = [];
        this.#unsent = [];
        const assembler = new FrameAssembler({
          sizeBytesMax: 0x7fffffff,
          emit: (payload) => waiters.shift()?.resolve(payload),
        });
        return {
          data: (chunk) => assembler.data(chunk),
          drain() {},
          close: () => {
            if (this.#socket === socket) this.#socket = null;
            for (const waiter of waiters.splice(0)) waiter.reject(new LinkBroken("closed by the broker"));
          },
        };
      });
    } catch (cause) {
      throw new LinkBroken("refused", { cause });
    }
  }
}
