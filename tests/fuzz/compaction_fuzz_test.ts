/**
 * Compaction against a list of all that was written: SEED=… FUZZ_ROUNDS=… bun test tests/fuzz/compaction_fuzz_test.ts
 *
 * (1) The last record of each key stays, a tombstone for its time; what is at or past the first offset that a cleaner may not
 *     touch stays whatever it is.
 * (2) What is there has its offset, and is as it was written. What is gone has a reason, and does not come back.
 * (3) What a reader holds stays as it was.
 * (4) Nothing else takes anything: no stop, no kill; a power cut and a truncation only the end, which no cleaner has been through.
 */
import { describe, expect, test } from "bun:test";
import { Compression } from "../../protocol/compression.ts";
import { type Log, type LogRead } from "../../storage/log.ts";
import { appendPairs, compact, COMPACTED, contents, type Pair } from "../unit/storage/compaction_support.ts";
import { World } from "../unit/storage/support.ts";
import { createPrng, seedOf } from "../support/prng.ts";

const seed = seedOf(process.env.SEED);
const roundCount = Number(process.env.FUZZ_ROUNDS ?? 30);

interface Written {
  readonly key: string;
  readonly value: string | null;
  readonly shown: string;
  isGone: boolean;
  /** When a cleaner may first have come by. */
  passedMs: number;
}

interface HeldRead {
  readonly read: LogRead;
  readonly copies: readonly Uint8Array[];
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
  const held: HeldRead[] = [];
  /** Cleaners have been through what is below. */
  let cleanedBound = 0;
  const sequences = new Map<number, number>();
  const codecs = Object.values(Compression);
  for (let step = 0; step < 60; step++) {
    const log = world.log();
    const chance = next();
    if (chance < 0.52) write(log);
    else if (chance < 0.62) log.roll();
    else if (chance < 0.77) await clean(log);
    else if (chance < 0.82) await world.until(log.deleteRecordsBefore(pick(log.logEndOffset + 1)));
    else if (chance < 0.85) log.applyRetention(world.runtime.clock.nowMs());
    else if (chance < 0.89) await world.until(new Promise<void>((resolve) => world.runtime.timers.after(600, resolve)));
    else if (chance < 0.93) hold(log);
    else if (chance < 0.95) await truncate(log);
    else await restart(log);
    check(world.log());
  }
  while (held.length > 0) release(0);

  async function clean(log: Log): Promise<void> {
    await settled(world, log);
    // It goes on until there is nothing more to clean: what is before the active segment.
    const bound = log.segmentBases().at(-1)!;
    const nowMs = world.runtime.clock.nowMs();
    for (const record of written.slice(0, bound)) record.passedMs = Math.min(record.passedMs, nowMs);
    cleanedBound = Math.max(cleanedBound, bound);
    await compact(world, { tableBytesMax: 24 * (3 + pick(60)), bufferBytes: 2048 + pick(20_000) });
    const found = new Set(contents(log).map((line) => Number(line.split(" ")[0])));
    const latest = new Map(written.slice(0, bound).map(({ key }, offset) => [key, offset]));
    for (const [offset, record] of written.entries()) {
      if (offset < log.logStartOffset || record.isGone || found.has(offset)) continue;
      const isObsolete = offset < (latest.get(record.key) ?? -1);
      const isOver = record.value === null &&
        record.passedMs + COMPACTED.deleteRetentionMs! <= world.runtime.clock.nowMs();
      if (offset >= bound || !isObsolete && !isOver) throw new Error(`SEED=${roundSeed}: ${record.shown} is gone`);
      record.isGone = true;
    }
  }

  function hold(log: Log): void {
    const offset = log.logStartOffset + pick(log.logEndOffset - log.logStartOffset + 1);
    const read = log.read(offset, { maxBytes: pick(3000), upToOffset: Infinity, atLeastOneBatch: true });
    held.push({ read, copies: read.chunks.map((chunk) => chunk.slice()) });
    if (held.length > 3) release(pick(held.length));
  }

  function release(index: number): void {
    const [{ read, copies }] = held.splice(index, 1) as [HeldRead];
    expect(read.chunks.map((chunk) => chunk.slice())).toEqual([...copies]);
    read.release();
  }

  /** As a follower does, which has nothing cleaned that its leader could take back. */
  async function truncate(log: Log): Promise<void> {
    const from = Math.max(cleanedBound, log.logStartOffset);
    cut(log, await world.until(log.truncation.truncateTo(from + pick(log.logEndOffset - from + 1))));
  }

  async function restart(log: Log): Promise<void> {
    while (held.length > 0) release(0);
    const { syncedOffset } = log;
    const how = (["clean", "clean", "kill", "lost", "torn", "mixed"] as const)[pick(6)]!;
    if (how === "clean" || how === "kill") {
      await world.until(world.dir.close({ clean: how === "clean" }));
      return await world.open();
    }
    world.crash(how);
    await world.open();
    expect(world.log().logEndOffset).toBeGreaterThanOrEqual(syncedOffset);
    cut(world.log(), world.log().logEndOffset);
  }

  function cut(log: Log, endOffset: number): void {
    expect(endOffset).toBeGreaterThanOrEqual(cleanedBound);
    expect(endOffset).toBeLessThanOrEqual(written.length);
    written.length = endOffset;
    sequences.clear();
    for (const { producerId, lastSequence } of log.producers()) sequences.set(producerId, lastSequence + 1);
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
      written.push({
        key: key!,
        value,
        shown: `${written.length} ${key}=${value ?? "(null)"}`,
        isGone: false,
        passedMs: Infinity,
      });
    }
  }

  function check(log: Log): void {
    expect({ roundSeed, end: log.logEndOffset }).toEqual({ roundSeed, end: written.length });
    const found = contents(log);
    const offsets = new Set(found.map((line) => Number(line.split(" ")[0])));
    for (const line of found) expect(line).toBe(written[Number(line.split(" ")[0])]!.shown);
    for (const [offset, { shown, isGone }] of written.entries()) {
      if (offset < log.logStartOffset || isGone !== offsets.has(offset)) continue;
      throw new Error(`SEED=${roundSeed}: ${shown} ${isGone ? "has come back" : "is gone"}`);
    }
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
