/**
 * A broker as its users meet it: a process, a port, a folder. For the black-box tests, the kill driver and the benches.
 *
 * WEIR_TARGET says which of the three it is: "bun" (bun main.ts), "deno" (deno run main.ts) or "exe" (dist/weir).
 */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { kafkaCommand } from "../../bench/kafka/kafka.ts";

/** "kafka" is Apache Kafka itself: to check that what a test expects is what Kafka does. */
export type Target = "bun" | "deno" | "exe" | "kafka";

export interface BrokerOptions {
  readonly target?: Target;
  /** In place of `dist/weir`, for the target "exe": of another state of the program, say. */
  readonly executable?: string | undefined;
  /** Made, and removed at the end, when left out. */
  readonly dataDirectory?: string;
  readonly port?: number;
  /** Given as `--override name=value`. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** More arguments for `weir serve`. */
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly readyTimeoutMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const target = targetOf(process.env.WEIR_TARGET ?? "bun");

/** How long a broker may take to answer or to stop before the test gives up. Generous: two cores may be busy. */
const readyTimeoutMsDefault = 30_000;
const stopTimeoutMs = 30_000;

/** Below the range from which the kernel takes ports for outgoing connections, so that nobody else is handed ours. */
const portFirst = 23_500;
const portLast = 23_999;

/** What still runs when the test process ends: ended with it. */
const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** The command line of `weir ARGS` for a target. */
export function weirCommand(
  args: readonly string[],
  which: Target = target,
  executable = process.env.WEIR_EXECUTABLE ?? join(root, "dist/weir"),
): [string, ...string[]] {
  const main = join(root, "main.ts");
  switch (which) {
    case "bun":
      return [join(root, "node_modules/.bin/bun"), main, ...args];
    case "deno":
      return [join(root, "node_modules/.bin/deno"), "run", "--quiet", "--no-check", "-A", main, ...args];
    case "exe": {
      if (!existsSync(executable)) throw new Error(`There is no "${executable}": run "npm run compile" first`);
      return [executable, ...args];
    }
    case "kafka":
      throw new Error("Kafka has no command line of ours");
  }
}

export class BrokerProcess {
  /** From before the process was started until it answered. */
  readyMs = 0;
  readonly #options: BrokerOptions;
  readonly #ownsDirectory: boolean;
  #child: ChildProcess | null = null;
  #exit: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #lines: string[] = [];

  private constructor(options: BrokerOptions, readonly dataDirectory: string, readonly port: number) {
    this.#options = options;
    this.#ownsDirectory = options.dataDirectory === undefined;
  }

  /** Starts a broker and waits until it answers ApiVersions. */
  static async start(options: BrokerOptions = {}): Promise<BrokerProcess> {
    const directory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "weir-test-"));
    const broker = new BrokerProcess(options, directory, options.port ?? await freePort());
    await broker.#start();
    return broker;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("The broker is not running");
    return pid;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** What it has printed to either output since it was last started. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the process is gone. */
  get exit(): Promise<Exit> {
    return this.#exit;
  }

  /** Asks for an orderly stop and waits for it. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<Exit> {
    this.#child?.kill(signal);
    const exit = await withTimeout(this.#exit, stopTimeoutMs, () => `The broker did not stop\n${this.#tail()}`);
    return exit;
  }

  signal(signal: "SIGTERM" | "SIGINT"): void {
    this.#child?.kill(signal);
  }

  async kill9(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exit;
  }

  /** Starts it again, stopped or killed before, with the same folder and port. */
  async restart(): Promise<void> {
    if (this.isRunning) await this.stop();
    await this.#start();
  }

  /** Ends it however it stands and removes what it left, if the folder was made here. */
  async dispose(): Promise<void> {
    await this.kill9();
    if (this.#ownsDirectory) rmSync(this.dataDirectory, { recursive: true, force: true });
  }

  /** Memory of the process in bytes: its own, and what it maps from the page cache. */
  memory(): { readonly ownBytes: number; readonly mappedBytes: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    const field = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(status)?.[1] ?? NaN) * 1024;
    return { ownBytes: field("RssAnon"), mappedBytes: field("RssFile") + field("RssShmem") };
  }

  /** Open file descriptors of the process. */
  openFileCount(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  async #start(): Promise<void> {
    const { readyTimeoutMs = readyTimeoutMsDefault } = this.#options;
    const startMs = performance.now();
    this.spawn();
    try {
      await waitForAnswer(this.port, startMs + readyTimeoutMs, () => this.isRunning);
    } catch (cause) {
      const state = this.isRunning ? "is running" : "has ended";
      await this.kill9();
      throw new Error(`The broker did not answer on port ${this.port} and ${state}\n${this.#tail()}`, { cause });
    }
    this.readyMs = performance.now() - startMs;
  }

  /** Starts the process, and waits for nothing. */
  spawn(): void {
    const { config = {}, args = [], environment = {} } = this.#options;
    const which = this.#options.target ?? target;
    const settings = Object.entries(config).flatMap(([name, value]) => ["--override", `${name}=${value}`]);
    const [program, ...rest] = which === "kafka"
      ? kafkaCommand({ port: this.port, dataDirectory: this.dataDirectory, config: kafkaConfig(config) })
      : weirCommand(
        ["serve", "--port", `${this.port}`, "--data", this.dataDirectory, ...settings, ...args],
        which,
        this.#options.executable,
      );
    this.#lines = [];
    const child = spawn(program, rest, { cwd: root, env: { ...process.env, ...environment }, stdio: "pipe" });
    this.#child = child;
    running.add(child);
    collectLines(child, this.#lines);
    this.#exit = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
  }

  #tail(): string {
    return this.#lines.slice(-30).join("\n");
  }
}

/** Runs `weir ARGS` to its end. */
export function runWeir(
  args: readonly string[],
  options: { input?: string; timeoutMs?: number; environment?: Readonly<Record<string, string>> } = {},
): Promise<Exit & { readonly output: string; readonly errors: string }> {
  const { input = "", timeoutMs = 30_000, environment = {} } = options;
  const [program, ...rest] = weirCommand(args);
  const child = spawn(program, rest, { cwd: root, env: { ...process.env, ...environment }, stdio: "pipe" });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text);
  child.stdin.on("error", () => {}); // it may end without reading what it was given
  child.stdin.end(input);
  const ended = new Promise<Exit & { output: string; errors: string }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, output, errors }));
  });
  return withTimeout(ended, timeoutMs, () => {
    child.kill("SIGKILL");
    return `"weir ${args.join(" ")}" did not end\n${output}${errors}`;
  });
}

/** Runs `weir ARGS`, a command that goes on until it is told to stop. */
export function followWeir(args: readonly string[]): {
  readonly lines: readonly string[];
  readonly exit: Promise<Exit>;
  stop(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void;
} {
  const [program, ...rest] = weirCommand(args);
  const child = spawn(program, rest, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const lines: string[] = [];
  collectLines(child, lines);
  const exit = new Promise<Exit>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  return { lines, exit, stop: (signal) => child.kill(signal) };
}

/** A port of the tests' range that nobody listens on, nor on the one after it, where Kafka has its controller. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = portFirst + Math.floor(Math.random() * (portLast - portFirst + 1));
    if (await canListen(port) && await canListen(port + 1)) return port;
  }
  throw new Error(`No free port between ${portFirst} and ${portLast}`);
}

/** Rejects with `message()` when `promise` takes longer. */
export async function withTimeout<Value>(
  promise: Promise<Value>,
  timeoutMs: number,
  message: () => string,
): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${message()} (after ${timeoutMs} ms)`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves as soon as `condition` holds; looks again every few milliseconds, within a bound. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 10_000, what = "The condition" } = {},
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!await condition()) {
    if (performance.now() > deadlineMs) throw new Error(`${what} did not come true within ${timeoutMs} ms`);
    await pause(3);
  }
}

function targetOf(text: string): Target {
  if (text === "bun" || text === "deno" || text === "exe" || text === "kafka") return text;
  throw new RangeError(`WEIR_TARGET is "${text}": it must be bun, deno, exe or kafka`);
}

/** Our own settings mean nothing to Kafka. */
function kafkaConfig(config: NonNullable<BrokerOptions["config"]>): NonNullable<BrokerOptions["config"]> {
  return Object.fromEntries(
    Object.entries(config).filter(([name]) => name !== "log.flush.policy" && name !== "log.open.files.max"),
  );
}

/** Puts what a process prints, to either output, behind the lines. */
export function collectLines(child: ChildProcess, lines: string[]): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream?.setEncoding("utf8").on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
    });
    stream?.on("end", () => rest !== "" && lines.push(rest));
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function waitForAnswer(port: number, deadlineMs: number, isRunning: () => boolean): Promise<void> {
  let last: Error = new Error("It was never asked");
  while (performance.now() < deadlineMs && isRunning()) {
    try {
      return await askApiVersions(port, deadlineMs - performance.now());
    } catch (error) {
      last = error as Error;
      await pause(2);
    }
  }
  throw last;
}

/** ApiVersions v0, by hand so that this file needs nothing of ours: resolves when an answer without error is back. */
function askApiVersions(port: number, timeoutMs: number): Promise<void> {
  // size 14 · api key 18 · version 0 · correlation id 7 · client id "test"
  const request = Uint8Array.of(0, 0, 0, 14, 0, 18, 0, 0, 0, 0, 0, 7, 0, 4, 0x74, 0x65, 0x73, 0x74);
  const socket = new Socket();
  let answer = new Uint8Array(0);
  const answered = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("The connection was closed without an answer")));
    socket.on("data", (chunk: Uint8Array) => {
      answer = Uint8Array.of(...answer, ...chunk);
      if (answer.length < 10) return;
      const view = new DataView(answer.buffer);
      if (view.getInt32(4) === 7 && view.getInt16(8) === 0) resolve();
      else reject(new Error(`An unexpected answer to ApiVersions: ${answer.slice(0, 10)}`));
    });
  });
  socket.connect(port, "127.0.0.1", () => socket.write(request));
  return withTimeout(answered, timeoutMs, () => "No answer to ApiVersions").finally(() => socket.destroy());
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
