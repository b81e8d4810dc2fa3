import { describe, expect, test } from "bun:test";
import { BatchView } from "../../../protocol/batch.ts";
import { Compression } from "../../../protocol/compression.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { decodeRecords, encodeBatch } from "../../../protocol/record.ts";
import { type BatchRules, checkBatch } from "../../../server/partitions/batch_check.ts";

const NOW_MS = 1_700_000_000_000;
const text = (value: string) => new TextEncoder().encode(value);
const rules: BatchRules = {
  maxMessageBytes: 1_048_588,
  segmentBytes: 1_073_741_824,
  isCompacted: false,
  compressionType: "producer",
  timestampType: "CreateTime",
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
};

function batch(options: Partial<Parameters<typeof encodeBatch>[0]> = {}): Uint8Array {
  return encodeBatch({
    records: [
      { timestamp: NOW_MS, key: text("a"), value: text("one") },
      { timestamp: NOW_MS - 5_000, key: text("b"), value: text("two") },
    ],
    ...options,
  });
}

function codeOf(records: Uint8Array | null, changed: Partial<BatchRules> = {}, apiVersion = 9): number {
  const check = checkBatch(records, { ...rules, ...changed }, { apiVersion, nowMs: NOW_MS });
  return check.kind === "ok" ? ErrorCode.NONE : check.errorCode;
}

/** The batch with bytes changed and its checksum made right again. */
function altered(change: (view: DataView) => void): Uint8Array {
  const bytes = batch();
  change(new DataView(bytes.buffer, bytes.byteOffset));
  new BatchView(bytes, 0).stampCrc();
  return bytes;
}

describe("checkBatch", () => {
  test("passes a good batch through as it is", () => {
    const bytes = batch();
    const check = checkBatch(bytes, rules, { apiVersion: 9, nowMs: NOW_MS });
    expect(check.kind).toBe("ok");
    expect(check.kind === "ok" && check.records === bytes).toBe(true);
  });

  test("refuses what is no batch", () => {
    expect(codeOf(null)).toBe(ErrorCode.INVALID_RECORD);
    expect(codeOf(new Uint8Array(0))).toBe(ErrorCode.INVALID_RECORD);
    expect(codeOf(new Uint8Array(20))).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect(codeOf(batch().subarray(0, 70))).toBe(ErrorCode.INVALID_RECORD);
  });

  test("refuses a batch whose bytes were changed on the way", () => {
    const bytes = batch();
    for (let at = 17; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1;
      expect(codeOf(flipped)).not.toBe(ErrorCode.NONE);
    }
  });

  test("refuses two batches, one too large, and zstd where the version does not know it", () => {
    const one = batch();
    const two = new Uint8Array(one.length * 2);
    two.set(one);
    two.set(one, one.length);
    expect(codeOf(two)).toBe(ErrorCode.INVALID_RECORD);
    expect(codeOf(one, { maxMessageBytes: one.length - 1 })).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(codeOf(one, { segmentBytes: one.length - 1 })).toBe(ErrorCode.RECORD_LIST_TOO_LARGE);
    expect(codeOf(batch({ compression: Compression.zstd }), {}, 6)).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    expect(codeOf(batch({ compression: Compression.zstd }), {}, 7)).toBe(ErrorCode.NONE);
  });

  test("refuses counts and producer fields that cannot be", () => {
    expect(codeOf(altered((view) => view.setInt32(57, 3)))).toBe(ErrorCode.INVALID_RECORD);
    expect(codeOf(altered((view) => view.setInt32(23, -1)))).toBe(ErrorCode.INVALID_RECORD);
    expect(codeOf(altered((view) => view.setInt16(21, 0x20)))).toBe(ErrorCode.INVALID_RECORD);
    expect(codeOf(altered((view) => view.setBigInt64(43, 7n)))).toBe(ErrorCode.INVALID_RECORD);
    expect(codeOf(altered((view) => view.setInt16(21, 0x07)))).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    expect(codeOf(altered((view) => (view.setInt32(57, 900), view.setInt32(23, 899))))).toBe(ErrorCode.INVALID_RECORD);
  });

  test("cuts off what follows the batch and is no whole batch", () => {
    const one = batch();
    const more = new Uint8Array(one.length + 40);
    more.set(one);
    more.set(one.subarray(0, 40), one.length);
    const check = checkBatch(more, rules, { apiVersion: 9, nowMs: NOW_MS });
    expect(check.kind === "ok" && check.records.length).toBe(one.length);
    more.fill(0, one.length);
    expect(codeOf(more)).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("takes back a producer's claim to log append time, and refuses it where the log gives the time", () => {
    const claiming = () => altered((view) => view.setInt16(21, 0x08));
    const check = checkBatch(claiming(), rules, { apiVersion: 9, nowMs: NOW_MS });
    if (check.kind !== "ok") throw new Error("refused");
    expect([new BatchView(check.records).timestampType, new BatchView(check.records).isCrcValid()])
      .toEqual(["createTime", true]);
    expect(codeOf(claiming(), { timestampType: "LogAppendTime" })).toBe(ErrorCode.INVALID_TIMESTAMP);
  });

  test("says which refusals are the log's own", () => {
    const isByLog = (records: Uint8Array) => {
      const check = checkBatch(records, rules, { apiVersion: 9, nowMs: NOW_MS });
      return check.kind === "refused" && check.by === "log";
    };
    expect(isByLog(altered((view) => view.setInt32(57, 3)))).toBe(true);
    expect(isByLog(batch().subarray(0, 70))).toBe(false);
  });

  test("holds timestamps against the broker's clock, both ways", () => {
    const early = batch({
      records: [{ timestamp: NOW_MS, value: text("x") }, { timestamp: NOW_MS - 9, value: text("y") }],
    });
    expect(codeOf(early, { timestampBeforeMaxMs: 9 })).toBe(ErrorCode.NONE);
    const check = checkBatch(early, { ...rules, timestampBeforeMaxMs: 8 }, { apiVersion: 9, nowMs: NOW_MS });
    expect(check.kind === "refused" && check.errorCode).toBe(ErrorCode.INVALID_TIMESTAMP);
    expect(check.kind === "refused" && check.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1]);
    expect(codeOf(batch({ records: [{ timestamp: NOW_MS + 3_600_001 }] }))).toBe(ErrorCode.INVALID_TIMESTAMP);
  });

  test("wants keys on a compacted topic, and names the records without", () => {
    const records = [{ key: text("k"), timestamp: NOW_MS }, { value: text("v"), timestamp: NOW_MS }];
    for (const compression of [Compression.none, Compression.gzip]) {
      const check = checkBatch(batch({ records, compression }), { ...rules, isCompacted: true }, {
        apiVersion: 9,
        nowMs: NOW_MS,
      });
      expect(check.kind === "refused" && check.errorCode).toBe(ErrorCode.INVALID_RECORD);
      expect(check.kind === "refused" && check.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1]);
    }
    expect(codeOf(batch(), { isCompacted: true })).toBe(ErrorCode.NONE);
  });

  test("compresses again with the topic's codec, records and producer kept", () => {
    const sent = batch({ producerId: 9, producerEpoch: 1, baseSequence: 40 });
    const check = checkBatch(sent, { ...rules, compressionType: "gzip" }, { apiVersion: 9, nowMs: NOW_MS });
    if (check.kind !== "ok") throw new Error("refused");
    const view = new BatchView(check.records, 0);
    expect(view.compression).toBe(Compression.gzip);
    expect([view.producerId, view.producerEpoch, view.baseSequence, view.recordCount]).toEqual([9, 1, 40, 2]);
    expect([...decodeRecords(view)].map(({ value }) => new TextDecoder().decode(value!))).toEqual(["one", "two"]);
    expect(codeOf(check.records, { compressionType: "uncompressed" })).toBe(ErrorCode.NONE);
  });
});
