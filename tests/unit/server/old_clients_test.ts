/** Produce v0–v2 and Fetch v0–v3: what clients before Kafka 0.11 send and get, from a whole broker. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { fetch, type FetchResponse } from "../../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../../protocol/api/02_list_offsets.ts";
import { apiVersions } from "../../../protocol/api/18_api_versions.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { wholeBatches } from "../../../protocol/batch.ts";
import { Compression, type CompressionId } from "../../../protocol/compression.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { type MessageMagic, messages, MessageSetWriter, unpackedMessages } from "../../../protocol/message_set.ts";
import { decodeRecords, encodeBatch, encodeControlBatch } from "../../../protocol/record.ts";
import { OldFetches } from "../../../server/partitions/old_fetches.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";

const TIME_MS = 1_700_000_000_000;
const text = (value: string) => new TextEncoder().encode(value);
const textOf = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes);

let server: MemoryBroker;
let client: MemoryClient;

beforeEach(async () => {
  server = await MemoryBroker.start();
  client = await server.connect();
  await create("events");
});

afterEach(() => server.stop());

async function create(name: string, configs: Readonly<Record<string, string>> = {}): Promise<void> {
  const pairs = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const topic = { name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: pairs };
  expect((await client.send(createTopics, 7, { topics: [topic] })).topics[0]!.errorCode).toBe(0);
}

async function send(records: Uint8Array | null, { version = 2, topic = "events", index = 0 } = {}) {
  const topicData = [{ name: topic, partitionData: [{ index, records }] }];
  const { responses } = await client.send(produce, version, { acks: -1, timeoutMs: 1_000, topicData });
  return responses[0]!.partitionResponses[0]!;
}

interface Ask {
  readonly version?: number;
  readonly topic?: string;
  readonly fetchOffset?: number;
  readonly partitionMaxBytes?: number;
  readonly maxWaitMs?: number;
  readonly indexes?: readonly number[];
}

function ask(
  { version = 3, topic = "events", fetchOffset = 0, partitionMaxBytes = 1_000_000, maxWaitMs = 0, indexes = [0] }: Ask,
): Promise<FetchResponse> {
  const partitions = indexes.map((partition) => ({ partition, fetchOffset, partitionMaxBytes }));
  return client.begin(fetch, version, { maxWaitMs, minBytes: 1, topics: [{ topic, partitions }] });
}

const get = async (options: Ask) => (await server.runtime.until(ask(options))).responses[0]!.partitions[0]!;

function setOf(values: readonly string[], magic: MessageMagic = 1, compression: CompressionId = 0): Uint8Array {
  const writer = new MessageSetWriter({ magic, compression, timestampType: "createTime" });
  values.forEach((value, offset) => writer.append({ offset, timestamp: TIME_MS, key: text("k"), value: text(value) }));
  return writer.finish();
}

function batchOf(values: readonly string[], compression: CompressionId = Compression.none): Uint8Array {
  const records = values.map((value) => ({ timestamp: TIME_MS, key: text("k"), value: text(value) }));
  return encodeBatch({ records, compression });
}

/** Offset and value of each message. */
const messagesOf = (set: Uint8Array | null) =>
  Array.from(
    unpackedMessages(set ?? new Uint8Array(0), { sizeBytesMax: 100_000_000 }),
    ({ offset, message }) => `${offset} ${textOf(message.value)}`,
  );

describe("Produce v0 to v2", () => {
  test("is stored as batches, which later clients read as ever", async () => {
    let offset = 0;
    for (const version of [0, 1, 2]) {
      for (const magic of [0, 1] as const) {
        for (const compression of [0, 1, 2, 3] as const) {
          const answer = await send(setOf(["one", "two"], magic, compression), { version });
          expect([answer.errorCode, answer.baseOffset]).toEqual([ErrorCode.NONE, offset]);
          const { records } = await get({ version: 12, fetchOffset: offset });
          const batch = [...wholeBatches(records!)][0]!;
          expect([batch.baseOffset, batch.compression, batch.isCrcValid()]).toEqual([offset, compression, true]);
          expect(
            [...decodeRecords(batch)].map((record) => [record.timestamp, textOf(record.key), textOf(record.value)]),
          )
            .toEqual([[magic === 0 ? -1 : TIME_MS, "k", "one"], [magic === 0 ? -1 : TIME_MS, "k", "two"]]);
          offset += 2;
        }
      }
    }
  });

  test("is not taken for a batch, whatever stands where a batch has its flags", async () => {
    const writer = new MessageSetWriter({ magic: 0, compression: Compression.none, timestampType: "createTime" });
    writer.append({ offset: 0, timestamp: -1, key: text("p".repeat(60)), value: text("p".repeat(60)) });
    expect((await send(writer.finish(), { version: 1 })).errorCode).toBe(ErrorCode.NONE);
    for (let bit = 0; bit < 8; bit++) {
      const later = new MessageSetWriter({ magic: 1, compression: Compression.none, timestampType: "createTime" });
      // Byte 22 is the fifth of the timestamp.
      later.append({ offset: 0, timestamp: (1 << bit) * 0x100_0000, key: null, value: new Uint8Array(60).fill(0xff) });
      expect((await send(later.finish())).errorCode).toBe(ErrorCode.NONE);
    }
  });

  test("gets the broker's time where the topic wants it", async () => {
    await create("stamped", { "message.timestamp.type": "LogAppendTime" });
    const { logAppendTimeMs } = await send(setOf(["one"]), { topic: "stamped" });
    expect(logAppendTimeMs).toBe(server.runtime.clock.nowMs());
    const { records } = await get({ version: 3, topic: "stamped" });
    const [message] = messages(records!);
    expect([message!.timestampType, message!.timestamp]).toEqual(["logAppendTime", logAppendTimeMs]);
  });

  test("of nothing is done, and of what is refused leaves nothing behind", async () => {
    const nothing = await send(new Uint8Array(0));
    expect([nothing.errorCode, nothing.baseOffset]).toEqual([ErrorCode.NONE, -1]);
    const set = setOf(["one"]);
    set[set.length - 1]! ^= 1;
    expect((await send(set)).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect((await send(setOf(["one"]))).baseOffset).toBe(0);
  });
});

describe("Fetch v0 to v3", () => {
  test("gives messages in the format of the version, of every codec", async () => {
    for (const compression of [0, 1, 2, 3] as const) {
      const { baseOffset } = await send(batchOf(["one", "two"], compression), { version: 9 });
      for (const version of [0, 1, 2, 3]) {
        const { records, highWatermark, errorCode } = await get({ version, fetchOffset: baseOffset });
        expect([errorCode, highWatermark]).toEqual([ErrorCode.NONE, baseOffset + 2]);
        const all = [...messages(records!)];
        expect(all.every((message) => message.isCrcValid() && message.magic === (version < 2 ? 0 : 1))).toBe(true);
        expect(all.map((message) => message.compression)).toEqual(compression === 0 ? [0, 0] : [compression]);
        expect(messagesOf(records)).toEqual([`${baseOffset} one`, `${baseOffset + 1} two`]);
      }
    }
  });

  test("gives what comes after the offset asked for, not the batch from its start", async () => {
    for (const compression of [Compression.none, Compression.gzip]) {
      const { baseOffset } = await send(batchOf(["one", "two", "three"], compression), { version: 9 });
      const { records } = await get({ fetchOffset: baseOffset + 1 });
      expect(messagesOf(records)).toEqual([`${baseOffset + 1} two`, `${baseOffset + 2} three`]);
    }
  });

  test("keeps to the limits, and is got through all the same", async () => {
    const values = Array.from({ length: 50 }, (_, index) => `${index} ${"x".repeat(1_000)}`);
    for (const compression of [Compression.none, Compression.lz4]) {
      const { baseOffset } = await send(batchOf(values, compression), { version: 9 });
      const found: string[] = [];
      while (found.length < values.length) {
        const { records } = await get({ fetchOffset: baseOffset + found.length, partitionMaxBytes: 5_000 });
        expect(records!.length).toBeLessThan(6_000);
        found.push(...messagesOf(records));
      }
      expect(found).toEqual(values.map((value, index) => `${baseOffset + index} ${value}`));
    }
    const { records } = await get({ partitionMaxBytes: 1 });
    expect(messagesOf(records)).toEqual([`0 ${values[0]}`]);
    const topics = [{ topic: "events", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 5_000 }] }];
    const { responses } = await client.send(fetch, 3, { maxWaitMs: 0, minBytes: 1, maxBytes: 0, topics });
    expect(messagesOf(responses[0]!.partitions[0]!.records)).toEqual([`0 ${values[0]}`]);
  });

  test("is refused zstd, once all that comes before it was given", async () => {
    await send(batchOf(["one"]), { version: 9 });
    await send(batchOf(["two"], Compression.zstd), { version: 9 });
    expect(messagesOf((await get({ fetchOffset: 0 })).records)).toEqual(["0 one"]);
    const { errorCode, highWatermark, records } = await get({ fetchOffset: 1 });
    expect([errorCode, highWatermark]).toEqual([ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, -1]);
    expect(records?.length ?? 0).toBe(0);
  });

  test("is refused a batch that is damaged inside, once all that comes before it was given", async () => {
    await send(batchOf(["one"]), { version: 9 });
    const damaged = encodeBatch({ records: [{ timestamp: TIME_MS, value: text("two") }], compression: 1 });
    damaged[61]! ^= 0xff;
    const [batch] = wholeBatches(damaged);
    batch!.stampCrc();
    await send(damaged, { version: 9 });
    expect(messagesOf((await get({ fetchOffset: 0 })).records)).toEqual(["0 one"]);
    expect((await get({ fetchOffset: 1 })).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("passes over control batches, and waits for what comes behind them", async () => {
    const marker = {
      kind: "commit",
      producerId: 1,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: TIME_MS,
    } as const;
    const partition = server.broker.partitions.get("events", 0)!;
    await send(batchOf(["one"]), { version: 9 });
    partition.append(encodeControlBatch(marker), { acks: 1, origin: "coordinator" });
    await server.runtime.until(partition.settled());
    expect(messagesOf((await get({ fetchOffset: 0 })).records)).toEqual(["0 one"]);

    const waiting = ask({ fetchOffset: 1, maxWaitMs: 5_000 });
    await server.runtime.advance(1_000);
    expect(server.broker.fetcher.waitingCount).toBe(1);
    partition.append(batchOf(["two"]), { acks: 1, origin: "client" });
    const { responses } = await server.runtime.until(waiting);
    expect(messagesOf(responses[0]!.partitions[0]!.records)).toEqual(["2 two"]);

    const { errorCode, records } = await get({ fetchOffset: 3, maxWaitMs: 100 });
    expect([errorCode, records?.length ?? 0]).toEqual([ErrorCode.NONE, 0]);
  });

  test("waits for records like any other", async () => {
    const waiting = ask({ maxWaitMs: 5_000, version: 0 });
    await server.runtime.advance(1_000);
    const other = await server.connect();
    const topicData = [{ name: "events", partitionData: [{ index: 0, records: batchOf(["one"]) }] }];
    await other.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
    const { responses } = await server.runtime.until(waiting);
    expect(messagesOf(responses[0]!.partitions[0]!.records)).toEqual(["0 one"]);
  });

  test("keeps no client from another while it is converted", async () => {
    const large = Array.from({ length: 3 }, () => "x".repeat(300_000));
    await send(batchOf(large), { version: 9 });
    const other = await server.connect();
    const order: string[] = [];
    const old = ask({}).then(() => order.push("old"));
    const soon = other.begin(apiVersions, 0, {}).then(() => order.push("other"));
    await server.runtime.until(Promise.all([old, soon]));
    expect(order).toEqual(["other", "old"]);
  });

  test("gives an answer's limit at most, and lets no partition starve that comes later in the request", async () => {
    const values = Array.from({ length: 5 }, () => "x".repeat(900));
    for (const index of [0, 1]) await send(batchOf(values), { version: 9, index });
    const { fetcher, runtime } = server.broker;
    const oldFetches = new OldFetches({ ...parts(runtime), fetcher, answerBytesMax: 2_000 });
    const options = {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      isReadCommitted: false,
      isFromReplica: false,
      usesTopicIds: false,
      fillsEach: true,
      apiVersion: 2,
    };
    const asked = [0, 1].map((index) => ({
      topic: "events",
      topicId: "",
      index,
      fetchOffset: 0,
      maxBytes: 1_000_000,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      toldHighWatermark: -1,
      toldLastStableOffset: -1,
      toldLogStartOffset: -1,
      toldError: false,
    }));
    const asker = { isClosed: false, onClose: () => () => {} };
    const served = new Set<number>();
    for (let count = 0; count < 50; count++) {
      const pass = await server.runtime.until(oldFetches.fetch(asked, options, asker));
      expect(pass.sizeBytes).toBeLessThanOrEqual(2_000);
      expect(fetcher.unsentBytes).toBe(pass.sizeBytes);
      for (const { asked: { index }, sizeBytes } of pass.results) if (sizeBytes > 1_500) served.add(index);
      pass.release();
      pass.release();
      expect(fetcher.unsentBytes).toBe(0);
    }
    expect([...served].sort()).toEqual([0, 1]);
  });
});

describe("ListOffsets v0", () => {
  test("knows the segments, and when they were written", async () => {
    const { log } = server.broker.partitions.get("events", 0)!;
    const times: number[] = [];
    for (const value of ["one", "two", "three"]) {
      await server.runtime.advance(10_000);
      const timestamp = server.runtime.clock.nowMs(); // or it would be too old to keep
      await send(encodeBatch({ records: [{ timestamp, value: text(value) }] }), { version: 9 });
      times.push(server.runtime.clock.nowMs());
      if (value !== "three") log.roll();
    }
    await server.runtime.advance(10_000);
    const find = async (timestamp: number, maxNumOffsets = 10) => {
      const topics = [{ name: "events", partitions: [{ partitionIndex: 0, timestamp, maxNumOffsets }] }];
      return (await client.send(listOffsets, 0, { replicaId: -1, topics })).topics[0]!.partitions[0]!.oldStyleOffsets;
    };
    expect(await find(-1)).toEqual([3, 2, 1, 0]);
    expect(await find(-1, 1)).toEqual([3]);
    expect(await find(-1, 2)).toEqual([3, 2]);
    expect(await find(-2)).toEqual([0]);
    expect(await find(times[1]! + 5_000)).toEqual([1, 0]);
    expect(await find(times[1]! + 5_000, 1)).toEqual([1]);
    expect(await find(times[0]! - 5_000)).toEqual([]);
    expect(await find(server.runtime.clock.nowMs() + 5_000)).toEqual([3, 2, 1, 0]);
  });

  test("knows an empty log's only place", async () => {
    for (const timestamp of [-1, -2]) {
      const topics = [{ name: "events", partitions: [{ partitionIndex: 1, timestamp, maxNumOffsets: 10 }] }];
      const { topics: answers } = await client.send(listOffsets, 0, { replicaId: -1, topics });
      expect(answers[0]!.partitions[0]!.oldStyleOffsets).toEqual([0]);
    }
  });
});

function parts({ clock, timers, random }: MemoryBroker["broker"]["runtime"]) {
  return { clock, timers, random };
}
