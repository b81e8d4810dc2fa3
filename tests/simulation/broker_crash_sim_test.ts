/**
 * The whole broker under clients that never rest, on a disk that fills up, fails and loses power, killed at any file
 * operation, also while it starts or stops. Time is virtual. What must hold is in `broker/history.ts`; when all trouble ends,
 * everything promised must be readable within a minute, and a stop leaves nothing behind.
 *
 *     SEED=123 bun test tests/simulation/broker_crash_sim_test.ts                    the run that failed, again
 *     SIM_SEEDS=1000 bun test tests/simulation/broker_crash_sim_test.ts              a long one
 */
import { expect, test } from "bun:test";
import process from "node:process";
import { seedOf } from "../support/prng.ts";
import { Scenario } from "./broker/scenario.ts";

// The gate runs the same few every time, so that it says something about the change; long runs look for what is new.
const isLong = process.env.SEED !== undefined || process.env.SIM_SEEDS !== undefined;
const seed = isLong ? seedOf(process.env.SEED) : 1;
const runCount = Number(process.env.SIM_SEEDS ?? (process.env.SEED ? 1 : 20));

test(`broker keeps its promises through crashes and faults (SEED=${seed})`, async () => {
  console.log(`broker crashes: SEED=${seed} SIM_SEEDS=${runCount}`);
  let ackedCount = 0;
  let startCount = 0;
  let compactionCount = 0;
  let coldReadCount = 0;
  for (let run = 0; run < runCount; run++) {
    const runSeed = (seed + run) >>> 0;
    const scenario = new Scenario(runSeed);
    try {
      await scenario.run();
    } catch (cause) {
      console.log(scenario.world.lines.join("\n"));
      console.log(`broker crashes failed: SEED=${runSeed}`);
      throw new Error(`Simulation failed: SEED=${runSeed}: ${(cause as Error).message}`, { cause });
    }
    ackedCount += scenario.world.history.ackedCount;
    startCount += scenario.world.startCount;
    compactionCount += scenario.world.compactionCount;
    coldReadCount += scenario.world.coldReadCount;
  }
  console.log(
    `broker crashes: ${startCount} starts, ${compactionCount} compactions, ${coldReadCount} cold reads, ` +
      `${ackedCount} acknowledged records at the ends`,
  );
  expect(ackedCount).toBeGreaterThan(0);
  if (runCount >= 20) expect(Math.min(compactionCount, coldReadCount)).toBeGreaterThan(0);
}, { timeout: 86_400_000 });

test("a history is repeated by its seed, whatever ran before it", async () => {
  const traceOf = async (runSeed: number) => {
    const scenario = new Scenario(runSeed);
    await scenario.run();
    return scenario.world.lines;
  };
  const first = await traceOf(2);
  await traceOf(7);
  expect(await traceOf(2)).toEqual(first);
}, { timeout: 60_000 });
