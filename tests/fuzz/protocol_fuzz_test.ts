/**
 * Any bytes, for any api and version, decode to a value or to MalformedFrame; nothing is allocated beyond what the
 * bytes can hold; what was decoded encodes to bytes that decode to the same.
 *
 * Starts from the golden vectors and damages them. `SEED=n` repeats a run, `FUZZ_ROUNDS=n` makes it longer.
 */
import { describe, expect, test } from "bun:test";
import { joined } from "../../protocol/bytes.ts";
import { decodeRequestHeader } from "../../protocol/frame.ts";
import type { AnyApi } from "../../protocol/schema.ts";
import { EncodeError, MalformedFrame, Reader } from "../../protocol/wire.ts";
import { bytesFromHex, halfOf, hexOf, type Vector, vectorsOf } from "../golden/vectors.ts";
import { createPrng, seedOf } from "../support/prng.ts";

const rounds = Number(process.env.FUZZ_ROUNDS ?? 15_000);
const seed = seedOf(process.env.SEED);
const random = createPrng(seed);
console.info(`protocol fuzz: SEED=${seed} FUZZ_ROUNDS=${rounds}`);

const vectors = [...vectorsOf("java"), ...vectorsOf("franz")].flatMap(({ api, vectors }) =>
  vectors.filter(({ version }) => version <= api.versions[1])
    .map((vector) => ({ api, vector, bytes: bytesFromHex(vector.hex) }))
);

describe("the codec, given damaged messages", () => {
  test("ends in a value or MalformedFrame, and is stable", () => {
    let valueCount = 0;
    for (let round = 0; round < rounds; round++) {
      // In turn, so that every api is reached at every version, in both directions.
      const { api, vector, bytes } = vectors[round % vectors.length]!;
      // Now and then the bytes of one message for another: right lengths in the wrong places.
      const target = below(8) === 0 ? pick(vectors) : { api, vector };
      if (tryMessage(target.api, target.vector, damage(bytes))) valueCount++;
    }
    // If hardly anything decodes, the damage is too coarse to reach the inside of messages.
    expect(valueCount).toBeGreaterThan(rounds / 20);
  });

  test("reads any request header, or says MalformedFrame", () => {
    for (let round = 0; round < rounds; round++) {
      const bytes = Uint8Array.from({ length: below(40) }, () => below(4) === 0 ? below(256) : below(3));
      try {
        decodeRequestHeader(new Reader(bytes));
      } catch (error) {
        if (!(error instanceof MalformedFrame)) {
          throw new Error(`SEED=${seed}: header ${hexOf(bytes)}`, { cause: error });
        }
      }
    }
  });
});

/** Whether the bytes had a value. */
function tryMessage(api: AnyApi, { version, direction }: Vector, bytes: Uint8Array): boolean {
  const half = halfOf(api, version, direction);
  try {
    const value = half.decode(new Reader(bytes));
    if (elementsIn(value) > bytes.length) throw new Error(`more elements than bytes: ${elementsIn(value)}`);
    const encoded = half.encode(value);
    const again = half.decode(new Reader(encoded));
    if (hexOf(half.encode(again)) !== hexOf(encoded)) throw new Error(`not stable: ${hexOf(encoded)}`);
    return true;
  } catch (error) {
    if (error instanceof MalformedFrame) return false;
    // Bytes that are no UTF-8 decode to U+FFFD, which takes three bytes each, and so can outgrow a string.
    if (error instanceof EncodeError && error.message.includes("Cannot encode a string of")) return true;
    throw new Error(`SEED=${seed}: ${api.name} v${version} ${direction} ${hexOf(bytes)}`, { cause: error });
  }
}

/** Elements of all arrays, however deep: each took a byte at least. */
function elementsIn(value: unknown): number {
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return 0;
  const inner = Object.values(value);
  return inner.reduce((sum, element) => sum + elementsIn(element), Array.isArray(value) ? value.length : 0);
}

/** What stands in length fields when somebody means harm. */
const evil = ["ffffffff", "7fffffff", "80000000", "ffff", "7fff", "8000", "ffffffff0f", "ffffffff7f", "00", "01", "fe"]
  .map(bytesFromHex);

function damage(original: Uint8Array): Uint8Array {
  let bytes = original.slice();
  for (let times = 1 + below(3); times > 0; times--) {
    const at = below(bytes.length + 1);
    switch (below(6)) {
      case 0:
        if (at < bytes.length) bytes[at] = below(256);
        break;
      case 1:
        if (at < bytes.length) bytes[at]! ^= 1 << below(8);
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3: {
        const end = Math.min(bytes.length, at + below(6));
        bytes = joined([bytes.subarray(0, at), bytes.subarray(end)]);
        break;
      }
      case 4: {
        const wrong = pick(evil);
        bytes = joined([bytes.subarray(0, at), wrong, bytes.subarray(Math.min(bytes.length, at + wrong.length))]);
        break;
      }
      case 5: {
        const other = pick(vectors).bytes;
        const from = below(other.length + 1);
        bytes = joined([bytes.subarray(0, at), other.subarray(from, from + below(20)), bytes.subarray(at)]);
        break;
      }
    }
  }
  return bytes;
}

function below(limit: number): number {
  return Math.floor(random() * limit);
}

function pick<T>(from: readonly T[]): T {
  return from[below(from.length)]!;
}
