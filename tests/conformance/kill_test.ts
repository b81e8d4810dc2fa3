/** What was acknowledged outlives `kill -9`: ten rounds. The long form, of two hundred, is `npm run kill`. */

import { expect, test } from "bun:test";
import { killSeries } from "../support/kill_run.ts";
import { seedOf } from "../support/prng.ts";

const seed = seedOf(process.env.SEED);

test(
  `a broker killed again and again has every acknowledged record, in order, once, and its group goes on (SEED=${seed})`,
  async () => {
    const result = await killSeries({ seed, roundCount: 10 });
    expect(result.killCount).toBeGreaterThanOrEqual(10);
    expect(result.ackedCount).toBeGreaterThan(0);
    expect(result.missingCount).toBeGreaterThan(0); // Compaction was under way.
    expect(result.committedCount).toBeGreaterThan(0);
  },
  180_000,
);
