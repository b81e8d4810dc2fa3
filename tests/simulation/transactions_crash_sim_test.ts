/**
 * Transactions on the whole broker, killed at any file operation, on a disk that fills up, fails and loses power: new producers
 * and old, alone and fighting over an id. What must hold is in `transactions/ledger.ts`. Time is virtual.
 *
 *     SEED=123 bun test tests/simulation/transactions_crash_sim_test.ts              the run that failed, again
 *     SIM_SEEDS=1000 bun test tests/simulation/transactions_crash_sim_test.ts        a long one
 */
import { expect } from "bun:test";
import { testCrashRuns } from "./broker/crash_runs.ts";
import { TransactionScenario } from "./transactions/scenario.ts";

let committedCount = 0;
let startCount = 0;

testCrashRuns({
  name: "a transaction is whole or absent through crashes and faults",
  subject: "transactions and crashes",
  runCount: 20,
  playOf: (seed) => new TransactionScenario(seed),
  count: ({ ledger, world }) => {
    committedCount += ledger.committedCount;
    startCount += world.startCount;
  },
  atEnd: (runCount, say) => {
    say(`${startCount} starts, ${committedCount} transactions told to be committed`);
    expect(committedCount).toBeGreaterThan(runCount);
  },
});
