/** The benches run, tiny, so that they never rot. */

import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { readCompareOptions } from "../../bench/compare_options.ts";
import { root, target } from "../support/broker.ts";

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

// Once for all targets: nothing is started.
describe.skipIf(target !== "bun")("bench/compare.ts", () => {
  test("takes its options, and none that there is not", () => {
    expect(readCompareOptions([])).toEqual({ rounds: 3, scale: 1, only: /./, weir: "exe" });
    expect(readCompareOptions(["--rounds", "1", "--scale=0.01", "--only", "^made", "--weir", "deno"])).toEqual({
      rounds: 1,
      scale: 0.01,
      only: /^made/,
      weir: "deno",
    });
    for (
      const args of ["--rounds=0", "--rounds=x", "--scale=-1", "--scale=", "--only=(", "--weir=kafka", "--what"]
    ) {
      expect(() => readCompareOptions([args])).toThrow();
    }
  });

  test("says so before it starts anything", () => {
    const { status, stdout, stderr } = spawn("compare.ts", ["--weir", "jar"]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain('Invalid value "jar" for --weir: must be exe, bun or deno');
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
    env: { ...process.env, BENCH_DRY: "1", BENCH_ROUNDS: "20", NO_COLOR: "1" },
    encoding: "utf8",
  });
}
