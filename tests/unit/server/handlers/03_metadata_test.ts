import { describe, expect, test } from "bun:test";
import { metadata, type MetadataRequestDraft } from "../../../../protocol/api/03_metadata.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import { metadataHandler } from "../../../../server/handlers/03_metadata.ts";
import { CLUSTER_ID, type FakeBroker, fakeBroker } from "../cluster/fake_cluster.ts";

const versions = Array.from({ length: 14 }, (_, version) => version);

function ask(broker: FakeBroker, version: number, request: MetadataRequestDraft) {
  return broker.ask(metadataHandler, metadata, version, request);
}

function names(...topics: string[]) {
  return topics.map((name) => ({ name }));
}

describe("Metadata", () => {
  test.each(versions)("v%i describes all topics by name", async (version) => {
    const broker = await fakeBroker();
    await broker.cluster.createTopics([{ name: "b", partitionCount: 2 }, { name: "a" }]);
    const response = await ask(broker, version, { topics: version === 0 ? [] : null });
    expect(response.brokers).toEqual([{ nodeId: 1, host: "127.0.0.1", port: 9092, rack: null }]);
    expect(response.controllerId).toBe(version >= 1 ? 1 : -1);
    expect(response.clusterId).toBe(version >= 2 ? CLUSTER_ID : null);
    expect(response.topics.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(response.topics[1]).toEqual({
      errorCode: 0,
      name: "b",
      topicId: version >= 10 ? broker.cluster.topic("b")!.id : ZERO_UUID,
      isInternal: false,
      partitions: [0, 1].map((partitionIndex) => ({
        errorCode: 0,
        partitionIndex,
        leaderId: 1,
        leaderEpoch: version >= 7 ? 0 : -1,
        replicaNodes: [1],
        isrNodes: [1],
        offlineReplicas: [],
      })),
      topicAuthorizedOperations: -2147483648,
    });
    expect(response.clusterAuthorizedOperations).toBe(-2147483648);
  });

  test("an empty list means no topics from v1 on", async () => {
    const broker = await fakeBroker();
    await broker.cluster.createTopic({ name: "a" });
    expect((await ask(broker, 1, { topics: [] })).topics).toEqual([]);
    expect((await ask(broker, 13, { topics: [] })).topics).toEqual([]);
  });

  test.each(versions)("v%i makes a missing topic and answers it complete", async (version) => {
    const broker = await fakeBroker({ "num.partitions": "3" });
    const { topics } = await ask(broker, version, { topics: names("new") });
    expect(topics.map(({ errorCode, name, partitions }) => [errorCode, name, partitions.length])).toEqual([[
      0,
      "new",
      3,
    ]]);
    expect(broker.cluster.topic("new")!.partitions.length).toBe(3);
  });

  test("a missing topic is not made when the client or the broker says so", async () => {
    const wary = await fakeBroker();
    const request = { topics: names("new"), allowAutoTopicCreation: false };
    expect((await ask(wary, 4, request)).topics[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(wary.cluster.topic("new")).toBe(undefined);
    const strict = await fakeBroker({ "auto.create.topics.enable": "false" });
    expect((await ask(strict, 4, { topics: names("new") })).topics[0]!.errorCode)
      .toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(strict.cluster.topic("new")).toBe(undefined);
  });

  test("the broker's own topics are made with their own counts and configs", async () => {
    const broker = await fakeBroker({ "num.partitions": "3" });
    const { topics } = await ask(broker, 1, { topics: names("__consumer_offsets", "__transaction_state") });
    expect(topics.map(({ errorCode, isInternal, partitions }) => [errorCode, isInternal, partitions.length]))
      .toEqual([[0, true, 50], [0, true, 50]]);
    expect(broker.cluster.topic("__consumer_offsets")!.configs.get("cleanup.policy")).toBe("compact");
    expect(broker.cluster.topic("__transaction_state")!.configs.get("min.insync.replicas")).toBe("1");
  });

  test("a topic asked for twice is answered once, invalid names by their error", async () => {
    const broker = await fakeBroker();
    const { topics } = await ask(broker, 9, { topics: names("a", "bad name!", "a", "", "..", "__cluster_metadata") });
    expect(topics.map(({ errorCode, name }) => [name, errorCode])).toEqual([
      ["a", ErrorCode.NONE],
      ["bad name!", ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["", ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["..", ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["__cluster_metadata", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
  });

  test("a topic whose name collides is told so, the others are made", async () => {
    const broker = await fakeBroker();
    await broker.cluster.createTopic({ name: "col.a" });
    const { topics } = await ask(broker, 9, { topics: names("col_a", "x.y", "x_y", "fine") });
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      ErrorCode.NONE,
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      ErrorCode.NONE,
    ]);
  });

  test("a disk that fails is the answer for topics that were to be made, not for those that are there", async () => {
    const broker = await fakeBroker();
    await broker.cluster.createTopic({ name: "a" });
    broker.store.isBroken = true;
    const { topics } = await ask(broker, 9, { topics: names("a", "new") });
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.NONE, ErrorCode.KAFKA_STORAGE_ERROR]);
  });

  test.each([12, 13])("v%i finds topics by id and forgets names beside ids", async (version) => {
    const broker = await fakeBroker();
    const { id } = await broker.cluster.createTopic({ name: "a" });
    const unknown = "AAAAAAAAAAAAAAAAAAAABA";
    const { topics } = await ask(broker, version, {
      topics: [{ topicId: id, name: null }, { topicId: unknown, name: null }, { topicId: id, name: null }, {
        name: "a",
      }],
    });
    expect(topics.map(({ errorCode, name, topicId }) => [errorCode, name, topicId])).toEqual([
      [ErrorCode.NONE, "a", id],
      [ErrorCode.UNKNOWN_TOPIC_ID, null, unknown],
    ]);
  });

  test.each([10, 11])("v%i refuses ids, which mean nothing there", async (version) => {
    const broker = await fakeBroker();
    const topicId = "AAAAAAAAAAAAAAAAAAAABA";
    const response = await ask(broker, version, { topics: [{ topicId, name: null }, { name: "a" }] });
    expect(response.brokers).toEqual([]);
    expect(response.topics.map(({ errorCode, name }) => [errorCode, name])).toEqual([
      [ErrorCode.INVALID_REQUEST, ""],
      [ErrorCode.INVALID_REQUEST, "a"],
    ]);
    expect(broker.cluster.topic("a")).toBe(undefined);
  });

  test("authorized operations are told when asked for", async () => {
    const broker = await fakeBroker();
    await broker.cluster.createTopic({ name: "a" });
    const response = await ask(broker, 10, {
      topics: null,
      includeClusterAuthorizedOperations: true,
      includeTopicAuthorizedOperations: true,
    });
    expect(response.topics[0]!.topicAuthorizedOperations).toBe(3576);
    expect(response.clusterAuthorizedOperations).toBe(8096);
  });

  test("a partition whose log has failed has no leader", async () => {
    const broker = await fakeBroker();
    await broker.cluster.createTopic({ name: "a", partitionCount: 2 });
    broker.partitions.get("a-1")!.log.isOffline = true;
    const { topics } = await ask(broker, 9, { topics: names("a") });
    expect(topics[0]!.partitions[0]!.leaderId).toBe(1);
    expect(topics[0]!.partitions[1]).toEqual({
      errorCode: ErrorCode.LEADER_NOT_AVAILABLE,
      partitionIndex: 1,
      leaderId: -1,
      leaderEpoch: 0,
      replicaNodes: [1],
      isrNodes: [1],
      offlineReplicas: [1],
    });
  });
});
