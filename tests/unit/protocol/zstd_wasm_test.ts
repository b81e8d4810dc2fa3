import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { batches } from "../../../protocol/batch.ts";
import { type Codec, compress, Compression } from "../../../protocol/compression.ts";
import { loadZstdWasm } from "../../../protocol/zstd_wasm.ts";

/** Written by Kafka's own log, with a batch of each compression: see tests/golden/kafka_log. */
const kafkaLog = new URL("../../golden/kafka_log/image/golden-0/00000000000000000000.log", import.meta.url);
const isDeno = "Deno" in globalThis;

describe.skipIf(isDeno)("zstd of the fallback for hosts without it", () => {
  let codec: Codec;
  beforeAll(async () => {
    codec = await loadZstdWasm();
  });

  test("reads what Java compressed", () => {
    const packed = [...batches(readFileSync(kafkaLog))].filter(({ compression }) => compression === Compression.zstd);
    expect(packed.length).toBeGreaterThan(0);
    for (const { recordBytes, recordCount } of packed) {
      const plain = codec.decompress(recordBytes, 1_000_000);
      const { zstdDecompressSync } = process.getBuiltinModule("node:zlib");
      expect(plain).toEqual(new Uint8Array(zstdDecompressSync(recordBytes)));
      expect(plain.length).toBeGreaterThan(recordCount * 6);
    }
  });

  test("reads what makes more than its memory holds at first, again and again", () => {
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * index) >>> 7);
    const packed = compress(Compression.zstd, bytes);
    for (let round = 0; round < 3; round++) expect(codec.decompress(packed, bytes.length)).toEqual(bytes);
    expect(codec.decompress(compress(Compression.zstd, new Uint8Array(0)), 0).length).toBe(0);
  });

  test("stops at the bound on what it makes", () => {
    const bomb = compress(Compression.zstd, new Uint8Array(50_000_000));
    expect(() => codec.decompress(bomb, 49_999_999)).toThrow("they make more");
  });

  test("refuses bytes that are damaged or cut, and goes on to work", () => {
    const packed = compress(Compression.zstd, new TextEncoder().encode("hello ".repeat(100)));
    expect(() => codec.decompress(packed.subarray(0, packed.length - 3), 1_000)).toThrow("end too early");
    expect(() => codec.decompress(new TextEncoder().encode("something else"), 1_000)).toThrow("damaged");
    expect(codec.decompress(packed, 600).length).toBe(600);
  });
});
