/** What was acknowledged outlives `kill -9`. The long form is `npm run kill`. */

import { describe, expect, test } from "bun:test";
import { killRun } from "../support/kill_run.ts";
import { seedOf } from "../support/prng.ts";

const seeds = process.env.SEED ? [seedOf(process.env.SEED)] : [1, 2, 3].map(() => seedOf(undefined));

describe("a broker killed in the middle of producing", () => {
  test.each(seeds)("has every acknowledged record, in order, once, and its group goes on (SEED=%d)", async (seed) => {
    expect(await killRun({ seed })).toContain("records");
  }, 180_000);
});
