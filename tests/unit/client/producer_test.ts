import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Client } from "../../../client/client.ts";
import { BufferFullError, ClosedError, TimeoutError } from "../../../client/errors.ts";
import type { Delivery, ProducerOptions, ProducerRecord } from "../../../client/producer.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { metadata } from "../../../protocol/api/03_metadata.ts";
import { BatchView } from "../../../protocol/batch.ts";
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { decodeRecords } from "../../../protocol/record.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import { ScriptedBroker } from "../../support/scripted_broker.ts";

interface Received {
  readonly partition: number;
  readonly batch: BatchView;
  readonly values: string[];
}

let runtime: MemoryRuntime;
let broker: ScriptedBroker;
let client: Client;
let received: Received[];
/** Error codes of the next batches to come; 0 when there are no more. */
let codes: number[];
const decoder = new TextDecoder();
const text = (value: string) => new TextEncoder().encode(value);

beforeEach(async () => {
  runtime = createMemoryRuntime();
  broker = await new ScriptedBroker(runtime).start();
  client = new Client({ runtime, brokers: ["127.0.0.1:9092"] });
  received = [];
  codes = [];
  let offset = 0;
  broker.on(produce, ({ topicData }) => ({
    responses: topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index, records }) => {
        const batch = new BatchView(records!.slice());
        received.push({
          partition: index,
          batch,
          values: [...decodeRecords(batch)].map(({ value }) => decoder.decode(value!)),
        });
        const errorCode = codes.shift() ?? 0;
        const baseOffset = errorCode === 0 ? offset : -1;
        if (errorCode === 0) offset += batch.recordCount;
        return { index, errorCode, baseOffset };
      }),
    })),
  }));
});

afterEach(async () => {
  await runtime.until(client.close());
  broker.stop();
});

const record = (value: string, partition = 0): ProducerRecord => ({ topic: "t", partition, value: text(value) });

/** The deliveries, or the errors in their places. */
async function deliver(options: ProducerOptions, ...records: ProducerRecord[]): Promise<(Delivery | Error)[]> {
  const producer = client.producer(options);
  const outcomes = records.map((each) => producer.send(each).catch((error: Error) => error));
  return await runtime.until(Promise.all(outcomes));
}

describe("Producer", () => {
  test("collects records into one batch a partition and one request", async () => {
    const deliveries = await deliver({}, record("a"), record("x", 1), record("b"), record("c"));
    expect(received.map(({ partition, values }) => [partition, values])).toEqual([[0, ["a", "b", "c"]], [1, ["x"]]]);
    expect(broker.count("Produce")).toBe(1);
    expect(deliveries.map((delivery) => (delivery as Delivery).offset)).toEqual([0, 3, 1, 2]);
  });

  test("waits for more records as long as it lingers, and not when flushed", async () => {
    const producer = client.producer({ lingerMs: 1000 });
    void producer.send(record("first"));
    await runtime.advance(900);
    expect(received.length).toBe(0);
    void producer.send(record("second"));
    await runtime.advance(200);
    expect(received.map(({ values }) => values)).toEqual([["first", "second"]]);
    void producer.send(record("third"));
    const startMs = runtime.clock.monotonicMs();
    await runtime.until(producer.flush());
    expect(runtime.clock.monotonicMs() - startMs).toBeLessThan(1);
    expect(received.length).toBe(2);
  });

  test("sends full batches at once and numbers them without a gap", async () => {
    const producer = client.producer({ lingerMs: 1e6, batchBytesMax: 1000 });
    const sends = Array.from({ length: 9 }, (_, index) => producer.send(record(`${index}`.padEnd(400, "."))));
    await runtime.until(Promise.all([...sends, producer.flush()]));
    expect(received.map(({ batch }) => [batch.baseSequence, batch.recordCount])).toEqual([[0, 2], [2, 2], [4, 2], [
      6,
      2,
    ], [8, 1]]);
    expect(new Set(received.map(({ batch }) => batch.producerId)).size).toBe(1);
  });

  test("sends the same bytes again when the broker says that it may work later", async () => {
    codes = [ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_ENOUGH_REPLICAS];
    const [delivery] = await deliver({}, record("a"));
    expect((delivery as Delivery).offset).toBe(0);
    expect(received.length).toBe(3);
    for (const { batch } of received) expect(batch.bytes).toEqual(received[0]!.batch.bytes);
    expect(broker.count("Metadata")).toBeGreaterThan(1);
  });

  test("sends the same bytes again when the connection breaks, and keeps the order", async () => {
    const producer = client.producer({ lingerMs: 0 });
    await runtime.until(producer.send(record("before")));
    broker.stop();
    const sends = [producer.send(record("a")), producer.send(record("b"))];
    await runtime.advance(3000);
    await broker.start();
    await runtime.until(Promise.all(sends));
    expect(received.flatMap(({ values }) => values)).toEqual(["before", "a", "b"]);
    expect(received.at(-1)!.batch.baseSequence).toBe(1);
  });

  test("takes a batch that the broker already had for delivered", async () => {
    codes = [ErrorCode.DUPLICATE_SEQUENCE_NUMBER];
    const [delivery] = await deliver({}, record("a"));
    expect(delivery).toEqual({ topic: "t", partition: 0, offset: -1 });
  });

  test("halves a batch that is too large, without a gap in its numbers", async () => {
    codes = [ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.MESSAGE_TOO_LARGE];
    const deliveries = await deliver({}, ...["a", "b", "c", "d"].map((value) => record(value)));
    expect(received.map(({ values }) => values)).toEqual([["a", "b", "c", "d"], ["a", "b"], ["a"], ["b"], ["c", "d"]]);
    expect(received.map(({ batch }) => batch.baseSequence)).toEqual([0, 0, 0, 1, 2]);
    expect(deliveries.map((delivery) => (delivery as Delivery).offset)).toEqual([0, 1, 2, 3]);
  });

  test("fails a record that is too large by itself", async () => {
    codes = [ErrorCode.MESSAGE_TOO_LARGE];
    const [failure] = await deliver({}, record("a"));
    expect((failure as ProtocolError).code).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  });

  test("goes on under a new id after a batch whose fate is unknown", async () => {
    codes = [ErrorCode.INVALID_RECORD];
    const producer = client.producer();
    const failure = await runtime.until(producer.send(record("a")).catch((error: Error) => error));
    expect((failure as ProtocolError).code).toBe(ErrorCode.INVALID_RECORD);
    await runtime.until(producer.send(record("b")));
    expect(received[1]!.batch.baseSequence).toBe(0);
    expect(received[1]!.batch.producerId === received[0]!.batch.producerId).toBe(false);
  });

  test("sends again under a new id what a broker refuses that has forgotten it", async () => {
    codes = [0, ErrorCode.UNKNOWN_PRODUCER_ID];
    const producer = client.producer();
    await runtime.until(producer.send(record("a")));
    await runtime.until(producer.send(record("b")));
    expect(received.map(({ batch, values }) => [values[0], batch.baseSequence])).toEqual([["a", 0], ["b", 1], [
      "b",
      0,
    ]]);
  });

  test("gives up when the time for delivery is over", async () => {
    codes = Array.from({ length: 1000 }, () => ErrorCode.NOT_LEADER_OR_FOLLOWER);
    const startMs = runtime.clock.monotonicMs();
    const [failure] = await deliver({ deliveryTimeoutMs: 5000 }, record("a"));
    expect(failure).toBeInstanceOf(TimeoutError);
    expect(runtime.clock.monotonicMs() - startMs).toBeLessThan(5001);
  });

  test("fails records for a topic that stays unknown", async () => {
    broker.on(metadata, () => ({
      brokers: [{ nodeId: 1, host: "127.0.0.1", port: 9092 }],
      topics: [{ errorCode: 3, name: "t", partitions: [] }],
    }));
    const [failure] = await deliver({ deliveryTimeoutMs: 2000 }, record("a"));
    expect(failure).toBeInstanceOf(TimeoutError);
    expect(received.length).toBe(0);
  });

  test("fails records for a partition that the topic lacks", async () => {
    const [failure] = await deliver({}, record("a", 7));
    expect((failure as ProtocolError).code).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("keeps the order of records sent while the topic is asked about", async () => {
    const values = Array.from({ length: 50 }, (_, index) => `${index}`);
    await deliver({ lingerMs: 0 }, ...values.map((value) => record(value)));
    expect(received.flatMap((each) => each.values)).toEqual(values);
  });

  test("puts one key into one partition", async () => {
    const keyed = (key: string) => ({ topic: "t", key: text(key), value: text(key) });
    await deliver({}, ...["a", "b", "c", "d", "a", "b", "c", "d"].map(keyed));
    const partitions = new Map<string, Set<number>>();
    for (const { partition, values } of received) {
      for (const value of values) partitions.set(value, (partitions.get(value) ?? new Set()).add(partition));
    }
    expect([...partitions.values()].map(({ size }) => size)).toEqual([1, 1, 1, 1]);
    expect(received.length).toBe(2);
  });

  test("refuses more than its buffer holds, until there is room", async () => {
    const producer = client.producer({ bufferBytesMax: 1000 });
    const sends = [producer.send(record("x".repeat(900))), producer.send(record("y".repeat(900)))];
    await expect(producer.send(record("z"))).rejects.toThrow(BufferFullError);
    await runtime.until(producer.room());
    await runtime.until(Promise.all([...sends, producer.send(record("z"))]));
    expect(received.flatMap(({ values }) => values.map((value) => value[0]))).toEqual(["x", "y", "z"]);
  });

  test("asks for no answer with acks 0, and needs no id", async () => {
    broker.on(produce, ({ acks, topicData }) => {
      const batch = new BatchView(topicData[0]!.partitionData[0]!.records!.slice());
      received.push({ partition: 0, batch, values: [] });
      expect(acks).toBe(0);
      return "silence";
    });
    const [delivery] = await deliver({ acks: 0 }, record("a"));
    expect((delivery as Delivery).offset).toBe(-1);
    await runtime.settle();
    expect(received[0]!.batch.producerId).toBe(-1);
    expect(broker.count("InitProducerId")).toBe(0);
  });

  test("delivers what was sent before it was closed, and takes no more", async () => {
    const producer = client.producer({ lingerMs: 1e6 });
    const sent = producer.send(record("a"));
    await runtime.until(producer.close());
    expect((await sent).offset).toBe(0);
    await expect(producer.send(record("b"))).rejects.toThrow(ClosedError);
  });
});
