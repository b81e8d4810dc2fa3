import { describe, expect, test } from "bun:test";
import { murmur2, partitionForKey } from "../../../protocol/murmur2.ts";

const text = (value: string) => new TextEncoder().encode(value);

describe("partitionForKey", () => {
  test("is never negative", () => {
    for (let index = 0; index < 200; index++) {
      const partition = partitionForKey(text(`key-${index}`), 7);
      expect(partition >= 0 && partition < 7).toBe(true);
    }
  });

  test("drops the sign of the hash rather than taking its absolute value", () => {
    const hash = murmur2(text("21"));
    expect(hash).toBeLessThan(0);
    expect(partitionForKey(text("21"), 1000)).toBe((hash & 0x7fffffff) % 1000);
  });
});
