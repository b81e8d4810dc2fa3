/** CRC32C by vectors: the arithmetic behind it, and its numbers beside those of hash-wasm and the table. */

import { beforeAll, describe, expect, test } from "bun:test";
import { createCRC32 } from "hash-wasm";
import { crc32cByTable, crc32cOfMore } from "../../../protocol/crc32c.ts";
import { foldStages, openCrc32cFold } from "../../../protocol/crc32c_fold.ts";
import { VECTORS_AT_ONCE } from "../../../protocol/crc32c_fold_code.ts";

const fold = openCrc32cFold(crc32cOfMore)!;
const bytes = new Uint8Array(300_000);
let hashWasm: Awaited<ReturnType<typeof createCRC32>>;

beforeAll(async () => {
  hashWasm = await createCRC32(0x82f63b78);
  for (let index = 0, value = 1; index < bytes.length; index++) {
    value = Math.imul(value, 1_664_525) + 1_013_904_223;
    bytes[index] = value >>> 24;
  }
});

const byHashWasm = (input: Uint8Array) => Number.parseInt(hashWasm.init().update(input).digest("hex"), 16);

describe("the polynomials", () => {
  test.each(foldStages.map(({ lags }) => [lags.at(-1)!, lags] as const))(
    "of degree %d are multiples of Castagnoli's",
    (degree, lags) => {
      const powers = powersOfX(degree);
      const exponents = lags.map((lag) => degree - lag);
      expect(exponents.reduce((sum, exponent) => sum ^ powers[exponent]!, powers[degree]!)).toBe(0);
    },
  );

  /** x^n mod P, as numbers of 32 bits. */
  function powersOfX(degree: number): number[] {
    const powers = [1];
    while (powers.length <= degree) {
      const last = powers.at(-1)!;
      powers.push((last << 1) ^ (last < 0 ? 0x1edc6f41 : 0));
    }
    return powers;
  }
});

describe("the checksum", () => {
  test("is that of hash-wasm around every size at which something changes, at every alignment", () => {
    const sizes = [
      1536,
      4096,
      24_576,
      512 + 16_384,
      1280 + 16_384,
      3392 + 16_384,
      3392 + 2 * 16_384,
      3392 + 64 + 5 * 16_384,
    ];
    for (const size of sizes) {
      for (let length = size - 70; length < size + 70; length++) {
        const start = length % 17;
        const input = bytes.subarray(start, start + length);
        expect(fold.compute(bytes, start, start + length)).toBe(byHashWasm(input));
      }
    }
  });

  test("is that of hash-wasm for any size, small after large", () => {
    let value = Number(process.env.SEED ?? Date.now() % 1_000_000);
    console.info(`SEED=${value}`);
    for (let round = 0; round < 400; round++) {
      value = (Math.imul(value, 1_103_515_245) + 12_345) >>> 0;
      const length = 1536 + value % (round % 4 === 0 ? 290_000 : 9_000);
      const start = value % 1000;
      const end = Math.min(bytes.length, start + length);
      expect(fold.compute(bytes, start, end)).toBe(byHashWasm(bytes.subarray(start, end)));
    }
  });

  test("tells zeros from fewer zeros, and leaves its input alone", () => {
    const zeros = new Uint8Array(100_000);
    for (const length of [2000, 5000, 99_999, 100_000]) {
      expect(fold.compute(zeros, 0, length)).toBe(crc32cByTable(zeros, 0, length));
    }
    expect(zeros.every((byte) => byte === 0)).toBe(true);
  });

  test("of a small input is the table's", () => {
    expect(fold.compute(new TextEncoder().encode("123456789"), 0, 9)).toBe(0xe3069283);
  });
});

test("lags are no shorter than what one round of the loop takes, and what is kept is as long as the longest", () => {
  for (const { lags, keptVectors } of foldStages) {
    expect(Math.min(...lags)).toBeGreaterThanOrEqual(VECTORS_AT_ONCE);
    expect(keptVectors % VECTORS_AT_ONCE).toBe(0);
    expect(keptVectors).toBeGreaterThanOrEqual(lags.at(-1)!);
  }
});
