/** The rules that protocol/codec.ts keeps, by their numbers there. Real messages are in tests/golden. */
import { describe, expect, test } from "bun:test";
import { codecFor, messageCodec } from "../../../protocol/codec.ts";
import {
  api,
  array,
  bool,
  bytes,
  type Draft,
  float64,
  type Infer,
  int16,
  int32,
  int64,
  int64Saturating,
  int8,
  long,
  message,
  records,
  string,
  struct,
  uint16,
  uint32,
  uuid,
  ZERO_UUID,
} from "../../../protocol/schema.ts";
import { EncodeError, MalformedFrame, Reader, Writer } from "../../../protocol/wire.ts";

const versions = { versions: [0, 3], flexible: 2 } as const;

describe("(1) a field absent from the version", () => {
  const sample = message("Sample", versions, {
    kept: int32,
    added: int32.default(-1).since(1),
    dropped: string.until(0),
    hint: string.nullable().default(null).since(1).ignorable(),
    list: array(int32).since(1),
    inner: struct({ leader: int32.default(-1), epoch: int64 }).since(1),
    id: uuid.since(1),
    blob: bytes.since(1),
    flag: bool.default(true).between(1, 2),
  });

  test("decodes to its default", () => {
    const value = messageCodec(sample, 0).decode(hex("00000007 0002 6162"));
    expect(value).toEqual({
      kept: 7,
      added: -1,
      dropped: "ab",
      hint: null,
      list: [],
      inner: { leader: -1, epoch: 0 },
      id: ZERO_UUID,
      blob: new Uint8Array(0),
      flag: true,
    });
  });

  test("decodes to a default of its own, which the caller may change", () => {
    const codec = messageCodec(sample, 0);
    codec.decode(hex("00000007 0000")).list.push(1);
    expect(codec.decode(hex("00000007 0000")).list).toEqual([]);
  });

  test("is refused when encoded with a value", () => {
    const codec = messageCodec(sample, 0);
    expect(() => codec.encode({ kept: 1, added: 5 })).toThrow(EncodeError);
    expect(() => codec.encode({ kept: 1, list: [1] })).toThrow('"Sample.list" in version 0');
    expect(() => codec.encode({ kept: 1, inner: { leader: -1, epoch: 9 } })).toThrow(EncodeError);
    expect(() => codec.encode({ kept: 1, flag: false })).toThrow(EncodeError);
  });

  test("may be encoded with its default, or when ignorable with anything", () => {
    const draft = { kept: 1, added: -1, list: [], inner: { epoch: 0 }, id: ZERO_UUID, flag: true, hint: "lost" };
    expect(messageCodec(sample, 0).encode(draft)).toEqual(hex("00000001 0000"));
  });

  test("comes back in the version that has it", () => {
    const codec = messageCodec(sample, 1);
    const value = codec.decode(codec.encode({ kept: 1, added: 5, hint: "h", list: [3], flag: false }));
    expect(value).toMatchObject({ added: 5, hint: "h", list: [3], flag: false, dropped: "" });
  });
});

describe("(2) tagged fields", () => {
  const leader = struct({ id: int32.default(-1), epoch: int32.default(-1) });
  const sample = message("Sample", versions, {
    late: string.default("").tagged(5, 2),
    plain: int8,
    leader: leader.tagged(0, 2),
    list: array(int32).nullable().default(null).tagged(1, 3),
  });

  test("are written in order of their tags, only when they differ from their default", () => {
    const codec = messageCodec(sample, 3);
    expect(codec.encode({ plain: 1 })).toEqual(hex("01 00"));
    expect(codec.encode({ plain: 1, late: "", leader: { id: -1 }, list: null })).toEqual(hex("01 00"));
    expect(codec.encode({ plain: 1, late: "x", leader: { id: 2, epoch: 3 } }))
      .toEqual(hex("01 02 00 09 00000002 00000003 00 05 02 0278"));
    expect(codec.encode({ plain: 1, list: [] })).toEqual(hex("01 01 01 01 01"));
  });

  test("are not written by versions that lack them", () => {
    expect(() => messageCodec(sample, 1).encode({ plain: 1, late: "x" })).toThrow(EncodeError);
    expect(() => messageCodec(sample, 2).encode({ plain: 1, list: [] })).toThrow(EncodeError);
    expect(messageCodec(sample, 1).encode({ plain: 1 })).toEqual(hex("01"));
  });

  test("are stepped over when unknown", () => {
    const value = messageCodec(sample, 3).decode(hex("01 03 05 02 0278 07 03 aaaaaa ffffffff0f 00"));
    expect(value).toEqual({ late: "x", plain: 1, leader: { id: -1, epoch: -1 }, list: null });
  });

  test("are malformed when their size is not that of the value, or too large", () => {
    const codec = messageCodec(sample, 3);
    expect(() => codec.decode(hex("01 01 05 03 0278 00"))).toThrow(MalformedFrame);
    expect(() => codec.decode(hex("01 01 05 01 0278"))).toThrow(MalformedFrame);
    expect(() => codec.decode(hex("01 01 09 7f 00"))).toThrow(MalformedFrame);
    expect(() => codec.decode(hex("01 ffffffff0f"))).toThrow(MalformedFrame);
  });
});

describe("(3) counts and lengths", () => {
  const sample = message("Sample", versions, { rows: array({ id: uuid, name: string, more: array(int32) }) });

  test("are compared with the bytes left before anything is allocated", () => {
    // Two billion rows of 22 bytes at least, in a message of four.
    expect(() => messageCodec(sample, 0).decode(hex("7fffffff"))).toThrow("cannot have 2147483647 elements");
    expect(() => messageCodec(sample, 2).decode(hex("ffffffff0f"))).toThrow(MalformedFrame);
    expect(() => messageCodec(sample, 0).decode(hex("00000002" + "00".repeat(43)))).toThrow("cannot have 2 elements");
    expect(messageCodec(sample, 0).decode(hex("00000002" + "00".repeat(44))).rows.length).toBe(2);
  });

  test("are malformed when negative, or null where null is not allowed", () => {
    expect(() => messageCodec(sample, 0).decode(hex("fffffffe"))).toThrow(MalformedFrame);
    expect(() => messageCodec(sample, 0).decode(hex("ffffffff"))).toThrow('"Sample.rows" is null');
    expect(() => messageCodec(sample, 2).decode(hex("00"))).toThrow('"Sample.rows" is null');
    const text = message("Text", versions, { text: string, data: bytes });
    expect(() => messageCodec(text, 0).decode(hex("ffff 00000000"))).toThrow('"Text.text" is null');
    expect(() => messageCodec(text, 0).decode(hex("0000 ffffffff"))).toThrow('"Text.data" is null');
    expect(() => messageCodec(text, 0).decode(hex("0000 7fffffff"))).toThrow(MalformedFrame);
    expect(() => messageCodec(text, 0).decode(hex("8000 00000000"))).toThrow(MalformedFrame);
  });

  test("of elements without bytes cannot be claimed for free", () => {
    const hollow = message("Hollow", { versions: [0, 0], flexible: null }, { rows: array({ later: int8.since(1) }) });
    expect(() => messageCodec(hollow, 0).decode(hex("00000001"))).toThrow(MalformedFrame);
  });

  test("an error says which message and version", () => {
    expect(() => messageCodec(sample, 0).decode(hex("00"))).toThrow("Sample v0: ");
  });
});

describe("(4) 64-bit integers", () => {
  const sample = message("Sample", versions, { plain: int64, free: int64Saturating, all: long });
  const codec = messageCodec(sample, 0);
  const zero = "0000000000000000";

  test("are numbers up to 2^53, and come back", () => {
    for (
      const plain of [0, -1, 2 ** 32, -(2 ** 32) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -(2 ** 53)]
    ) {
      expect(codec.decode(codec.encode({ plain, free: 0, all: 0n })).plain).toBe(plain);
    }
  });

  test("beyond 2^53 are refused in both directions", () => {
    for (const far of ["0020000000000000", "7fffffffffffffff", "ffdfffffffffffff", "8000000000000000"]) {
      expect(() => codec.decode(hex(far + zero + zero))).toThrow(MalformedFrame);
    }
    for (const plain of [2 ** 53, 1.5, NaN]) {
      expect(() => codec.encode({ plain, free: 0, all: 0n })).toThrow(EncodeError);
    }
  });

  test("that are free saturate, and their ends are Long's ends", () => {
    const far = codec.decode(hex(zero + "7fffffffffffffff" + zero));
    expect(far.free).toBe(Number.MAX_SAFE_INTEGER);
    expect(codec.encode(far)).toEqual(hex(zero + "7fffffffffffffff" + zero));
    const near = codec.decode(hex(zero + "8000000000000000" + zero));
    expect(near.free).toBe(Number.MIN_SAFE_INTEGER);
    expect(codec.encode(near)).toEqual(hex(zero + "8000000000000000" + zero));
    expect(codec.decode(codec.encode({ plain: 0, free: -2, all: 0n })).free).toBe(-2);
    expect(codec.decode(hex(zero + "0123456789abcdef" + zero)).free).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("that are long keep every bit", () => {
    for (const all of [-1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(codec.decode(codec.encode({ plain: 0, free: 0, all })).all).toBe(all);
    }
  });
});

describe("(5) oddities", () => {
  test("a field that is never compact keeps its classic length in flexible versions", () => {
    const sample = message("Sample", versions, { name: string.nullable().neverCompact(), other: string });
    expect(messageCodec(sample, 2).encode({ name: "a", other: "b" })).toEqual(hex("0001 61 02 62 00"));
    expect(messageCodec(sample, 2).encode({ name: null, other: "" })).toEqual(hex("ffff 01 00"));
  });
});

describe("(6) records", () => {
  const sample = message("Sample", versions, { records: records.nullable(), after: int8 });

  test("decode to a view of the frame", () => {
    const frame = hex("00000003 010203 05");
    const value = messageCodec(sample, 0).decode(frame);
    expect(value).toEqual({ records: new Uint8Array([1, 2, 3]), after: 5 });
    expect(value.records!.buffer).toBe(frame.buffer);
  });

  test("are passed on as the chunks they came in, uncopied", () => {
    const sampleApi = api(0, "Sample", versions, {
      request: { records: records.nullable(), after: int8 },
      response: {},
    });
    const chunks = [new Uint8Array(1000).fill(1), new Uint8Array(2000).fill(2)];
    const writer = new Writer();
    codecFor(sampleApi, 2).encodeRequest(writer, { records: chunks, after: 7 });
    expect(writer.size).toBe(2 + 3000 + 2);
    const written = writer.finish();
    expect(written.length).toBe(4);
    expect(written[1]).toBe(chunks[0]!);
    expect(written[2]).toBe(chunks[1]!);
    expect(written[3]).toEqual(hex("07 00"));
  });

  test("may be null, empty, one piece or many small ones", () => {
    const codec = messageCodec(sample, 0);
    expect(codec.encode({ records: null, after: 1 })).toEqual(hex("ffffffff 01"));
    expect(codec.encode({ records: [], after: 1 })).toEqual(hex("00000000 01"));
    expect(codec.encode({ records: hex("aabb"), after: 1 })).toEqual(hex("00000002 aabb 01"));
    expect(codec.encode({ records: [hex("aa"), hex("bb")], after: 1 })).toEqual(hex("00000002 aabb 01"));
  });
});

describe("(8) decoded values", () => {
  test("have all fields in the schema's order, in every version", () => {
    const sample = message("Sample", versions, {
      late: int8.since(3),
      first: int8,
      tag: int8.tagged(0, 2),
      gone: int8.until(0),
    });
    for (const version of [0, 1, 2, 3]) {
      const codec = messageCodec(sample, version);
      const value = codec.decode(codec.encode({ first: 1, ...(version >= 2 ? { tag: 4 } : {}) }));
      expect(Object.keys(value)).toEqual(["late", "first", "tag", "gone"]);
    }
  });
});

describe("kinds", () => {
  const all = {
    bool,
    int8,
    int16,
    int32,
    int64,
    uint16,
    uint32,
    long,
    float64,
    string,
    bytes,
    records,
    uuid,
    array: array(string.nullable()),
    struct: struct({ a: int8 }).nullable(),
  };
  const sample = message("Sample", versions, all);
  const value = {
    bool: true,
    int8: -128,
    int16: -32768,
    int32: -(2 ** 31),
    int64: -5,
    uint16: 65535,
    uint32: 2 ** 32 - 1,
    long: -9n,
    float64: -0.25,
    string: "ünï\u0000中🌊",
    bytes: hex("00ff"),
    records: hex("010203"),
    uuid: "AQIDBAUGBwgJCgsMDQ4PEA",
    array: ["", "b", null].map((text) => text ?? "null"),
    struct: { a: 1 },
  };

  test("come back in classic and flexible versions", () => {
    for (const version of [0, 2]) {
      const codec = messageCodec(sample, version);
      expect(codec.decode(codec.encode(value))).toEqual(value);
    }
  });

  test("lay out as Kafka's do", () => {
    expect(messageCodec(sample, 2).encode(value)).toEqual(hex(
      "01 80 8000 80000000 fffffffffffffffb ffff ffffffff fffffffffffffff7 bfd0000000000000 " +
        "0e c3bc6ec3af00e4b8adf09f8c8a 03 00ff 04 010203 0102030405060708090a0b0c0d0e0f10 " +
        "04 01 0262 056e756c6c 01 01 00 00",
    ));
  });

  test("a null struct is one byte", () => {
    const text = message("Text", versions, { struct: struct({ a: int8 }).nullable().default(null) });
    for (const version of [0, 2]) expect(messageCodec(text, version).encode({})[0]).toBe(0xff);
    expect(messageCodec(text, 0).decode(hex("ff"))).toEqual({ struct: null });
    expect(messageCodec(text, 0).decode(hex("01 05"))).toEqual({ struct: { a: 5 } });
  });

  test("a number out of range, a null that is not allowed and a bad uuid are our mistake", () => {
    const codec = messageCodec(sample, 0);
    expect(() => codec.encode({ ...value, int8: 128 })).toThrow(EncodeError);
    expect(() => codec.encode({ ...value, int16: 32768 })).toThrow(EncodeError);
    expect(() => codec.encode({ ...value, int32: 2 ** 31 })).toThrow(EncodeError);
    expect(() => codec.encode({ ...value, uint16: -1 })).toThrow(EncodeError);
    expect(() => codec.encode({ ...value, uint32: -1 })).toThrow(EncodeError);
    expect(() => codec.encode({ ...value, uuid: "short" })).toThrow(EncodeError);
    expect(() => codec.encode({ ...value, uuid: "!QIDBAUGBwgJCgsMDQ4PEA" })).toThrow(EncodeError);
    expect(() => codec.encode({ ...value, string: "x".repeat(32768) })).toThrow(EncodeError);
    expect(() => codec.encode({ ...value, string: "ü".repeat(20000) })).toThrow(EncodeError);
    const nullable = message("Late", versions, { text: string.nullable(1), rows: array(int8).nullable(1) });
    expect(() => messageCodec(nullable, 0).encode({ text: null, rows: [] })).toThrow(
      '"Late.text" as null in version 0',
    );
    expect(() => messageCodec(nullable, 0).encode({ text: "", rows: null })).toThrow(EncodeError);
    expect(messageCodec(nullable, 1).encode({ text: null, rows: null })).toEqual(hex("ffff ffffffff"));
  });

  test("a null struct among tagged fields is another byte", () => {
    const tagged = message("Tagged", { versions: [0, 0], flexible: 0 }, {
      struct: struct({ a: int8 }).nullable().tagged(0, 0),
    });
    const codec = messageCodec(tagged, 0);
    // One tag: 0, of one byte; as Kafka 4.4 writes a consumer group's member that has no classic side.
    for (const [struct, bytes] of [[null, "01 00 01 00"], [{ a: 5 }, "01 00 03 01 05 00"], [{ a: 0 }, "00"]] as const) {
      expect(codec.encode({ struct })).toEqual(hex(bytes));
      expect(codec.decode(hex(bytes))).toEqual({ struct });
    }
  });

  test("nothing but strings, bytes, records, arrays and structs can be null", () => {
    expect(() => int32.nullable()).toThrow(TypeError);
  });
});

describe("codecs", () => {
  test("are made once, and not for versions that the message lacks", () => {
    const sample = api(99, "Sample", versions, { request: { a: int8 }, response: { b: int8 } });
    expect(codecFor(sample, 1)).toBe(codecFor(sample, 1));
    for (const version of [-1, 4, 0.5]) expect(() => codecFor(sample, version)).toThrow(RangeError);
  });

  test("infer precise types", () => {
    const sample = message("Sample", versions, {
      name: string.nullable(),
      rows: array({ at: int64, note: string.default("") }),
      cursor: struct({ at: int32 }).nullable().default(null),
      records: records.nullable(),
    });
    const value: Infer<typeof sample> = { name: null, rows: [{ at: 1, note: "" }], cursor: null, records: null };
    const draft: Draft<typeof sample> = { name: "n", rows: [{ at: 1 }], records: [new Uint8Array(1)] };
    const same: Draft<typeof sample> = value;
    // @ts-expect-error a decoded value has every field
    const lacking: Infer<typeof sample> = { name: null, rows: [], cursor: null };
    // @ts-expect-error a draft must have what has no default
    const short: Draft<typeof sample> = { name: null, rows: [] };
    // @ts-expect-error name may be null
    const text: string = value.name;
    // @ts-expect-error numbers are not strings
    const wrong: Draft<typeof sample> = { name: 1, rows: [], records: null };
    expect([draft, same, lacking, short, text, wrong].length).toBe(6);
  });
});

describe("long messages", () => {
  test("come back when they span many chunks", () => {
    const sample = message("Sample", versions, { names: array(string), data: bytes, tail: string.tagged(0, 2) });
    const codec = messageCodec(sample, 2);
    const value = {
      names: Array.from({ length: 5000 }, (_, index) => (index % 7 === 0 ? "ü" : "n") + "a".repeat(index % 60)),
      data: new Uint8Array(100_000).fill(7),
      tail: "t".repeat(30_000),
    };
    expect(codec.decode(codec.encode(value))).toEqual(value);
    expect(new Reader(codec.encode(value)).remaining).toBeGreaterThan(250_000);
  });
});

function hex(text: string): Uint8Array {
  const digits = text.replaceAll(" ", "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) => parseInt(digits.slice(2 * at, 2 * at + 2), 16));
}
