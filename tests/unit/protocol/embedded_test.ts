/** Against bytes that Kafka's own Java classes made: `tests/golden/java_embedded/`. */
import { describe, expect, test } from "bun:test";
import { batches, BatchView } from "../../../protocol/batch.ts";
import { crc32c } from "../../../protocol/crc32c.ts";
import { consumerGroupRecords } from "../../../protocol/embedded/consumer_group_log.ts";
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecordKind,
  metadataRecords,
} from "../../../protocol/embedded/cluster_metadata.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../../protocol/embedded/consumer_protocol.ts";
import {
  decodeGroupMetadataValue,
  decodeOffsetCommitValue,
  decodeOffsetsLogKey,
  encodeGroupMetadataKey,
  encodeGroupMetadataValue,
  encodeOffsetCommitKey,
  encodeOffsetCommitValue,
} from "../../../protocol/embedded/offsets_log.ts";
import { streamsGroupRecords } from "../../../protocol/embedded/streams_group_log.ts";
import {
  decodeTransactionLogValue,
  decodeTransactionsLogKey,
  encodeTransactionLogKey,
  encodeTransactionLogValue,
} from "../../../protocol/embedded/transactions_log.ts";
import { murmur2 } from "../../../protocol/murmur2.ts";
import { decodeControlMarker, decodeRecords, encodeBatch, encodeControlBatch } from "../../../protocol/record.ts";
import { MalformedFrame } from "../../../protocol/wire.ts";
import { CoordinatorLogCodec, type RecordKinds } from "../../../protocol/embedded/coordinator_log.ts";
import { shareGroupRecords } from "../../../protocol/embedded/share_group_log.ts";
import { shareStateRecords } from "../../../protocol/embedded/share_state_log.ts";
import vectors from "../../golden/java_embedded/vectors.json" with { type: "json" };

const text = (value: string) => new TextEncoder().encode(value);
const fromHex = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const toHex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const toBase64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));

/** The same bytes as the Java program's. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    return (state >>> 16) & 0xff;
  });
}

describe("checksums and hashes of Java", () => {
  for (const { length, crc32c: expected } of vectors.checksums) {
    test(`crc32c of ${length} bytes`, () => {
      expect(crc32c(noise(length, length))).toBe(expected);
    });
  }

  for (const { text: input, murmur2: expected } of vectors.hashes) {
    test(`murmur2 of "${input}"`, () => {
      expect(murmur2(text(input))).toBe(expected);
    });
  }
});

describe("a batch of Java", () => {
  const digest = (bytes: Uint8Array | null) => {
    if (bytes === null || bytes.length <= 100) return bytes === null ? null : toBase64(bytes);
    return `${bytes.length} bytes, crc32c ${crc32c(bytes)}`;
  };

  for (const { hex, name, ...expected } of vectors.batches) {
    test(`reads the same here: ${name}`, () => {
      const all = [...batches(fromHex(hex))];
      expect(all.length).toBe(1);
      const batch = all[0]!;
      expect(batch.isCrcValid()).toBe(true);
      expect({
        baseOffset: batch.baseOffset,
        lastOffset: batch.lastOffset,
        partitionLeaderEpoch: batch.partitionLeaderEpoch,
        compression: batch.compression,
        timestampType: batch.timestampType === "createTime" ? "CreateTime" : "LogAppendTime",
        maxTimestamp: batch.maxTimestamp,
        isTransactional: batch.isTransactional,
        isControl: batch.isControl,
        producerId: batch.producerId,
        producerEpoch: batch.producerEpoch,
        baseSequence: batch.baseSequence,
        lastSequence: batch.lastSequence,
        crc: batch.crc,
        records: [...decodeRecords(batch)].map((record) => ({
          offset: record.offset,
          timestamp: record.timestamp,
          key: record.key === null ? null : toBase64(record.key),
          value: digest(record.value),
          headers: record.headers.map(({ key, value }) => ({ key, value: value === null ? null : toBase64(value) })),
        })),
      }).toEqual(expected);
    });
  }

  const uncompressed = vectors.batches.filter(({ compression, isControl }) => compression === 0 && !isControl);
  for (const { name, hex } of uncompressed) {
    test(`is made the same here: ${name}`, () => {
      const batch = new BatchView(fromHex(hex));
      const made = encodeBatch({
        // Under the broker's time a record's own is lost in reading, not in the bytes: these are the Java program's.
        records: [...decodeRecords(batch)].map((record, index) => ({
          ...record,
          timestamp: batch.baseTimestamp + [0, 500, -1000][index]!,
        })),
        baseOffset: batch.baseOffset,
        partitionLeaderEpoch: batch.partitionLeaderEpoch,
        producerId: batch.producerId,
        producerEpoch: batch.producerEpoch,
        baseSequence: batch.baseSequence,
        isTransactional: batch.isTransactional,
        ...(batch.timestampType === "logAppendTime" ? { logAppendTime: batch.maxTimestamp } : {}),
      });
      expect(toHex(made)).toBe(hex);
    });
  }

  for (const [kind, coordinatorEpoch] of [["commit", 19], ["abort", 20]] as const) {
    test(`is made the same here: marker to ${kind}`, () => {
      const { hex, baseOffset, producerId, producerEpoch, maxTimestamp } = vectors.batches.find(({ name }) =>
        name === `${kind} marker`
      )!;
      const made = encodeControlBatch({
        kind,
        producerId,
        producerEpoch,
        coordinatorEpoch,
        timestamp: maxTimestamp,
        baseOffset,
        partitionLeaderEpoch: 4,
      });
      expect(toHex(made)).toBe(hex);
      const [record] = decodeRecords(new BatchView(fromHex(hex)));
      expect(decodeControlMarker(record!)).toEqual({ kind, coordinatorEpoch });
    });
  }
});

describe("an embedded message of Java", () => {
  // deno-lint-ignore no-explicit-any -- the vectors hold messages of all kinds
  type Any = any;

  const codecs: Record<string, { decode(bytes: Uint8Array): Any; encode(value: Any, version: number): Uint8Array }> = {
    OffsetCommitKey: {
      decode: (bytes) => ({ ...decodeOffsetsLogKey(bytes), kind: undefined }),
      encode: encodeOffsetCommitKey,
    },
    OffsetCommitValue: { decode: decodeOffsetCommitValue, encode: encodeOffsetCommitValue },
    GroupMetadataKey: {
      decode: (bytes) => ({ ...decodeOffsetsLogKey(bytes), kind: undefined }),
      encode: encodeGroupMetadataKey,
    },
    GroupMetadataValue: { decode: decodeGroupMetadataValue, encode: encodeGroupMetadataValue },
    TransactionLogKey: {
      decode: (bytes) => ({ ...decodeTransactionsLogKey(bytes), kind: undefined }),
      encode: encodeTransactionLogKey,
    },
    TransactionLogValue: { decode: decodeTransactionLogValue, encode: encodeTransactionLogValue },
    ConsumerProtocolSubscription: { decode: decodeSubscription, encode: encodeSubscription },
    ConsumerProtocolAssignment: { decode: decodeAssignment, encode: encodeAssignment },
  };
  for (const kind of Object.keys(metadataRecords) as MetadataRecordKind[]) {
    codecs[kind] = {
      decode: (bytes) => {
        const record = decodeMetadataRecord(bytes);
        expect(record.kind).toBe(kind);
        return record.kind === "other" ? {} : record.value;
      },
      encode: (value, version) => encodeMetadataRecord(kind, value, version),
    };
  }

  const logs = [consumerGroupRecords, streamsGroupRecords, shareGroupRecords, shareStateRecords] as RecordKinds[];
  for (const kinds of logs) {
    const log = new CoordinatorLogCodec(kinds);
    for (const [kind, { key, value }] of Object.entries(kinds)) {
      codecs[key.name] = {
        decode: (bytes) => {
          const decoded = log.decodeKey(bytes);
          expect(decoded?.kind).toBe(kind);
          return decoded;
        },
        encode: (decoded) => log.encodeKey(kind, decoded),
      };
      codecs[value.name] = {
        decode: (bytes) => log.decodeValue(kind, bytes),
        encode: (decoded) => log.encodeValue(kind, decoded),
      };
    }
  }

  /** Our value as Kafka's JSON has it: bytes in base64, and only the fields that are there. */
  function likeJson(ours: Any, java: Any): Any {
    if (typeof ours === "bigint") return Number(ours);
    if (ours instanceof Uint8Array) return toBase64(ours);
    if (Array.isArray(ours)) return ours.map((item, index) => likeJson(item, java?.[index]));
    if (typeof ours !== "object" || ours === null) return ours;
    return Object.fromEntries(Object.keys(java ?? {}).map((name) => [name, likeJson(ours[name], java[name])]));
  }

  for (const { name, version, value, hex } of vectors.messages) {
    test(`reads and is made the same here: ${name} v${version}`, () => {
      const codec = codecs[name]!;
      const decoded = codec.decode(fromHex(hex));
      expect(likeJson(decoded, value)).toEqual(value);
      expect(toHex(codec.encode(decoded, version))).toBe(hex);
    });
  }
});

describe("decodeOffsetsLogKey", () => {
  test("knows the offsets that old brokers wrote", () => {
    const key = encodeOffsetCommitKey({ group: "g", topic: "t", partition: 3 });
    key[1] = 0;
    expect(decodeOffsetsLogKey(key)).toEqual({ kind: "offset", group: "g", topic: "t", partition: 3 });
  });

  test("gives the number of a kind it does not know", () => {
    expect(decodeOffsetsLogKey(Uint8Array.of(0, 12, 1, 2, 3))).toEqual({ kind: "other", type: 12 });
  });
});

describe("the transactions log", () => {
  test("gives the number of a kind of key it does not know", () => {
    expect(decodeTransactionsLogKey(Uint8Array.of(0, 3, 1))).toEqual({ kind: "other", type: 3 });
  });

  test("refuses a value of an unknown version", () => {
    expect(() => decodeTransactionLogValue(Uint8Array.of(0, 2, 0, 0, 0, 0))).toThrow(MalformedFrame);
  });
});

describe("a value of the offsets log", () => {
  test("is written in version 3 unless told otherwise, as Kafka writes it", () => {
    expect(encodeOffsetCommitValue({ offset: 1, metadata: "", commitTimestamp: 2 }).subarray(0, 2)).toEqual(
      Uint8Array.of(0, 3),
    );
  });

  test("of an unknown version is refused", () => {
    expect(() => decodeOffsetCommitValue(Uint8Array.of(0, 5, 0, 0, 0, 0))).toThrow(MalformedFrame);
    expect(() => decodeGroupMetadataValue(Uint8Array.of(0xff, 0xff))).toThrow(MalformedFrame);
  });
});

describe("decodeSubscription", () => {
  test("reads a later version as the newest it knows", () => {
    const bytes = encodeSubscription({ topics: ["t"], rackId: "r" });
    bytes[1] = 9;
    expect(decodeSubscription(Uint8Array.of(...bytes, 1, 2, 3)).rackId).toBe("r");
  });
});

describe("decodeAssignment", () => {
  test("takes nothing for no partitions", () => {
    expect(decodeAssignment(new Uint8Array(0))).toEqual({ assignedPartitions: [], userData: null });
  });
});

describe("decodeMetadataRecord", () => {
  test("gives the type of a record it does not know", () => {
    expect(decodeMetadataRecord(Uint8Array.of(1, 99, 2, 0))).toEqual({ kind: "other", type: 99, version: 2 });
  });

  test("refuses another frame, another version, and bytes left over", () => {
    const bytes = encodeMetadataRecord("TopicRecord", { name: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAA" });
    expect(() => decodeMetadataRecord(Uint8Array.of(2, ...bytes.subarray(1)))).toThrow(MalformedFrame);
    expect(() => decodeMetadataRecord(Uint8Array.of(1, 2, 1, ...bytes.subarray(3)))).toThrow(MalformedFrame);
    expect(() => decodeMetadataRecord(Uint8Array.of(...bytes, 0))).toThrow(MalformedFrame);
  });
});
