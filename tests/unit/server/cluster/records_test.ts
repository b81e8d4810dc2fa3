import { describe, expect, test } from "bun:test";
import { BatchView, MalformedBatch } from "../../../../protocol/batch.ts";
import { encodeMetadataRecord as encodeAny } from "../../../../protocol/embedded/cluster_metadata.ts";
import { encodeBatch } from "../../../../protocol/record.ts";
import { CorruptMetadata, MetadataImage } from "../../../../server/cluster/image.ts";
import { KraftVoters } from "../../../../server/cluster/kraft_voters.ts";
import { MetadataReplay } from "../../../../server/cluster/metadata_replay.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../../server/cluster/metadata_snapshot.ts";
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from "../../../../server/cluster/records.ts";

const topicId = "cwbE3fu4QRulFjkHsq9GAw";

const samples: MetadataRecord[] = [
  { kind: "featureLevel", name: "metadata.version", featureLevel: 33 },
  { kind: "topic", name: "auto-a", topicId },
  {
    kind: "partition",
    partitionId: 0,
    topicId,
    leader: 1,
    leaderEpoch: 4,
    partitionEpoch: 7,
    replicas: [1, 2],
    isr: [1],
  },
  { kind: "partitionChange", partitionId: 0, topicId, leader: 1, replicas: null, isr: [1] },
  { kind: "partitionChange", partitionId: 0, topicId, leader: null, replicas: [3], isr: null },
  { kind: "config", resourceType: 2, resourceName: "auto-a", name: "retention.ms", value: "5" },
  { kind: "config", resourceType: 4, resourceName: "", name: "retention.ms", value: null },
  { kind: "producerIds", nextProducerId: 1000 },
  { kind: "removeTopic", topicId },
  {
    kind: "clientQuota",
    entity: new Map([["user", "a"], ["client-id", null]]),
    key: "producer_byte_rate",
    value: 1000.5,
  },
  { kind: "clientQuota", entity: new Map([["ip", "10.0.0.1"]]), key: "connection_creation_rate", value: null },
  {
    kind: "scramCredential",
    name: "ann",
    mechanism: 1,
    salt: Uint8Array.of(1, 2),
    storedKey: Uint8Array.of(3),
    serverKey: Uint8Array.of(4, 5),
    iterations: 4096,
  },
  { kind: "removeScramCredential", name: "ann", mechanism: 1 },
];

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

describe("metadata records", () => {
  test.each(samples.map((record) => [record.kind, record] as const))("%s survives its bytes", (_, record) => {
    expect(decodeMetadataRecord(encodeMetadataRecord(record))).toEqual(record);
  });

  test("a topic has the bytes that Kafka writes", () => {
    // From the metadata log of Apache Kafka 4.4: frame 1, type 2, version 0, "auto-a", id, no tagged fields.
    expect(hex(encodeMetadataRecord(samples[1]!))).toBe(
      "01020007" + "6175746f2d61" + "7306c4ddfbb8411ba5163907b2af4603" + "00",
    );
  });

  test("a record that changes nothing is skipped, an unknown one is not", () => {
    expect(decodeMetadataRecord(encodeAny("NoOpRecord", {}))).toBe(null);
    expect(decodeMetadataRecord(new Uint8Array([1, 17, 0, 0]))).toBe(null); // of Kafka's controllers, about a broker
    expect(decodeMetadataRecord(new Uint8Array([1, 29, 0, 0]))).toBe(null); // and about one of them that is gone
    expect(() => decodeMetadataRecord(new Uint8Array([1, 18, 0, 0]))).toThrow("an access rule (ACL)");
    expect(() => decodeMetadataRecord(new Uint8Array([1, 77, 0]))).toThrow(CorruptMetadata);
    expect(() => decodeMetadataRecord(null)).toThrow(CorruptMetadata);
  });
});

describe("metadata log", () => {
  /** What the batches, each a list of records, come to. */
  function replayed(...changes: (MetadataRecord | "begin" | "end" | "abort")[][]): MetadataRecord[][] {
    const marks = {
      begin: "BeginTransactionRecord",
      end: "EndTransactionRecord",
      abort: "AbortTransactionRecord",
    } as const;
    const applied: MetadataRecord[][] = [];
    const replay = new MetadataReplay((records) => {
      if (records.length > 0) applied.push([...records]);
    });
    for (const records of changes) {
      const values = records.map((record) =>
        typeof record === "string" ? encodeAny(marks[record], {}) : encodeMetadataRecord(record)
      );
      replay.read(new BatchView(encodeBatch({ records: values.map((value) => ({ value })) })));
    }
    return applied;
  }
  const [level, topic, partition] = samples as [MetadataRecord, MetadataRecord, MetadataRecord];

  test("a batch is a change", () => {
    expect(replayed([level], [topic, partition])).toEqual([[level], [topic, partition]]);
  });

  test("a change that Kafka spreads over batches counts from its end on", () => {
    expect(replayed(["begin"], [level], [topic, partition], ["end"], [level])).toEqual([[level, topic, partition], [
      level,
    ]]);
    expect(replayed(["begin", level], [topic, "end", partition])).toEqual([[level, topic], [partition]]);
  });

  test("a change that was given up is not there", () => {
    expect(replayed([level], ["begin", topic], ["abort"], [partition])).toEqual([[level], [partition]]);
    expect(replayed([level], ["begin", topic])).toEqual([[level]]);
    expect(replayed(["begin", topic], ["begin", level], ["end"])).toEqual([[level]]);
  });
});

describe("metadata snapshot", () => {
  const image = new MetadataImage();
  image.apply(samples.slice(0, 3));
  for (let index = 1; index <= 1200; index++) {
    image.apply([{ ...samples[2] as MetadataRecord & { kind: "partition" }, partitionId: index }]);
  }
  const bytes = encodeSnapshot(image.records(), 1_795_370_802_881);

  test("gives back the records it was made of", () => {
    expect(decodeSnapshot(bytes)).toEqual([...image.records()]);
    expect(decodeSnapshot(encodeSnapshot([], 0))).toEqual([]);
  });

  test("carries on how Kafka's controllers vote", () => {
    const control = (type: number, ...value: number[]) => ({
      key: Uint8Array.of(0, 0, 0, type),
      value: Uint8Array.of(...value),
    });
    const voters = new KraftVoters();
    const note = (...records: { key: Uint8Array; value: Uint8Array }[]) => {
      voters.note(new BatchView(encodeBatch({ records, isControl: true })));
    };
    note(control(3, 1), control(5, 1), control(6, 1, 2));
    note(control(2, 9));
    note(control(6, 1, 2, 3));
    const next = new KraftVoters();
    const snapshot = encodeSnapshot(image.records(), 1, voters.records());
    next.noteAll(snapshot);
    expect(next.records()).toEqual([control(5, 1), control(6, 1, 2, 3)]);
    expect(decodeSnapshot(snapshot)).toEqual([...image.records()]);
  });

  test("is refused when it is cut anywhere", () => {
    for (const length of [0, 1, 60, 100, 1000, bytes.length - 70, bytes.length - 1]) {
      expect(() => decodeSnapshot(bytes.slice(0, length))).toThrow(MalformedBatch);
    }
    const lastBatch = encodeSnapshot([], 0).length - 73;
    expect(() => decodeSnapshot(encodeSnapshot([], 0).slice(0, lastBatch))).toThrow(MalformedBatch);
  });

  test("is refused when a bit has flipped", () => {
    for (const at of [30, 70, 200, 5000, bytes.length - 2]) {
      const damaged = bytes.slice();
      damaged[at]! ^= 4;
      expect(() => decodeSnapshot(damaged)).toThrow(MalformedBatch);
    }
  });
});
