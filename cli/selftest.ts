/**
 * `weir selftest durability`: ends brokers in the middle of their work, again and again, and says what survived of what they
 * had acknowledged, per flush policy and kind of end. Exit code 1 when a promise was broken.
 *
 *     start ─▶ read everything, compare ─▶ write … end ─▶ start ─▶ read everything, compare ─▶ …
 */
import { ConnectionError, CorruptRecordsError, TimeoutError } from "../client/errors.ts";
import { initCrc32c } from "../protocol/crc32c.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { seededRandom } from "../runtime/memory_time.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parseArgs, UsageError } from "./args.ts";
import { selftestOptions } from "./commands.ts";
import { BrokerTrouble, type Ending, SelftestBroker } from "./selftest_broker.ts";
import { type Acks, Load } from "./selftest_load.ts";
import { POWERED_BROKER, runPoweredBroker } from "./selftest_power.ts";

type Policy = "group" | "interval" | "os";
const POLICIES: readonly Policy[] = ["group", "interval", "os"];
const ENDINGS: readonly Ending[] = ["process kill", "power loss"];

const ROUNDS_DEFAULT = 4;
const ROUNDS_MAX = 10_000;
/** `log.flush.interval.ms` of brokers with policy interval. */
const INTERVAL_MS = 500;
/** How late a flush by age may be found due, how long it may take, and how long an answer is on its way, on a busy machine. */
const INTERVAL_TOLERANCE_MS = 1_000;
/** What one broker may be given to write, in all its lives. */
const BYTES_MAX = 64 * 1024 * 1024;
const LIFE_MS = { min: 200, max: 1_000 };
/** Under the policy interval a life must be longer than what may be lost. */
const INTERVAL_LIFE_MS = { min: 2_000, max: 3_000 };
const FAULTS_SHOWN_MAX = 20;

interface Outcome {
  readonly policy: Policy;
  readonly end: Ending;
  readonly acks: Acks;
  readonly rounds: number;
  readonly acknowledged: number;
  readonly survived: number;
  readonly lost: number;
  /** Lost records that a consumer had read. */
  readonly seenLost: number;
  /** How long before the end the oldest lost record was acknowledged; null without. */
  readonly oldestLostMs: number | null;
  readonly mayBeLost: string;
  readonly isKept: boolean;
}

/** Over all ends of a broker. */
interface WorstLosses {
  readonly oldestMs: number | null;
  readonly seenCount: number;
}

interface Options {
  readonly rounds: number;
  readonly seed: number;
  readonly overrides: readonly string[];
}

export async function run(runtime: Runtime, args: readonly string[]): Promise<number> {
  const [what, ...rest] = args;
  if (what === POWERED_BROKER) return await runPoweredBroker(runtime, rest);
  const parsed = parseArgs(args, selftestOptions);
  const [subject, unexpected] = parsed.positional;
  if (subject !== "durability" || unexpected !== undefined) throw new UsageError('What to test must be "durability"');
  const policies = policiesOf(parsed.get("policy"));
  const options = {
    rounds: parsed.wholeNumber("rounds", { min: 1, max: ROUNDS_MAX }) ?? ROUNDS_DEFAULT,
    seed: parsed.wholeNumber("seed", { min: 0, max: 2 ** 32 - 1 }) ?? Math.floor(runtime.random.next() * 2 ** 32),
    overrides: parsed.all("override"),
  };
  await initCrc32c();
  const parent = parsed.get("data") ?? runtime.process.environment()["TMPDIR"] ?? "/tmp";
  const scratch = `${parent}/weir-selftest-${
    [...runtime.random.bytes(6)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
  }`;
  const tester = new Tester(runtime, scratch, options);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    runtime.process.onSignal(signal, () => {
      void tester.dispose().finally(() => runtime.process.exit(1));
    });
  }
  try {
    runtime.files.makeDirectory(scratch);
    return report(runtime, await tester.run(policies), {
      isJson: parsed.has("json"),
      seed: options.seed,
      faults: tester.faults,
    });
  } finally {
    await tester.dispose();
  }
}

function policiesOf(text: string | null): readonly Policy[] {
  if (text === null) return POLICIES;
  return text.split(",").map((name) => {
    const policy = POLICIES.find((policy) => policy === name.trim());
    if (policy === undefined) {
      throw new UsageError(`Invalid value "${name}" for --policy: must be ${POLICIES.join(", ")}`);
    }
    return policy;
  });
}

class Tester {
  /** What no policy allows, in words. */
  readonly faults: string[] = [];
  readonly #runtime: Runtime;
  readonly #scratch: string;
  readonly #options: Options;
  readonly #random: () => number;
  #broker: SelftestBroker | null = null;

  constructor(runtime: Runtime, scratch: string, options: Options) {
    this.#runtime = runtime;
    this.#scratch = scratch;
    this.#options = options;
    const { next } = seededRandom(options.seed);
    this.#random = next;
  }

  async run(policies: readonly Policy[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const policy of policies) {
      for (const end of ENDINGS) outcomes.push(...await this.#test(policy, end));
    }
    return outcomes;
  }

  async dispose(): Promise<void> {
    await this.#broker?.dispose().catch(() => {}); // it was told to go; its folder goes with it
    this.#runtime.files.remove(this.#scratch);
  }

  async #test(policy: Policy, end: Ending): Promise<Outcome[]> {
    const { rounds, overrides } = this.#options;
    const random = this.#random;
    const folder = `${this.#scratch}/${policy}-${end.replace(" ", "-")}`;
    const broker = this.#broker = new SelftestBroker({
      runtime: this.#runtime,
      ending: end,
      folder,
      overrides: new Map([...configsOf(policy), ...overrides.map(splitOverride)]),
    });
    const load = new Load({ runtime: this.#runtime, random, bytesMax: Math.floor(BYTES_MAX / rounds) });
    const losses = new Map<Acks, WorstLosses>();
    const before = this.faults.length;
    try {
      await broker.start(seedOf(random));
      await load.createTopics(broker.port);
      for (let round = 1; round <= rounds; round++) {
        const running = load.run(broker.port);
        running.catch(() => {}); // awaited once the broker was ended
        const { min, max } = policy === "interval" && end === "power loss" ? INTERVAL_LIFE_MS : LIFE_MS;
        const lifeMs = min + random() * (max - min);
        await new Promise<void>((resolve) => this.#runtime.timers.after(lifeMs, resolve));
        const endedMs = await broker.end();
        await running;
        await broker.start(seedOf(random));
        await this.#compare(load, broker.port, endedMs, losses);
        this.#progress(policy, end, `round ${round} of ${rounds}`, load);
      }
    } catch (error) {
      if (!isTrouble(error)) throw error;
      this.faults.push(`${policy}, ${end}: ${error.message}`);
    }
    await broker.dispose();
    this.#runtime.files.remove(folder);
    const hasFaults = this.faults.length > before;
    return [...load.ledgers].map(([acks, ledgers]) => {
      const acknowledged = ledgers.reduce((sum, ledger) => sum + ledger.acknowledgedCount, 0);
      const lost = ledgers.reduce((sum, ledger) => sum + ledger.lostCount, 0);
      const { oldestMs: oldestLostMs = null, seenCount: seenLost = 0 } = losses.get(acks) ?? {};
      const promise = promiseOf(policy, end, acks);
      const isKept = !hasFaults && promise.isKept({ lost, seenLost, oldestLostMs: oldestLostMs ?? 0 });
      const counts = { acknowledged, survived: acknowledged - lost, lost, seenLost, oldestLostMs };
      return { policy, end, acks, rounds, ...counts, mayBeLost: promise.mayBeLost, isKept };
    });
  }

  async #compare(load: Load, port: number, endedMs: number, worst: Map<Acks, WorstLosses>): Promise<void> {
    for (const [acks, ledgers] of load.ledgers) {
      for (const [partition, records] of (await load.read(port, acks)).entries()) {
        const losses = ledgers[partition]!.check(records, endedMs);
        this.faults.push(...losses.faults);
        const { oldestMs, seenCount } = worst.get(acks) ?? { oldestMs: null, seenCount: 0 };
        worst.set(acks, {
          oldestMs: losses.oldestMs === null ? oldestMs : Math.max(oldestMs ?? 0, losses.oldestMs),
          seenCount: seenCount + losses.seenCount,
        });
      }
    }
  }

  #progress(policy: Policy, end: Ending, round: string, load: Load): void {
    const counts = [...load.ledgers].map(([acks, ledgers]) => {
      const acknowledged = ledgers.reduce((sum, ledger) => sum + ledger.acknowledgedCount, 0);
      const lost = ledgers.reduce((sum, ledger) => sum + ledger.lostCount, 0);
      return `acks=${acks} ${acknowledged} acknowledged, ${lost} lost`;
    });
    this.#runtime.process.printError(`${policy}, ${end}, ${round}: ${counts.join("; ")}\n`);
  }
}

/** What a broker that is not right may make its clients say. */
function isTrouble(error: unknown): error is Error {
  return [BrokerTrouble, ConnectionError, TimeoutError, CorruptRecordsError, ProtocolError].some((kind) =>
    error instanceof kind
  );
}

/** Small segments, so that some end too. */
function configsOf(policy: Policy): [string, string][] {
  const interval: [string, string][] = policy === "interval" ? [["log.flush.interval.ms", `${INTERVAL_MS}`]] : [];
  return [["log.flush.policy", policy], ...interval, ["log.segment.bytes", `${1024 * 1024}`]];
}

function splitOverride(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals < 1) throw new UsageError(`Invalid value "${text}" for --override: must be NAME=VALUE`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

interface DurabilityPromise {
  readonly mayBeLost: string;
  isKept(losses: { readonly lost: number; readonly seenLost: number; readonly oldestLostMs: number }): boolean;
}

/** The table of decision 6. That records which were there after a restart stay, is part of all of them (`selftest_ledger.ts`). */
function promiseOf(policy: Policy, end: Ending, acks: Acks): DurabilityPromise {
  if (end === "process kill" || (policy === "group" && acks === "all")) {
    return { mayBeLost: "nothing", isKept: ({ lost, seenLost }) => lost === 0 && seenLost === 0 };
  }
  switch (policy) {
    case "group":
      return { mayBeLost: "what no consumer has read", isKept: ({ seenLost }) => seenLost === 0 };
    case "interval":
      return {
        mayBeLost: `the last ${INTERVAL_MS} ms (+${INTERVAL_TOLERANCE_MS})`,
        isKept: ({ oldestLostMs }) => oldestLostMs <= INTERVAL_MS + INTERVAL_TOLERANCE_MS,
      };
    case "os":
      return { mayBeLost: "what the kernel had not written back", isKept: () => true };
  }
}

function seedOf(random: () => number): number {
  return Math.floor(random() * 2 ** 31);
}

function report(
  runtime: Runtime,
  outcomes: readonly Outcome[],
  { isJson, seed, faults }: { readonly isJson: boolean; readonly seed: number; readonly faults: readonly string[] },
): number {
  const isKept = outcomes.every((outcome) => outcome.isKept) && faults.length === 0;
  if (isJson) {
    runtime.process.print(`${JSON.stringify({ isKept, seed, outcomes, faults })}\n`);
    return isKept ? 0 : 1;
  }
  const rows = [
    ["policy", "end", "acks", "acknowledged", "survived", "lost", "of them read", "oldest lost", "may be lost", ""],
    ...outcomes.map((outcome) => [
      outcome.policy,
      outcome.end,
      outcome.acks,
      `${outcome.acknowledged}`,
      `${outcome.survived}`,
      `${outcome.lost}`,
      `${outcome.seenLost}`,
      outcome.oldestLostMs === null ? "-" : `${outcome.oldestLostMs} ms`,
      outcome.mayBeLost,
      outcome.isKept ? "kept" : "BROKEN",
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
  const shown = faults.slice(0, FAULTS_SHOWN_MAX).map((fault) => `! ${fault}\n`).join("");
  runtime.process.print(
    `${lines.join("\n")}\n${shown}\n${explanation}${
      isKept ? "All promises were kept" : "A PROMISE WAS BROKEN"
    }, seed ${seed}\n`,
  );
  return isKept ? 0 : 1;
}

const explanation =
  `"process kill" is SIGKILL to a broker that serves from a folder on this disk. "power loss" is simulated: the same broker on a\n` +
  `disk in memory, which forgets, whole or sector by sector, all that was not synced. So it tests what Weir does, not what your\n` +
  `disk does with a sync; and its kernel never writes back by itself, which is the worst case for the policy os.\n` +
  `"oldest lost" is how long before the end the oldest lost record was acknowledged.\n\n`;
