import { describe, expect, test } from "bun:test";
import { MalformedBatch } from "../../../protocol/batch.ts";
import { Compression } from "../../../protocol/compression.ts";
import { crc32 } from "../../../protocol/crc32.ts";
import { type MessageMagic, messages, MessageSetWriter, unpackedMessages } from "../../../protocol/message_set.ts";

const text = (value: string) => new TextEncoder().encode(value);
const limits = { sizeBytesMax: 100_000 };

interface SetOptions {
  readonly magic?: MessageMagic;
  readonly compression?: 0 | 1 | 2 | 3;
  readonly timestampType?: "createTime" | "logAppendTime";
  readonly offsets?: readonly number[];
}

function setOf({ magic = 1, compression = 0, timestampType = "createTime", offsets = [5, 6, 9] }: SetOptions = {}) {
  const writer = new MessageSetWriter({ magic, compression, timestampType });
  for (const offset of offsets) {
    writer.append({ offset, timestamp: 1_000 + offset, key: null, value: text(`value ${offset}`) });
  }
  return writer.finish();
}

const placesOf = (set: Uint8Array) =>
  Array.from(unpackedMessages(set, limits), ({ offset, timestamp }) => [offset, timestamp]);

describe("crc32", () => {
  test("is that of zip, at every length around its steps", () => {
    expect(crc32(text("123456789"))).toBe(0xcbf43926);
    expect(crc32(text("The quick brown fox jumps over the lazy dog"))).toBe(0x414fa339);
    expect(crc32(new Uint8Array(0))).toBe(0);
    expect(crc32(text("..123456789."), 2, 11)).toBe(0xcbf43926);
  });
});

describe("message sets", () => {
  test("hold offsets and times through every codec, and a shared time where the log gave it", () => {
    for (const compression of [0, 1, 2, 3] as const) {
      expect(placesOf(setOf({ compression }))).toEqual([[5, 1005], [6, 1006], [9, 1009]]);
      expect(placesOf(setOf({ compression, magic: 0 }))).toEqual([[5, -1], [6, -1], [9, -1]]);
    }
    expect(placesOf(setOf({ compression: 1, timestampType: "logAppendTime" })).map(([, time]) => time))
      .toEqual([1009, 1009, 1009]);
  });

  test("of a wrapper at offset 0 start there, whatever the offsets inside", () => {
    const set = setOf({ compression: 1 });
    new DataView(set.buffer).setBigInt64(0, 0n);
    expect(placesOf(set).map(([offset]) => offset)).toEqual([0, 1, 4]);
  });

  test("of a wrapper with an offset that cannot be are refused", () => {
    const set = setOf({ compression: 1 });
    new DataView(set.buffer).setBigInt64(0, 3n);
    expect(() => placesOf(set)).toThrow(MalformedBatch);
  });

  test("leave out what is cut at the end", () => {
    const set = setOf();
    for (let length = 0; length < set.length; length++) {
      expect([...messages(set.subarray(0, length))].length).toBe(Math.floor(length / (set.length / 3)));
    }
  });

  test("know a message that was changed", () => {
    const set = setOf({ offsets: [1] });
    expect([...messages(set)][0]!.isCrcValid()).toBe(true);
    for (let at = 18; at < set.length; at++) {
      const changed = set.slice();
      changed[at]! ^= 1;
      expect([...messages(changed)][0]!.isCrcValid()).toBe(false);
    }
  });

  test("make no more of a wrapper than is allowed", () => {
    const writer = new MessageSetWriter({ magic: 1, compression: Compression.gzip, timestampType: "createTime" });
    writer.append({ offset: 0, timestamp: 1, key: null, value: new Uint8Array(limits.sizeBytesMax) });
    expect(() => placesOf(writer.finish())).toThrow(MalformedBatch);
  });
});
