/** The benches run, tiny, so that they never rot. */

import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root, target } from "../support/broker.ts";

describe.skipIf(target === "kafka")("bench/memory.ts", () => {
  test("measures a little load and a few connections", () => {
    expect(run("memory.ts", "--gigabytes", "0.05", "--connections", "50")).toContain("memory: own, highest under load");
  }, 60_000);
});

describe.skipIf(target === "kafka")("bench/partitions.ts", () => {
  test("measures a few partitions from their making to their end", () => {
    expect(run("partitions.ts", "--partitions", "20", "--topics", "5")).toContain("partitions: delete 5 topics of one");
  }, 60_000);
});

/** What a bench prints; it must end well and complain of nothing. */
function run(name: string, ...args: string[]): string {
  const command = [join("bench", name), ...args, "--target", target];
  const { status, stdout, stderr } = spawnSync(join(root, "node_modules/.bin/bun"), command, {
    cwd: root,
    env: { ...process.env, BENCH_DRY: "1" },
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
}
