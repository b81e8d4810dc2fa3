import { describe, expect, test } from "bun:test";
import { BatchView, MalformedBatch } from "../../../protocol/batch.ts";
import {
  type BatchDraft,
  decodeControlMarker,
  decodeRecords,
  encodeBatch,
  encodeControlBatch,
  type RecordDraft,
  recordSizeBytesMax,
} from "../../../protocol/record.ts";

const text = (value: string) => new TextEncoder().encode(value);
const roundTrip = (draft: BatchDraft) => [...decodeRecords(new BatchView(encodeBatch(draft)))];

/** A batch around record bytes given by hand. */
function batchAround(recordBytes: readonly number[], recordCount = 1): BatchView {
  const bytes = new Uint8Array(61 + recordBytes.length);
  bytes.set(encodeBatch({ records: [] }));
  bytes.set(recordBytes, 61);
  const view = new DataView(bytes.buffer);
  view.setInt32(8, bytes.length - 12);
  view.setInt32(57, recordCount);
  return new BatchView(bytes);
}

describe("encodeBatch and decodeRecords", () => {
  test("give back keys, values, headers, offsets and timestamps", () => {
    const records: RecordDraft[] = [
      { key: text("k"), value: text("v"), timestamp: 1000, headers: [] },
      { key: null, value: null, timestamp: 900, headers: [{ key: "a", value: text("1") }, { key: "", value: null }] },
      {
        key: text(""),
        value: text(""),
        timestamp: 5_000_000_000_000,
        headers: [{ key: "ключ 🔑 \ud800", value: text("") }],
      },
    ];
    expect(roundTrip({ records, baseOffset: 100 })).toEqual([
      { offset: 100, timestamp: 1000, key: text("k"), value: text("v"), headers: [] },
      {
        offset: 101,
        timestamp: 900,
        key: null,
        value: null,
        headers: [{ key: "a", value: text("1") }, { key: "", value: null }],
      },
      {
        offset: 102,
        timestamp: 5_000_000_000_000,
        key: text(""),
        value: text(""),
        headers: [{ key: "ключ 🔑 \ufffd", value: text("") }],
      },
    ]);
  });

  test("encode a record view as it was decoded", () => {
    const bytes = encodeBatch({
      records: [{ key: text("k"), timestamp: 3 }, { value: text("v"), timestamp: 4 }],
      baseOffset: 7,
    });
    const again = encodeBatch({ records: [...decodeRecords(new BatchView(bytes))], baseOffset: 7 });
    expect(again).toEqual(bytes);
  });

  test("keep gaps in offsets and the last offset a cleaner leaves", () => {
    const bytes = encodeBatch({ records: [{ offset: 12 }, { offset: 19 }], baseOffset: 10, lastOffset: 25 });
    const batch = new BatchView(bytes);
    expect(batch.lastOffset).toBe(25);
    expect(batch.recordCount).toBe(2);
    expect([...decodeRecords(batch)].map((record) => record.offset)).toEqual([12, 19]);
  });

  test("keep the offsets of a batch whose records are all gone", () => {
    const batch = new BatchView(encodeBatch({ records: [], baseOffset: 10, lastOffset: 25, producerId: 3 }));
    expect(batch.nextOffset).toBe(26);
    expect([...decodeRecords(batch)]).toEqual([]);
  });

  test("keep timestamps when a delete horizon takes the base timestamp's place", () => {
    const bytes = encodeBatch({ records: [{ timestamp: 500 }, { timestamp: 10_000 }], deleteHorizon: 9000 });
    expect(new BatchView(bytes).deleteHorizon).toBe(9000);
    expect([...decodeRecords(new BatchView(bytes))].map((record) => record.timestamp)).toEqual([500, 10_000]);
  });

  test("give every record the broker's time when the batch says so", () => {
    const records = roundTrip({ records: [{ timestamp: 5 }, { timestamp: 6 }], logAppendTime: 777 });
    expect(records.map((record) => record.timestamp)).toEqual([777, 777]);
  });

  test("carry a value of many bytes", () => {
    const value = new Uint8Array(3_000_000).fill(7);
    expect(roundTrip({ records: [{ value }] })[0]?.value?.length).toBe(3_000_000);
  });
});

describe("decodeRecords", () => {
  // length 6, attributes, timestamp 0, offset 0, key null, value null, no headers
  const empty = [12, 0, 0, 0, 1, 1, 0];

  test("reads a record made by hand", () => {
    expect([...decodeRecords(batchAround(empty))]).toEqual([
      { offset: 0, timestamp: -1, key: null, value: null, headers: [] },
    ]);
  });

  const damages: [string, number[], number][] = [
    ["fewer records than counted", empty, 2],
    ["more bytes than counted records", [...empty, ...empty], 1],
    ["a negative count", empty, -1],
    ["a record longer than the batch", [14, 0, 0, 0, 1, 1, 0], 1],
    ["a record shorter than its fields", [10, 0, 0, 0, 1, 1, 0], 1],
    ["a key longer than the batch", [12, 0, 0, 0, 100, 1, 0], 1],
    ["a key of length -2", [12, 0, 0, 0, 3, 1, 0], 1],
    ["more headers than bytes", [12, 0, 0, 0, 1, 1, 100], 1],
    ["a negative count of headers", [12, 0, 0, 0, 1, 1, 1], 1],
    ["a header with a null key", [16, 0, 0, 0, 1, 1, 2, 1, 1], 1],
    ["a number of six bytes", [0x80, 0x80, 0x80, 0x80, 0x80, 0x01], 1],
    ["a number cut at the end", [12, 0, 0, 0, 1, 1, 0x80], 1],
  ];
  for (const [subject, recordBytes, recordCount] of damages) {
    test(`refuses ${subject}`, () => {
      expect(() => [...decodeRecords(batchAround(recordBytes, recordCount))]).toThrow(MalformedBatch);
    });
  }

  test("gives the records before a damaged one", () => {
    const records = decodeRecords(batchAround([...empty, 99], 2));
    expect(records.next().value?.offset).toBe(0);
    expect(() => records.next()).toThrow(MalformedBatch);
  });
});

describe("recordSizeBytesMax", () => {
  test("is never less than what a record takes", () => {
    const record: RecordDraft = {
      key: text("key"),
      value: new Uint8Array(1000),
      timestamp: 2 ** 50,
      headers: [{ key: "ключ", value: text("x") }],
    };
    const takes = encodeBatch({ records: [record] }).length - 61;
    expect(recordSizeBytesMax(record)).toBeGreaterThan(takes - 1);
    expect(recordSizeBytesMax(record) - takes).toBeLessThan(60);
  });
});

describe("encodeControlBatch", () => {
  for (const kind of ["commit", "abort"] as const) {
    test(`makes a marker to ${kind} that reads back`, () => {
      const bytes = encodeControlBatch({ kind, producerId: 9, producerEpoch: 2, coordinatorEpoch: 5, timestamp: 44 });
      const batch = new BatchView(bytes);
      expect(batch.isControl && batch.isTransactional && batch.isCrcValid()).toBe(true);
      expect(batch.producerId).toBe(9);
      expect(batch.baseSequence).toBe(-1);
      const [record] = decodeRecords(batch);
      expect(decodeControlMarker(record!)).toEqual({ kind, coordinatorEpoch: 5 });
    });
  }
});
