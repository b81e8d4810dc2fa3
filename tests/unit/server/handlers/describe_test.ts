import { describe, expect, test } from "bun:test";
import { deleteRecords } from "../../../../protocol/api/21_delete_records.ts";
import { describeLogDirs } from "../../../../protocol/api/35_describe_log_dirs.ts";
import { describeCluster } from "../../../../protocol/api/60_describe_cluster.ts";
import {
  describeTopicPartitions,
  type DescribeTopicPartitionsRequestDraft,
} from "../../../../protocol/api/75_describe_topic_partitions.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { deleteRecordsHandler } from "../../../../server/handlers/21_delete_records.ts";
import { describeLogDirsHandler } from "../../../../server/handlers/35_describe_log_dirs.ts";
import { describeClusterHandler } from "../../../../server/handlers/60_describe_cluster.ts";
import { describeTopicPartitionsHandler } from "../../../../server/handlers/75_describe_topic_partitions.ts";
import { CLUSTER_ID, type FakeBroker, fakeBroker } from "../cluster/fake_cluster.ts";

describe("DescribeCluster", () => {
  test.each([0, 1, 2])("v%i tells brokers, controller and id", async (version) => {
    const broker = await fakeBroker({ "broker.rack": "r1" });
    const response = await broker.ask(describeClusterHandler, describeCluster, version, {
      includeClusterAuthorizedOperations: true,
    });
    expect(response).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      endpointType: 1,
      clusterId: CLUSTER_ID,
      controllerId: 1,
      brokers: [{ brokerId: 1, host: "127.0.0.1", port: 9092, rack: "r1", isFenced: false }],
      clusterAuthorizedOperations: 8096,
    });
  });

  test.each([[2, ErrorCode.MISMATCHED_ENDPOINT_TYPE], [9, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE]])(
    "refuses endpoint type %i",
    async (endpointType, code) => {
      const broker = await fakeBroker();
      const response = await broker.ask(describeClusterHandler, describeCluster, 1, {
        includeClusterAuthorizedOperations: false,
        endpointType,
      });
      expect([response.errorCode, response.clusterId, response.brokers]).toEqual([code, "", []]);
    },
  );
});

describe("DescribeTopicPartitions", () => {
  function ask(broker: FakeBroker, request: Partial<DescribeTopicPartitionsRequestDraft>) {
    return broker.ask(describeTopicPartitionsHandler, describeTopicPartitions, 0, { topics: [], ...request });
  }

  /** [name, error, partition indexes] of each topic, and the cursor. */
  async function page(broker: FakeBroker, request: Partial<DescribeTopicPartitionsRequestDraft>) {
    const { topics, nextCursor } = await ask(broker, request);
    return {
      topics: topics.map(({ name, errorCode, partitions }) => [
        name,
        errorCode,
        partitions.map(({ partitionIndex }) => partitionIndex),
      ]),
      nextCursor,
    };
  }

  async function brokerWithTopics(): Promise<FakeBroker> {
    const broker = await fakeBroker();
    await broker.cluster.createTopics([{ name: "auto-a" }, { name: "c1", partitionCount: 5 }]);
    return broker;
  }

  const names = (...topics: string[]) => topics.map((name) => ({ name }));

  test("describes partitions in full", async () => {
    const broker = await brokerWithTopics();
    const { topics: [topic] } = await ask(broker, { topics: names("auto-a") });
    expect(topic).toEqual({
      errorCode: 0,
      name: "auto-a",
      topicId: broker.cluster.topic("auto-a")!.id,
      isInternal: false,
      partitions: [{
        errorCode: 0,
        partitionIndex: 0,
        leaderId: 1,
        leaderEpoch: 0,
        replicaNodes: [1],
        isrNodes: [1],
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
        offlineReplicas: [],
      }],
      topicAuthorizedOperations: 3576,
    });
  });

  // The answers below are those of Apache Kafka 4.4 to the same requests.
  test("stops at the limit and goes on from the cursor", async () => {
    const broker = await brokerWithTopics();
    const topics = names("c1", "nope", "bad name!", "auto-a", "c1");
    expect(await page(broker, { topics, responsePartitionLimit: 4 })).toEqual({
      topics: [["auto-a", 0, [0]], ["bad name!", ErrorCode.INVALID_TOPIC_EXCEPTION, []], ["c1", 0, [0, 1, 2]]],
      nextCursor: { topicName: "c1", partitionIndex: 3 },
    });
    const cursor = { topicName: "c1", partitionIndex: 2 };
    expect(await page(broker, { topics, responsePartitionLimit: 3, cursor })).toEqual({
      topics: [["c1", 0, [2, 3, 4]]],
      nextCursor: { topicName: "nope", partitionIndex: 0 },
    });
    expect(await page(broker, { topics, cursor: { topicName: "nope", partitionIndex: 0 } })).toEqual({
      topics: [["nope", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, []]],
      nextCursor: null,
    });
  });

  test("ends without a cursor when the last partition fits exactly", async () => {
    const broker = await brokerWithTopics();
    expect((await page(broker, { topics: names("c1"), responsePartitionLimit: 5 })).nextCursor).toBe(null);
    expect((await page(broker, { topics: names("auto-a", "c1"), responsePartitionLimit: 1 })).nextCursor)
      .toEqual({ topicName: "c1", partitionIndex: 0 });
  });

  test("describes all topics when none is named, from the cursor's place on", async () => {
    const broker = await brokerWithTopics();
    expect((await page(broker, {})).topics.map(([name]) => name)).toEqual(["auto-a", "c1"]);
    expect(await page(broker, { responsePartitionLimit: 2, cursor: { topicName: "c0", partitionIndex: 3 } })).toEqual({
      topics: [["c1", 0, [0, 1]]],
      nextCursor: { topicName: "c1", partitionIndex: 2 },
    });
  });

  test.each([0, -1])("a limit of %i means one", async (responsePartitionLimit) => {
    const broker = await brokerWithTopics();
    expect(await page(broker, { topics: names("c1"), responsePartitionLimit })).toEqual({
      topics: [["c1", 0, [0]]],
      nextCursor: { topicName: "c1", partitionIndex: 1 },
    });
  });

  test("the broker's limit holds too", async () => {
    const broker = await fakeBroker({ "max.request.partition.size.limit": "2" });
    await broker.cluster.createTopic({ name: "c1", partitionCount: 5 });
    expect((await page(broker, {})).nextCursor).toEqual({ topicName: "c1", partitionIndex: 2 });
  });

  test("a cursor past the partitions gives none, one that is not ours is refused", async () => {
    const broker = await brokerWithTopics();
    const topics = names("c1");
    expect(await page(broker, { topics, cursor: { topicName: "c1", partitionIndex: 50 } }))
      .toEqual({ topics: [["c1", 0, []]], nextCursor: null });
    for (const cursor of [{ topicName: "zz", partitionIndex: 0 }, { topicName: "c1", partitionIndex: -1 }]) {
      expect(await page(broker, { topics, cursor }))
        .toEqual({ topics: [["c1", ErrorCode.INVALID_REQUEST, []]], nextCursor: null });
    }
  });
});

describe("DeleteRecords", () => {
  test.each([0, 1, 2])("v%i moves starts and refuses what cannot be", async (version) => {
    const broker = await fakeBroker();
    await broker.cluster.createTopics([
      { name: "a", partitionCount: 3 },
      { name: "compacted", configs: new Map([["cleanup.policy", "compact"]]) },
      { name: "__consumer_offsets" },
    ]);
    broker.partitions.get("a-2")!.log.isOffline = true;
    const at = (partitionIndex: number, offset: number) => ({ partitionIndex, offset });
    const { topics } = await broker.ask(deleteRecordsHandler, deleteRecords, version, {
      timeoutMs: 5000,
      topics: [
        { name: "a", partitions: [at(0, 8), at(1, -1), at(2, 0), at(7, 0)] },
        { name: "compacted", partitions: [at(0, 3)] },
        { name: "none", partitions: [at(0, 0)] },
        { name: "__consumer_offsets", partitions: [at(0, 0)] },
      ],
    });
    expect(topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ partitionIndex, lowWatermark, errorCode }) => [partitionIndex, lowWatermark, errorCode]),
    ])).toEqual([
      ["a", [
        [0, 8, ErrorCode.NONE],
        [1, 20, ErrorCode.NONE],
        [2, -1, ErrorCode.KAFKA_STORAGE_ERROR],
        [7, -1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ]],
      ["compacted", [[0, -1, ErrorCode.POLICY_VIOLATION]]],
      ["none", [[0, -1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]]],
      ["__consumer_offsets", [[0, -1, ErrorCode.INVALID_TOPIC_EXCEPTION]]],
    ]);
  });

  test("the last offset of a partition named twice counts", async () => {
    const broker = await fakeBroker();
    await broker.cluster.createTopic({ name: "a" });
    const { topics } = await broker.ask(deleteRecordsHandler, deleteRecords, 2, {
      timeoutMs: 0,
      topics: [
        { name: "a", partitions: [{ partitionIndex: 0, offset: 5 }] },
        { name: "a", partitions: [{ partitionIndex: 0, offset: 99 }] },
      ],
    });
    expect(topics).toEqual([{
      name: "a",
      partitions: [{ partitionIndex: 0, lowWatermark: -1, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }],
    }]);
  });
});

describe("DescribeLogDirs", () => {
  test.each([0, 1, 2, 3, 4, 5])("v%i tells sizes", async (version) => {
    const broker = await fakeBroker();
    await broker.cluster.createTopics([{ name: "a" }, { name: "b", partitionCount: 2 }]);
    const { results } = await broker.ask(describeLogDirsHandler, describeLogDirs, version, { topics: null });
    expect(results.length).toBe(1);
    expect(results[0]!.logDir).toBe("/");
    expect(results[0]!.topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ partitionIndex, partitionSize }) => [partitionIndex, partitionSize]),
    ])).toEqual([["a", [[0, 1000]]], ["b", [[0, 1000], [1, 1001]]]]);
    expect(results[0]!.totalBytes > 0).toBe(version >= 4);
    expect(results[0]!.usableBytes > 0).toBe(version >= 4);
  });

  test("tells what is asked for and leaves out what is not here", async () => {
    const broker = await fakeBroker();
    await broker.cluster.createTopics([{ name: "a" }, { name: "b", partitionCount: 3 }]);
    const { results } = await broker.ask(describeLogDirsHandler, describeLogDirs, 5, {
      topics: [{ topic: "b", partitions: [0, 2, 7] }, { topic: "none", partitions: [0] }],
    });
    expect(results[0]!.topics).toEqual([{
      name: "b",
      partitions: [0, 2].map((partitionIndex) => ({
        partitionIndex,
        partitionSize: 1000 + partitionIndex,
        offsetLag: 0,
        isFutureKey: false,
      })),
    }]);
  });
});
