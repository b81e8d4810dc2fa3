import { describe, expect, test } from "bun:test";
import { EncodeError, MalformedFrame, Reader, Writer } from "../../../protocol/wire.ts";

describe("Reader", () => {
  test("never reads past its end", () => {
    const reads: ((reader: Reader) => unknown)[] = [
      (reader) => reader.int8(),
      (reader) => reader.bool(),
      (reader) => reader.int16(),
      (reader) => reader.uint16(),
      (reader) => reader.int32(),
      (reader) => reader.uint32(),
      (reader) => reader.int64(),
      (reader) => reader.int64Saturating(),
      (reader) => reader.long(),
      (reader) => reader.float64(),
      (reader) => reader.uuid(),
      (reader) => reader.uvarint(),
      (reader) => reader.stringLength(false),
      (reader) => reader.length(false),
      (reader) => reader.stringOf(1),
      (reader) => reader.bytesOf(1),
    ];
    for (const read of reads) {
      const reader = new Reader(new Uint8Array(20), 20);
      expect(() => read(reader)).toThrow(MalformedFrame);
      expect(reader.position).toBe(20);
    }
  });

  test("refuses negative and senseless lengths", () => {
    const reader = new Reader(new Uint8Array(10));
    for (const length of [-1, -(2 ** 31), 11, 2 ** 31, NaN]) expect(() => reader.take(length)).toThrow(MalformedFrame);
    expect(reader.take(10)).toBe(0);
    expect(reader.remaining).toBe(0);
  });

  test("respects the bounds of a view", () => {
    const frame = new Uint8Array([9, 9, 0, 0, 0, 5, 9, 9]).subarray(2, 6);
    const reader = new Reader(frame);
    expect(reader.int32()).toBe(5);
    expect(() => reader.int8()).toThrow(MalformedFrame);
  });

  test("refuses a varint of more than 32 bits", () => {
    expect(new Reader(bytes("ffffffff0f")).uvarint()).toBe(2 ** 32 - 1);
    expect(() => new Reader(bytes("ffffffff10")).uvarint()).toThrow(MalformedFrame);
    expect(() => new Reader(bytes("808080808000")).uvarint()).toThrow(MalformedFrame);
    expect(() => new Reader(bytes("ffffffff")).uvarint()).toThrow(MalformedFrame);
  });

  test("takes any byte but 0 for true", () => {
    const reader = new Reader(bytes("000102ff"));
    expect([reader.bool(), reader.bool(), reader.bool(), reader.bool()]).toEqual([false, true, true, true]);
  });

  test("reads the same name again and again, and others that fall into its slot", () => {
    const names = Array.from({ length: 20_000 }, (_, index) => `topic-${index % 9973}.${"x".repeat(index % 5)}`);
    const writer = new Writer();
    for (const name of names) writer.string(name, true);
    const reader = new Reader(writer.finishWhole());
    expect(names.every((name) => reader.stringOf(reader.stringLength(true)) === name)).toBe(true);
  });

  test("keeps a byte order mark, replaces what is not UTF-8", () => {
    expect(new Reader(bytes("efbbbf61")).stringOf(4)).toBe("\ufeffa");
    expect(new Reader(bytes("61ff62")).stringOf(3)).toBe("a\ufffdb");
  });

  test("prints uuids as Kafka does", () => {
    const uuids = [
      "AAAAAAAAAAAAAAAAAAAAAA",
      "AQIDBAUGBwgJCgsMDQ4PEA",
      "_____________________w",
      "AAAAAAAAAAAAAAAAAAAAAQ",
    ];
    const writer = new Writer();
    for (const uuid of [...uuids, ...uuids]) writer.uuid(uuid);
    const whole = writer.finishWhole();
    expect(whole.subarray(16, 32)).toEqual(bytes("0102030405060708090a0b0c0d0e0f10"));
    const reader = new Reader(whole);
    expect([...uuids, ...uuids].map(() => reader.uuid())).toEqual([...uuids, ...uuids]);
  });
});

describe("Writer", () => {
  test("writes every kind across the end of a slab", () => {
    // At each fill one of the values below meets the end of the first slab.
    for (let fill = 16_384 - 64; fill <= 16_384; fill++) {
      const writer = new Writer();
      const start = writer.size;
      while (writer.size - start < fill) writer.int8(1);
      writer.int8(-2);
      writer.bool(true);
      writer.int16(-3);
      writer.uint16(4);
      writer.int32(-5);
      writer.uvarint(300);
      writer.string("añb", true);
      writer.int64(-6);
      writer.float64(0.5);
      writer.uuid("AQIDBAUGBwgJCgsMDQ4PEA");
      const reader = new Reader(writer.finishWhole(), fill);
      expect([
        reader.int8(),
        reader.bool(),
        reader.int16(),
        reader.uint16(),
        reader.int32(),
        reader.uvarint(),
        reader.stringOf(reader.stringLength(true)),
        reader.int64(),
        reader.float64(),
        reader.uuid(),
        reader.remaining,
      ]).toEqual([-2, true, -3, 4, -5, 300, "añb", -6, 0.5, "AQIDBAUGBwgJCgsMDQ4PEA", 0]);
    }
  });

  test("leaves finished chunks alone while later writers share their slab", () => {
    const finished = Array.from({ length: 500 }, (_, index) => {
      const writer = new Writer();
      writer.int32(0);
      writer.string(`message ${index}`, false);
      writer.patchInt32AtStart(index);
      return writer.finish();
    });
    finished.forEach((chunks, index) => {
      expect(chunks.length).toBe(1);
      const reader = new Reader(chunks[0]!);
      expect([reader.int32(), reader.stringOf(reader.stringLength(false))]).toEqual([index, `message ${index}`]);
    });
  });

  test("keeps two open writers apart", () => {
    const left = new Writer();
    const right = new Writer();
    left.string("left", false);
    right.string("right", false);
    left.string("again", false);
    expect(new TextDecoder().decode(left.finishWhole())).toBe("\0\u0004left\0\u0005again");
    expect(new TextDecoder().decode(right.finishWhole())).toBe("\0\u0005right");
  });

  test("counts its bytes, passed chunks included", () => {
    const writer = new Writer();
    writer.int32(1);
    writer.pass(new Uint8Array(1000));
    writer.pass(new Uint8Array(3));
    writer.copy(new Uint8Array(40_000));
    expect(writer.size).toBe(41_007);
    expect(writer.finish().reduce((sum, chunk) => sum + chunk.byteLength, 0)).toBe(41_007);
  });

  test("writes classic and compact lengths of strings at their borders", () => {
    for (const length of [0, 126, 127, 128, 16_382, 16_383, 32_767]) {
      for (const isCompact of [false, true]) {
        for (const text of ["x".repeat(length), "x".repeat(Math.max(0, length - 2)) + (length >= 2 ? "ü" : "")]) {
          const writer = new Writer();
          writer.string(text, isCompact);
          const reader = new Reader(writer.finishWhole());
          expect(reader.stringOf(reader.stringLength(isCompact)) === text).toBe(true);
          expect(reader.remaining).toBe(0);
        }
      }
    }
    expect(() => new Writer().string("x".repeat(32_768), true)).toThrow(EncodeError);
  });
});

function bytes(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}
