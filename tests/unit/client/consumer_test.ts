import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Client } from "../../../client/client.ts";
import type { Consumer, ConsumerOptions } from "../../../client/consumer.ts";
import { CorruptRecordsError } from "../../../client/errors.ts";
import { joined } from "../../../protocol/bytes.ts";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { encodeBatch, encodeControlBatch } from "../../../protocol/record.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import { ScriptedBroker } from "../../support/scripted_broker.ts";

let runtime: MemoryRuntime;
let broker: ScriptedBroker;
let client: Client;
const text = (value: string) => new TextEncoder().encode(value);

beforeEach(async () => {
  runtime = createMemoryRuntime();
  broker = await new ScriptedBroker(runtime).start();
  client = new Client({ runtime, brokers: ["127.0.0.1:9092"] });
});

afterEach(async () => {
  await runtime.until(client.close());
  broker.stop();
});

interface Answer {
  readonly errorCode?: number;
  readonly records?: Uint8Array;
  readonly abortedTransactions?: { producerId: number; firstOffset: number }[];
}

/** Answers fetches of partition 0 one after another; further ones wait, as they do where nothing comes. */
function answerFetches(...answers: Answer[]): number[] {
  const offsets: number[] = [];
  broker.on(fetch, ({ topics }) => {
    offsets.push(topics[0]!.partitions[0]!.fetchOffset);
    const answer = answers.shift();
    if (answer === undefined) return "silence";
    const { errorCode = 0, records = new Uint8Array(0), abortedTransactions = [] } = answer;
    const partition = { partitionIndex: 0, errorCode, highWatermark: 100, records, abortedTransactions };
    return { responses: [{ topic: "t", partitions: [partition] }] };
  });
  return offsets;
}

function consumerAt(offset: number, options: ConsumerOptions = {}): Consumer {
  const consumer = client.consumer(options);
  consumer.assign([{ topic: "t", partition: 0, offset }]);
  return consumer;
}

async function read(consumer: Consumer): Promise<string[]> {
  return (await runtime.until(consumer.poll(100))).map(({ value }) => new TextDecoder().decode(value!));
}

function batch(baseOffset: number, values: string[], producerId = -1): Uint8Array {
  const records = values.map((value) => ({ value: text(value) }));
  return encodeBatch({ records, baseOffset, producerId, isTransactional: producerId !== -1 });
}

const marker = (kind: "commit" | "abort", baseOffset: number, producerId: number) =>
  encodeControlBatch({ kind, baseOffset, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp: 0 });

describe("Consumer", () => {
  test("leaves out what was aborted, and only that, when it wants what is committed", async () => {
    const records = joined([
      batch(0, ["plain"]),
      batch(1, ["aborted"], 7),
      batch(2, ["committed"], 8),
      batch(3, ["aborted too"], 7),
      marker("abort", 4, 7),
      batch(5, ["later committed"], 7),
      marker("commit", 6, 8),
      marker("commit", 7, 7),
    ]);
    const abortedTransactions = [{ producerId: 7, firstOffset: 1 }];
    const offsets = answerFetches({ records, abortedTransactions });
    const consumer = consumerAt(0, { isolation: "committed" });
    expect(await read(consumer)).toEqual(["plain", "committed", "later committed"]);
    expect(consumer.position("t", 0)).toBe(8);
    await read(consumer);
    expect(offsets[1]).toBe(8);

    answerFetches({ records });
    expect(await read(consumerAt(0))).toEqual(["plain", "aborted", "committed", "aborted too", "later committed"]);
  });

  test("moves on over batches that hold nothing for it", async () => {
    const emptied = encodeBatch({ records: [], baseOffset: 0, lastOffset: 9 });
    const offsets = answerFetches({ records: joined([emptied, marker("commit", 10, 3)]) });
    const consumer = consumerAt(0);
    expect(await read(consumer)).toEqual([]);
    expect(consumer.position("t", 0)).toBe(11);
    expect(offsets.at(-1)).toBe(11);
  });

  test("takes the whole batches of an answer that is cut, and asks for the rest", async () => {
    const second = batch(1, ["b"]);
    const offsets = answerFetches({ records: joined([batch(0, ["a"]), second.subarray(0, 30)]) }, { records: second });
    const consumer = consumerAt(0);
    expect(await read(consumer)).toEqual(["a"]);
    expect(await read(consumer)).toEqual(["b"]);
    expect(offsets.slice(0, 2)).toEqual([0, 1]);
  });

  test("refuses a batch whose checksum is wrong", async () => {
    const records = batch(5, ["a", "b"]);
    records[records.length - 3]! ^= 1;
    answerFetches({ records });
    const failure = await runtime.until(consumerAt(5).poll().catch((error: Error) => error));
    expect(failure).toBeInstanceOf(CorruptRecordsError);
    expect((failure as Error).message).toContain('partition 0 of "t" at 5');
  });

  test("asks for the leader again when the broker is not it, and goes on", async () => {
    answerFetches({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }, { records: batch(0, ["a"]) });
    const consumer = consumerAt(0);
    await runtime.until(consumer.poll(10));
    const before = broker.count("Metadata");
    expect((await runtime.until(consumer.poll(5000))).length).toBe(1);
    expect(broker.count("Metadata")).toBeGreaterThan(before - 1);
    expect(broker.count("Metadata")).toBeGreaterThan(1);
  });

  test("throws what cannot be helped by trying again", async () => {
    answerFetches({ errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
    const failure = await runtime.until(consumerAt(0).poll().catch((error: Error) => error));
    expect((failure as ProtocolError).code).toBe(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  });

  test("throws away an answer to a position it no longer has", async () => {
    answerFetches({ records: batch(0, ["old"]) }, { records: batch(50, ["new"]) });
    const consumer = consumerAt(0);
    const polled = consumer.poll(2000);
    consumer.seek("t", 0, 50);
    const records = await runtime.until(polled);
    expect(records.map(({ offset }) => offset)).toEqual([50]);
  });

  test("cannot be used in ways that make no sense", () => {
    const consumer = client.consumer();
    expect(() => consumer.subscribe(["t"])).toThrow(TypeError);
    expect(() => consumer.seek("t", 0, 1)).toThrow(TypeError);
    const member = client.consumer({ groupId: "g" });
    member.subscribe(["t"]);
    expect(() => member.assign([])).toThrow(TypeError);
  });
});
