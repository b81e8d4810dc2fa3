/**
 * The simulator finds mistakes: each is planted in a copy of the code, and the simulation of that copy must fail.
 * `README.md` lists them with the seed that found each.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { dirname, join } from "@std/path";
import { type Mistake, MISTAKES } from "./storage/mistakes.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const scratch = mkdtempSync(join(tmpdir(), "weir-mistakes-"));
const COPIED = [
  "storage",
  "protocol",
  "runtime",
  "types",
  "tests/simulation/storage",
  "tests/support",
  "tests/unit/storage",
];
/** Seeds played from the one that is known on: the code has changed since it was found. */
const SEED_COUNT = 400;

afterAll(() => rmSync(scratch, { recursive: true }));

describe("the simulation finds, planted by hand", () => {
  for (const mistake of MISTAKES) {
    test(mistake.name, () => {
      const found = hunt(plant(mistake), mistake);
      console.log(`${mistake.name}: ${found}`);
      expect(found).toContain("found: ");
    }, { timeout: 300_000 });
  }
});

/** A copy of the code with the mistake in it; returns where it is. */
function plant({ name, edits }: Mistake): string {
  const folder = join(scratch, name.replaceAll(" ", "_"));
  for (const path of COPIED) cpSync(join(root, path), join(folder, path), { recursive: true });
  for (const path of ["package.json", "tsconfig.json"]) cpSync(join(root, path), join(folder, path));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  for (const [path, before, after] of edits) {
    const source = readFileSync(join(folder, path), "utf8");
    expect(source.split(before).length).toBe(2); // It is there, once.
    writeFileSync(join(folder, path), source.replace(before, () => after));
  }
  return folder;
}

function hunt(folder: string, { play, seed }: Mistake): string {
  const args = play === "compaction"
    ? ["test", "./tests/unit/storage/compaction_test.ts", "-t", "survives a power cut at every step"]
    : ["tests/simulation/storage/hunt.ts", play, String(seed), String(SEED_COUNT)];
  const { SEED: _seed, SIM_SEEDS: _count, ...env } = process.env;
  const child = spawnSync(process.execPath, args, { cwd: folder, env, encoding: "utf8", timeout: 240_000 });
  if (play !== "compaction") return child.stdout.trim() || child.stderr;
  return child.status !== 0 && child.stderr.includes("1 fail") ? "found: a power cut at some step" : child.stderr;
}
