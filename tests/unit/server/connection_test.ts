import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { apiVersions } from "../../../protocol/api/18_api_versions.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../../protocol/frame.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import type { LogFacts } from "../../../server/log.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import { Fetcher } from "../../../server/partitions/fetcher.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";

let server: MemoryBroker;
let lines: { level: string; event: string; facts: LogFacts | undefined }[];

beforeEach(async () => {
  lines = [];
  const note = (level: string) => (event: string, facts?: LogFacts) => void lines.push({ level, event, facts });
  const logger = { level: "info" as const, debug() {}, info() {}, warn: note("warn"), error: note("error") };
  server = await MemoryBroker.start({ logger, overrides: { "socket.request.max.bytes": "100000" } });
  const client = await server.connect();
  await client.send(createTopics, 7, {
    topics: [{ name: "events", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  });
  client.close();
  await server.runtime.settle();
});

afterEach(() => server.stop());

function produceDraft(options: { acks?: number; size?: number; index?: number } = {}) {
  const records = encodeBatch({ records: [{ value: new Uint8Array(options.size ?? 10), timestamp: 1 }] });
  return {
    acks: options.acks ?? -1,
    timeoutMs: 1_000,
    topicData: [{ name: "events", partitionData: [{ index: options.index ?? 0, records }] }],
  };
}

function fetchDraft(options: { offset?: number; maxWaitMs?: number; minBytes?: number; maxBytes?: number } = {}) {
  return {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 10_000_000,
    topics: [{
      topic: "events",
      partitions: [{ partition: 0, fetchOffset: options.offset ?? 0, partitionMaxBytes: 10_000_000 }],
    }],
  };
}

const isOpen = async (client: MemoryClient) => {
  await server.runtime.settle();
  return !client.isClosed;
};

describe("Connection", () => {
  test("answers pipelined requests in their order, offsets too", async () => {
    const client = await server.connect();
    const answers = [
      client.begin(produce, 9, produceDraft()),
      client.begin(apiVersions, 0, {}),
      client.begin(produce, 9, produceDraft({ acks: 1 })),
      client.begin(fetch, 12, fetchDraft({ offset: 0, maxWaitMs: 100, minBytes: 1 })),
      client.begin(produce, 9, produceDraft()),
    ] as const;
    const [first, , second, , third] = await server.runtime.until(Promise.all(answers));
    const offsets = [first, second, third].map((answer) => answer.responses[0]!.partitionResponses[0]!.baseOffset);
    expect(offsets).toEqual([0, 1, 2]);
  });

  test("says nothing to acks=0 and goes on to the next request", async () => {
    const client = await server.connect();
    client.post(encodeRequestFrame(produce, 9, 77, "test", produceDraft({ acks: 0 })));
    const answer = await client.send(produce, 9, produceDraft());
    expect(answer.responses[0]!.partitionResponses[0]!.baseOffset).toBe(1);
  });

  test("closes when a batch sent with acks=0 is refused", async () => {
    const client = await server.connect();
    client.post(encodeRequestFrame(produce, 9, 77, "test", produceDraft({ acks: 0, index: 5 })));
    expect(await isOpen(client)).toBe(false);
  });

  test("takes up nothing behind a request that it refused", async () => {
    const client = await server.connect();
    const [refused, next] = [produceDraft({ acks: 0, index: 5 }), produceDraft({ acks: 0 })].map((draft, index) =>
      encodeRequestFrame(produce, 9, index, "test", draft)
    );
    client.post([...refused!, ...next!]);
    expect(await isOpen(client)).toBe(false);
    const answer = await (await server.connect()).send(produce, 9, produceDraft());
    expect(answer.responses[0]!.partitionResponses[0]!.baseOffset).toBe(0);
  });

  test("closes on bytes it cannot read with one line, and others notice nothing", async () => {
    const bystander = await server.connect();
    const bad = [
      [0xff, 0xff, 0xff, 0xff], // a negative length
      [0x7f, 0xff, 0xff, 0xff], // a length over the limit
      [0, 0, 0, 2, 0, 1], // too short for a header
      [0, 0, 0, 8, 0x03, 0xe7, 0, 0, 0, 0, 0, 1], // an unknown api key
      [0, 0, 0, 10, 0, 1, 0, 99, 0, 0, 0, 1, 0xff, 0xff], // an unknown version of Fetch
      [0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff], // an array without its elements
    ];
    for (const bytes of bad) {
      lines.length = 0;
      const client = await server.connect();
      client.post([new Uint8Array(bytes)]);
      expect(await isOpen(client)).toBe(false);
      expect(lines.map(({ level }) => level)).toEqual(["warn"]);
    }
    expect((await bystander.send(apiVersions, 0, {})).errorCode).toBe(0);
    expect(server.broker.requestBytes.usedBytes).toBe(0);
  });

  test("answers an unknown version of ApiVersions in version 0 with what it serves", async () => {
    const client = await server.connect();
    const header = [0, 0, 0, 13, 0, 18, 0, 99, 0, 0, 0, 7, 0, 1, 0x78, 0, 0];
    const payload = await server.runtime.until(client.exchange([new Uint8Array(header)]));
    const { correlationId, response } = decodeResponseFrame(apiVersions, 0, payload);
    expect(correlationId).toBe(7);
    expect(response.errorCode).toBe(35);
    expect(response.apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 5 }]);
  });

  test("a fetch waits for data, for its time, or for its client to go", async () => {
    const client = await server.connect();
    const other = await server.connect();
    const waiting = client.begin(fetch, 12, fetchDraft({ maxWaitMs: 60_000 }));
    await server.runtime.settle();
    expect(server.broker.fetcher.waitingCount).toBe(1);
    await other.send(produce, 9, produceDraft());
    const answer = await server.runtime.until(waiting);
    expect(answer.responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(60);

    const startMs = server.runtime.clock.monotonicMs();
    const late = await client.send(fetch, 12, fetchDraft({ offset: 1, maxWaitMs: 500 }));
    expect(late.responses[0]!.partitions[0]!.records!.length).toBe(0);
    expect(server.runtime.clock.monotonicMs() - startMs).toBe(500);

    client.begin(fetch, 12, fetchDraft({ offset: 1, maxWaitMs: 60_000 })).catch(() => {});
    await server.runtime.settle();
    client.close();
    await server.runtime.settle();
    expect(server.broker.fetcher.waitingCount).toBe(0);
    expect(server.broker.requestBytes.usedBytes).toBe(0);
  });

  test("a fetch that waits is answered when the broker stops, and holds it up no longer", async () => {
    const client = await server.connect();
    const waiting = client.begin(fetch, 12, fetchDraft({ maxWaitMs: 60_000 }));
    await server.runtime.settle();
    const startMs = server.runtime.clock.monotonicMs();
    await server.stop();
    expect((await waiting).errorCode).toBe(0);
    expect(server.runtime.clock.monotonicMs() - startMs).toBeLessThan(1_000);
  });

  test("a fetch with min.bytes waits until that much is there", async () => {
    const client = await server.connect();
    const other = await server.connect();
    const waiting = client.begin(fetch, 12, fetchDraft({ maxWaitMs: 60_000, minBytes: 1_000 }));
    let isAnswered = false;
    waiting.then(() => isAnswered = true);
    for (let count = 0; count < 3; count++) {
      await other.send(produce, 9, produceDraft({ size: 300 }));
      await server.runtime.settle();
      expect(isAnswered).toBe(count === 2);
    }
    expect((await waiting).responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(1_000);
  });

  test("keeps no more answers for a peer that does not read than one past the bound", async () => {
    const client = await server.connect();
    for (let count = 0; count < 30; count++) await client.send(produce, 9, produceDraft({ size: 90_000 }));
    client.pause();
    const asked = 40;
    for (let count = 0; count < asked; count++) {
      client.post(encodeRequestFrame(fetch, 12, 1000 + count, "test", fetchDraft()));
    }
    await server.runtime.settle();
    // 2.7 MB an answer: without the bound all forty would be made.
    expect(server.broker.requestBytes.usedBytes).toBeGreaterThan(0);
    client.close();
    await server.runtime.settle();
    expect(server.broker.requestBytes.usedBytes).toBe(0);
  });

  test("counts requests that are not whole, and still lets one after the other become so", async () => {
    await server.stop();
    server = await MemoryBroker.start({ overrides: { "queued.max.request.bytes": "1000000" } });
    const frame = encodeRequestFrame(produce, 9, 1, "test", produceDraft({ size: 900_000 }));
    const whole = new Uint8Array(frame.reduce((sum, chunk) => sum + chunk.length, 0));
    frame.reduce((at, chunk) => (whole.set(chunk, at), at + chunk.length), 0);
    const clients: MemoryClient[] = [];
    for (let count = 0; count < 8; count++) {
      const client = await server.connect();
      client.post([whole.subarray(0, 800_000)]);
      clients.push(client);
    }
    await server.runtime.settle();
    // Each was read from once more than the budget allows at most; without it all eight would lie there whole.
    expect(server.broker.requestBytes.usedBytes).toBeLessThan(8 * 1_200_000);
    const answers = clients.map((client) => client.exchange([whole.subarray(800_000)]));
    await server.runtime.until(Promise.all(answers));
    expect(server.broker.requestBytes.usedBytes).toBe(0);
    expect((await clients[0]!.send(apiVersions, 0, {})).errorCode).toBe(0);
  });

  test("gives back what it held of a request when the peer goes", async () => {
    const client = await server.connect();
    client.post([new Uint8Array([0, 0, 0xff, 0xff, 1, 2, 3])]);
    await server.runtime.settle();
    expect(server.broker.requestBytes.usedBytes).toBeGreaterThan(0);
    client.close();
    await server.runtime.settle();
    expect(server.broker.requestBytes.usedBytes).toBe(0);
  });

  test("refuses more connections than allowed, and takes one again when there is room", async () => {
    await server.stop();
    server = await MemoryBroker.start({ overrides: { "max.connections": "2" } });
    const first = await server.connect();
    const second = await server.connect();
    const third = await server.connect();
    expect(await isOpen(third)).toBe(false);
    expect(await isOpen(second)).toBe(true);
    first.close();
    await server.runtime.settle();
    expect((await (await server.connect()).send(apiVersions, 0, {})).errorCode).toBe(0);
  });

  test("is closed after connections.max.idle.ms without a byte, not while it waits for an answer", async () => {
    await server.stop();
    server = await MemoryBroker.start({ overrides: { "connections.max.idle.ms": "60000" } });
    const silent = await server.connect();
    await server.runtime.advance(55_000);
    expect(await isOpen(silent)).toBe(true);
    await server.runtime.advance(20_000);
    expect(await isOpen(silent)).toBe(false);
  });
});

describe("Fetcher", () => {
  test("reads no more for peers that do not take their answers than its bound and a batch each", async () => {
    const client = await server.connect();
    for (let count = 0; count < 20; count++) await client.send(produce, 9, produceDraft({ size: 90_000 }));
    const { partitions, cluster, runtime } = server.broker;
    const fetcher = new Fetcher({ partitions, cluster, timers: runtime.timers, unsentBytesMax: 500_000 });
    const options = {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      isReadCommitted: false,
      usesTopicIds: false,
      isFromReplica: false,
      fillsEach: false,
    };
    const asked = () => [{
      topic: "events",
      topicId: ZERO_UUID,
      index: 0,
      fetchOffset: 0,
      maxBytes: 1_000_000,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      toldHighWatermark: -1,
      toldLastStableOffset: -1,
      toldLogStartOffset: -1,
      toldError: false,
    }];
    const passes = Array.from({ length: 10 }, () => fetcher.readPass(asked(), options));
    expect(fetcher.unsentBytes).toBeLessThan(600_000);
    expect(passes[9]!.sizeBytes).toBe(0);
    for (const pass of passes) {
      pass.release();
      pass.release();
    }
    expect(fetcher.unsentBytes).toBe(0);
    expect(fetcher.readPass(asked(), options).sizeBytes).toBeGreaterThan(400_000);
  });
});
