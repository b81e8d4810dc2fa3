/**
 * Frameworks on Weir and on Apache Kafka, `npm run frameworks`: bun scripts/frameworks.ts [OPTION ...] [NAME ...]
 *
 *   --short            less of everything, and of each framework one scenario only
 *   --on weir|kafka    on one of the two, where the other is left out nothing is compared
 *   --install          only fetches what the frameworks are, with Maven, and compiles the programs
 *   --list             only names the scenarios
 *   NAME               a scenario or a framework; all when left out
 *
 * Each scenario judges by itself whether what was committed is right; then what came of it on one broker is compared with
 * what came of it on the other. WEIR_TARGET says how Weir is run (bun). SEED=n repeats the words. The last line is
 * `N passed, N failed`.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { Client } from "../client/client.ts";
import { detectRuntime } from "../runtime/detect.ts";
import { connect } from "../tests/frameworks/connect.ts";
import { flink } from "../tests/frameworks/flink.ts";
import type { Outcome, Scenario } from "../tests/frameworks/scenario.ts";
import { spark } from "../tests/frameworks/spark.ts";
import { streams } from "../tests/frameworks/streams.ts";
import { BrokerProcess } from "../tests/support/broker.ts";
import { whyNoFramework } from "../tests/support/frameworks.ts";
import { seedOf } from "../tests/support/prng.ts";

const sides = ["weir", "kafka"] as const;
type Side = typeof sides[number];

const all: readonly Scenario[] = [...streams, ...connect, ...flink, ...spark];

/** Small, and quick to find out who is dead. */
const config = {
  "offsets.topic.num.partitions": 5,
  "transaction.state.log.num.partitions": 5,
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
  "group.initial.rebalance.delay.ms": 0,
  "group.streams.initial.rebalance.delay.ms": 0,
  "group.streams.min.heartbeat.interval.ms": 1_000,
  "group.streams.heartbeat.interval.ms": 1_000,
  "group.streams.min.session.timeout.ms": 6_000,
  "group.streams.session.timeout.ms": 6_000,
};
const readyTimeoutMs = 120_000;

const { values: options, positionals: names } = parseArgs({
  args: process.argv.slice(2),
  options: {
    short: { type: "boolean", default: false },
    on: { type: "string" },
    install: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const totals = { passed: 0, failed: 0 };
const seed = seedOf(process.env.SEED);
const scenarios = chosen();

if (options.list) {
  for (const { name, isInGate } of scenarios) console.log(isInGate ? `${name} (short too)` : name);
} else {
  process.env.WEIR_REQUIRE_MAVEN = "1"; // nothing is passed over
  for (const framework of new Set(scenarios.map((scenario) => scenario.framework))) {
    await counted(`${framework} is there`, () => Promise.resolve(whyNoFramework(framework) ?? ""));
  }
  if (!options.install) await runAll();
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
}
process.exit(totals.failed === 0 ? 0 : 1);

async function runAll(): Promise<void> {
  console.log(`SEED=${seed}`);
  const outcomes = new Map<Side, Map<string, Outcome>>();
  for (const side of sides.filter((one) => (options.on ?? one) === one)) outcomes.set(side, await runOn(side));
  const [ours, theirs] = sides.map((side) => outcomes.get(side));
  if (ours === undefined || theirs === undefined) return;
  for (const { name } of scenarios) {
    await counted(`${name}: the same on both`, () => {
      const [here, there] = [ours.get(name), theirs.get(name)];
      if (here === undefined || there === undefined) throw new Error("There is nothing to compare");
      if (isDeepStrictEqual(here, there)) return Promise.resolve("");
      const short = (outcome: Outcome) => JSON.stringify(outcome).slice(0, 2_000);
      throw new Error(`weir  ${short(here)}\nkafka ${short(there)}`);
    });
  }
}

/** What came of the scenarios that went well. */
async function runOn(side: Side): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const broker = await BrokerProcess.start({
    config,
    readyTimeoutMs,
    ...(side === "kafka" ? { target: "kafka" } : {}),
  });
  const client = new Client({ runtime: await detectRuntime(), brokers: [broker.address] });
  try {
    for (const scenario of scenarios) {
      await counted(`${scenario.name} on ${side}`, async () => {
        const files = mkdtempSync(join(tmpdir(), "weir-frameworks-"));
        const log = (text: string) => console.log(`     ${text}`);
        try {
          const stage = { address: broker.address, client, files, isShort: options.short, seed, log };
          const outcome = await scenario.run(stage);
          outcomes.set(scenario.name, outcome);
          return Object.entries(outcome).filter(([, value]) => typeof value === "number")
            .map(([name, value]) => `${value} ${name}`).join(", ");
        } finally {
          rmSync(files, { recursive: true, force: true });
        }
      });
    }
  } finally {
    await client.close();
    await broker.dispose();
  }
  return outcomes;
}

async function counted(name: string, run: () => Promise<string>): Promise<void> {
  const startMs = performance.now();
  const seconds = () => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
  try {
    const facts = await run();
    totals.passed++;
    console.log(`ok   ${name}, ${seconds()}${facts === "" ? "" : `: ${facts}`}`);
  } catch (error) {
    totals.failed++;
    console.log(`FAIL ${name}, ${seconds()}: ${(error as Error).stack}`);
  }
}

function chosen(): Scenario[] {
  if (options.on !== undefined && !sides.some((side) => side === options.on)) {
    throw new RangeError(`Cannot run on "${options.on}": choose from ${sides.join(", ")}`);
  }
  for (const name of names) {
    if (!all.some((one) => one.name === name || one.framework === name)) {
      throw new RangeError(`There is no "${name}": choose from ${all.map((one) => one.name).join(", ")}`);
    }
  }
  return all.filter(({ name, framework, isInGate }) =>
    (names.length === 0 || names.includes(name) || names.includes(framework)) && (isInGate || !options.short)
  );
}
