/**
 * The broker that the selftest starts, ends in two ways, and starts again: this same program in another process, in a folder
 * of its own.
 *
 *   process kill   `weir serve`, ended by SIGKILL: what it wrote is with the kernel
 *   power loss     the same broker on a disk that loses power (`selftest_power.ts`)
 */
import { ConnectionError } from "../client/errors.ts";
import type { ChildProcess, Runtime } from "../runtime/runtime.ts";
import { openConnection } from "./selftest_load.ts";
import { CUT_FILE, POWERED_BROKER } from "./selftest_power.ts";

export type Ending = "process kill" | "power loss";

const READY_WITHIN_MS = 30_000;
const ENDS_WITHIN_MS = 20_000;
const RETRY_MS = 10;
const OUTPUT_CHARS_MAX = 4_000;

/** The broker did not do what every broker must: start, or end when told to. */
export class BrokerTrouble extends Error {
  override readonly name = "BrokerTrouble";
}

export interface BrokerOptions {
  readonly runtime: Runtime;
  readonly ending: Ending;
  readonly folder: string;
  readonly overrides: ReadonlyMap<string, string>;
}

export class SelftestBroker {
  port = 0;
  readonly #options: BrokerOptions;
  #child: ChildProcess | null = null;
  #hasEnded = false;
  #output = "";

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  /** Resolves when it takes connections. @throws {BrokerTrouble} */
  async start(seed: number): Promise<void> {
    const { runtime, ending, folder, overrides } = this.#options;
    const { environment, timers, clock } = {
      ...runtime.process,
      environment: runtime.process.environment(),
      ...runtime,
    };
    this.port = await freePort(runtime);
    const given = [...overrides].flatMap(([name, value]) => ["--override", `${name}=${value}`]);
    const args = ending === "process kill"
      ? ["serve", "--port", `${this.port}`, "--data", folder, ...given]
      : ["selftest", POWERED_BROKER, "--port", `${this.port}`, "--image", folder, "--seed", `${seed}`, ...given];
    // Configs in the environment are for another broker.
    const own = Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(KAFKA_|CLUSTER_ID$)/.test(name)));
    this.#output = "";
    this.#hasEnded = false;
    const child = runtime.process.spawn(args, {
      environment: own,
      output: (text) => this.#output = (this.#output + text).slice(-OUTPUT_CHARS_MAX),
    });
    this.#child = child;
    void child.exited.then(() => this.#hasEnded = true);
    const endMs = clock.monotonicMs() + READY_WITHIN_MS;
    while (clock.monotonicMs() < endMs && !this.#hasEnded) {
      try {
        (await openConnection(runtime, this.port)).close();
        return;
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        await new Promise<void>((resolve) => timers.after(RETRY_MS, resolve));
      }
    }
    throw new BrokerTrouble(`The broker did not start on what was left; it said:\n${this.#output}`);
  }

  /** Ends it as it is to end; returns when that was, by the wall clock. @throws {BrokerTrouble} */
  async end(): Promise<number> {
    const { runtime, ending, folder } = this.#options;
    const nowMs = runtime.clock.nowMs();
    this.#child?.kill(ending === "process kill" ? "SIGKILL" : "SIGHUP");
    await this.#gone();
    if (ending === "process kill") return nowMs;
    const path = `${folder}/${CUT_FILE}`;
    if (runtime.files.stat(path) === null) {
      throw new BrokerTrouble(`The broker ended by itself; it said:\n${this.#output}`);
    }
    return Number(new TextDecoder().decode(runtime.files.readFile(path)));
  }

  /** Whatever state it is in. */
  async dispose(): Promise<void> {
    if (this.#child === null || this.#hasEnded) return;
    this.#child.kill("SIGKILL");
    await this.#gone();
  }

  async #gone(): Promise<void> {
    const { timers } = this.#options.runtime;
    let timer;
    const tooLate = new Promise<"late">((resolve) => timer = timers.after(ENDS_WITHIN_MS, () => resolve("late")));
    const outcome = await Promise.race([this.#child?.exited, tooLate]);
    (timer as unknown as { cancel(): void }).cancel();
    if (outcome === "late") throw new BrokerTrouble(`The broker did not end; it said:\n${this.#output}`);
  }
}

async function freePort(runtime: Runtime): Promise<number> {
  const listener = await runtime.network.listen({ hostname: "127.0.0.1", port: 0 }, () => {
    return { data() {}, drain() {}, close() {} };
  });
  listener.close();
  await new Promise<void>((resolve) => runtime.timers.after(RETRY_MS, resolve));
  return listener.port;
}
