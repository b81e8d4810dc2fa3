/**
 * A share group that reads what is committed, on the whole broker, killed at any file operation, on a disk that fills up,
 * fails and loses power. What must hold is in `shares/ledger.ts`. Time is virtual.
 *
 *     SEED=123 bun test tests/simulation/share_crash_sim_test.ts              the run that failed, again
 *     SIM_SEEDS=1000 bun test tests/simulation/share_crash_sim_test.ts        a long one
 */
import { expect } from "bun:test";
import { testCrashRuns } from "./broker/crash_runs.ts";
import { ShareScenario } from "./shares/scenario.ts";

let acquiredCount = 0;
let doneCount = 0;

testCrashRuns({
  name: "records are one member's at a time, through crashes and faults",
  subject: "share groups and crashes",
  runCount: 15,
  playOf: (seed) => new ShareScenario(seed),
  count: ({ ledger }) => {
    acquiredCount += ledger.acquiredCount;
    doneCount += ledger.doneCount;
  },
  atEnd: (runCount, say) => {
    say(`${acquiredCount} deliveries, ${doneCount} told to be done with`);
    expect(doneCount).toBeGreaterThan(runCount);
  },
});
