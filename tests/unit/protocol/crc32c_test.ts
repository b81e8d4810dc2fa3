import { describe, expect, test } from "bun:test";
import { crc32c, crc32cByTable, initCrc32c } from "../../../protocol/crc32c.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

describe("crc32c", () => {
  test("gives the check value of the standard", () => {
    expect(crc32c(ascii("123456789"))).toBe(0xe3069283);
  });

  test("gives the iSCSI standard's numbers for 32 bytes", () => {
    // RFC 3720, B.4
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => 31 - index))).toBe(0x113fdb5c);
  });

  test("of nothing is zero", () => {
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  test("counts only the range it is given", () => {
    expect(crc32c(ascii("xx123456789yyy"), 2, 11)).toBe(0xe3069283);
  });

  test("gives the same by hash-wasm, where there are no vectors, and by table, at every alignment", async () => {
    expect(await initCrc32c(null, () => null)).toBe("wasm");
    const bytes = Uint8Array.from({ length: 9001 }, (_, index) => (index * 31 + (index >> 5)) & 255);
    for (const start of [0, 1, 2, 3, 7, 8, 15, 16]) {
      for (const length of [0, 1, 15, 16, 17, 255, 4095, 4096, 4097, 8192]) {
        expect(crc32c(bytes, start, start + length)).toBe(crc32cByTable(bytes, start, start + length));
      }
    }
  });

  test("takes what is offered when it is right, and for what is large enough", async () => {
    const lengths: number[] = [];
    const compute = (bytes: Uint8Array, start: number, end: number) => {
      lengths.push(end - start);
      return crc32cByTable(bytes, start, end);
    };
    try {
      expect(await initCrc32c({ sizeBytesMin: 9, compute })).toBe("native");
      lengths.length = 0;
      expect(crc32c(ascii("123456789"))).toBe(0xe3069283);
      expect(crc32c(ascii("12345678"))).toBe(crc32cByTable(ascii("12345678"), 0, 8));
      expect(lengths).toEqual([9]);
    } finally {
      expect(await initCrc32c()).toBe("vectors");
    }
  });

  test("does not take what is wrong at one length only", async () => {
    for (const wrong of [1, 40, 768, 12_287]) {
      const compute = (bytes: Uint8Array, start: number, end: number) =>
        crc32cByTable(bytes, start, end) ^ (end - start === wrong ? 1 : 0);
      expect(await initCrc32c({ sizeBytesMin: 1, compute })).toBe("vectors");
      expect(crc32c(ascii("123456789"))).toBe(0xe3069283);
    }
  });
});
