/**
 * The gate, `npm test`: bun scripts/test.ts [PART ...]
 *
 *   format lint types   deno fmt --check, deno lint, deno check
 *   suite               tidy, unit, golden, simulation and fuzz smoke tests, on Bun
 *   deno                the unit tests again, on Deno: among them the adapter to it
 *   conformance         black-box tests against the broker that WEIR_TARGET names (bun, deno or exe)
 *
 * No PART means all of them. The last line is `N passed, N failed`; a check counts as one test.
 */

import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { dirname, join } from "@std/path";

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Part {
  readonly command: readonly string[];
  /** Reads a runner's own figures; without it the exit status counts as one test. */
  readonly count?: (output: string) => Counts | null;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bun = join(root, "node_modules/.bin/bun");
const deno = join(root, "node_modules/.bin/deno");
const target = process.env.WEIR_TARGET ?? "bun";

/** For a test that says nothing itself: only against hanging, for a busy machine makes a test of one second take ten. */
const timeLimit = "--timeout=60000";

const parts: Record<string, Part> = {
  format: { command: [deno, "fmt", "--check", "--quiet"] },
  lint: { command: [deno, "lint", "--quiet"] },
  types: { command: [deno, "check", "--quiet", "."] },
  suite: {
    command: [bun, "test", timeLimit, ...folders("tidy_test.ts", "unit", "golden", "simulation", "fuzz")],
    count: bunCounts,
  },
  deno: { command: [deno, "test", "--no-check", "-A", ...folders("unit")], count: denoCounts },
  conformance: { command: [bun, "test", timeLimit, ...folders("conformance")], count: bunCounts },
};

const total = { passed: 0, failed: 0 };
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(parts)) {
  const part = parts[name];
  if (!part) throw new RangeError(`Cannot run part "${name}": choose from ${Object.keys(parts).join(", ")}`);
  const { passed, failed } = await runPart(name, part);
  total.passed += passed;
  total.failed += failed;
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);

async function runPart(name: string, part: Part): Promise<Counts> {
  const startMs = Date.now();
  const { status, output } = await runCommand(part.command);
  const counts = part.count?.(output) ?? { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
  // A runner that dies after its summary, or before it, has failed whatever it printed.
  const failed = status !== 0 && counts.failed === 0 ? 1 : counts.failed;
  const label = name === "conformance" ? `${name} (${target})` : name;
  const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
  if (failed > 0) console.log(output.trimEnd());
  console.log(`${failed === 0 ? "ok  " : "FAIL"} ${label}: ${counts.passed} passed, ${failed} failed, ${seconds} s`);
  return { passed: counts.passed, failed };
}

function runCommand([command = "", ...args]: readonly string[]): Promise<{ status: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, WEIR_TARGET: target, NO_COLOR: "1", AGENT: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => output += text);
    child.on("error", reject);
    child.on("close", (code) => resolve({ status: code ?? 1, output }));
  });
}

/** Of these paths under tests/ the ones that hold tests, as bun and deno want them. */
function folders(...names: readonly string[]): string[] {
  return names.map((name) => `./tests/${name}`).filter(hasTests);
}

function hasTests(path: string): boolean {
  if (!existsSync(join(root, path))) return false;
  if (path.endsWith(".ts")) return true;
  return readdirSync(join(root, path), { recursive: true }).some((name) => String(name).endsWith("_test.ts"));
}

function bunCounts(output: string): Counts | null {
  const passed = /^\s*(\d+) pass$/m.exec(output)?.[1];
  const failed = /^\s*(\d+) fail$/m.exec(output)?.[1];
  return passed === undefined || failed === undefined ? null : { passed: Number(passed), failed: Number(failed) };
}

function denoCounts(output: string): Counts | null {
  const found = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/m.exec(output);
  return found ? { passed: Number(found[1]), failed: Number(found[2]) } : null;
}
