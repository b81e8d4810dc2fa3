/**
 * The long kill test, `npm run kill`: bun scripts/kill.ts [TIMES]
 *
 * Runs the kill test TIMES (20) times, each with its own seed, against the broker that WEIR_TARGET names (exe). SEED=n
 * runs that one.
 */

import type { Target } from "../tests/support/broker.ts";
import { killRun } from "../tests/support/kill_run.ts";
import { seedOf } from "../tests/support/prng.ts";

const target = (process.env.WEIR_TARGET ?? "exe") as Target;
const times = process.env.SEED ? 1 : Number(process.argv[2] ?? 20);
let failed = 0;
for (let run = 1; run <= times; run++) {
  const seed = seedOf(process.env.SEED);
  const startMs = Date.now();
  try {
    const what = await killRun({ seed, target });
    console.log(`ok   ${run} of ${times}, SEED=${seed}, ${((Date.now() - startMs) / 1000).toFixed(1)} s: ${what}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${run} of ${times}, SEED=${seed}`, error);
  }
}
console.log(`${times - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
