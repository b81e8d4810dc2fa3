import { describe, expect, test } from "bun:test";
import { addToSequence, batches, BatchView, MalformedBatch, wholeBatches } from "../../../protocol/batch.ts";
import { encodeBatch } from "../../../protocol/record.ts";

const text = (value: string) => new TextEncoder().encode(value);

function twoBatches(): Uint8Array {
  const first = encodeBatch({ records: [{ value: text("a") }, { value: text("b") }], baseOffset: 10 });
  const second = encodeBatch({ records: [{ value: text("c") }], baseOffset: 12 });
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

describe("BatchView", () => {
  test("reads every field of the header", () => {
    const batch = new BatchView(encodeBatch({
      records: [{ timestamp: 1_700_000_000_123 }, { timestamp: 1_700_000_000_999 }, { timestamp: 1_700_000_000_500 }],
      baseOffset: 2 ** 40 + 3,
      partitionLeaderEpoch: 7,
      producerId: 4_000_000_001,
      producerEpoch: 12,
      baseSequence: 2 ** 31 - 2,
      isTransactional: true,
    }));
    expect(batch.baseOffset).toBe(2 ** 40 + 3);
    expect(batch.lastOffset).toBe(2 ** 40 + 5);
    expect(batch.nextOffset).toBe(2 ** 40 + 6);
    expect(batch.partitionLeaderEpoch).toBe(7);
    expect(batch.magic).toBe(2);
    expect(batch.sizeBytes).toBe(batch.bytes.length);
    expect(batch.compression).toBe(0);
    expect(batch.timestampType).toBe("createTime");
    expect(batch.isTransactional).toBe(true);
    expect(batch.isControl).toBe(false);
    expect(batch.deleteHorizon).toBe(null);
    expect(batch.baseTimestamp).toBe(1_700_000_000_123);
    expect(batch.maxTimestamp).toBe(1_700_000_000_999);
    expect(batch.producerId).toBe(4_000_000_001);
    expect(batch.hasProducerId).toBe(true);
    expect(batch.producerEpoch).toBe(12);
    expect(batch.baseSequence).toBe(2 ** 31 - 2);
    expect(batch.lastSequence).toBe(0);
    expect(batch.recordCount).toBe(3);
    expect(batch.isCrcValid()).toBe(true);
  });

  test("stays valid when its offset and leader epoch are stamped", () => {
    const batch = new BatchView(encodeBatch({ records: [{ value: text("x") }] }));
    batch.baseOffset = 2 ** 45 + 1;
    batch.partitionLeaderEpoch = 2 ** 30;
    expect(batch.baseOffset).toBe(2 ** 45 + 1);
    expect(batch.partitionLeaderEpoch).toBe(2 ** 30);
    expect(batch.isCrcValid()).toBe(true);
  });

  test("takes the broker's time and a new checksum", () => {
    const batch = new BatchView(encodeBatch({ records: [{ value: text("x"), timestamp: 5 }] }));
    const crcBefore = batch.crc;
    batch.stampLogAppendTime(1_234_567_890_123);
    expect(batch.timestampType).toBe("logAppendTime");
    expect(batch.maxTimestamp).toBe(1_234_567_890_123);
    expect(batch.isCrcValid()).toBe(true);
    expect(batch.crc === crcBefore).toBe(false);
  });

  test("finds any flipped bit behind the checksum", () => {
    const bytes = encodeBatch({ records: [{ value: text("some value") }] });
    for (let bit = 21 * 8; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(new BatchView(bytes).isCrcValid()).toBe(false);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
  });

  test("reads offsets and ids below zero", () => {
    const batch = new BatchView(encodeBatch({ records: [{}], baseOffset: -5 }));
    expect(batch.baseOffset).toBe(-5);
    expect(batch.producerId).toBe(-1);
    expect(batch.producerEpoch).toBe(-1);
    expect(batch.lastSequence).toBe(-1);
    expect(batch.hasProducerId).toBe(false);
  });

  test("gives the batch that follows, and null behind the last", () => {
    const first = new BatchView(twoBatches());
    expect(first.next()?.baseOffset).toBe(12);
    expect(first.next()?.next()).toBe(null);
  });
});

describe("batches", () => {
  test("walks over all of them", () => {
    expect([...batches(twoBatches())].map((batch) => batch.baseOffset)).toEqual([10, 12]);
    expect([...batches(new Uint8Array(0))]).toEqual([]);
  });

  test("refuses bytes cut anywhere but between batches", () => {
    const both = twoBatches();
    const boundary = new BatchView(both).sizeBytes;
    for (let length = 1; length < both.length; length++) {
      if (length === boundary) continue;
      expect(() => [...batches(both.subarray(0, length))]).toThrow(MalformedBatch);
    }
  });

  test("refuses lengths that cannot be", () => {
    for (const length of [-1, 0, 48, 0x7fffffff, -0x80000000]) {
      const both = twoBatches();
      new DataView(both.buffer).setInt32(8, length);
      expect(() => [...batches(both)]).toThrow(MalformedBatch);
    }
  });

  test("refuses a format it does not know", () => {
    for (const magic of [3, 127, 255]) {
      const both = twoBatches();
      both[16] = magic;
      expect(() => [...batches(both)]).toThrow(MalformedBatch);
    }
  });
});

describe("wholeBatches", () => {
  test("leaves out a batch that is cut", () => {
    const both = twoBatches();
    const boundary = new BatchView(both).sizeBytes;
    for (let length = 0; length <= both.length; length++) {
      const expected = length === both.length ? 2 : length >= boundary ? 1 : 0;
      expect([...wholeBatches(both.subarray(0, length))].length).toBe(expected);
    }
  });

  test("refuses a length that cannot be", () => {
    const both = twoBatches();
    new DataView(both.buffer).setInt32(8, 13);
    expect(() => [...wholeBatches(both)]).toThrow(MalformedBatch);
  });
});

describe("addToSequence", () => {
  test("starts over at zero behind the largest number", () => {
    expect(addToSequence(0, 5)).toBe(5);
    expect(addToSequence(2 ** 31 - 1, 1)).toBe(0);
    expect(addToSequence(2 ** 31 - 3, 10)).toBe(7);
  });
});
