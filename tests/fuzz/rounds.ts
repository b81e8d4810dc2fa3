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

  return function eachRound(name: string, round: (chance: Chance) => void): void {
    test(`${name} (SEED=${seed})`, () => {
      for (let index = 0; index < rounds; index++) {
        try {
          round(new Chance(seed + index));
        } catch (error) {
          throw new Error(`SEED=${seed + index} ROUNDS=1: ${error}`, { cause: error });
        }
      }
    }, options);
  };
}
