/** KIP-951: who asked the wrong broker, or of a leadership that has passed, is told who leads and where that is. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTopics } from "../../../../protocol/api/19_create_topics.ts";
import { fetch } from "../../../../protocol/api/01_fetch.ts";
import { produce } from "../../../../protocol/api/00_produce.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { encodeBatch } from "../../../../protocol/record.ts";
import { MemoryBroker, type MemoryClient } from "../../../support/memory_broker.ts";

let server: MemoryBroker;
let client: MemoryClient;
let topicId: string;

beforeAll(async () => {
  server = await MemoryBroker.start();
  client = await server.connect();
  const configs: never[] = [];
  const { topics } = await client.send(createTopics, 7, {
    topics: ["events", "elsewhere"].map((name) => {
      return { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
    }),
  });
  topicId = topics[0]!.topicId;
  server.broker.partitions.get("events", 0)!.leaderEpoch = 5;
  // As if this broker had lost it to another.
  server.broker.partitions.remove(server.broker.cluster.topic("elsewhere")!);
});

afterAll(() => server.stop());

async function get(topic: string, version: number, currentLeaderEpoch: number) {
  const id = topic === "events" ? topicId : server.broker.cluster.topic(topic)?.id ?? topicId;
  const partitions = [{ partition: 0, currentLeaderEpoch, fetchOffset: 0, partitionMaxBytes: 1_000 }];
  const { responses, nodeEndpoints } = await client.send(fetch, version, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topic, topicId: id, partitions }],
  });
  const { errorCode, currentLeader } = responses[0]!.partitions[0]!;
  return { errorCode, currentLeader, nodeEndpoints };
}

const none = { leaderId: -1, leaderEpoch: -1 };
const endpoint = () => {
  const { host, port } = server.broker.listeners[0]!;
  return { nodeId: server.broker.cluster.nodeId, host, port, rack: null };
};

describe("Fetch", () => {
  test("of a leadership that has passed names the present one, from v16 on", async () => {
    const { nodeId } = server.broker.cluster;
    for (let version = 12; version <= 18; version++) {
      const hinted = version >= 16;
      expect({ version, ...await get("events", version, 4) }).toEqual({
        version,
        errorCode: ErrorCode.FENCED_LEADER_EPOCH,
        currentLeader: hinted ? { leaderId: nodeId, leaderEpoch: 5 } : none,
        nodeEndpoints: hinted ? [endpoint()] : [],
      });
    }
  });

  test("of one that is to come names nobody, and none of a partition that is served", async () => {
    expect(await get("events", 16, 6)).toEqual({
      errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH,
      currentLeader: none,
      nodeEndpoints: [],
    });
    expect(await get("events", 16, 5)).toEqual({ errorCode: ErrorCode.NONE, currentLeader: none, nodeEndpoints: [] });
  });

  test("of a partition that is not here, though the cluster has it, names its leader", async () => {
    expect(await get("elsewhere", 16, -1)).toEqual({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: server.broker.cluster.nodeId, leaderEpoch: 0 },
      nodeEndpoints: [endpoint()],
    });
  });
});

describe("Produce", () => {
  async function send(name: string, version: number) {
    const records = encodeBatch({ records: [{ value: new Uint8Array(1), timestamp: 1 }] });
    const id = server.broker.cluster.topic(name)!.id;
    const { responses, nodeEndpoints } = await client.send(produce, version, {
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name, topicId: id, partitionData: [{ index: 0, records }] }],
    });
    const { errorCode, currentLeader } = responses[0]!.partitionResponses[0]!;
    return { errorCode, currentLeader, nodeEndpoints };
  }

  test("to a partition that is not here, though the cluster has it, names its leader, from v10 on", async () => {
    const { nodeId } = server.broker.cluster;
    for (let version = 3; version <= 13; version++) {
      const hinted = version >= 10;
      expect({ version, ...await send("elsewhere", version) }).toEqual({
        version,
        errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
        currentLeader: hinted ? { leaderId: nodeId, leaderEpoch: 0 } : none,
        nodeEndpoints: hinted ? [endpoint()] : [],
      });
    }
  });

  test("that is taken names nobody", async () => {
    expect(await send("events", 13)).toEqual({ errorCode: ErrorCode.NONE, currentLeader: none, nodeEndpoints: [] });
  });
});
