/**
 * The whole broker under clients that never rest, on a disk that fills up, fails and loses power, killed at any file
 * operation, also while it starts or stops. Time is virtual. What must hold is in `broker/history.ts`; when all trouble ends,
 * everything promised must be readable within a minute, and a stop leaves nothing behind.
 *
 *     SEED=123 bun test tests/simulation/broker_crash_sim_test.ts                    the run that failed, again
 *     SIM_SEEDS=1000 bun test tests/simulation/broker_crash_sim_test.ts              a long one
 */
import { expect, test } from "bun:test";
import { testCrashRuns } from "./broker/crash_runs.ts";
import { Scenario } from "./broker/scenario.ts";

let ackedCount = 0;
let startCount = 0;
let compactionCount = 0;
let coldReadCount = 0;

testCrashRuns({
  name: "broker keeps its promises through crashes and faults",
  subject: "broker crashes",
  runCount: 20,
  playOf: (seed) => new Scenario(seed),
  count: ({ world }) => {
    ackedCount += world.history.ackedCount;
    startCount += world.startCount;
    compactionCount += world.compactionCount;
    coldReadCount += world.coldReadCount;
  },
  atEnd: (runCount, say) => {
    say(
      `${startCount} starts, ${compactionCount} compactions, ${coldReadCount} cold reads, ` +
        `${ackedCount} acknowledged records at the ends`,
    );
    expect(ackedCount).toBeGreaterThan(0);
    if (runCount >= 20) expect(Math.min(compactionCount, coldReadCount)).toBeGreaterThan(0);
  },
});

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
