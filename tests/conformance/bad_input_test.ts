/**
 * What must not be sent, and what becomes of it: Kafka's own error code, or a clean close with one line in the log, and
 * nothing else on the broker is disturbed. `WEIR_TARGET=kafka` runs the same against Apache Kafka.
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { produce } from "../../protocol/api/00_produce.ts";
import { fetch } from "../../protocol/api/01_fetch.ts";
import { metadata } from "../../protocol/api/03_metadata.ts";
import { apiVersions } from "../../protocol/api/18_api_versions.ts";
import { BatchView } from "../../protocol/batch.ts";
import { codecFor } from "../../protocol/codec.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeRequestHeader, encodeRequestFrame } from "../../protocol/frame.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { MalformedFrame, Reader } from "../../protocol/wire.ts";
import { BrokerProcess, target, until, withTimeout } from "../support/broker.ts";
import { createPrng, seedOf } from "../support/prng.ts";
import {
  createTopic,
  endOffset,
  fetchValues,
  produceBytes,
  produceValues,
  toRecord,
  tryCreateTopic,
} from "../support/requests.ts";
import { TestClient } from "../support/test_client.ts";

const seed = seedOf(process.env.SEED);
const isWeir = target !== "kafka";
const place = { topic: "bad-input", partition: 0 };
const idleMs = 2000;

let broker: BrokerProcess;
/** Connected before anything bad happens, and served as if nothing had, after each test. */
let witness: TestClient;
const produced: string[] = [];

beforeAll(async () => {
  broker = await BrokerProcess.start({ config: { "group.initial.rebalance.delay.ms": 0 } });
  witness = await TestClient.connect(broker.port);
  await createTopic(witness, { name: place.topic });
}, 60_000);

afterEach(async () => {
  const value = `after test ${produced.length}`;
  expect(await produceValues(witness, place, [value])).toBe(produced.length);
  produced.push(value);
});

afterAll(async () => {
  expect(await fetchValues(witness, place)).toEqual(produced);
  witness.close();
  await broker.dispose();
});

describe("a connection that sends no request", () => {
  const frames: readonly (readonly [string, readonly number[]])[] = [
    ["a negative length", [0xff, 0xff, 0xff, 0xff, 0, 18]],
    ["the most negative length", [0x80, 0, 0, 0]],
    ["a length of 2 GiB", [0x7f, 0xff, 0xff, 0xff, 0, 18, 0, 0]],
    ["a length just over socket.request.max.bytes", [0x06, 0x40, 0x00, 0x01]],
    ["an empty frame", [0, 0, 0, 0]],
    ["a frame that ends inside its header", [0, 0, 0, 5, 0, 18, 0, 0, 0]],
    ["a client id longer than its frame", [0, 0, 0, 12, 0, 18, 0, 0, 0, 0, 0, 1, 0x7f, 0xff, 65, 65]],
    ["a request for an unknown API", [0, 0, 0, 10, 0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff]],
    ["a negative API key", [0, 0, 0, 10, 0xff, 0xfb, 0, 0, 0, 0, 0, 1, 0xff, 0xff]],
    ["a version of Metadata that nobody has", [0, 0, 0, 14, 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]],
    ["a negative version", [0, 0, 0, 14, 0, 3, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]],
    ["an array of 2 billion topics", [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]],
    ["bytes behind a whole request", [0, 0, 0, 12, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 1, 2]],
    ["an HTTP request", [...new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost:9092\r\n\r\n")]],
  ];

  test("is closed, and one line says who it was and what was wrong", async () => {
    const client = await TestClient.connect(broker.port);
    const before = broker.lines.length;
    const peer = `127.0.0.1:${client.localPort}`;
    client.sendBytes(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    await withTimeout(client.closed, idleMs, () => "The connection was not closed");
    if (!isWeir) return;
    await until(() => broker.lines.length > before, { what: "A line in the log" });
    expect(broker.lines.slice(before)).toHaveLength(1);
    expect(broker.lines[before]).toContain(peer);
    expect(broker.lines[before]).toContain("reason=");
  });

  test.each(frames)("is closed, and fills no log: %s", async (what, bytes) => {
    const before = broker.lines.length;
    const client = await TestClient.connect(broker.port);
    client.sendBytes(Uint8Array.from(bytes));
    // Kafka's parser stops where the message ends: there, an answer is as good.
    const answered = what.startsWith("bytes behind") ? client.nextFrame().catch(() => {}) : client.closed;
    await withTimeout(Promise.race([client.closed, answered]), idleMs, () => "The connection was not closed");
    client.close();
    expect(broker.lines.length - before).toBeLessThan(2);
  });

  test("may say nothing, or half a request, and leave", async () => {
    const files = isWeir ? broker.openFileCount() : 0;
    const half = Uint8Array.of(0, 0, 1, 0, 0, 18, 0, 0);
    for (const bytes of [new Uint8Array(0), Uint8Array.of(0, 0), half, half.subarray(0, 4)]) {
      for (let count = 0; count < 10; count++) {
        const client = await TestClient.connect(broker.port);
        client.sendBytes(bytes);
        if (count % 2 === 0) await client.end();
        else client.close();
        await withTimeout(client.closed, idleMs, () => "The connection stayed open after its client left");
      }
    }
    if (isWeir) {
      await until(() => broker.openFileCount() <= files, { what: "Closing the sockets of clients that left" });
    }
  });
});

describe("random bytes", () => {
  test(`end in an answer or a close, and hold no memory (SEED=${seed})`, async () => {
    const random = createPrng(seed);
    const files = isWeir ? broker.openFileCount() : 0;
    const attack = async (count: number) => {
      for (let index = 0; index < count; index++) await attackOnce(random);
    };
    await attack(100); // first: what is loaded and compiled once stays
    const memoryBefore = broker.memory().ownBytes;
    await attack(400);
    if (!isWeir) return;
    await until(() => broker.openFileCount() <= files, { what: "Closing the sockets of clients that left" });
    expect(broker.memory().ownBytes - memoryBefore).toBeLessThan(32 * 1024 * 1024);
  }, 60_000);

  /** A frame of random bytes, in one case of three behind the header of a request that is served. */
  async function attackOnce(random: () => number): Promise<void> {
    const client = await TestClient.connect(broker.port);
    const size = 8 + Math.floor(random() * 400);
    const frame = Uint8Array.from({ length: 4 + size }, () => Math.floor(random() * 256));
    const view = new DataView(frame.buffer);
    view.setInt32(0, size);
    if (random() < 0.67) {
      view.setInt16(4, Math.floor(random() * 76));
      view.setInt16(6, Math.floor(random() * 10));
    }
    // No group or topic by accident: a name is at most what is left of the frame, and no API acts on half a request.
    client.sendBytes(frame);
    const answered = client.nextFrame().catch(() => {});
    await withTimeout(Promise.race([answered, client.closed]), idleMs, () => `Neither answered nor closed: ${frame}`)
      .catch((error) => {
        if (!mayStayUnanswered(frame.subarray(4))) throw error;
      });
    client.close();
    await client.closed;
  }
});

/**
 * Whether the frame begins, by chance, with a whole request that has no answer or may wait longer than this test: a Produce
 * with acks=0, or a Fetch of nothing, for any other names a topic that is not there. (A JoinGroup would be the first of its
 * group, which waits for nobody.)
 */
function mayStayUnanswered(frame: Uint8Array): boolean {
  try {
    const reader = new Reader(frame);
    const { apiKey, apiVersion } = decodeRequestHeader(reader);
    if (apiKey === produce.key) return codecFor(produce, apiVersion).decodeRequest(reader).acks === 0;
    if (apiKey !== fetch.key) return false;
    const { maxWaitMs, minBytes, topics } = codecFor(fetch, apiVersion).decodeRequest(reader);
    return maxWaitMs >= idleMs && minBytes > 0 && topics.every(({ partitions }) => partitions.length === 0);
  } catch (error) {
    // A version that there is not is a RangeError of `codecFor`.
    if (error instanceof MalformedFrame || error instanceof RangeError) return false;
    throw error;
  }
}

test("random bytes may stay unanswered only as a whole request that waits", () => {
  const frameOf = (maxWaitMs: number) => {
    const [first, ...rest] = encodeRequestFrame(fetch, 4, 1, null, { maxWaitMs, minBytes: 1, topics: [] });
    return Uint8Array.from([...first ?? [], ...rest.flatMap((chunk) => [...chunk])]).subarray(4);
  };
  const waiting = frameOf(60_000);
  expect(mayStayUnanswered(waiting)).toBe(true);
  expect(mayStayUnanswered(frameOf(10))).toBe(false);
  expect(mayStayUnanswered(waiting.subarray(0, -1))).toBe(false);
  expect(mayStayUnanswered(Uint8Array.of(0, 1, 0, 99, 0, 0, 0, 1, 0xff, 0xff))).toBe(false);
});

describe("ApiVersions", () => {
  test("in a version nobody has is answered in version 0 with UNSUPPORTED_VERSION and what is served", async () => {
    const client = await TestClient.connect(broker.port);
    // The frame of version 3 with another version written over it; clients of the future will send what they like.
    const [first, ...rest] = encodeRequestFrame(apiVersions, 3, 77, "future", {
      clientSoftwareName: "future",
      clientSoftwareVersion: "9.9",
    });
    const frame = Uint8Array.from([...first ?? [], ...rest.flatMap((chunk) => [...chunk])]);
    new DataView(frame.buffer).setInt16(6, 100);
    client.sendBytes(frame);
    const answer = await withTimeout(client.nextFrame(), idleMs, () => "No answer");
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    expect(view.getInt32(0)).toBe(77);
    expect(view.getInt16(4)).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(view.getInt32(6)).toBe(1);
    expect(view.getInt16(10)).toBe(18);
    expect(answer.byteLength).toBe(16);
    // …and the connection goes on with a version that both know.
    const again = await client.send(apiVersions, view.getInt16(14), {
      clientSoftwareName: "future",
      clientSoftwareVersion: "9.9",
    });
    expect(again.errorCode).toBe(ErrorCode.NONE);
    client.close();
  });

  test("with a software name that is not a name is refused with INVALID_REQUEST", async () => {
    const client = await TestClient.connect(broker.port);
    const answer = await client.send(apiVersions, 3, { clientSoftwareName: "no good!", clientSoftwareVersion: "1" });
    expect(answer.errorCode).toBe(ErrorCode.INVALID_REQUEST);
    client.close();
  });
});

describe("a batch", () => {
  test.each([17, 20, 30, 61, 70])("with a flipped bit in byte %d is refused with CORRUPT_MESSAGE", async (at) => {
    const batch = encodeBatch({ records: [toRecord("a value that is long enough")] });
    batch[at] = (batch[at] ?? 0) ^ 0x10;
    expect((await produceBytes(witness, place, batch)).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect(await endOffset(witness, place)).toBe(produced.length);
  });

  test("over max.message.bytes is refused with MESSAGE_TOO_LARGE", async () => {
    const limited = { topic: "small-messages", partition: 0 };
    await createTopic(witness, { name: limited.topic, configs: { "max.message.bytes": "1000" } });
    const fits = encodeBatch({ records: [toRecord("v".repeat(900))] });
    const tooLarge = encodeBatch({ records: [toRecord("v".repeat(1000))] });
    expect((await produceBytes(witness, limited, tooLarge)).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(await produceBytes(witness, limited, fits)).toEqual({ errorCode: ErrorCode.NONE, baseOffset: 0 });
  });

  test("that claims more bytes than were sent is refused with CORRUPT_MESSAGE", async () => {
    const batch = encodeBatch({ records: [toRecord("value")] });
    const { errorCode } = await produceBytes(witness, place, batch.subarray(0, batch.length - 3));
    expect([ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD]).toContain(errorCode);
  });

  test("whose count of records differs from its last offset is refused with INVALID_RECORD", async () => {
    const batch = encodeBatch({ records: [toRecord("one"), toRecord("two")] });
    const view = new DataView(batch.buffer, batch.byteOffset);
    view.setInt32(57, 3);
    new BatchView(batch).stampCrc();
    expect((await produceBytes(witness, place, batch)).errorCode).toBe(ErrorCode.INVALID_RECORD);
  });

  test("of a client that marks it as a control batch is refused with INVALID_RECORD", async () => {
    const batch = encodeBatch({ records: [toRecord("control")], isControl: true });
    expect((await produceBytes(witness, place, batch)).errorCode).toBe(ErrorCode.INVALID_RECORD);
  });

  test("for a partition that does not exist is refused with UNKNOWN_TOPIC_OR_PARTITION", async () => {
    const batch = encodeBatch({ records: [toRecord("value")] });
    for (const partition of [1, -1, 2 ** 31 - 1]) {
      const { errorCode } = await produceBytes(witness, { ...place, partition }, batch);
      expect(errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }
  });

  test("for a topic that does not exist is refused with UNKNOWN_TOPIC_OR_PARTITION", async () => {
    const batch = encodeBatch({ records: [toRecord("value")] });
    const { errorCode } = await produceBytes(witness, { topic: "nobody-made-me", partition: 0 }, batch);
    expect(errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("with acks that mean nothing is refused with INVALID_REQUIRED_ACKS", async () => {
    const batch = encodeBatch({ records: [toRecord("value")] });
    expect((await produceBytes(witness, place, batch, { acks: 7 })).errorCode).toBe(ErrorCode.INVALID_REQUIRED_ACKS);
  });
});

describe("a topic name", () => {
  const names = ["", ".", "..", "a b", "a/b", "käse", "a".repeat(250), "x\u0000y"];

  test.each(names.map((name) => [JSON.stringify(name).slice(0, 20), name] as const))(
    "that breaks the rules is refused with INVALID_TOPIC_EXCEPTION: %s",
    async (_, name) => {
      expect(await tryCreateTopic(witness, { name })).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
      const described = await witness.send(metadata, 9, { topics: [{ name }], allowAutoTopicCreation: true });
      expect(described.topics[0]?.errorCode).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
    },
  );

  test("that exists cannot be created again: TOPIC_ALREADY_EXISTS", async () => {
    expect(await tryCreateTopic(witness, { name: place.topic })).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
  });

  test("with no partitions is refused with INVALID_PARTITIONS", async () => {
    expect(await tryCreateTopic(witness, { name: "nothing", partitionCount: 0 })).toBe(ErrorCode.INVALID_PARTITIONS);
  });

  test("with a setting that does not exist is refused with INVALID_CONFIG", async () => {
    const configs = { "no.such.setting": "1" };
    expect(await tryCreateTopic(witness, { name: "unset", configs })).toBe(ErrorCode.INVALID_CONFIG);
  });
});
