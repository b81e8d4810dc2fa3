/**
 * The simulator finds mistakes: each is planted in a copy of the code, and the simulation of that copy must fail.
 * `README.md` lists them with the seed that found each.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { plainEnvironment, PlantingGround } from "./planted.ts";
import { type Mistake, MISTAKES } from "./storage/mistakes.ts";

const ground = new PlantingGround([
  "storage",
  "protocol",
  "runtime",
  "types",
  "tests/simulation/storage",
  "tests/support",
  "tests/unit/storage",
]);
/** Seeds played from the one that is known on: the code has changed since it was found. */
const SEED_COUNT = 400;

afterAll(() => ground.remove());

describe("the simulation finds, planted by hand", () => {
  for (const mistake of MISTAKES) {
    test(mistake.name, () => {
      const found = ground.with(mistake.edits, (folder) => hunt(folder, mistake));
      console.log(`${mistake.name}: ${found}`);
      expect(found).toContain("found: ");
    }, { timeout: 300_000 });
  }
});

function hunt(folder: string, { play, seed }: Mistake): string {
  const args = play === "compaction"
    ? ["test", "./tests/unit/storage/compaction_test.ts", "-t", "survives a power cut at every step"]
    : ["tests/simulation/storage/hunt.ts", play, String(seed), String(SEED_COUNT)];
  const env = plainEnvironment();
  const child = spawnSync(process.execPath, args, { cwd: folder, env, encoding: "utf8", timeout: 240_000 });
  if (play !== "compaction") return child.stdout.trim() || child.stderr;
  return child.status !== 0 && child.stderr.includes("1 fail") ? "found: a power cut at some step" : child.stderr;
}
