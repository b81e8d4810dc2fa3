/**
 * Weir in memory: a network, files and time that exist nowhere else, for tests, simulation and places without disks.
 *
 * Time stands still until `advance`; chance comes from the seed; the disk can lose power (`files.crash`).
 */

import { MemoryFileSystem } from "./memory_files.ts";
import { MemoryNetwork } from "./memory_network.ts";
import { Scheduler, seededRandom } from "./memory_time.ts";
import { nodeDigests } from "./node_digests.ts";
import type { Process, Runtime } from "./runtime.ts";

export interface MemoryRuntimeOptions {
  readonly seed?: number;
  /** The wall clock at the start, milliseconds since the epoch. */
  readonly startMs?: number;
  /** Size of the disk; writes past it fail with ENOSPC. */
  readonly diskBytes?: number;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly inputLines?: readonly string[];
}

export interface MemoryRuntime extends Runtime {
  readonly name: "memory";
  readonly files: MemoryFileSystem;
  readonly network: MemoryNetwork;
  readonly process: MemoryProcess;
  /** Lets virtual time pass: runs what falls due, each at its own time, and lets everything settle in between. */
  advance(ms: number): Promise<void>;
  /** Resolves when nothing is left to do at this instant of virtual time. */
  settle(): Promise<void>;
  /**
   * Waits for a promise, letting time pass from timer to timer as long as it takes.
   * @throws when `limitMs` of virtual time were not enough, or no timer is left that could help
   */
  until<Result>(promise: Promise<Result>, limitMs?: number): Promise<Result>;
}

const START_MS = Date.UTC(2025, 0, 1);
const LIMIT_MS = 3_600_000;

export function createMemoryRuntime(options: MemoryRuntimeOptions = {}): MemoryRuntime {
  const scheduler = new Scheduler(options.startMs ?? START_MS);
  const seed = options.seed ?? 1;
  return {
    name: "memory",
    version: "1",
    network: new MemoryNetwork(scheduler),
    files: new MemoryFileSystem(scheduler, seededRandom(seed + 1), options.diskBytes ?? Infinity),
    clock: scheduler,
    timers: scheduler,
    random: seededRandom(seed),
    digests: nodeDigests,
    process: new MemoryProcess(options),
    openCrc32c: () => null,
    advance: (ms) => scheduler.advance(ms),
    settle: () => scheduler.settle(),
    until: (promise, limitMs = LIMIT_MS) => until(scheduler, promise, limitMs),
  };
}

async function until<Result>(scheduler: Scheduler, promise: Promise<Result>, limitMs: number): Promise<Result> {
  let isSettled = false;
  const settled = () => {
    isSettled = true;
  };
  promise.then(settled, settled);
  const endMs = scheduler.monotonicMs() + limitMs;
  for (;;) {
    await scheduler.settle();
    if (isSettled) return promise;
    const nextMs = scheduler.nextTimerMs();
    if (nextMs === null) throw new Error("Cannot wait for the promise: it is pending and no timer is left");
    if (nextMs > endMs) {
      throw new Error(`Cannot wait for the promise: it is pending after ${limitMs} ms of virtual time`);
    }
    await scheduler.advance(Math.max(0, nextMs - scheduler.monotonicMs()));
  }
}

/** Thrown by `exit`: nothing after it runs. */
export class ProcessExit extends Error {
  override readonly name = "ProcessExit";
  constructor(readonly exitCode: number) {
    super(`The process exits with ${exitCode}`);
  }
}

export class MemoryProcess implements Process {
  readonly id = 1;
  readonly args: readonly string[];
  /** All that was printed. */
  output = "";
  errorOutput = "";
  exitCode: number | null = null;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #inputLines: readonly string[];
  readonly #listeners: { readonly signal: string; readonly run: () => void }[] = [];

  constructor(options: MemoryRuntimeOptions) {
    this.args = options.args ?? [];
    this.#environment = options.environment ?? {};
    this.#inputLines = options.inputLines ?? [];
  }

  environment(): Record<string, string> {
    return { ...this.#environment };
  }

  hostname(): string {
    return "memory";
  }

  onSignal(signal: "SIGTERM" | "SIGINT" | "SIGHUP", run: () => void): void {
    this.#listeners.push({ signal, run });
  }

  /** Sends the process a signal. */
  signal(signal: "SIGTERM" | "SIGINT" | "SIGHUP"): void {
    for (const listener of this.#listeners) if (listener.signal === signal) listener.run();
  }

  exit(code: number): never {
    this.exitCode ??= code;
    throw new ProcessExit(code);
  }

  print(text: string): void {
    this.output += text;
  }

  printError(text: string): void {
    this.errorOutput += text;
  }

  async *inputLines(): AsyncGenerator<string> {
    yield* this.#inputLines;
  }

  spawn(): never {
    throw new Error("Cannot start a process: there are none in memory");
  }

  memory(): { readonly residentBytes: number; readonly heapBytes: number } {
    return { residentBytes: 0, heapBytes: 0 };
  }

  releaseCode(): void {}
}
