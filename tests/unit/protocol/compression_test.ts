import { describe, expect, test } from "bun:test";
import { BatchView, MalformedBatch } from "../../../protocol/batch.ts";
import {
  compress,
  Compression,
  CompressionError,
  type CompressionId,
  decompress,
} from "../../../protocol/compression.ts";
import { decodeRecords, encodeBatch } from "../../../protocol/record.ts";
import { xxhash32 } from "../../../protocol/xxhash32.ts";

const text = (value: string) => new TextEncoder().encode(value);
const packing = Object.entries(Compression).filter(([name]) => name !== "none") as [string, CompressionId][];

/** Bytes that repeat in part, the same for the same seed. */
function sample(sizeBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed;
  for (let at = 0; at < sizeBytes;) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const run = 1 + ((state >>> 16) % 40);
    const isRepeat = at > 100 && (state & 0x100) !== 0;
    const distance = 1 + ((state >>> 8) % 90);
    for (let index = 0; index < run && at < sizeBytes; index++, at++) {
      bytes[at] = isRepeat ? bytes[at - distance]! : (state >>> (index % 24)) & 0xff;
    }
  }
  return bytes;
}

for (const [name, compression] of packing) {
  describe(name, () => {
    test("gives back what was compressed, at every size around its limits", () => {
      for (const size of [0, 1, 4, 12, 13, 14, 20, 100, 1000, 32767, 32768, 32769, 65535, 65536, 65537, 300_000]) {
        const bytes = sample(size, size + 1);
        expect(decompress(compression, compress(compression, bytes), size)).toEqual(bytes);
      }
    });

    test("gives back a long run of one byte, and bytes that do not compress", () => {
      const run = new Uint8Array(200_000).fill(65);
      expect(compress(compression, run).length).toBeLessThan(12_000);
      expect(decompress(compression, compress(compression, run), run.length)).toEqual(run);
      const noise = Uint8Array.from(
        { length: 70_000 },
        (_, index) => Math.imul(index ^ 0x5bd1e995, index * 0x9e3779b1) >>> 13,
      );
      expect(decompress(compression, compress(compression, noise), noise.length)).toEqual(noise);
    });

    test("stops at the bound on what it makes", () => {
      const bomb = compress(compression, new Uint8Array(5_000_000));
      expect(() => decompress(compression, bomb, 4_999_999)).toThrow(CompressionError);
      expect(() => decompress(compression, bomb, 10)).toThrow(CompressionError);
      expect(decompress(compression, bomb, 5_000_000).length).toBe(5_000_000);
    });

    test("refuses bytes that are something else", () => {
      expect(() => decompress(compression, text("certainly not compressed, whatever it says"), 1000)).toThrow(
        CompressionError,
      );
    });

    test("packs the records of a batch", () => {
      const records = Array.from(
        { length: 50 },
        (_, index) => ({ value: text(`value number ${index}`), timestamp: index }),
      );
      const batch = new BatchView(encodeBatch({ records, compression }));
      expect(batch.compression).toBe(compression);
      expect(batch.isCrcValid()).toBe(true);
      expect(batch.sizeBytes).toBeLessThan(encodeBatch({ records }).length);
      expect([...decodeRecords(batch)].map((record) => record.value)).toEqual(records.map((record) => record.value));
    });

    test("does not unpack a batch beyond what the reader allows", () => {
      const batch = new BatchView(encodeBatch({ records: [{ value: new Uint8Array(100_000) }], compression }));
      expect(() => [...decodeRecords(batch, { decompressedSizeBytesMax: 50_000 })]).toThrow(MalformedBatch);
    });
  });
}

describe("decompress", () => {
  test("passes on what is not compressed, within the bound", () => {
    const bytes = text("plain");
    expect(decompress(Compression.none, bytes, 5)).toBe(bytes);
    expect(() => decompress(Compression.none, bytes, 4)).toThrow(CompressionError);
  });

  test("refuses the three ids that nobody uses", () => {
    for (const id of [5, 6, 7]) expect(() => decompress(id, text("x"), 10)).toThrow(CompressionError);
  });

  test("reads a bare snappy block, as librdkafka sends it", () => {
    // size 11, literal of 5, copy of 6 from 5 back
    const block = Uint8Array.of(11, 4 << 2, ...text("hello"), 1 | (2 << 2), 5);
    expect(decompress(Compression.snappy, block, 100)).toEqual(text("hellohelloh"));
  });
});

describe("lz4", () => {
  const lz4 = (...parts: number[][]) => decompress(Compression.lz4, Uint8Array.from(parts.flat()), 1000);
  const plainHeader = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
  const endMark = [0, 0, 0, 0];

  test("reads a stored block", () => {
    expect(lz4(plainHeader, [3, 0, 0, 0x80, 97, 98, 99], endMark)).toEqual(text("abc"));
  });

  test("reads a match that overlaps itself", () => {
    // one literal, match of 4 + 15 + 1 from 1 back; then five literals
    expect(lz4(plainHeader, [11, 0, 0, 0, 0x1f, 97, 1, 0, 1, 0x50, 98, 98, 98, 98, 98], endMark)).toEqual(
      text("a".repeat(21) + "bbbbb"),
    );
  });

  const damages: [string, number[]][] = [
    ["a match from before the start", [9, 0, 0, 0, 0x10, 97, 2, 0, 0x40, 98, 98, 98, 98]],
    ["a match from no distance", [9, 0, 0, 0, 0x10, 97, 0, 0, 0x40, 98, 98, 98, 98]],
    ["literals beyond the block", [3, 0, 0, 0, 0x50, 97, 98]],
    ["a length that never ends", [4, 0, 0, 0, 0xf0, 255, 255, 255]],
    ["a block that ends in a match", [4, 0, 0, 0, 0x10, 97, 1, 0]],
    ["a block larger than the frame allows", [1, 0, 1, 0, 0x10, 97]],
    ["a block beyond the bytes", [100, 0, 0, 0, 0x10, 97]],
  ];
  for (const [subject, block] of damages) {
    test(`refuses ${subject}`, () => {
      expect(() => lz4(plainHeader, block, endMark)).toThrow(CompressionError);
    });
  }

  test("refuses a frame without its end, and bytes behind it", () => {
    const frame = compress(Compression.lz4, text("some text, some text, some text"));
    for (let length = 0; length < frame.length; length++) {
      expect(() => decompress(Compression.lz4, frame.subarray(0, length), 1000)).toThrow(CompressionError);
    }
    expect(() => decompress(Compression.lz4, Uint8Array.of(...frame, 0), 1000)).toThrow(CompressionError);
  });

  test("checks the checksums of header and content", () => {
    expect(() => lz4([...plainHeader.slice(0, 6), 0x83], endMark)).toThrow(CompressionError);
    const flags = [0x64, 0x40];
    const header = [...plainHeader.slice(0, 4), ...flags, (xxhash32(Uint8Array.from(flags)) >>> 8) & 255];
    const block = [3, 0, 0, 0x80, 97, 98, 99];
    const sum = xxhash32(text("abc"));
    const checksum = [sum & 255, (sum >>> 8) & 255, (sum >>> 16) & 255, sum >>> 24];
    expect(lz4(header, block, endMark, checksum)).toEqual(text("abc"));
    expect(() => lz4(header, block, endMark, [1, 2, 3, 4])).toThrow(CompressionError);
  });
});

describe("xxhash32", () => {
  test("gives the numbers of the reference implementation", () => {
    expect(xxhash32(text(""))).toBe(0x02cc5d05);
    expect(xxhash32(text("a"))).toBe(0x550d7456);
    expect(xxhash32(text("abc"))).toBe(0x32d153ff);
    expect(xxhash32(text("Nobody inspects the spammish repetition"))).toBe(0xe2293b2f);
  });
});
