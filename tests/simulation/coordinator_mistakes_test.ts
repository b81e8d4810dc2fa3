/**
 * The simulations of coordinators find mistakes at the gate, with the runs they make there: each is planted in a copy of the code, and
 * the test of that copy must fail, for the reason that is meant. `README.md` lists them.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { MISTAKES } from "./coordinator_mistakes.ts";
import { plainEnvironment, PlantingGround } from "./planted.ts";

const ground = new PlantingGround([
  ...["storage", "protocol", "runtime", "server", "types"],
  ...["tests/simulation", "tests/support", "tests/unit/server"],
]);
/** The same runs every time; the crash simulation has seeds of its own. */
const seed = "20";

afterAll(() => ground.remove());

describe("the simulations of coordinators find, planted by hand", () => {
  for (const { name, test: file, says, edits } of MISTAKES) {
    test(name, () => {
      const { status, stderr } = ground.with(edits, (folder) => {
        const env = { ...plainEnvironment(), ...(file.includes("_crash_sim_") ? {} : { SEED: seed }) };
        const args = ["test", "--timeout=120000", `./tests/simulation/${file}`];
        return spawnSync(process.execPath, args, { cwd: folder, env, encoding: "utf8", timeout: 240_000 });
      });
      expect({ status, isFound: /^error: Simulation failed: .*/m.exec(stderr)?.[0].includes(says) ?? stderr })
        .toEqual({ status: 1, isFound: true });
    }, { timeout: 300_000 });
  }
});
