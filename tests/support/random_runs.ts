/** Tests of many random runs, each by a seed of its own: one that fails names the seed by which it can be had again. */
import { test } from "bun:test";
import process from "node:process";
import { createPrng, seedOf } from "./prng.ts";

/**
 * `SEED=123 RUNS=1 bun test FILE` is the run that failed, again.
 * @param runCountDefault how many runs, when `RUNS` does not say
 * @param atEnd checks what must have come of all of them together
 */
export function testRandomRuns(
  name: string,
  runCountDefault: number,
  run: (seed: number) => void | Promise<void>,
  atEnd: (runCount: number) => void = () => {},
): void {
  const seed = seedOf(process.env.SEED);
  const runCount = Number(process.env.RUNS ?? runCountDefault);
  test(`${name} (SEED=${seed})`, async () => {
    for (let index = 0; index < runCount; index++) {
      const runSeed = seed + index;
      try {
        await run(runSeed);
      } catch (cause) {
        throw new Error(`Simulation failed: SEED=${runSeed} RUNS=1: ${(cause as Error).message}`, { cause });
      }
    }
    atEnd(runCount);
  }, { timeout: 3_600_000 });
}

/** What happens by chance in one run. */
export class RandomRun {
  readonly random: () => number;

  constructor(runSeed: number) {
    this.random = createPrng(runSeed);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}
