/** The benches run, tiny, so that they never rot. */

import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { canBuildLimit } from "../../bench/limit/limit.ts";
import { root, target } from "../support/broker.ts";
import { whyNoKafkaTools } from "../support/kafka_tools.ts";

describe.skipIf(target === "kafka")("bench/memory.ts", () => {
  test("measures a little load and a few connections", () => {
    const printed = run("memory.ts", "--gigabytes", "0.05", "--connections", "50", "--target", target);
    expect(printed).toContain("memory: own, highest under load");
    expect(printed).toMatch(/load: consumed of it.* 100 %/);
  }, 60_000);
});

describe.skipIf(target === "kafka")("bench/partitions.ts", () => {
  test("measures a few partitions from their making to their end", () => {
    expect(run("partitions.ts", "--partitions", "20", "--target", target)).toMatch(/\d+ partitions: delete +[\d.]+ ms/);
  }, 60_000);
});

// It measures the log engine, which is the executable's as well.
describe.skipIf(target !== "bun" && target !== "deno")("bench/storage.ts", () => {
  test("measures a few appends", () => {
    const printed = run("storage.ts", "--runtime", target, "--only", "append", "--rounds", "1", "--scale", "0.001");
    expect(printed).toMatch(/append 64 KiB, os: log +[\d.]+ MiB\/s/);
    expect(printed).toMatch(/append 1 MiB, group: of the bare loop +[\d.]+ %/);
  }, 60_000);

  test("measures a few syncs", () => {
    const printed = run("storage.ts", "--runtime", target, "--only", "durable", "--rounds", "1", "--scale", "0.001");
    expect(printed).toMatch(/durable 1 KB, low load: p50, log +[\d.]+ ms/);
    expect(printed).toMatch(/producers 64, a log each: syncs of the log +[\d.]+ \/GiB/);
    expect(printed).toMatch(/durable: close \d+ written logs +[\d.]+ ms/);
  }, 60_000);

  test("measures a few acknowledgements", () => {
    const printed = run("storage.ts", "--runtime", target, "--only", "broker", "--rounds", "1", "--scale", "0.001");
    expect(printed).toMatch(/acknowledged 1 KB, low load: p50 +[\d.]+ ms/);
    expect(printed).toMatch(/connections 64, a partition each +[\d.]+ MiB\/s/);
  }, 60_000);
});

describe.skipIf(target === "kafka" || !canBuildLimit())(
  `bench/limit.ts, bench/nodes.ts${canBuildLimit() ? "" : " (there is no cargo)"}`,
  () => {
    test.skipIf(target === "kafka")("measures two nodes at once", () => {
      const printed = run("nodes.ts", "--nodes", "2", "--rounds", "1", "--scale", "0.01", "--target", target);
      expect(printed).toMatch(/nodes, 2 at once: produce 64 KiB: rate of all +[1-9]/);
      expect(printed).toMatch(/nodes, 2 at once: own memory of all +[1-9]/);
    }, 60_000);

    test("measures the limit, and what is reached of it", () => {
      const more = ["--rounds", "1", "--scale", "0.003", "--warm-up", "1", "--contenders", `sendfile,mmap,${target}`];
      const { status, stdout: printed, stderr } = spawn("limit.ts", more);
      expect(stderr).toMatch(/^(round 1 of 1: .* done\n){3}$/);
      expect(status).toBe(0);
      for (const row of ["produce 16 KiB", "produce 1 MiB", "consume from the page cache"]) {
        for (const name of ["limit sendfile", "limit mmap", target]) {
          expect(printed).toMatch(new RegExp(`^${row}, ${name}: rate [1-9]`, "m"));
        }
      }
    }, 120_000);
  },
);

describe.skipIf(target === "kafka")("bench/compaction.ts", () => {
  test("measures a little compaction", () => {
    const { stdout, stderr } = spawn("compaction.ts", [
      "--gigabytes",
      "0.02",
      "--seconds",
      "0.3",
      "--target",
      target,
    ]);
    expect(stderr).toBe("");
    expect(stdout).toContain("p99 during, by that without"); // How it is, a run as short as this does not say.
  }, 60_000);
});

// On the runtime of the target: it measures what it runs on. The executable runs no other program.
describe.skipIf(target !== "bun" && target !== "deno")("bench/codec.ts", () => {
  test("measures a few messages", () => {
    const printed = run("codec.ts");
    for (const row of ["Metadata v12 response", "Produce v9 request", "Fetch v12 response"]) {
      expect(printed).toMatch(new RegExp(`${target} +${row}.*: decode +[\\d.]+ ns`));
      expect(printed).toMatch(new RegExp(`${target} +${row}.*: encode +[\\d.]+ ns`));
    }
  }, 60_000);
});

// Kafka beside it, with its own tools.
const noKafka = target === "kafka" ? "it is the rival" : whyNoKafkaTools();
if (noKafka !== null) console.log(`skip bench/run.ts: ${noKafka}`);
describe.skipIf(noKafka !== null)("bench/run.ts", () => {
  test("measures a little of both and compares", () => {
    const only =
      "^(made batches of 64|end to end|start, empty|produce 1 KiB, acks=all, 1 p.*, lz4, 64|consume 100 B, 6|fan-out|offset|transactions of 100 |consume 1 KiB, committed)";
    const size = ["--scale", "0.005", "--warm-up", "1", "--rounds", "1"];
    const { status, stdout, stderr } = spawn("run.ts", ["--weir", target, "--pass", "os", ...size, "--only", only]);
    expect([status, stderr.replace(/^[\d:]+ .*( is warm| \(os\), others .*)$/gm, "").trim()]).toEqual([0, ""]);
    for (
      const figure of [
        /made batches of 64 KiB: produce, rate( +[\d.,]+){3} MiB\/s/,
        /made batches of 64 KiB: consume, broker CPU/,
        /end to end, 1 KiB, one at a time.* consumed p99 .* ms, floor [\d.]+/,
        /half of Kafka's highest rate.* consumed p50 .* ms, floor [\d.]+/,
        /start, empty: to first acknowledged record/,
        /produce 1 KiB, .*, lz4, .*: rate( +[\d.,]+){3} records\/s/,
        /consume 100 B, 6 partitions, none: broker CPU/,
        /fan-out, ten groups .*: rate( +[\d.,]+){3} MiB\/s/,
        /offset commits, .*: rate( +[\d.,]+){3} commits\/s/,
        /transactions of 100 records .*: whole transaction p99( +[\d.,]+){3} ms/,
        /consume 1 KiB, committed .*: rate( +[\d.,]+){3} records\/s/,
      ]
    ) expect(stdout).toMatch(figure);
    if (!canBuildLimit()) return;
    // The bare server does what Kafka's own clients ask for before they produce and consume.
    for (const row of ["made batches of 64", "produce 1 KiB", "consume 100 B", "fan-out", "end to end, 1 KiB"]) {
      expect(stdout).toMatch(new RegExp(`${row}.*, [\\d.,]+ of the limit`));
    }
  }, 180_000);

  test("follows in groups with our own generator, where there is no other", () => {
    const size = ["--scale", "0.005", "--warm-up", "1", "--rounds", "1", "--generator", "own"];
    const { status, stdout } = spawn("run.ts", [
      "--weir",
      target,
      "--pass",
      "os",
      ...size,
      "--only",
      "^(fan-out|catch-up)",
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/fan-out, ten groups .*: rate( +[\d.,]+){3} MiB\/s/);
    expect(stdout).toMatch(/catch-up .* producers' p99 while it is read( +[\d.,]+){3} ms/);
  }, 120_000);

  // Once for all targets: it starts Kafka for each row, and the groups of others are no other.
  test.skipIf(target !== "bun")("measures groups of many members, and many groups", () => {
    const size = ["--scale", "0.005", "--rounds", "1", "--only", "^1,000 members|^10,000 idle"];
    const { status, stdout } = spawn("run.ts", ["--weir", target, "--pass", "os", ...size]);
    expect(status).toBe(0);
    for (const protocol of ["consumer", "classic"]) {
      expect(stdout).toMatch(new RegExp(`members of one group, ${protocol} protocol: stable after( +[\\d.,]+){3} ms`));
    }
    expect(stdout).toMatch(/10,000 idle groups .*: started again, all listed( +[\d.,]+){3} ms/);
  }, 240_000);

  test("says what is wrong before it starts anything", () => {
    const { status, stdout, stderr } = spawn("run.ts", ["--weir", "jar"]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain('Invalid value "jar" for --weir: must be of exe, bun, deno, with commas between');
  }, 60_000);
});

/** What a bench prints; it must end well and complain of nothing. */
function run(name: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawn(name, args);
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
}

function spawn(name: string, args: readonly string[]) {
  const [runtime, ...leading] = name === "codec.ts" && target === "deno" ? ["deno", "run", "-A"] : ["bun"];
  return spawnSync(join(root, "node_modules/.bin", runtime), [...leading, join("bench", name), ...args], {
    cwd: root,
    env: {
      ...process.env,
      BENCH_DRY: "1",
      BENCH_ROUNDS: "20",
      NO_COLOR: "1",
      WEIR_EXECUTABLE: process.env.WEIR_EXECUTABLE ?? join(root, "dist/weir"),
    },
    encoding: "utf8",
  });
}
