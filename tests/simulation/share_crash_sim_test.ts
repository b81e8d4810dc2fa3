/**
 * A share group that reads what is committed, on the whole broker, killed at any file operation, on a disk that fills up,
 * fails and loses power. What must hold is in `shares/ledger.ts`. Time is virtual.
 *
 *     SEED=123 bun test tests/simulation/share_crash_sim_test.ts              the run that failed, again
 *     SIM_SEEDS=1000 bun test tests/simulation/share_crash_sim_test.ts        a long one
 */
import { expect, test } from "bun:test";
import process from "node:process";
import { seedOf } from "../support/prng.ts";
import { ShareScenario } from "./shares/scenario.ts";

// The gate runs the same few every time, so that it says something about the change; long runs look for what is new.
const isLong = process.env.SEED !== undefined || process.env.SIM_SEEDS !== undefined;
const seed = isLong ? seedOf(process.env.SEED) : 1;
const runCount = Number(process.env.SIM_SEEDS ?? (process.env.SEED ? 1 : 15));

test(`records are one member's at a time, through crashes and faults (SEED=${seed})`, async () => {
  console.log(`share groups and crashes: SEED=${seed} SIM_SEEDS=${runCount}`);
  let acquiredCount = 0;
  let doneCount = 0;
  for (let run = 0; run < runCount; run++) {
    const runSeed = (seed + run) >>> 0;
    const scenario = new ShareScenario(runSeed);
    try {
      await scenario.run();
    } catch (cause) {
      console.log(scenario.world.lines.join("\n"));
      console.log(`share groups and crashes failed: SEED=${runSeed}`);
      throw new Error(`Simulation failed: SEED=${runSeed}: ${(cause as Error).message}`, { cause });
    }
    acquiredCount += scenario.ledger.acquiredCount;
    doneCount += scenario.ledger.doneCount;
  }
  console.log(`share groups and crashes: ${acquiredCount} deliveries, ${doneCount} told to be done with`);
  expect(doneCount).toBeGreaterThan(runCount);
}, { timeout: 86_400_000 });
