/**
 * What storage reaches of what the disk can do: bun bench/storage.ts [--runtime bun,deno] [--only append,durable,read,broker]
 * [--rounds 5] [--scale 1]
 *
 * Runs the benches of bench/storage/ on each runtime: the log engine without a broker around it, and what a client gets of it.
 * Each says at its head what it measures, beside which bare loop, and when it fails.
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../tests/support/broker.ts";

const parts = ["append", "durable", "read", "broker"];
const commands: Readonly<Record<string, readonly string[]>> = { bun: ["bun"], deno: ["deno", "run", "-A"] };

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: "bun,deno" },
    only: { type: "string", default: parts.join(",") },
    rounds: { type: "string", default: "5" },
    scale: { type: "string", default: "1" },
  },
});

let isGood = true;
for (const part of chosen("only", values.only, parts)) {
  for (const runtime of chosen("runtime", values.runtime, Object.keys(commands))) {
    const script = join("bench/storage", `${part}.ts`);
    if (!existsSync(join(root, script))) continue;
    // The client runs on Bun, whatever the broker runs on.
    const [program, ...leading] = part === "broker" ? ["bun"] as const : commands[runtime]!;
    const subject = part === "broker" ? [runtime] : [];
    const { status } = spawnSync(
      join(root, "node_modules/.bin", program!),
      [...leading, script, ...subject, "--rounds", values.rounds, "--scale", values.scale],
      // Bun takes the size of its thread pool from here; as `npm start` sets it.
      {
        cwd: root,
        stdio: "inherit",
        env: { ...process.env, UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? "16" },
      },
    );
    if (status !== 0) isGood = false;
  }
}
process.exit(isGood ? 0 : 1);

function chosen(option: string, value: string, allowed: readonly string[]): string[] {
  const names = value.split(",");
  const wrong = names.find((name) => !allowed.includes(name));
  if (wrong === undefined) return names;
  throw new RangeError(`Invalid value "${wrong}" for --${option}: must be of ${allowed.join(", ")}`);
}
