/** The benches run, tiny, so that they never rot. */

import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root, target } from "../support/broker.ts";

describe.skipIf(target === "kafka")("bench/memory.ts", () => {
  test("measures a little load and a few connections", () => {
    const args = ["bench/memory.ts", "--gigabytes", "0.05", "--connections", "50", "--target", target];
    const { status, stdout, stderr } = spawnSync(join(root, "node_modules/.bin/bun"), args, {
      cwd: root,
      env: { ...process.env, BENCH_DRY: "1" },
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("memory: own, highest under load");
  }, 60_000);
});
