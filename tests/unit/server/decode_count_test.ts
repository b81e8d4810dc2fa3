/**
 * The broker passes records on as they came: on the way in and out no batch is decoded, but where the topic's rules are about
 * records, a codec must change, or a client of old asks. Counted here, over every version and codec.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../../protocol/api/02_list_offsets.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { Compression, type CompressionId, installCodec } from "../../../protocol/compression.ts";
import { decodeCount } from "../../../protocol/decode_count.ts";
import { MessageSetWriter } from "../../../protocol/message_set.ts";
import { batches } from "../../../protocol/batch.ts";
import { type BatchDraft, encodeBatch } from "../../../protocol/record.ts";
import { hostGzip } from "../../../protocol/host_zlib.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";
import { type Producer, READ_COMMITTED, TransactionsDesk } from "./handlers/transactions_desk.ts";
import { ShareWorld } from "./share/share_world.ts";

const codecs = Object.values(Compression);
const batchOf = (compression: CompressionId, of: Partial<BatchDraft> = {}) => {
  const record = {
    key: new TextEncoder().encode("k"),
    value: new TextEncoder().encode("value"),
    timestamp: 1_700_000_000_000,
  };
  return encodeBatch({ records: [record, record, record], compression, ...of });
};

let server: MemoryBroker;
let client: MemoryClient;
let unpackedCount = 0;

beforeAll(async () => {
  server = await MemoryBroker.start();
  client = await server.connect();
  const gzip = hostGzip();
  installCodec(Compression.gzip, {
    compress: (bytes) => gzip.compress(bytes),
    decompress: (bytes, sizeBytesMax) => {
      unpackedCount++;
      return gzip.decompress(bytes, sizeBytesMax);
    },
  });
});

afterAll(async () => {
  installCodec(Compression.gzip, hostGzip());
  await server.stop();
});

/** How many batches were looked into meanwhile. */
async function decodesIn(run: () => Promise<void>): Promise<number> {
  const before = decodeCount.batches;
  await run();
  return decodeCount.batches - before;
}

async function create(name: string, configs: Readonly<Record<string, string>> = {}): Promise<string> {
  const pairs = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: pairs };
  const { topics } = await client.send(createTopics, 7, { topics: [topic] });
  expect(topics[0]!.errorCode).toBe(0);
  return topics[0]!.topicId;
}

async function send(name: string, topicId: string, version: number, records: Uint8Array, acks = -1): Promise<void> {
  const topicData = [{ name, topicId, partitionData: [{ index: 0, records }] }];
  const { responses } = await client.send(produce, version, { acks, timeoutMs: 1_000, topicData });
  expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
}

async function get(topic: string, topicId: string, version: number, isolationLevel = 0): Promise<number> {
  const partitions = [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1_000_000 }];
  const asked = { maxWaitMs: 0, minBytes: 0, isolationLevel, topics: [{ topic, topicId, partitions }] };
  const { responses } = await client.send(fetch, version, asked);
  const { errorCode, records } = responses[0]!.partitions[0]!;
  expect(errorCode).toBe(0);
  return records?.length ?? 0;
}

describe("records are looked into", () => {
  test("by no version of Produce and Fetch that carries batches, whatever the codec", async () => {
    const topicId = await create("plain");
    const stamped = await create("stamped", { "message.timestamp.type": "LogAppendTime" });
    const bounded = await create("bounded", { "message.timestamp.after.max.ms": "1000" });
    unpackedCount = 0;
    const count = await decodesIn(async () => {
      for (let version = 3; version <= 13; version++) {
        for (const codec of codecs.filter((one) => one !== Compression.zstd || version >= 7)) {
          for (const acks of [1, -1]) await send("plain", topicId, version, batchOf(codec), acks);
          await send("stamped", stamped, version, batchOf(codec));
          await send("bounded", bounded, version, batchOf(codec));
        }
      }
      for (let version = 4; version <= 18; version++) {
        for (const isolationLevel of [0, 1]) {
          expect(await get("plain", topicId, version, isolationLevel)).toBeGreaterThan(1_000);
          expect(await get("stamped", stamped, version, isolationLevel)).toBeGreaterThan(1_000);
        }
      }
      for (const timestamp of [-1, -2]) {
        await client.send(listOffsets, 7, {
          replicaId: -1,
          topics: [{ name: "plain", partitions: [{ partitionIndex: 0, timestamp }] }],
        });
      }
    });
    expect([count, unpackedCount]).toEqual([0, 0]);
  });

  test("where a topic's own codec is the batch's already: not; where it is another: once", async () => {
    const topicId = await create("packed", { "compression.type": "gzip" });
    expect(await decodesIn(() => send("packed", topicId, 9, batchOf(Compression.gzip)))).toBe(0);
    expect(await decodesIn(() => send("packed", topicId, 9, batchOf(Compression.none)))).toBe(1);
    expect(await decodesIn(async () => void await get("packed", topicId, 12))).toBe(0);
  });

  test("where a topic is compacted, or bounds the age of records: once, on the way in", async () => {
    const compacted = await create("compacted", { "cleanup.policy": "compact" });
    const young = await create("young", { "message.timestamp.before.max.ms": "999999999999999" });
    expect(await decodesIn(() => send("compacted", compacted, 9, batchOf(Compression.gzip)))).toBe(1);
    expect(await decodesIn(() => send("young", young, 9, batchOf(Compression.gzip)))).toBe(1);
    expect(await decodesIn(async () => void await get("compacted", compacted, 12))).toBe(0);
  });

  test("where a client of old sends or asks: once a batch", async () => {
    const topicId = await create("old");
    const writer = new MessageSetWriter({ magic: 1, compression: Compression.none, timestampType: "createTime" });
    for (const offset of [0, 1]) writer.append({ offset, timestamp: 1, key: null, value: new Uint8Array(1_000) });
    const set = writer.finish();
    expect(await decodesIn(() => send("old", topicId, 2, set))).toBe(1);
    expect(await decodesIn(async () => expect(await get("old", topicId, 3)).toBeGreaterThan(1_000))).toBe(1);
  });
});

describe("records of transactions are looked into", () => {
  test("neither when they are written, nor when their transaction ends, nor by who reads what is committed", async () => {
    const desk = await TransactionsDesk.start();
    unpackedCount = 0;
    const write = async ({ transactionalId, producerId, producerEpoch }: Producer, version: number) => {
      for (const [index, codec] of codecs.entries()) {
        const records = batchOf(codec, { producerId, producerEpoch, baseSequence: index * 3, isTransactional: true });
        const topicId = desk.server.broker.cluster.topic("events")!.id;
        const topicData = [{ name: "events", topicId, partitionData: [{ index: 0, records }] }];
        const draft = { transactionalId, acks: -1, timeoutMs: 1_000, topicData };
        const { responses } = await desk.client.send(produce, version, draft);
        expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
      }
    };
    let count = 0;
    for (const [version, outcome] of [[9, "commit"], [11, "abort"], [12, "abort"], [13, "commit"]] as const) {
      const producer = await desk.producer();
      if (version < 12) expect(await desk.add(producer)).toBe(0);
      count += await decodesIn(() => write(producer, version));
      // The log asks its marker, which is the broker's own, how the transaction ended.
      const markerCount = await decodesIn(async () => void await desk.ended(producer, outcome, version < 12 ? 4 : 5));
      expect(markerCount).toBeLessThanOrEqual(2);
    }
    count += await decodesIn(async () => {
      const end = await desk.latestOffset(READ_COMMITTED);
      expect(end).toBe(4 * (codecs.length * 3 + 1));
      for (let version = 4; version <= 18; version++) {
        const topicId = desk.server.broker.cluster.topic("events")!.id;
        let abortedCount = 0;
        for (let position = 0; position < end;) {
          const partitions = [{ partition: 0, fetchOffset: position, partitionMaxBytes: 1_000_000 }];
          const topics = [{ topic: "events", topicId, partitions }];
          const asked = { maxWaitMs: 0, minBytes: 0, isolationLevel: READ_COMMITTED, topics };
          const { records, abortedTransactions } = (await desk.client.send(fetch, version, asked)).responses[0]!
            .partitions[0]!;
          abortedCount += abortedTransactions!.length;
          position = [...batches(records!)].at(-1)!.nextOffset;
        }
        expect(abortedCount).toBeGreaterThanOrEqual(2);
      }
    });
    expect([count, unpackedCount]).toEqual([0, 0]);
    await desk.server.stop();
  });
});

describe("records of share groups are looked into", () => {
  test.each(["read_uncommitted", "read_committed"])(
    "neither when acquired nor when acknowledged, %s",
    async (level) => {
      const world = await ShareWorld.start();
      await world.createTopic();
      await world.configure("g", { "share.auto.offset.reset": "earliest", "share.isolation.level": level });
      const member = await world.member("g", "a");
      await member.join();
      unpackedCount = 0;
      const count = await decodesIn(async () => {
        for (const codec of codecs) {
          const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf(codec) }] }];
          await world.client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
        }
        // What is given back comes cut: in the middle of a batch, too.
        expect(await member.fetch({ batchSize: 1 })).toMatchObject({ errorCode: 0 });
        expect(await member.acknowledge({ "0-0": [1], "1-2": [2], "3-13": [1], "14-14": [3] })).toBe(0);
        expect(await member.fetch()).toMatchObject({ acquired: ["1-2x2"] });
      });
      expect([count, unpackedCount]).toEqual([0, 0]);
      await world.server.stop();
    },
  );
});
