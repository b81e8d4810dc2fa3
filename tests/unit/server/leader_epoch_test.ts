import { describe, expect, test } from "bun:test";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { deleteRecords } from "../../../protocol/api/21_delete_records.ts";
import { offsetForLeaderEpoch } from "../../../protocol/api/23_offset_for_leader_epoch.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";

async function append(client: MemoryClient): Promise<void> {
  const records = encodeBatch({ records: [{ value: new Uint8Array(3), timestamp: 1 }] });
  const topicData = [{ name: "events", partitionData: [{ index: 0, records }] }];
  await client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
}

async function endOf(client: MemoryClient, leaderEpoch: number): Promise<[number, number]> {
  const topics = [{ topic: "events", partitions: [{ partition: 0, leaderEpoch }] }];
  const { errorCode, ...end } = (await client.send(offsetForLeaderEpoch, 3, { topics })).topics[0]!.partitions[0]!;
  expect(errorCode).toBe(0);
  return [end.leaderEpoch, end.endOffset];
}

async function create(client: MemoryClient): Promise<void> {
  await client.send(createTopics, 7, {
    topics: [{ name: "events", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  });
}

/** Two power cuts: each start after one begins an epoch. */
async function cutPowerTwice(server: MemoryBroker): Promise<MemoryClient> {
  for (const epoch of [1, 2]) {
    server.runtime.files.crash("lost");
    server = await MemoryBroker.start({
      runtime: server.runtime,
      overrides: { listeners: `PLAINTEXT://:${9200 + epoch}` },
    });
  }
  return await server.connect();
}

describe("OffsetForLeaderEpoch", () => {
  test("knows epochs in which nothing was appended", async () => {
    const server = await MemoryBroker.start();
    let client = await server.connect();
    await create(client);
    await append(client);
    expect(await endOf(client, 0)).toEqual([0, 1]);
    expect(await endOf(client, 1)).toEqual([-1, -1]);

    client = await cutPowerTwice(server);
    expect(await endOf(client, 2)).toEqual([2, 1]);
    expect(await endOf(client, 1)).toEqual([0, 1]);
    await append(client);
    expect(await endOf(client, 2)).toEqual([2, 2]);
    expect(await endOf(client, 0)).toEqual([0, 1]);
    expect(await endOf(client, 3)).toEqual([-1, -1]);
  });
});

describe("Fetch with an epoch", () => {
  test("below the log's start is out of range, whatever the epoch", async () => {
    const server = await MemoryBroker.start();
    let client = await server.connect();
    await create(client);
    await append(client);
    await append(client);
    client = await cutPowerTwice(server);
    await client.send(deleteRecords, 2, {
      topics: [{ name: "events", partitions: [{ partitionIndex: 0, offset: 1 }] }],
      timeoutMs: 1_000,
    });
    const fetched = async (fetchOffset: number) => {
      const asked = { partition: 0, fetchOffset, lastFetchedEpoch: 1, partitionMaxBytes: 1_000 };
      const topics = [{ topic: "events", partitions: [asked] }];
      const answer = await client.send(fetch, 12, { maxWaitMs: 0, minBytes: 0, topics, forgottenTopicsData: [] });
      const { errorCode, divergingEpoch } = answer.responses[0]!.partitions[0]!;
      return [errorCode, divergingEpoch.endOffset];
    };
    expect(await fetched(1)).toEqual([ErrorCode.NONE, 2]);
    expect(await fetched(0)).toEqual([ErrorCode.OFFSET_OUT_OF_RANGE, -1]);
  });
});
