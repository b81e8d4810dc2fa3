/** Limits of clients as clients see them: real server code on a virtual network and clock. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { fetch } from "../../../../protocol/api/01_fetch.ts";
import { produce } from "../../../../protocol/api/00_produce.ts";
import { metadata } from "../../../../protocol/api/03_metadata.ts";
import { apiVersions } from "../../../../protocol/api/18_api_versions.ts";
import { createTopics } from "../../../../protocol/api/19_create_topics.ts";
import { deleteTopics } from "../../../../protocol/api/20_delete_topics.ts";
import { createPartitions } from "../../../../protocol/api/37_create_partitions.ts";
import { alterClientQuotas } from "../../../../protocol/api/49_alter_client_quotas.ts";
import { codecFor } from "../../../../protocol/codec.ts";
import { errorName } from "../../../../protocol/errors.ts";
import { encodeRequestFrame } from "../../../../protocol/frame.ts";
import { encodeBatch } from "../../../../protocol/record.ts";
import { HELD_MAX } from "../../../../server/held_sockets.ts";
import { MemoryBroker, type MemoryClient } from "../../../support/memory_broker.ts";

let server: MemoryBroker;
/** Of a client id without limits. */
let admin: MemoryClient;

beforeEach(async () => {
  server = await MemoryBroker.start();
  admin = await server.connect("admin");
  await admin.send(createTopics, 7, { topics: [topic("events")] });
});

afterEach(() => server.stop());

function topic(name: string, numPartitions = 1) {
  return { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
}

async function limit(
  key: string,
  value: number | null,
  entity: Readonly<Record<string, string | null>> = { "client-id": "app" },
): Promise<void> {
  const { entries } = await admin.send(alterClientQuotas, 1, {
    entries: [{
      entity: Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName })),
      ops: [{ key, value: value ?? 0, remove: value === null }],
    }],
    validateOnly: false,
  });
  expect(errorName(entries[0]!.errorCode)).toBe("NONE");
}

function produceDraft(sizeBytes: number, acks = -1) {
  const records = encodeBatch({ records: [{ value: new Uint8Array(sizeBytes), timestamp: 1 }] });
  return { acks, timeoutMs: 1_000, topicData: [{ name: "events", partitionData: [{ index: 0, records }] }] };
}

/** One chunk: it is read at once, whatever is decided meanwhile. */
async function joined(chunks: readonly Uint8Array[]): Promise<Uint8Array> {
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

function fetchDraft(
  options: { offset?: number; session?: readonly [id: number, epoch: number]; maxBytes?: number } = {},
) {
  const [sessionId, sessionEpoch] = options.session ?? [0, -1];
  const partition = { partition: 0, fetchOffset: options.offset ?? 0, partitionMaxBytes: 10_000_000 };
  return {
    sessionId,
    sessionEpoch,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: options.maxBytes ?? 10_000_000,
    topics: [{ topic: "events", partitions: [partition] }],
  };
}

const nowMs = () => server.runtime.clock.monotonicMs();

/** How long the answer takes. */
async function tookMs(answer: Promise<unknown>): Promise<number> {
  const startMs = nowMs();
  await server.runtime.until(answer);
  return nowMs() - startMs;
}

describe("a producer over its limit", () => {
  test("is answered at once, with the time to rest, and then not heard for as long", async () => {
    await limit("producer_byte_rate", 1_000);
    const client = await server.connect("app");
    const answering = client.begin(produce, 9, produceDraft(20_000));
    expect(await tookMs(answering)).toBeLessThan(10);
    const { throttleTimeMs } = await answering;
    expect(throttleTimeMs).toBeGreaterThan(10_000);
    expect(throttleTimeMs).toBeLessThan(10_200);
    expect(await tookMs(client.begin(apiVersions, 0, {}))).toBeGreaterThan(throttleTimeMs - 10);
    await server.runtime.advance(1_000); // what it sent is older than all windows
    expect((await client.send(produce, 9, produceDraft(100))).throttleTimeMs).toBe(0);
  });

  test("takes up nothing that it had sent already, and nobody else waits", async () => {
    await limit("producer_byte_rate", 1_000);
    const client = await server.connect("app");
    const [first, second] = [
      client.begin(produce, 9, produceDraft(20_000)),
      client.begin(produce, 9, produceDraft(10)),
    ];
    const { throttleTimeMs } = await server.runtime.until(first);
    const startMs = nowMs();
    const other = await server.connect("another");
    const { responses } = await other.send(produce, 9, produceDraft(20_000));
    expect(responses[0]!.partitionResponses[0]!.baseOffset).toBe(1);
    expect(nowMs() - startMs).toBeLessThan(10);
    const late = await server.runtime.until(second);
    expect(late.responses[0]!.partitionResponses[0]!.baseOffset).toBe(2);
    expect(nowMs() - startMs).toBeGreaterThan(throttleTimeMs - 10);
  });

  test("rests without acknowledgements too", async () => {
    await limit("producer_byte_rate", 1_000);
    const client = await server.connect("app");
    client.post(encodeRequestFrame(produce, 9, 1, "app", produceDraft(20_000, 0)));
    expect(await tookMs(client.begin(apiVersions, 0, {}))).toBeGreaterThan(9_000);
  });

  test("shares its limit with all connections that it applies to", async () => {
    await limit("producer_byte_rate", 1_000, { user: "ANONYMOUS" });
    const one = await server.connect("app");
    const two = await server.connect("another");
    expect((await one.send(produce, 9, produceDraft(9_000))).throttleTimeMs).toBe(0);
    expect((await two.send(produce, 9, produceDraft(9_000))).throttleTimeMs).toBeGreaterThan(7_000);
  });

  test("is heard again when it has gone and come back, and what it held is free", async () => {
    await limit("producer_byte_rate", 1);
    const client = await server.connect("app");
    // What makes it rest, a request that waits, and a part of one.
    const again = encodeRequestFrame(produce, 9, 2, "app", produceDraft(20_000));
    const first = encodeRequestFrame(produce, 9, 1, "app", produceDraft(20_000));
    client.post([await joined([...first, ...again, ...again.slice(0, 1)])]);
    await server.runtime.settle();
    expect(server.broker.requestBytes.usedBytes).toBeGreaterThan(20_000);
    client.close();
    expect((await (await server.connect("app")).send(apiVersions, 0, {})).errorCode).toBe(0);
    await server.stop();
    expect(server.broker.requestBytes.usedBytes).toBe(0);
  });

  test("that rests leaves it to others to go beyond the bound on bytes, one after the other", async () => {
    await server.stop();
    server = await MemoryBroker.start({ overrides: { "queued.max.request.bytes": "200000" } });
    admin = await server.connect("admin");
    await admin.send(createTopics, 7, { topics: [topic("events")] });
    await limit("producer_byte_rate", 1);
    const whole = await joined(encodeRequestFrame(produce, 9, 1, "other", produceDraft(90_000)));
    const other = await server.connect("other");
    other.post([whole.subarray(0, 60_000)]);
    await server.runtime.settle();
    const client = await server.connect("app");
    const first = encodeRequestFrame(produce, 9, 1, "app", produceDraft(60_000));
    client.post([await joined([...first, whole.subarray(0, 60_000)])]);
    await server.runtime.settle();
    const startMs = server.runtime.clock.monotonicMs();
    const answer = other.exchange([whole.subarray(60_000, 70_000)]);
    await server.runtime.settle();
    other.post([whole.subarray(70_000)]);
    await server.runtime.until(answer);
    expect(server.runtime.clock.monotonicMs() - startMs).toBeLessThan(1_000);
  });

  test("is not limited any more once the limit is gone", async () => {
    await limit("producer_byte_rate", 1_000);
    await limit("producer_byte_rate", null);
    const client = await server.connect("app");
    expect((await client.send(produce, 9, produceDraft(20_000))).throttleTimeMs).toBe(0);
    expect(server.broker.quotas.isActive).toBe(false);
  });

  test("that rests is closed like one that says nothing", async () => {
    await server.stop();
    server = await MemoryBroker.start({ overrides: { "connections.max.idle.ms": "60000" } });
    admin = await server.connect("admin");
    await admin.send(createTopics, 7, { topics: [topic("events")] });
    await limit("producer_byte_rate", 1);
    const client = await server.connect("app");
    await client.send(produce, 9, produceDraft(20_000));
    client.begin(apiVersions, 0, {}).catch(() => {});
    await server.runtime.advance(80_000);
    expect(client.isClosed).toBe(true);
  });
});

describe("a consumer over its limit", () => {
  test("is answered without data, rests, and is given the data in time", async () => {
    await admin.send(produce, 9, produceDraft(8_000));
    await limit("consumer_byte_rate", 1_000);
    const client = await server.connect("app");
    const first = await client.send(fetch, 12, fetchDraft());
    expect([first.throttleTimeMs, first.responses[0]!.partitions[0]!.records!.length > 8_000]).toEqual([0, true]);
    const second = await client.send(fetch, 12, fetchDraft());
    expect(second.responses).toEqual([]);
    expect(second.throttleTimeMs).toBeGreaterThan(6_000);
    const startMs = nowMs();
    const third = await client.send(fetch, 12, fetchDraft());
    expect(nowMs() - startMs).toBe(second.throttleTimeMs);
    expect(third.throttleTimeMs).toBeGreaterThan(0); // the first is still within the windows
    await server.runtime.advance(5_000);
    const fourth = await client.send(fetch, 12, fetchDraft());
    expect(fourth.responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(8_000);
  });

  test("is given no more at once than it may have in all windows, and one batch at least", async () => {
    for (let batch = 0; batch < 4; batch++) await admin.send(produce, 9, produceDraft(4_000));
    await limit("consumer_byte_rate", 1_000);
    const client = await server.connect("app");
    const { responses } = await client.send(fetch, 12, fetchDraft());
    const sizeBytes = responses[0]!.partitions[0]!.records!.length;
    expect(sizeBytes).toBeGreaterThan(8_000);
    expect(sizeBytes).toBeLessThanOrEqual(10_000);
    await limit("consumer_byte_rate", 10, { "client-id": "slow" });
    const slow = await server.connect("slow");
    const answer = await slow.send(fetch, 12, fetchDraft());
    expect(answer.throttleTimeMs).toBeGreaterThan(300_000); // a batch of 4,000 bytes at 10 a second
  });

  test("or under it is given an answer that was encoded once", async () => {
    await admin.send(produce, 9, produceDraft(100));
    await limit("consumer_byte_rate", 1_000);
    const codec = codecFor(fetch, 12) as { encodeResponse: (...of: unknown[]) => void };
    let encodedCount = 0;
    codec.encodeResponse = (...of) => {
      encodedCount++;
      Object.getPrototypeOf(codec).encodeResponse.apply(codec, of);
    };
    try {
      for (const clientId of ["app", "another"]) {
        encodedCount = 0;
        const { responses } = await (await server.connect(clientId)).send(fetch, 12, fetchDraft());
        expect([responses[0]!.partitions[0]!.records!.length > 100, encodedCount]).toEqual([true, 1]);
      }
    } finally {
      Reflect.deleteProperty(codec, "encodeResponse");
    }
  });

  test("does not begin a session, and goes on with the one that it has", async () => {
    await admin.send(produce, 9, produceDraft(9_000));
    await limit("consumer_byte_rate", 1_000);
    const client = await server.connect("app");
    const begun = await client.send(fetch, 12, fetchDraft({ session: [0, 0] }));
    expect(begun.sessionId).not.toBe(0);
    const refused = await client.send(fetch, 12, fetchDraft({ session: [0, 0] }));
    expect([refused.sessionId, refused.responses.length]).toEqual([0, 0]);
    // The log has not changed, but the client asks from the start again.
    const going = await client.send(fetch, 12, fetchDraft({ session: [begun.sessionId, 1] }));
    expect(going.sessionId).toBe(begun.sessionId);
  });
});

describe("who makes and deletes partitions too fast", () => {
  const createDraft = (name: string, partitions: number) => ({ topics: [topic(name, partitions)], timeoutMs: 1_000 });

  test("is refused by newer versions, and rests", async () => {
    await limit("controller_mutation_rate", 1);
    const client = await server.connect("app");
    const made = await client.send(createTopics, 6, createDraft("many", 21));
    expect([errorName(made.topics[0]!.errorCode), made.throttleTimeMs]).toEqual(["NONE", 0]);
    const refused = await client.send(createTopics, 6, createDraft("more", 1));
    expect(errorName(refused.topics[0]!.errorCode)).toBe("THROTTLING_QUOTA_EXCEEDED");
    expect(refused.throttleTimeMs).toBeGreaterThan(9_000);
    const unchanged = await admin.send(metadata, 12, { topics: [{ name: "more" }], allowAutoTopicCreation: false });
    expect(errorName(unchanged.topics[0]!.errorCode)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    // It has rested.
    const again = await client.send(createTopics, 6, createDraft("more", 1));
    expect(errorName(again.topics[0]!.errorCode)).toBe("NONE");
  });

  test("only rests by older versions", async () => {
    await limit("controller_mutation_rate", 1);
    const client = await server.connect("app");
    const made = await client.send(createTopics, 5, createDraft("many", 21));
    expect(errorName(made.topics[0]!.errorCode)).toBe("NONE");
    expect(made.throttleTimeMs).toBeGreaterThan(9_000);
  });

  test("is told of each topic, whatever was asked for it", async () => {
    await limit("controller_mutation_rate", 1);
    const client = await server.connect("app");
    await client.send(createTopics, 7, { topics: [topic("one", 5), topic("two", 6)], timeoutMs: 1_000 });
    const grown = await client.send(createPartitions, 3, {
      topics: [{ name: "one", count: 15, assignments: null }, { name: "two", count: 7, assignments: null }],
      timeoutMs: 1_000,
      validateOnly: false,
    });
    expect(grown.results.map(({ errorCode }) => errorName(errorCode))).toEqual(["NONE", "THROTTLING_QUOTA_EXCEEDED"]);
    const deleted = await admin.send(deleteTopics, 5, { topicNames: ["two"], timeoutMs: 1_000 });
    expect(deleted.throttleTimeMs).toBe(0);
    const last = await client.send(deleteTopics, 5, { topicNames: ["one"], timeoutMs: 1_000 });
    expect(errorName(last.responses[0]!.errorCode)).toBe("NONE"); // 15 partitions, after it had rested
  });

  test("makes no topics by asking for them", async () => {
    await limit("controller_mutation_rate", 1);
    const client = await server.connect("app");
    await client.send(createTopics, 6, createDraft("many", 30));
    const answer = await client.send(metadata, 12, { topics: [{ name: "by the way".replaceAll(" ", "-") }] });
    expect(errorName(answer.topics[0]!.errorCode)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(answer.throttleTimeMs).toBe(0);
  });
});

describe("an address that connects too often", () => {
  test("is held and closed; another limit for it is kept", async () => {
    await limit("connection_creation_rate", 1, { ip: null });
    const early = await Promise.all(Array.from({ length: 10 }, () => server.connect()));
    const [tooMany] = await Promise.all([server.connect()]);
    expect(early.some(({ isClosed }) => isClosed)).toBe(false);
    await server.runtime.advance(500);
    expect(tooMany!.isClosed).toBe(false);
    await server.runtime.advance(600);
    expect(tooMany!.isClosed).toBe(true);
    await limit("connection_creation_rate", 1_000_000, { ip: "127.0.0.1" });
    const client = await server.connect();
    expect((await client.send(apiVersions, 0, {})).errorCode).toBe(0);
  });

  test("does not fill the process with connections that wait for their end", async () => {
    const before = server.broker.connectionCount;
    await limit("connection_creation_rate", 1, { ip: null });
    const clients = await Promise.all(Array.from({ length: HELD_MAX + 30 }, () => server.connect()));
    await server.runtime.settle();
    const startMs = nowMs();
    const isClosed = () => clients.map((client) => client.isClosed);
    const countOf = (state: boolean) => isClosed().filter((closed) => closed === state).length;
    const takenUp = server.broker.connectionCount - before;
    expect(takenUp).toBe(10);
    // Those up to the bound are held, open and unheard; those beyond it are closed at once; nobody else waits for them.
    expect([countOf(false), countOf(true)]).toEqual([takenUp + HELD_MAX, 30 - takenUp]);
    expect(isClosed().slice(0, takenUp + HELD_MAX)).not.toContain(true);
    expect(await tookMs(admin.begin(apiVersions, 0, {}))).toBeLessThan(10);
    expect(await tookMs(clients[0]!.begin(apiVersions, 0, {}))).toBeLessThan(10);
    const unheard = clients[takenUp]!.begin(apiVersions, 0, {});
    unheard.catch(() => {});
    await server.runtime.settle();
    expect([clients[takenUp]!.isClosed, nowMs() - startMs < 500]).toEqual([false, true]);
    await server.runtime.advance(1_100);
    expect(countOf(false)).toBe(takenUp);
    await expect(unheard).rejects.toThrow("closed");
    expect(server.broker.connectionCount).toBe(before + takenUp);
  });
});
