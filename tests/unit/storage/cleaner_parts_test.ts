/** The parts of the cleaner that compute: the hash of keys, their table, the walk over records, the grouping of segments. */
import { describe, expect, test } from "bun:test";
import { hashKey } from "../../../storage/cleaner_key_hash.ts";
import { KeyMap } from "../../../storage/cleaner_key_map.ts";
import { RecordCursor, shiftTimestamps } from "../../../storage/cleaner_records.ts";
import { BatchView, MalformedBatch } from "../../../protocol/batch.ts";
import { decodeRecords, encodeBatch } from "../../../protocol/record.ts";
import { createPrng, seedOf } from "../../support/prng.ts";

const seed = seedOf(process.env.SEED);
const utf8 = (text: string) => new TextEncoder().encode(text);

function hashed(text: string, hashSeed = 0): string {
  const target = new Int32Array(4);
  const bytes = utf8(`..${text}..`);
  hashKey(bytes, 2, bytes.length - 2, hashSeed, target);
  return Array.from(target, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

describe("the hash of a key", () => {
  test("is MurmurHash3 of 128 bits, as others compute it", () => {
    expect(hashed("")).toBe("00000000000000000000000000000000");
    expect(hashed("I will not buy this tobacconist's, it is scratched.")).toBe("9b5b7ba2ef3f7866889adeaf00f3f98e");
    expect(hashed("I will not buy this record, it is scratched.")).toBe("a0a9683b25ac5e40d9af2895890dddf5");
  });

  test("differs for keys that differ in a byte, in length, or in the seed", () => {
    const found = new Set<string>();
    let count = 0;
    for (let length = 0; length < 40; length++) {
      for (const last of ["a", "b", "\0"]) {
        found.add(hashed("x".repeat(length) + last));
        count++;
      }
    }
    found.add(hashed("x", 1));
    expect(found.size).toBe(count + 1);
  });
});

describe("the table of keys", () => {
  const key = (text: string): [Uint8Array, number, number] => [utf8(text), 0, utf8(text).length];
  const tableOf = (options: Partial<ConstructorParameters<typeof KeyMap>[0]> = {}) =>
    new KeyMap({ sizeBytesMax: 24 * 1000, loadFactor: 0.9, keyCountWanted: 1000, seed: 7, ...options });

  test("holds what a map holds", () => {
    const next = createPrng(seed);
    const table = tableOf();
    const model = new Map<string, number>();
    for (let offset = 0; !table.isFull; offset += 1 + Math.floor(next() * 3)) {
      const text = `key ${Math.floor(next() * 1500)}`;
      table.put(...key(text), offset);
      model.set(text, offset);
    }
    expect(table.keyCount).toBe(model.size);
    for (const [text, offset] of model) expect(table.get(...key(text))).toBe(offset);
    expect(table.get(...key("none such"))).toBe(-1);
    expect(table.latestOffset).toBe(Math.max(...model.values()));
  });

  test("takes no more memory than it may, nor than it needs", () => {
    expect(tableOf().sizeBytes).toBeLessThanOrEqual(24 * 1000);
    expect(tableOf({ keyCountWanted: 10 }).sizeBytes).toBeLessThan(24 * 40);
    const tiny = tableOf({ sizeBytesMax: 1, loadFactor: 1 });
    expect(tiny.isFull).toBe(false);
    tiny.put(...key("a"), 5);
    expect([tiny.isFull, tiny.get(...key("a")), tiny.get(...key("b"))]).toEqual([true, 5, -1]);
  });

  test("keeps offsets past 32 bits", () => {
    const table = tableOf();
    table.put(...key("a"), 2 ** 52);
    expect(table.get(...key("a"))).toBe(2 ** 52);
  });
});

describe("the walk over records", () => {
  const drafts = [
    { timestamp: 1_000, key: utf8("a"), value: utf8("x".repeat(200)) },
    { timestamp: 1_500, key: null, value: null },
    { timestamp: 900, key: utf8(""), value: utf8(""), headers: [{ key: "h", value: utf8("v") }] },
  ];

  test("finds the keys, values and times that decoding finds", () => {
    const batch = new BatchView(encodeBatch({ records: drafts }));
    const cursor = new RecordCursor();
    cursor.load(batch.recordBytes);
    for (const { offset, timestamp, key, value } of decodeRecords(batch)) {
      cursor.next();
      expect(cursor.offsetDelta).toBe(offset);
      expect(batch.baseTimestamp + cursor.timestampDelta).toBe(timestamp);
      expect(cursor.hasKey ? cursor.bytes.slice(cursor.keyStart, cursor.keyEnd) : null).toEqual(key?.slice() ?? null);
      expect(cursor.hasValue).toBe(value !== null);
    }
    expect(cursor.isAtEnd).toBe(true);
  });

  test("moves times without a change to anything else", () => {
    const bytes = encodeBatch({ records: drafts });
    const batch = new BatchView(bytes);
    for (const shift of [0, 1, -1_000_000, 1_700_000_000_000]) {
      const shifted = shiftTimestamps(batch.recordBytes, drafts.length, shift);
      const cursor = new RecordCursor();
      cursor.load(shifted);
      for (const { timestamp, key } of drafts) {
        cursor.next();
        expect(cursor.timestampDelta).toBe(timestamp - 1_000 + shift);
        expect(cursor.keyEnd - cursor.keyStart).toBe(key?.length ?? 0);
      }
      expect(cursor.isAtEnd).toBe(true);
    }
  });

  test("ends in an error on anything else than records", () => {
    console.info(`SEED=${seed}`);
    const next = createPrng(seed);
    const { recordBytes } = new BatchView(encodeBatch({ records: drafts }));
    for (let round = 0; round < 2_000; round++) {
      const bytes = recordBytes.slice(0, Math.floor(next() * (recordBytes.length + 1)));
      for (let flips = 0; flips < 3 && bytes.length > 0; flips++) {
        bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
      }
      const cursor = new RecordCursor();
      cursor.load(bytes);
      try {
        for (let count = 0; count < 1_000 && !cursor.isAtEnd; count++) {
          cursor.next();
          expect(cursor.start < cursor.keyStart && cursor.keyEnd <= cursor.end && cursor.end <= bytes.length).toBe(
            true,
          );
        }
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedBatch);
      }
    }
  });
});
