/**
 * The long kill run, `npm run kill`: bun scripts/kill.ts [ROUNDS]
 *
 * Kills the broker that WEIR_TARGET names (exe) ROUNDS (200) times under load, in series of ten with a seed and a folder of
 * their own, and checks after each kill what is there. SEED=n runs that series.
 */

import type { Target } from "../tests/support/broker.ts";
import { killSeries } from "../tests/support/kill_run.ts";
import { seedOf } from "../tests/support/prng.ts";

const roundsPerSeries = 10;
const target = (process.env.WEIR_TARGET ?? "exe") as Target;
const wantedCount = process.env.SEED ? roundsPerSeries : Number(process.argv[2] ?? 200);
const totals = { passed: 0, failed: 0, kills: 0, acked: 0, deleted: 0, compacted: 0 };
for (let left = wantedCount; left > 0; left -= roundsPerSeries) {
  const seed = seedOf(process.env.SEED);
  const roundCount = Math.min(left, roundsPerSeries);
  const startMs = Date.now();
  try {
    const result = await killSeries({ seed, roundCount, target });
    totals.passed += roundCount;
    totals.kills += result.killCount;
    totals.acked += result.ackedCount;
    totals.deleted += result.deletedCount;
    totals.compacted += result.missingCount;
    const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
    console.log(
      `ok   ${totals.passed} of ${wantedCount}, SEED=${seed}, ${seconds} s: ${result.killCount} kills, ${result.ackedCount} ` +
        `acknowledged, ${result.resentCount} requests resent, ${result.deletedCount} deleted, ${result.missingCount} ` +
        `compacted away, ${result.commitCount} commits, ${result.startedOverCount} producers started over, ` +
        `${result.committedCount} transactions committed, ${result.abortedCount} aborted`,
    );
  } catch (error) {
    totals.failed += roundCount;
    console.log(`FAIL ${roundCount} rounds, SEED=${seed}`, error);
  }
}
console.log(
  `${totals.kills} kills, ${totals.acked} records acknowledged, ${totals.deleted} deleted, ${totals.compacted} compacted away`,
);
console.log(`${totals.passed} rounds passed, ${totals.failed} failed`);
const isIdle = wantedCount >= 100 && (totals.deleted === 0 || totals.compacted === 0);
if (isIdle) console.log("FAIL: nothing was deleted, or nothing compacted: the kills met neither");
process.exit(totals.failed === 0 && !isIdle ? 0 : 1);
