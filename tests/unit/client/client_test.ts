/** Producer, consumer and group with a whole broker, all in memory and in virtual time. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Client } from "../../../client/client.ts";
import type { Consumer, ConsumerOptions, ConsumerRecord } from "../../../client/consumer.ts";
import { Compression, type CompressionName } from "../../../protocol/compression.ts";
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { MemoryBroker } from "../../support/memory_broker.ts";

let server: MemoryBroker;
let client: Client;
const decoder = new TextDecoder();
const text = (value: string) => new TextEncoder().encode(value);
const valueOf = ({ value }: ConsumerRecord) => decoder.decode(value!);

beforeEach(async () => {
  server = await MemoryBroker.start();
  client = new Client({ runtime: server.runtime, brokers: ["127.0.0.1:9092"] });
  await until(client.admin().createTopic({ name: "t", partitionCount: 4 }));
});

afterEach(async () => {
  await until(client.close());
  await server.stop();
});

function until<T>(promise: Promise<T>): Promise<T> {
  return server.runtime.until(promise);
}

async function produce(values: readonly string[], partition?: number): Promise<void> {
  const producer = client.producer();
  await until(
    Promise.all(
      values.map((value, index) =>
        producer.send({ topic: "t", partition: partition ?? index % 4, value: text(value) })
      ),
    ),
  );
  await until(producer.close());
}

/** Polls until there are `count` records. */
async function take(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = [];
  while (records.length < count) records.push(...await until(consumer.poll()));
  return records;
}

function member(options: Partial<ConsumerOptions> = {}): Consumer {
  const consumer = client.consumer({ groupId: "g", startAt: "earliest", heartbeatIntervalMs: 1000, ...options });
  consumer.subscribe(["t"]);
  return consumer;
}

/** Polls on and on, as programs do, and keeps what came. */
class Reading {
  readonly values: string[] = [];
  readonly #end: Promise<void>;
  #isStopped = false;

  constructor(readonly consumer: Consumer) {
    this.#end = this.#run();
  }

  get partitions(): number[] {
    return this.consumer.assignment().map(({ partition }) => partition).sort();
  }

  /** Ends after the poll under way, and closes the consumer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await until(this.#end);
    await until(this.consumer.close());
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) this.values.push(...(await this.consumer.poll(200)).map(valueOf));
  }
}

/** Lets virtual time pass until something holds. */
async function waitFor(condition: () => boolean, limitMs = 60_000): Promise<void> {
  for (let waitedMs = 0; waitedMs < limitMs && !condition(); waitedMs += 100) await server.runtime.advance(100);
  expect(condition()).toBe(true);
}

const numbers = (count: number, prefix = "") => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe("Consumer with assigned partitions", () => {
  test("reads what was produced, in order, in any compression", async () => {
    for (const compression of Object.keys(Compression) as CompressionName[]) {
      const producer = client.producer({ compression });
      const headers = [{ key: "by", value: text("test") }];
      const record = { topic: "t", partition: 0, headers, timestamp: 1234 };
      await until(
        Promise.all(
          numbers(100, compression).map((value) => producer.send({ ...record, key: text("k"), value: text(value) })),
        ),
      );
      await until(producer.close());
    }
    const consumer = client.consumer();
    consumer.assign([{ topic: "t", partition: 0, offset: 0 }]);
    const records = await take(consumer, 500);
    expect(records.map(valueOf)).toEqual(Object.keys(Compression).flatMap((name) => numbers(100, name)));
    expect(records.map(({ offset }) => offset)).toEqual(numbers(500).map(Number));
    expect(records[250]).toEqual({
      topic: "t",
      partition: 0,
      offset: 250,
      timestamp: 1234,
      key: text("k"),
      value: text("snappy50"),
      headers: [{ key: "by", value: text("test") }],
    });
    await until(consumer.close());
  });

  test("begins in the middle of a batch where that is its position", async () => {
    await produce(numbers(10), 1);
    const consumer = client.consumer();
    consumer.assign([{ topic: "t", partition: 1, offset: 7 }]);
    expect((await take(consumer, 3)).map(valueOf)).toEqual(["7", "8", "9"]);
    consumer.seek("t", 1, 3);
    expect((await take(consumer, 1))[0]!.offset).toBe(3);
    await until(consumer.close());
  });

  test("begins with what is still to come unless told otherwise", async () => {
    await produce(["old"], 0);
    const consumer = client.consumer();
    consumer.assign([{ topic: "t", partition: 0 }]);
    expect(await until(consumer.poll(300))).toEqual([]);
    await produce(["new"], 0);
    expect((await take(consumer, 1)).map(valueOf)).toEqual(["new"]);
    await until(consumer.close());
  });

  test("begins anew where the log no longer has its position, or says so", async () => {
    await produce(numbers(3), 0);
    const consumer = client.consumer({ startAt: "earliest" });
    consumer.assign([{ topic: "t", partition: 0, offset: 99 }]);
    expect((await take(consumer, 3)).map(valueOf)).toEqual(["0", "1", "2"]);
    await until(consumer.close());

    const strict = client.consumer({ startAt: "none" });
    strict.assign([{ topic: "t", partition: 0, offset: 99 }]);
    const failure = await until(strict.poll().catch((error: Error) => error));
    expect((failure as ProtocolError).code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    await until(strict.close());
  });
});

describe("Consumer in a group", () => {
  test("goes on where the group has committed", async () => {
    await produce(numbers(20));
    const first = member();
    expect((await take(first, 20)).length).toBe(20);
    await until(first.close());
    await produce(numbers(4, "later "));
    const second = member();
    expect((await take(second, 4)).map(valueOf).sort()).toEqual(numbers(4, "later "));
    await until(second.close());
  });

  test("commits only what was asked for when it does not commit by itself", async () => {
    await produce(numbers(8), 0);
    const first = member({ autoCommitMs: null });
    await take(first, 8);
    first.seek("t", 0, 5);
    await until(first.commit());
    await take(first, 3);
    await until(first.close());
    const second = member();
    expect((await take(second, 3)).map(valueOf)).toEqual(["5", "6", "7"]);
    await until(second.close());
  });

  test("shares partitions out anew when members come and go, and reads each record once", async () => {
    await produce(numbers(40));
    const first = new Reading(member());
    await waitFor(() => first.values.length === 40);
    const second = new Reading(member());
    await waitFor(() => first.partitions.length === 2 && second.partitions.length === 2);
    expect([...first.partitions, ...second.partitions].sort()).toEqual([0, 1, 2, 3]);

    await produce(numbers(40, "b"));
    await waitFor(() => first.values.length + second.values.length === 80);
    await second.stop();
    await waitFor(() => first.partitions.length === 4);
    await produce(numbers(4, "c"));
    await waitFor(() => first.values.length + second.values.length === 84);
    expect(new Set([...first.values, ...second.values]).size).toBe(84);
    await first.stop();
  });

  test("gets the partitions of a member that is gone without a word", async () => {
    const gone = member({ sessionTimeoutMs: 6000, heartbeatIntervalMs: 1e9 });
    await until(gone.poll(100));
    expect(gone.assignment().length).toBe(4);
    const stays = new Reading(member({ sessionTimeoutMs: 6000 }));
    await waitFor(() => stays.partitions.length === 4, 10_000);
    await stays.stop();
    await until(gone.close());
  });
});

describe("Client", () => {
  test("goes on when its broker was restarted, and nothing is lost or twice there", async () => {
    const producer = client.producer({ lingerMs: 0 });
    const consumer = member();
    await until(consumer.poll(100));
    const sends = numbers(50).map((value) => producer.send({ topic: "t", partition: 0, value: text(value) }));
    await until(Promise.all(sends));
    await server.stop();
    const later = numbers(50, "later ").map((value) => producer.send({ topic: "t", partition: 0, value: text(value) }));
    server = await MemoryBroker.start({ runtime: server.runtime });
    await until(Promise.all(later));
    const values = (await take(consumer, 100)).map(valueOf);
    expect(values).toEqual([...numbers(50), ...numbers(50, "later ")]);
    await until(producer.close());
    await until(consumer.close());
  });

  test("tries the brokers it was given in turn", async () => {
    const other = new Client({ runtime: server.runtime, brokers: ["127.0.0.1:1", "127.0.0.1"] });
    expect((await until(other.admin().topics())).map(({ name }) => name)).toContain("t");
    await until(other.close());
  });

  test("refuses a broker address that is none", () => {
    for (const address of ["", "host:", "host:0", "host:99999", "a:b:c"]) {
      expect(() => new Client({ runtime: server.runtime, brokers: [address] })).toThrow(TypeError);
    }
  });
});

describe("Admin", () => {
  test("makes, grows and deletes topics", async () => {
    const admin = client.admin();
    await until(admin.createTopic({ name: "made", partitionCount: 1, configs: { "retention.ms": "5000" } }));
    await until(admin.createPartitions("made", 3));
    expect((await until(client.metadata.topic("made"))).partitions.length).toBe(3);
    const failure = await until(admin.createTopic({ name: "made" }).catch((error: Error) => error));
    expect((failure as ProtocolError).code).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
    await until(admin.deleteTopic("made"));
    expect((await until(admin.topics())).map(({ name }) => name)).toEqual(["t"]);
  });

  test("finds offsets at the ends and by time", async () => {
    const producer = client.producer();
    for (const timestamp of [1000, 2000, 3000]) {
      await until(producer.send({ topic: "t", partition: 2, value: text("x"), timestamp }));
    }
    const admin = client.admin();
    expect(await until(admin.offset("t", 2, "earliest"))).toBe(0);
    expect(await until(admin.offset("t", 2, "latest"))).toBe(3);
    expect(await until(admin.offset("t", 2, { timestampMs: 1500 }))).toBe(1);
    expect(await until(admin.offset("t", 2, { timestampMs: 9999 }))).toBe(-1);
  });
});
