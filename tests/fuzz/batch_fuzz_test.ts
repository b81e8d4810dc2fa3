/**
 * Batches and records made of damaged bytes: whatever comes, walking ends, with records or with `MalformedBatch`, and
 * makes no more than it was allowed to.
 *
 *     SEED=123 bun test tests/fuzz/batch_fuzz_test.ts        the run that failed, again
 *     ROUNDS=1000000 bun test tests/fuzz/batch_fuzz_test.ts  a long one
 */
import { describe, expect, test } from "bun:test";
import process from "node:process";
import { batches, BatchView, MalformedBatch, wholeBatches } from "../../protocol/batch.ts";
import { compress, Compression, CompressionError, type CompressionId, decompress } from "../../protocol/compression.ts";
import { decodeControlMarker, decodeRecords, encodeBatch, encodeControlBatch } from "../../protocol/record.ts";
import { createPrng, seedOf } from "../support/prng.ts";

const seed = seedOf(process.env.SEED);
const rounds = Number(process.env.ROUNDS ?? 600);
const compressions = Object.values(Compression);
const SIZE_BYTES_MAX = 200_000;
/** So that a long run may be asked for. */
const options = { timeout: 3_600_000 };

/** A whole number under the limit. */
type Random = (limit: number) => number;

function makeRandom(roundSeed: number): Random {
  const next = createPrng(roundSeed);
  return (limit) => Math.floor(next() * limit);
}

function randomBytes(random: Random, length: number): Uint8Array {
  const alphabet = 1 + random(256);
  return Uint8Array.from({ length }, () => random(alphabet));
}

function randomBatch(random: Random): Uint8Array {
  if (random(10) === 0) {
    return encodeControlBatch({
      kind: random(2) === 0 ? "commit" : "abort",
      producerId: random(1000),
      producerEpoch: random(100),
      coordinatorEpoch: random(100),
      timestamp: random(2 ** 41),
    });
  }
  const records = Array.from({ length: random(6) }, () => ({
    key: random(3) === 0 ? null : randomBytes(random, random(20)),
    value: random(5) === 0 ? null : randomBytes(random, random(20) === 0 ? 5000 : random(200)),
    timestamp: random(2) === 0 ? -1 : random(2 ** 41),
    headers: Array.from(
      { length: random(3) },
      () => ({ key: "é".repeat(random(4)), value: randomBytes(random, random(9)) }),
    ),
  }));
  return encodeBatch({ records, baseOffset: random(2 ** 40), compression: compressions[random(5)]! });
}

/** Flips, cuts, repeats; lengths and counts get the numbers that hurt. */
function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  let mutated = bytes.slice();
  for (let change = random(4); change >= 0 && mutated.length > 0; change--) {
    const at = random(mutated.length);
    switch (random(6)) {
      case 0:
        mutated[at]! ^= 1 << random(8);
        break;
      case 1:
        mutated[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][random(6)]!;
        break;
      case 2:
        mutated = mutated.slice(0, at);
        break;
      case 3:
        mutated = Uint8Array.of(...mutated.subarray(0, at), ...mutated.subarray(random(at + 1)));
        break;
      case 4: {
        const field = [8, 23, 53, 57, at][random(5)]!;
        if (field + 4 > mutated.length) break;
        const value = [0, -1, 1, 0x7fffffff, -0x80000000, 48, 49, mutated.length - 12, random(2 ** 32)][random(9)]!;
        new DataView(mutated.buffer).setInt32(field, value);
        break;
      }
      default:
        if (mutated.length > 22) mutated[22] = (mutated[22]! & 0xf8) | random(8);
    }
  }
  return mutated;
}

/** What a reader does with bytes from somewhere, and a sum so that nothing is optimised away. */
function readAll(walk: Iterable<BatchView>): void {
  try {
    for (const batch of walk) {
      batch.isCrcValid();
      let valueBytes = 0;
      for (const record of decodeRecords(batch, { decompressedSizeBytesMax: SIZE_BYTES_MAX })) {
        valueBytes += (record.value?.length ?? 0) + (record.key?.length ?? 0);
        if (batch.isControl) decodeControlMarker(record);
      }
      expect(valueBytes <= Math.max(SIZE_BYTES_MAX, batch.sizeBytes)).toBe(true);
    }
  } catch (error) {
    if (!(error instanceof MalformedBatch)) throw error;
  }
}

function eachRound(name: string, round: (random: Random) => void): void {
  test(`${name} (SEED=${seed})`, () => {
    for (let index = 0; index < rounds; index++) round(makeRandom(seed + index));
  }, options);
}

describe("damaged batches", () => {
  eachRound("end in records or MalformedBatch", (random) => {
    const whole = Array.from({ length: 1 + random(3) }, () => randomBatch(random));
    const bytes = mutate(random, Uint8Array.of(...whole.flatMap((batch) => [...batch])));
    readAll(batches(bytes));
    readAll(wholeBatches(bytes));
  });

  eachRound("with a valid checksum around damaged records end so too", (random) => {
    const bytes = randomBatch(random);
    const records = mutate(random, bytes.slice(61));
    const damaged = new Uint8Array(61 + records.length);
    damaged.set(bytes.subarray(0, 61));
    damaged.set(records, 61);
    new DataView(damaged.buffer).setInt32(8, damaged.length - 12);
    const batch = new BatchView(damaged);
    batch.stampCrc();
    readAll([batch]);
  });

  eachRound("of any bytes at all end so too", (random) => {
    readAll(batches(randomBytes(random, random(200))));
  });
});

describe("damaged compressed bytes", () => {
  for (const [name, compression] of Object.entries(Compression) as [string, CompressionId][]) {
    if (compression === Compression.none) continue;
    eachRound(`of ${name} end in bytes within the bound or CompressionError`, (random) => {
      const plain = randomBytes(random, random(1000));
      const damaged = mutate(random, compress(compression, plain));
      try {
        expect(decompress(compression, damaged, 3000).length <= 3000).toBe(true);
      } catch (error) {
        if (!(error instanceof CompressionError)) throw error;
      }
    });
  }
});

describe("records", () => {
  eachRound("come back as they went in, in any compression", (random) => {
    const bytes = randomBatch(random);
    const batch = new BatchView(bytes);
    expect(batch.isCrcValid()).toBe(true);
    const records = [...decodeRecords(batch)];
    if (batch.isControl) return;
    const again = new BatchView(encodeBatch({ records, baseOffset: batch.baseOffset, compression: Compression.none }));
    expect([...decodeRecords(again)]).toEqual(records);
  });
});
