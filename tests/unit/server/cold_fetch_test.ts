import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { produce } from "../../../protocol/api/00_produce.ts";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../../protocol/api/02_list_offsets.ts";
import { apiVersions } from "../../../protocol/api/18_api_versions.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { DISK_WAIT_MS } from "../../../server/partitions/delayed_fetch.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";

let server: MemoryBroker;
let client: MemoryClient;

beforeEach(async () => {
  server = await MemoryBroker.start();
  client = await server.connect();
  await client.send(createTopics, 7, {
    topics: [{ name: "events", numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
  });
  for (const index of [0, 1]) {
    const records = encodeBatch({ records: [{ value: new Uint8Array(1000), timestamp: 1000 + index }] });
    await client.send(produce, 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: "events", partitionData: [{ index, records }] }],
    });
  }
  server.runtime.files.isCold = () => true;
});

afterEach(async () => {
  server.runtime.files.readDelayMs = null;
  await server.stop();
});

function draft(options: { partitions?: number[]; maxWaitMs?: number; minBytes?: number } = {}) {
  const { partitions = [0], maxWaitMs = 0, minBytes = 1 } = options;
  return {
    maxWaitMs,
    minBytes,
    maxBytes: 10_000_000,
    topics: [{
      topic: "events",
      partitions: partitions.map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1_000_000 })),
    }],
  };
}

async function fetchSizes(options: Parameters<typeof draft>[0] = {}): Promise<number[]> {
  const answer = await client.send(fetch, 12, draft(options));
  const partitions = answer.responses[0]!.partitions;
  for (const { errorCode } of partitions) expect(errorCode).toBe(ErrorCode.NONE);
  return partitions.toSorted((left, right) => left.partitionIndex - right.partitionIndex)
    .map(({ records }) => records?.length ?? 0);
}

describe("a fetch of what is not in memory", () => {
  test("gets it, also when the client does not want to wait for records", async () => {
    expect((await fetchSizes({ maxWaitMs: 0 }))[0]).toBeGreaterThan(1000);
    expect((await fetchSizes({ maxWaitMs: 0, minBytes: 0 }))[0]).toBeGreaterThan(1000);
    expect((await fetchSizes({ maxWaitMs: 500, minBytes: 1 }))[0]).toBeGreaterThan(1000);
  });

  test("does not hold up others, and takes as long as the disk does", async () => {
    server.runtime.files.readDelayMs = () => 3000;
    const other = await server.connect();
    const startMs = server.runtime.clock.monotonicMs();
    let isAnswered = false;
    const fetching = fetchSizes({ maxWaitMs: 500 }).then((sizes) => (isAnswered = true, sizes));
    await other.send(apiVersions, 3, { clientSoftwareName: "test", clientSoftwareVersion: "1" });
    expect(isAnswered).toBe(false);
    expect(server.runtime.clock.monotonicMs() - startMs).toBeLessThan(100);
    expect((await server.runtime.until(fetching))[0]).toBeGreaterThan(1000);
    expect(server.runtime.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(3000);
  });

  test("sends what is in memory at once, and the rest with the next", async () => {
    server.runtime.files.isCold = (path) => path.includes("events-1");
    server.runtime.files.readDelayMs = () => 3000;
    const startMs = server.runtime.clock.monotonicMs();
    const [warm, cold] = await fetchSizes({ partitions: [0, 1], maxWaitMs: 500 });
    expect(warm).toBeGreaterThan(1000);
    expect(cold).toBe(0);
    expect(server.runtime.clock.monotonicMs() - startMs).toBeLessThan(100);
    await server.runtime.advance(3000);
    expect((await fetchSizes({ partitions: [1], maxWaitMs: 0 }))[0]).toBeGreaterThan(1000);
    expect(server.runtime.clock.monotonicMs() - startMs).toBeLessThan(3200);
  });

  test("ends without records when the disk does not answer, and finds them when it does", async () => {
    server.runtime.files.readDelayMs = () => DISK_WAIT_MS + 5000;
    expect(await fetchSizes({ maxWaitMs: 500 })).toEqual([0]);
    expect((await fetchSizes({ maxWaitMs: 500 }))[0]).toBeGreaterThan(1000);
  });

  test("hears of a disk that fails", async () => {
    server.runtime.files.fault = (operation, path) => operation === "read" && path.endsWith(".log") ? "EIO" : null;
    const answer = await client.send(fetch, 12, draft({ maxWaitMs: 500 }));
    expect(answer.responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    server.runtime.files.fault = null;
    expect((await fetchSizes())[0]).toBeGreaterThan(1000);
  });

  test("gives everything back when its connection ends before the disk answers", async () => {
    server.runtime.files.readDelayMs = () => 3000;
    const other = await server.connect();
    const asking = other.send(fetch, 12, draft({ maxWaitMs: 500 })).catch(() => null);
    await server.runtime.advance(10);
    other.close();
    await asking;
    await server.runtime.advance(10);
    expect(server.broker.fetcher.waitingCount).toBe(0);
    await server.runtime.advance(5000);
    expect(server.broker.fetcher.unsentBytes).toBe(0);
    expect((await fetchSizes())[0]).toBeGreaterThan(1000);
  });

  test("tells what is wrong with partitions for which there is no room beside it", async () => {
    await client.send(createTopics, 7, {
      topics: [{ name: "more", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    });
    server.runtime.files.isCold = (path) => path.includes("events-1");
    const { topics, ...request } = draft({ partitions: [0, 1] });
    const more = { topic: "more", partitions: [{ partition: 0, fetchOffset: 5, partitionMaxBytes: 1000 }] };
    const answer = await client.send(fetch, 12, { ...request, maxBytes: 2000, topics: [...topics, more] });
    const told = answer.responses.find(({ topic }) => topic === "more")!.partitions[0]!;
    expect(told.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });

  test("by time finds its offset without a wait on the loop", async () => {
    const answer = await client.send(listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: "events", partitions: [{ partitionIndex: 0, timestamp: 1000 }] }],
    });
    expect(answer.topics[0]!.partitions[0]!.offset).toBe(0);
  });
});
