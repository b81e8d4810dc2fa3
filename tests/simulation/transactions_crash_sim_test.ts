/**
 * Transactions on the whole broker, killed at any file operation, on a disk that fills up, fails and loses power: new producers
 * and old, alone and fighting over an id. What must hold is in `transactions/ledger.ts`. Time is virtual.
 *
 *     SEED=123 bun test tests/simulation/transactions_crash_sim_test.ts              the run that failed, again
 *     SIM_SEEDS=1000 bun test tests/simulation/transactions_crash_sim_test.ts        a long one
 */
import { expect, test } from "bun:test";
import process from "node:process";
import { seedOf } from "../support/prng.ts";
import { TransactionScenario } from "./transactions/scenario.ts";

// The gate runs the same few every time, so that it says something about the change; long runs look for what is new.
const isLong = process.env.SEED !== undefined || process.env.SIM_SEEDS !== undefined;
const seed = isLong ? seedOf(process.env.SEED) : 1;
const runCount = Number(process.env.SIM_SEEDS ?? (process.env.SEED ? 1 : 20));

test(`a transaction is whole or absent through crashes and faults (SEED=${seed})`, async () => {
  console.log(`transactions and crashes: SEED=${seed} SIM_SEEDS=${runCount}`);
  let committedCount = 0;
  let startCount = 0;
  for (let run = 0; run < runCount; run++) {
    const runSeed = (seed + run) >>> 0;
    const scenario = new TransactionScenario(runSeed);
    try {
      await scenario.run();
    } catch (cause) {
      console.log(scenario.world.lines.join("\n"));
      console.log(`transactions and crashes failed: SEED=${runSeed}`);
      throw new Error(`Simulation failed: SEED=${runSeed}: ${(cause as Error).message}`, { cause });
    }
    committedCount += scenario.ledger.committedCount;
    startCount += scenario.world.startCount;
  }
  console.log(`transactions and crashes: ${startCount} starts, ${committedCount} transactions told to be committed`);
  expect(committedCount).toBeGreaterThan(runCount);
}, { timeout: 86_400_000 });
