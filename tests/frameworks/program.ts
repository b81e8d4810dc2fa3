/** A program on a framework as a process: started, watched by what it prints, told to end or killed. */

import { type ChildProcess, spawn } from "node:child_process";
import { collectLines, type Exit, until, withTimeout } from "../support/broker.ts";
import { driver } from "../support/frameworks.ts";

/** How long a step of a framework may take. Generous: two cores may be busy. */
export const patienceMs = 120_000;
const tailLines = 40;

/** What still runs when the driver ends: ended with it. */
const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

export class Program {
  /** What it has printed to either output. */
  readonly lines: string[] = [];
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<Exit>;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    running.add(child);
    collectLines(child, this.lines);
    this.#exit = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
    this.#exit.catch(() => {}); // told by whoever waits for it
  }

  /** Starts a class of a framework, and waits for nothing. */
  static start(framework: string, mainClass: string, ...args: readonly (string | number)[]): Program {
    const words = [framework, mainClass, ...args.map(String)];
    return new Program(words.slice(0, 2).join(" "), spawn(driver, words, { stdio: ["ignore", "pipe", "pipe"] }));
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits for a condition; fails at once when the program ends before. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    let isLost = false;
    try {
      await until(async () => await condition() || (isLost = !this.isRunning), { timeoutMs: patienceMs, what });
    } catch (cause) {
      throw new Error(`${this.#name}: ${(cause as Error).message}\n${this.#tail()}`, { cause });
    }
    if (isLost) throw new Error(`${this.#name} ended before this was so: ${what}\n${this.#tail()}`);
  }

  async untilPrinted(pattern: RegExp): Promise<void> {
    await this.until(`a line like ${pattern}`, () => this.lines.some((line) => pattern.test(line)));
  }

  /** Waits until the last line that it printed is this one. */
  async untilSays(line: string): Promise<void> {
    await this.until(`"${line}"`, () => this.lines.at(-1) === line);
  }

  async kill9(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  /** Tells it to end, and waits for that. A virtual machine that a signal ends orderly says 143. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.end(143);
  }

  /** Waits for its end. @throws {Error} when that is another one */
  async end(status = 0): Promise<void> {
    const { code, signal } = await withTimeout(
      this.#exit,
      patienceMs,
      () => `${this.#name} did not end\n${this.#tail()}`,
    );
    if (code !== status) throw new Error(`${this.#name} ended with ${code ?? signal}\n${this.#tail()}`);
  }

  #tail(): string {
    return this.lines.slice(-tailLines).join("\n");
  }
}
