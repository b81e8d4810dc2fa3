import { describe, expect, test } from "bun:test";
import { produce } from "../../../protocol/api/00_produce.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { offsetForLeaderEpoch } from "../../../protocol/api/23_offset_for_leader_epoch.ts";
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

describe("OffsetForLeaderEpoch", () => {
  test("knows epochs in which nothing was appended", async () => {
    let server = await MemoryBroker.start();
    let client = await server.connect();
    await client.send(createTopics, 7, {
      topics: [{ name: "events", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    });
    await append(client);
    expect(await endOf(client, 0)).toEqual([0, 1]);
    expect(await endOf(client, 1)).toEqual([-1, -1]);

    for (const epoch of [1, 2]) { // each start after a power cut begins an epoch
      server.runtime.files.crash("lost");
      server = await MemoryBroker.start({
        runtime: server.runtime,
        overrides: { listeners: `PLAINTEXT://:${9200 + epoch}` },
      });
      client = await server.connect();
    }
    expect(await endOf(client, 2)).toEqual([2, 1]);
    expect(await endOf(client, 1)).toEqual([0, 1]);
    await append(client);
    expect(await endOf(client, 2)).toEqual([2, 2]);
    expect(await endOf(client, 0)).toEqual([0, 1]);
    expect(await endOf(client, 3)).toEqual([-1, -1]);
  });
});
