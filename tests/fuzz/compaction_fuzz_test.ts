/** Compaction against a list of all that was written: SEED=… bun test tests/fuzz/compaction_fuzz_test.ts */
import { describe, expect, test } from "bun:test";
import { Compression } from "../../protocol/compression.ts";
import { type Log } from "../../storage/log.ts";
import { appendPairs, compact, COMPACTED, contents, type Pair } from "../unit/storage/compaction_support.ts";
import { World } from "../unit/storage/support.ts";
import { createPrng, seedOf } from "../support/prng.ts";

const seed = seedOf(process.env.SEED);
const roundCount = Number(process.env.FUZZ_ROUNDS ?? 30);

interface Written {
  readonly key: string;
  readonly value: string | null;
  readonly shown: string;
}

describe("compaction", () => {
  test("takes nothing that is the last of its key, whatever else happens", async () => {
    console.info(`SEED=${seed}`);
    for (let round = 0; round < roundCount; round++) await oneRound(seed + round);
  }, 60_000);
});

async function oneRound(roundSeed: number): Promise<void> {
  const next = createPrng(roundSeed);
  const pick = (count: number) => Math.floor(next() * count);
  const policy = { delete: next() < 0.3, compact: true };
  const world = await World.open({
    seed: roundSeed,
    config: { ...COMPACTED, cleanupPolicy: policy, segmentBytes: 300 + pick(2000), indexIntervalBytes: pick(500) },
    limits: { tailBytesMax: next() < 0.5 ? 0 : 4096 },
  });
  const written: Written[] = [];
  const sequences = new Map<number, number>();
  const codecs = Object.values(Compression);
  for (let step = 0; step < 60; step++) {
    const log = world.log();
    const chance = next();
    if (chance < 0.6) write(log);
    else if (chance < 0.7) log.roll();
    else if (chance < 0.85) {
      await settled(world, log);
      await compact(world, { tableBytesMax: 24 * (3 + pick(60)), bufferBytes: 2048 + pick(20_000) });
    } else if (chance < 0.9) await world.until(log.deleteRecordsBefore(pick(log.logEndOffset + 1)));
    else if (chance < 0.93) log.applyRetention(world.runtime.clock.nowMs());
    else if (chance < 0.97) await world.until(new Promise<void>((resolve) => world.runtime.timers.after(600, resolve)));
    else await world.restart();
    check(world.log());
  }

  function write(log: Log): void {
    const pairs: Pair[] = Array.from({ length: 1 + pick(6) }, () => {
      return [`k${pick(12)}`, next() < 0.2 ? null : "v".repeat(pick(40))];
    });
    const id = pick(6);
    const producer = { id, epoch: 0, sequence: sequences.get(id) ?? 0 };
    if (id < 3) sequences.set(id, producer.sequence + pairs.length);
    const firstOffset = appendPairs(log, pairs, {
      timestamp: world.runtime.clock.nowMs(),
      compression: codecs[pick(codecs.length)]!,
      ...(id < 3 ? { producer } : {}),
    });
    expect(firstOffset).toBe(written.length);
    for (const [key, value] of pairs) {
      written.push({ key: key!, value, shown: `${written.length} ${key}=${value ?? "(null)"}` });
    }
  }

  function check(log: Log): void {
    expect({ roundSeed, end: log.logEndOffset }).toEqual({ roundSeed, end: written.length });
    const found = contents(log);
    const offsets = new Set(found.map((line) => Number(line.split(" ")[0])));
    for (const line of found) expect(line).toBe(written[Number(line.split(" ")[0])]!.shown);
    const seen = new Set<string>();
    for (let offset = written.length - 1; offset >= log.logStartOffset; offset--) {
      const { key, value, shown } = written[offset]!;
      // The last of its key; a tombstone may be gone, and then nothing of the key before it may be there.
      if (!seen.has(key) && value !== null && !offsets.has(offset)) {
        throw new Error(`SEED=${roundSeed}: ${shown} is gone`);
      }
      if (!seen.has(key) && value === null && !offsets.has(offset)) {
        const older = written.slice(log.logStartOffset, offset).findIndex((record, at) => {
          return record.key === key && offsets.has(log.logStartOffset + at);
        });
        if (older >= 0) throw new Error(`SEED=${roundSeed}: what ${shown} had deleted has come back`);
      }
      seen.add(key);
    }
  }
}

async function settled(world: World, log: Log): Promise<void> {
  await world.until(log.sync());
  for (let turn = 0; turn < 20; turn++) {
    await world.until(new Promise<void>((resolve) => world.runtime.timers.soon(resolve)));
  }
}
