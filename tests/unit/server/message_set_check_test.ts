import { describe, expect, test } from "bun:test";
import { BatchView } from "../../../protocol/batch.ts";
import { joined } from "../../../protocol/bytes.ts";
import { compress, Compression } from "../../../protocol/compression.ts";
import { crc32 } from "../../../protocol/crc32.ts";
import { errorName } from "../../../protocol/errors.ts";
import { type MessageMagic, MessageSetWriter } from "../../../protocol/message_set.ts";
import { decodeRecords, encodeBatch } from "../../../protocol/record.ts";
import type { BatchRules } from "../../../server/partitions/batch_check.ts";
import { checkMessageSet } from "../../../server/partitions/message_set_check.ts";

const NOW_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const text = (value: string) => new TextEncoder().encode(value);
const rules: BatchRules = {
  maxMessageBytes: 1_048_588,
  segmentBytes: 1_073_741_824,
  isCompacted: false,
  compressionType: "producer",
  timestampType: "CreateTime",
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: HOUR_MS,
};

interface SetOptions {
  readonly magic?: MessageMagic;
  readonly compression?: 0 | 1 | 2 | 3;
  readonly timestampType?: "createTime" | "logAppendTime";
  readonly timestamp?: number;
  readonly keys?: readonly (string | null)[];
}

function setOf(
  { magic = 1, compression = 0, timestampType = "createTime", timestamp = NOW_MS, keys = ["a", "b"] }: SetOptions = {},
): Uint8Array {
  const writer = new MessageSetWriter({ magic, compression, timestampType });
  keys.forEach((key, offset) => {
    writer.append({ offset, timestamp, key: key === null ? null : text(key), value: text("value") });
  });
  return writer.finish();
}

const check = (set: Uint8Array | null, changed: Partial<BatchRules> = {}) =>
  checkMessageSet(set, { ...rules, ...changed }, { apiVersion: 2, nowMs: NOW_MS });

function verdict(set: Uint8Array | null, changed: Partial<BatchRules> = {}): string {
  const result = check(set, changed);
  return result.kind === "refused" ? errorName(result.errorCode) : result.kind;
}

/** The first message changed, and its checksum made right again. */
function altered(set: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const bytes = set.slice();
  const view = new DataView(bytes.buffer);
  change(view);
  view.setUint32(12, crc32(bytes, 16, 12 + view.getInt32(8)));
  return bytes;
}

describe("checkMessageSet", () => {
  test("makes one batch of a set, of its own codec or the topic's", () => {
    for (const compression of [0, 1, 2, 3] as const) {
      for (const magic of [0, 1] as const) {
        const result = check(setOf({ compression, magic }));
        if (result.kind !== "ok") throw new Error(result.kind);
        const batch = new BatchView(result.records);
        expect([batch.compression, batch.recordCount, batch.baseOffset]).toEqual([compression, 2, 0]);
        const records = [...decodeRecords(batch)];
        expect(records.map(({ timestamp }) => timestamp)).toEqual(magic === 0 ? [-1, -1] : [NOW_MS, NOW_MS]);
      }
      const result = check(setOf({ compression }), { compressionType: "zstd" });
      expect(result.kind === "ok" && new BatchView(result.records).compression).toBe(Compression.zstd);
    }
  });

  test("has nothing to do with nothing, or with less than a message", () => {
    expect([verdict(null), verdict(new Uint8Array(0)), verdict(setOf().subarray(0, 20))]).toEqual(
      Array(3).fill("empty"),
    );
  });

  test("cuts off what is cut at the end", () => {
    const result = check(joined([setOf(), setOf().subarray(0, 30)]));
    expect(result.kind === "ok" && new BatchView(result.records).recordCount).toBe(2);
  });

  test("takes a batch of format 2, as Kafka did, but not two", () => {
    const batch = encodeBatch({ records: [{ timestamp: NOW_MS, value: text("one") }] });
    expect(verdict(batch)).toBe("ok");
    expect(verdict(joined([batch, batch]))).toBe("INVALID_RECORD");
    expect(verdict(joined([batch, setOf()]))).toBe("INVALID_RECORD");
    expect(verdict(joined([setOf(), batch]))).toBe("INVALID_RECORD");
  });

  test("refuses bytes that were changed on the way, outside and inside of a wrapper", () => {
    const set = setOf();
    for (let at = 12; at < set.length / 2; at++) {
      const changed = set.slice();
      changed[at]! ^= 1;
      expect({ at, verdict: verdict(changed) }).toEqual({ at, verdict: "CORRUPT_MESSAGE" });
    }
    const writer = new MessageSetWriter({ magic: 1, compression: 0, timestampType: "createTime" });
    const inner = setOf();
    inner[inner.length - 1]! ^= 1;
    writer.append({ offset: 1, timestamp: NOW_MS, key: null, value: compress(Compression.gzip, inner) });
    expect(verdict(altered(writer.finish(), (view) => view.setInt8(17, Compression.gzip)))).toBe("CORRUPT_MESSAGE");
  });

  test("refuses formats that do not go together, and wrappers that are not alone", () => {
    expect(verdict(joined([setOf(), setOf({ magic: 0 })]))).toBe("INVALID_RECORD");
    expect(verdict(joined([setOf({ compression: 1 }), setOf({ compression: 1 })]))).toBe("INVALID_RECORD");
    expect(verdict(joined([setOf(), setOf({ compression: 1 })]))).toBe("INVALID_RECORD");
    // Format 0 inside format 1, and a wrapper inside a wrapper.
    for (const inner of [setOf({ magic: 0 }), setOf({ compression: 1 })]) {
      const writer = new MessageSetWriter({ magic: 1, compression: 0, timestampType: "createTime" });
      writer.append({ offset: 1, timestamp: NOW_MS, key: null, value: compress(Compression.gzip, inner) });
      expect(verdict(altered(writer.finish(), (view) => view.setInt8(17, Compression.gzip)))).toBe("INVALID_RECORD");
    }
  });

  test("refuses codecs that the formats do not have, and what they did not make", () => {
    const set = setOf();
    const one = set.subarray(0, set.length / 2);
    expect(verdict(altered(one, (view) => view.setInt8(17, 1)))).toBe("INVALID_RECORD");
    expect(verdict(altered(one, (view) => view.setInt8(17, Compression.zstd)))).toBe("INVALID_RECORD");
    expect(verdict(altered(one, (view) => view.setInt8(17, 5)))).toBe("UNSUPPORTED_COMPRESSION_TYPE");
  });

  test("holds messages to the rules of the topic", () => {
    expect(verdict(setOf({ keys: ["a", null] }), { isCompacted: true })).toBe("INVALID_RECORD");
    expect(verdict(setOf({ keys: ["a", null], compression: 1 }), { isCompacted: true })).toBe("INVALID_RECORD");
    expect(verdict(setOf(), { isCompacted: true })).toBe("ok");
    expect(verdict(setOf({ timestamp: NOW_MS + 2 * HOUR_MS }))).toBe("INVALID_TIMESTAMP");
    expect(verdict(setOf({ timestamp: NOW_MS - 2 * HOUR_MS }), { timestampBeforeMaxMs: HOUR_MS })).toBe(
      "INVALID_TIMESTAMP",
    );
    expect(verdict(setOf({ timestamp: -1 }), { timestampBeforeMaxMs: HOUR_MS })).toBe("ok");
    expect(verdict(setOf({ timestamp: -7 }))).toBe("INVALID_TIMESTAMP");
    expect(verdict(setOf({ timestamp: NOW_MS + 2 * HOUR_MS }), { timestampType: "LogAppendTime" })).toBe("ok");
    expect(verdict(setOf({ timestampType: "logAppendTime" }), { timestampType: "LogAppendTime" })).toBe(
      "INVALID_TIMESTAMP",
    );
    expect(verdict(setOf({ timestampType: "logAppendTime" }))).toBe("ok");
  });

  test("holds messages, and the batch that they become, to the sizes of the topic", () => {
    const set = setOf();
    expect(verdict(set, { maxMessageBytes: set.length / 2 - 1 })).toBe("MESSAGE_TOO_LARGE");
    // Each of them fits, together they do not.
    expect(verdict(setOf({ keys: ["a".repeat(100), "b".repeat(100)] }), { maxMessageBytes: 200 })).toBe(
      "MESSAGE_TOO_LARGE",
    );
    expect(verdict(set, { segmentBytes: 50 })).toBe("RECORD_LIST_TOO_LARGE");
  });
});
