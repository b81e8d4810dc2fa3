/** Tests of many rounds by chance: each has a seed of its own, which a failure names and `SEED=n ROUNDS=1` plays again. */
import { test } from "bun:test";
import process from "node:process";
import { seedOf } from "../support/prng.ts";
import { Chance } from "./damage.ts";

/** For as many rounds as anybody asks for. */
export const options = { timeout: 3_600_000 };

/** What declares such a test: `ROUNDS` of them, or so many as the file has by default. */
export function roundsOf(file: string, defaultRounds: number) {
  const seed = seedOf(process.env.SEED);
  const rounds = Number(process.env.ROUNDS ?? defaultRounds);
  console.info(`${file} fuzz: SEED=${seed} ROUNDS=${rounds}`);

  /** @param atEnd is told how many there were: where hardly any of many reached what they are for, they are too wild or too tame */
  return function eachRound(
    name: string,
    round: (chance: Chance, roundSeed: number) => void | Promise<void>,
    atEnd?: (rounds: number) => void,
  ): void {
    test(`${name} (SEED=${seed})`, async () => {
      for (let index = 0; index < rounds; index++) {
        const roundSeed = seed + index;
        try {
          const going = round(new Chance(roundSeed), roundSeed);
          if (going instanceof Promise) await going;
        } catch (error) {
          throw new Error(`SEED=${roundSeed} ROUNDS=1: ${error}`, { cause: error });
        }
      }
      atEnd?.(rounds);
    }, options);
  };
}
