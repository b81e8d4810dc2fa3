/**
 * The storage code over a disk that loses power, at every step of I/O. What must hold is in `storage/account.ts`.
 *
 *     SEED=123 bun test tests/simulation/storage_crash_sim_test.ts            the run that failed, again
 *     SIM_SEEDS=500 bun test tests/simulation/storage_crash_sim_test.ts       a long one of 5,000 histories, and every crash of
 *                                                                             every recovery from every crash of the short ones
 */
import { describe, expect, test } from "bun:test";
import process from "node:process";
import { seedOf } from "../support/prng.ts";
import { Found, playAllCrashes } from "./storage/crash.ts";
import { HISTORIES } from "./storage/histories.ts";
import { playCompacted, playFlipped, playRandom } from "./storage/random.ts";
import { playRot } from "./storage/rot.ts";
import { playRotAnywhere } from "./storage/rot_anywhere.ts";

// The gate runs the same few every time, so that it says something about the change; long runs look for what is new.
const isLong = process.env.SEED !== undefined || process.env.SIM_SEEDS !== undefined;
const seed = isLong ? seedOf(process.env.SEED) : 1;
// A history of a log is over a hundred times sooner than one of a broker.
const runCount = process.env.SIM_SEEDS !== undefined
  ? 10 * Number(process.env.SIM_SEEDS)
  : process.env.SEED !== undefined
  ? 1
  : 300;
/** Of the histories with flipped reads, at the gate. */
const FLIPPED_RUNS = 100;
/** Of the histories with cleanings, at the gate. */
const COMPACTED_RUNS = 60;
const options = { timeout: 86_400_000 };

describe("storage keeps its promises", () => {
  for (const history of HISTORIES) {
    test(`through a crash at every step of: ${history.name}`, async () => {
      const isWhole = Number(process.env.SIM_SEEDS ?? 0) >= 100;
      const count = await told(() => playAllCrashes(history, { seed, isWhole }));
      console.log(`storage crashes: ${history.name}: ${count} crashes`);
      expect(count).toBeGreaterThan(100);
    }, options);
  }

  test(`through bits that the disk flips in what was synced (SEED=${seed})`, async () => {
    for (let run = 0; run < Math.min(runCount, 1000); run++) await told(() => playRot((seed + run) >>> 0));
    for (let run = 0; run < runCount; run++) await told(() => playRotAnywhere((seed + run) >>> 0));
  }, options);

  test(`through bits that are flipped on the way from the disk (SEED=${seed})`, async () => {
    let flipCount = 0;
    const count = isLong ? runCount : FLIPPED_RUNS;
    for (let run = 0; run < count; run++) flipCount += await told(() => playFlipped((seed + run) >>> 0));
    console.log(`storage crashes: ${flipCount} bits flipped in reads`);
    if (count > 10) expect(flipCount).toBeGreaterThan(count);
  }, options);

  test(`through random histories (SEED=${seed})`, async () => {
    console.log(`storage crashes: SEED=${seed} SIM_SEEDS=${runCount}`);
    let leftCount = 0;
    for (let run = 0; run < runCount; run++) leftCount += await told(() => playRandom((seed + run) >>> 0));
    expect(leftCount).toBeGreaterThan(0);
  }, options);

  test(`through random histories of a log that is compacted (SEED=${seed})`, async () => {
    let removedCount = 0;
    const count = isLong ? runCount : COMPACTED_RUNS;
    for (let run = 0; run < count; run++) removedCount += await told(() => playCompacted((seed + run) >>> 0));
    console.log(`storage crashes: cleanings took ${removedCount} batches`);
    if (count > 10) expect(removedCount).toBeGreaterThan(count);
  }, options);
});

async function told<Result>(play: () => Promise<Result>): Promise<Result> {
  try {
    return await play();
  } catch (error) {
    if (error instanceof Found) console.log(`${error.trace.join("\n")}\nstorage crashes failed: ${error.message}`);
    throw error;
  }
}
