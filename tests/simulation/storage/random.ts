/** Long histories by chance, with crashes at any step, also while a process starts or stops, and syncs that fail. */

import { createPrng } from "../../support/prng.ts";
import { configOf } from "../../unit/storage/support.ts";
import { Found, worse } from "./crash.ts";
import { type End, ENDS, Machine } from "./machine.ts";
import { Session, type Step } from "./session.ts";

const LIVES = 8;
const STEPS_MAX = 30;
/** Of the steps of a compacted log: cleanings, and what they wait for. */
const COMPACTED_SHARE = 0.35;
const READING_SHARE = 0.15;
const FLIP_SHARES = [0.01, 0.05, 0.2, 0.5];

/** Plays the history of a seed. Returns how many batches were left at its end. */
export function playRandom(seed: number): Promise<number> {
  return play(seed, {});
}

/** The same of a log with keys that is cleaned. Returns how many batches the cleaner has taken. */
export function playCompacted(seed: number): Promise<number> {
  return play(seed, { isCompacted: true });
}

/** The same of either, on a machine that now and then reads a bit wrong. Returns how many it has. */
export function playFlipped(seed: number): Promise<number> {
  return play(seed, { isCompacted: seed % 2 === 0, hasFlips: true });
}

async function play(
  seed: number,
  { isCompacted = false, hasFlips = false }: { readonly isCompacted?: boolean; readonly hasFlips?: boolean },
): Promise<number> {
  const next = createPrng(seed);
  const dice = new Dice(next);
  const cleanup = isCompacted
    ? {
      cleanupPolicy: { delete: dice.chance(0.3), compact: true },
      minCleanableDirtyRatio: dice.chance(0.7) ? 0 : 0.3,
      deleteRetentionMs: dice.int(60),
    }
    : {};
  const machine = new Machine({
    seed,
    config: configOf({
      segmentBytes: 400 + dice.int(3000),
      indexIntervalBytes: dice.pick([0, 100, 400, 4096]),
      segmentIndexBytes: dice.chance(0.3) ? 48 : 10_000,
      retentionBytes: dice.chance(0.5) ? -1 : 1000 + dice.int(5000),
      retentionMs: dice.chance(0.8) ? -1 : 1000,
      fileDeleteDelayMs: dice.int(100),
      segmentMs: dice.chance(0.3) ? 20 : 1_000_000_000,
      flushMessages: dice.chance(0.8) ? Infinity : 1 + dice.int(5),
      ...cleanup,
    }),
    limits: {
      tailBytesMax: dice.int(3) * 2000,
      mappedBytesMax: dice.int(3) * 4000,
      openFilesMax: 3 + dice.int(20),
    },
  });
  if (dice.chance(0.3)) machine.runtime.files.syncDelayMs = () => dice.int(5);
  if (hasFlips) machine.flipShare = FLIP_SHARES[seed % FLIP_SHARES.length]!;
  const session = new Session(machine);
  const hasFailures = dice.chance(0.3);
  try {
    let end: End | "clean" = "clean";
    for (let life = 0; life < LIVES; life++) {
      machine.end = dice.pick(ENDS);
      machine.dieWithShare = next();
      machine.dieAt = dice.chance(0.6) ? machine.stepCount + dice.int(dice.chance(0.3) ? 12 : 150) : Infinity;
      if (hasFailures && dice.chance(0.4)) machine.failSyncAt = machine.stepCount + dice.int(100);
      const isStarted = await session.start(end);
      let isAlive = isStarted;
      for (let count = dice.int(STEPS_MAX); count > 0 && isAlive; count--) {
        isAlive = await session.perform(
          hasFlips && dice.chance(READING_SHARE)
            ? { do: dice.pick(["consume", "scrub"]) }
            : isCompacted && dice.chance(COMPACTED_SHARE)
            ? cleaningStepOf(dice)
            : stepOf(dice),
        );
        // An operator starts a broker again whose log the disk has failed.
        if (isAlive && machine.hasFailed) break;
      }
      machine.die(machine.end);
      end = isStarted ? machine.end : worse(end, machine.end);
    }
    machine.dieAt = machine.failSyncAt = Infinity;
    await session.start(end);
    await session.finish();
    if (hasFlips) return machine.flipCount;
    return isCompacted ? session.removedCount : session.account.written.length;
  } catch (cause) {
    throw new Found(`SEED=${seed}`, machine.trace, cause);
  }
}

/** A cleaning, or what it waits for. */
function cleaningStepOf(dice: Dice): Step {
  const roll = dice.int(100);
  if (roll < 30) return { do: "roll" };
  if (roll < 40) return { do: "sync" };
  if (roll < 50) return { do: "wait", ms: dice.int(30) };
  return { do: "compact", isBeside: dice.chance(0.4), tableKeys: dice.chance(0.3) ? 2 + dice.int(12) : 1000 };
}

function stepOf(dice: Dice): Step {
  const roll = dice.int(100);
  if (roll < 45) {
    return {
      do: "append",
      producer: dice.pick([-1, -1, 1, 2, 3, 10, 11]),
      records: 1 + dice.int(4),
      bytes: dice.pick([5, 40, 90]),
      epoch: dice.chance(0.1) ? 1 : 0,
    };
  }
  if (roll < 53) return { do: "mark", producer: dice.pick([10, 11]), kind: dice.pick(["commit", "abort"]) };
  if (roll < 59) return { do: "roll" };
  if (roll < 69) return { do: "sync" };
  if (roll < 73) return { do: "syncBeside" };
  if (roll < 78) return { do: "checkpoint" };
  if (roll < 82) return { do: "retain" };
  if (roll < 86) return { do: "deleteBefore", share: dice.next() ** 2, isBeside: dice.chance(0.3) };
  if (roll < 88) return { do: "deleteBefore", share: 1 };
  if (roll < 91 && dice.chance(0.6)) return { do: "truncate", share: 1 - dice.next() ** 2 };
  if (roll < 91 && dice.chance(0.2)) return { do: "restart", share: dice.next() };
  if (roll < 91) return { do: "wait", ms: dice.int(30) };
  if (roll < 94) return { do: "read" };
  if (roll < 97) return { do: "look" };
  return { do: "reopen" };
}

class Dice {
  constructor(readonly next: () => number) {}

  int(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.int(items.length)]!;
  }
}
