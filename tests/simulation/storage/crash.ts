/** Histories with crashes: written ones with a crash at every step, random ones by seed. */

import { createPrng } from "../../support/prng.ts";
import { configOf } from "../../unit/storage/support.ts";
import type { LogConfig } from "../../../storage/log_config.ts";
import { type End, ENDS, Machine } from "./machine.ts";
import { Session, type Step } from "./session.ts";

/** Crashes with chance in them, per step. */
const TEARS = 3;

/** A failure that says how to see it again. */
export class Found extends Error {
  override readonly name = "Found";
  readonly #trace: readonly string[];

  constructor(where: string, trace: readonly string[], cause: unknown) {
    super(`${where}: ${(cause as Error).message}`, { cause });
    this.#trace = trace;
  }

  /** What happened, line by line. */
  get trace(): readonly string[] {
    return this.#trace;
  }
}

export interface History {
  readonly name: string;
  readonly config: Partial<LogConfig>;
  readonly steps: readonly Step[];
}

/** One crash in a history, and perhaps one in the recovery from it. */
export interface CrashPlan {
  readonly dieAt: number;
  readonly share: number;
  readonly end: End;
  readonly seed: number;
  /** Steps into the recovery; Infinity for none. */
  readonly recoveryDieAt: number;
  readonly recoveryEnd: End;
}

export interface CrashResult {
  readonly stepCount: number;
  readonly recoveryStepCount: number;
}

/** Plays a history up to its crash, recovers, checks, goes on for a while, and checks again. */
export async function playCrash(history: History, plan: CrashPlan): Promise<CrashResult> {
  const machine = new Machine({ seed: plan.seed, config: configOf(history.config) });
  const session = new Session(machine);
  let recoveryStepCount = 0;
  try {
    machine.dieAt = plan.dieAt;
    machine.dieWithShare = plan.share;
    machine.end = plan.end;
    let isAlive = await session.start("clean");
    for (const step of history.steps) isAlive = isAlive && await session.perform(step);
    const stepCount = machine.stepCount;
    machine.die(plan.end);
    machine.dieAt = stepCount + plan.recoveryDieAt;
    machine.end = plan.recoveryEnd;
    let before = plan.end;
    if (!await session.start(before)) {
      before = worse(before, plan.recoveryEnd);
      machine.dieAt = Infinity;
      await session.start(before);
    }
    recoveryStepCount = machine.stepCount - stepCount;
    machine.dieAt = Infinity;
    // What recovery showed is there for good, and doing it again changes nothing.
    for (const end of ["lost", "kill"] as const) {
      machine.die(end);
      await session.start(end);
    }
    for (const step of AFTERWARDS) await session.perform(step);
    machine.die("lost");
    await session.start("lost");
    await session.finish();
    return { stepCount, recoveryStepCount };
  } catch (cause) {
    throw new Found(`${history.name} ${JSON.stringify(plan)}`, machine.trace, cause);
  }
}

const AFTERWARDS: readonly Step[] = [
  { do: "append", producer: 1, epoch: 1 },
  { do: "append", records: 3 },
  { do: "sync" },
  { do: "append" },
];

/** Of two ends with nothing but an unfinished start between them: what they spare together. */
export function worse(first: End | "clean", second: End): End {
  return first === "kill" || first === "clean" ? second : first;
}

/**
 * Crashes at every step of a history, in every way, each with another crash at a step of the recovery from it. Not `isWhole`:
 * one in ten of the first, by chance, and one of the second.
 */
export async function playAllCrashes(
  history: History,
  options: { readonly seed: number; readonly isWhole: boolean },
): Promise<number> {
  const { isWhole } = options;
  const next = createPrng(options.seed);
  const whole = await playCrash(history, {
    dieAt: Infinity,
    share: 0,
    end: "kill",
    seed: options.seed,
    recoveryDieAt: Infinity,
    recoveryEnd: "kill",
  });
  let count = 1;
  for (let dieAt = 0; dieAt <= whole.stepCount; dieAt++) {
    for (const end of ENDS) {
      const times = end === "torn" || end === "mixed" ? TEARS : 1;
      for (let time = 0; time < times; time++) {
        if (!isWhole && next() > 0.1) continue;
        const plan = {
          dieAt,
          share: next(),
          end,
          seed: Math.floor(next() * 2 ** 32),
          recoveryDieAt: Infinity,
          recoveryEnd: ENDS[Math.floor(next() * ENDS.length)]!,
        };
        const { recoveryStepCount } = await playCrash(history, plan);
        count++;
        const first = isWhole ? 0 : Math.floor(next() * recoveryStepCount);
        const last = isWhole ? recoveryStepCount : first + 1;
        for (let recoveryDieAt = first; recoveryDieAt < last; recoveryDieAt++) {
          await playCrash(history, { ...plan, recoveryDieAt });
          count++;
        }
      }
    }
  }
  return count;
}
