/** Tests of many plays, each by a seed of its own. */
import { test } from "bun:test";
import process from "node:process";
import { seedOf } from "../../support/prng.ts";
import type { Play } from "./play.ts";

export interface CrashRuns<P extends Play> {
  readonly name: string;
  /** In the lines that it prints. */
  readonly subject: string;
  /** At the gate: the same few every time, so that it says something about the change; long runs look for what is new. */
  readonly runCount: number;
  readonly playOf: (seed: number) => P;
  /** Adds up what came of a play. */
  readonly count: (play: P) => void;
  /** Says, and checks, what came of all of them. */
  readonly atEnd: (runCount: number, say: (text: string) => void) => void;
}

/** `SEED=123` is the run that failed, again; `SIM_SEEDS=1000` is a long one. */
export function testCrashRuns<P extends Play>(options: CrashRuns<P>): void {
  const { name, subject, playOf, count, atEnd } = options;
  const isLong = process.env.SEED !== undefined || process.env.SIM_SEEDS !== undefined;
  const seed = isLong ? seedOf(process.env.SEED) : 1;
  const runCount = Number(process.env.SIM_SEEDS ?? (process.env.SEED ? 1 : options.runCount));
  test(`${name} (SEED=${seed})`, async () => {
    console.log(`${subject}: SEED=${seed} SIM_SEEDS=${runCount}`);
    for (let run = 0; run < runCount; run++) {
      const runSeed = (seed + run) >>> 0;
      const play = playOf(runSeed);
      try {
        await play.run();
      } catch (cause) {
        console.log(play.world.lines.join("\n"));
        console.log(`${subject} failed: SEED=${runSeed}`);
        throw new Error(`Simulation failed: SEED=${runSeed}: ${(cause as Error).message}`, { cause });
      }
      count(play);
    }
    atEnd(runCount, (text) => console.log(`${subject}: ${text}`));
  }, { timeout: 86_400_000 });
}
