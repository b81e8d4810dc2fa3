/** What fuzz tests share: chance from a seed, and bytes and texts with the damage that hurts. */
import { createPrng } from "../support/prng.ts";
import { joined } from "../../protocol/bytes.ts";

/** What stands in length and count fields when somebody means harm. */
const evil = [
  [0xff, 0xff, 0xff, 0xff],
  [0x7f, 0xff, 0xff, 0xff],
  [0x80, 0, 0, 0],
  [0xff, 0xff],
  [0x7f, 0xff],
  [0x80, 0],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x7f],
  [0],
  [1],
  [0xfe],
];

export class Chance {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = createPrng(seed);
  }

  /** A whole number under the limit. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(4) === 0 ? this.below(256) : this.below(3));
  }

  /** A text of pieces, which are words of a language or its punctuation. */
  text(pieces: readonly string[], countMax: number): string {
    return Array.from({ length: this.below(countMax + 1) }, () => this.pick(pieces)).join("");
  }

  /** The bytes with up to three things wrong: changed, cut, left out, with wrong lengths or with a piece of `other`. */
  damage(original: Uint8Array, other: Uint8Array): Uint8Array {
    let bytes = original.slice();
    for (let times = 1 + this.below(3); times > 0; times--) {
      const at = this.below(bytes.length + 1);
      switch (this.below(6)) {
        case 0:
          if (at < bytes.length) bytes[at] = this.below(256);
          break;
        case 1:
          if (at < bytes.length) bytes[at]! ^= 1 << this.below(8);
          break;
        case 2:
          bytes = bytes.slice(0, at);
          break;
        case 3:
          bytes = joined([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + this.below(6)))]);
          break;
        case 4: {
          const wrong = Uint8Array.from(this.pick(evil));
          bytes = joined([bytes.subarray(0, at), wrong, bytes.subarray(Math.min(bytes.length, at + wrong.length))]);
          break;
        }
        default: {
          const from = this.below(other.length + 1);
          bytes = joined([bytes.subarray(0, at), other.subarray(from, from + this.below(20)), bytes.subarray(at)]);
        }
      }
    }
    return bytes;
  }
}

/** Elements of all arrays, however deep: a decoder that makes more of them than it had bytes lets itself be inflated. */
export function elementsIn(value: unknown): number {
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return 0;
  const inner = Object.values(value);
  return inner.reduce((sum, element) => sum + elementsIn(element), Array.isArray(value) ? value.length : 0);
}
