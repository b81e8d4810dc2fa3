/**
 * Batches and records made of damaged bytes: whatever comes, walking ends, with records or with `MalformedBatch`, and
 * makes no more than it was allowed to.
 *
 *     SEED=123 bun test tests/fuzz/batch_fuzz_test.ts        the run that failed, again
 *     ROUNDS=1000000 bun test tests/fuzz/batch_fuzz_test.ts  a long one
 */
import { describe, expect } from "bun:test";
import { batches, BatchView, MalformedBatch, wholeBatches } from "../../protocol/batch.ts";
import { compress, Compression, CompressionError, type CompressionId, decompress } from "../../protocol/compression.ts";
import { decodeControlMarker, decodeRecords, encodeBatch, encodeControlBatch } from "../../protocol/record.ts";
import type { Chance } from "./damage.ts";
import { roundsOf } from "./rounds.ts";

const eachRound = roundsOf("batch", 600);
const compressions = Object.values(Compression);
const SIZE_BYTES_MAX = 200_000;

function randomBytes(chance: Chance, length: number): Uint8Array {
  const alphabet = 1 + chance.below(256);
  return Uint8Array.from({ length }, () => chance.below(alphabet));
}

function randomBatch(chance: Chance): Uint8Array {
  if (chance.below(10) === 0) {
    return encodeControlBatch({
      kind: chance.below(2) === 0 ? "commit" : "abort",
      producerId: chance.below(1000),
      producerEpoch: chance.below(100),
      coordinatorEpoch: chance.below(100),
      timestamp: chance.below(2 ** 41),
    });
  }
  const records = Array.from({ length: chance.below(6) }, () => ({
    key: chance.below(3) === 0 ? null : randomBytes(chance, chance.below(20)),
    value: chance.below(5) === 0 ? null : randomBytes(chance, chance.below(20) === 0 ? 5000 : chance.below(200)),
    timestamp: chance.below(2) === 0 ? -1 : chance.below(2 ** 41),
    headers: Array.from(
      { length: chance.below(3) },
      () => ({ key: "é".repeat(chance.below(4)), value: randomBytes(chance, chance.below(9)) }),
    ),
  }));
  return encodeBatch({ records, baseOffset: chance.below(2 ** 40), compression: compressions[chance.below(5)]! });
}

/** Flips, cuts, repeats; lengths and counts get the numbers that hurt. */
function mutate(chance: Chance, bytes: Uint8Array): Uint8Array {
  let mutated = bytes.slice();
  for (let change = chance.below(4); change >= 0 && mutated.length > 0; change--) {
    const at = chance.below(mutated.length);
    switch (chance.below(6)) {
      case 0:
        mutated[at]! ^= 1 << chance.below(8);
        break;
      case 1:
        mutated[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][chance.below(6)]!;
        break;
      case 2:
        mutated = mutated.slice(0, at);
        break;
      case 3:
        mutated = Uint8Array.of(...mutated.subarray(0, at), ...mutated.subarray(chance.below(at + 1)));
        break;
      case 4: {
        const field = [8, 23, 53, 57, at][chance.below(5)]!;
        if (field + 4 > mutated.length) break;
        const value = [
          0,
          -1,
          1,
          0x7fffffff,
          -0x80000000,
          48,
          49,
          mutated.length - 12,
          chance.below(2 ** 32),
        ][chance.below(9)]!;
        new DataView(mutated.buffer).setInt32(field, value);
        break;
      }
      default:
        if (mutated.length > 22) mutated[22] = (mutated[22]! & 0xf8) | chance.below(8);
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

describe("damaged batches", () => {
  eachRound("end in records or MalformedBatch", (chance) => {
    const whole = Array.from({ length: 1 + chance.below(3) }, () => randomBatch(chance));
    const bytes = mutate(chance, Uint8Array.of(...whole.flatMap((batch) => [...batch])));
    readAll(batches(bytes));
    readAll(wholeBatches(bytes));
  });

  eachRound("with a valid checksum around damaged records end so too", (chance) => {
    const bytes = randomBatch(chance);
    const records = mutate(chance, bytes.slice(61));
    const damaged = new Uint8Array(61 + records.length);
    damaged.set(bytes.subarray(0, 61));
    damaged.set(records, 61);
    new DataView(damaged.buffer).setInt32(8, damaged.length - 12);
    const batch = new BatchView(damaged);
    batch.stampCrc();
    readAll([batch]);
  });

  eachRound("of any bytes at all end so too", (chance) => {
    readAll(batches(randomBytes(chance, chance.below(200))));
  });
});

describe("damaged compressed bytes", () => {
  for (const [name, compression] of Object.entries(Compression) as [string, CompressionId][]) {
    if (compression === Compression.none) continue;
    eachRound(`of ${name} end in bytes within the bound or CompressionError`, (chance) => {
      const plain = randomBytes(chance, chance.below(1000));
      const damaged = mutate(chance, compress(compression, plain));
      try {
        expect(decompress(compression, damaged, 3000).length <= 3000).toBe(true);
      } catch (error) {
        if (!(error instanceof CompressionError)) throw error;
      }
    });
  }
});

describe("records", () => {
  eachRound("come back as they went in, in any compression", (chance) => {
    const bytes = randomBatch(chance);
    const batch = new BatchView(bytes);
    expect(batch.isCrcValid()).toBe(true);
    const records = [...decodeRecords(batch)];
    if (batch.isControl) return;
    const again = new BatchView(encodeBatch({ records, baseOffset: batch.baseOffset, compression: Compression.none }));
    expect([...decodeRecords(again)]).toEqual(records);
  });
});
