/**
 * What single clients rely on beyond the protocol's letter, and what has broken brokers that did not know: one test each,
 * named for the client. Where a quirk is the behaviour of an API, its test is with that API.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { apiVersions } from "../../../protocol/api/18_api_versions.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { describeConfigs } from "../../../protocol/api/32_describe_configs.ts";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { joinGroup } from "../../../protocol/api/11_join_group.ts";
import { listOffsets } from "../../../protocol/api/02_list_offsets.ts";
import { metadata } from "../../../protocol/api/03_metadata.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { deleteRecords } from "../../../protocol/api/21_delete_records.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { syncGroup } from "../../../protocol/api/14_sync_group.ts";
import { Compression } from "../../../protocol/compression.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../../protocol/frame.ts";
import { joined } from "../../../protocol/bytes.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { handlers } from "../../../server/handlers/table.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";

let server: MemoryBroker;
let client: MemoryClient;

beforeAll(async () => {
  // The tests of librdkafka want four.
  server = await MemoryBroker.start({ overrides: { "num.partitions": "4" } });
  client = await server.connect();
  await client.send(findCoordinator, 0, { key: "group" });
  await create("events");
  await create("compacted", [{ name: "cleanup.policy", value: "compact" }]);
});

afterAll(() => server.stop());

async function create(name: string, configs: { name: string; value: string }[] = []): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  expect((await client.send(createTopics, 7, { topics: [topic] })).topics[0]!.errorCode).toBe(ErrorCode.NONE);
}

async function send(topic: string, records: Uint8Array, version: number) {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  const { responses } = await client.send(produce, version, { acks: -1, timeoutMs: 1_000, topicData });
  return responses[0]!.partitionResponses[0]!;
}

const batchOf = (key: string | null, compression: 0 | 4 = Compression.none) => {
  const bytes = key === null ? null : new TextEncoder().encode(key);
  return encodeBatch({ records: [{ key: bytes, value: new Uint8Array(3), timestamp: 1 }], compression });
};

async function advertised(): Promise<Map<number, [number, number]>> {
  const { apiKeys } = await client.send(apiVersions, 3, { clientSoftwareName: "test", clientSoftwareVersion: "1" });
  return new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]));
}

describe("sarama", () => {
  test("takes a key that is not listed for one without limits: what is served is listed, and nothing else", async () => {
    // Of client metrics, which sarama does not ask for, clients are told only while somebody wants some.
    const kept = [71, 72];
    expect([...(await advertised()).keys()]).toEqual(
      handlers.map(({ api }) => api.key).filter((key) => !kept.includes(key)),
    );
  });

  test("up to 1.45 sends the versions of the release it is told, blindly: those of 0.8.2 to 2.0 are served", async () => {
    const wanted: readonly [number, number, number][] = [
      [0, 0, 6], // Produce
      [1, 0, 8],
      [2, 0, 3],
      [3, 0, 6],
      [8, 0, 4],
      [9, 0, 4],
      [10, 0, 2],
      [11, 0, 3],
      [12, 0, 2],
      [13, 0, 2],
      [14, 0, 2],
      [15, 0, 2],
      [16, 0, 2],
      [18, 0, 2],
      [19, 0, 3],
      [20, 0, 2],
      [21, 0, 1],
      [22, 0, 1],
      [32, 0, 2],
      [33, 0, 1],
      [37, 0, 1],
      [42, 0, 1],
    ];
    const versions = await advertised();
    for (const [key, first, last] of wanted) {
      const [min, max] = versions.get(key) ?? [Infinity, -1];
      expect({ key, isServed: min <= first && max >= last }).toEqual({ key, isServed: true });
    }
  });
});

describe("sarama and others", () => {
  test("put into a group's messages what nobody else can read, in groups of consumers, too", async () => {
    const groupId = "opaque";
    const metadata = new Uint8Array([0, 1, 0xff, 0xff, 0x7f]);
    const times = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000 };
    const request = {
      groupId,
      memberId: "",
      protocolType: "consumer",
      ...times,
      protocols: [{ name: "own", metadata }],
    };
    const { errorCode, memberId, generationId, members } = await client.send(joinGroup, 2, request);
    expect([errorCode, [...members[0]!.metadata]]).toEqual([ErrorCode.NONE, [...metadata]]);
    const assignments = [{ memberId, assignment: metadata }];
    const synced = await client.send(syncGroup, 1, { groupId, memberId, generationId, assignments });
    expect([synced.errorCode, [...synced.assignment]]).toEqual([ErrorCode.NONE, [...metadata]]);
    const topics = [{ name: "events", partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }] }];
    const commit = { groupId, generationIdOrMemberEpoch: generationId, memberId, topics };
    expect((await client.send(offsetCommit, 2, commit)).topics[0]!.partitions[0]!.errorCode).toBe(ErrorCode.NONE);
  });

  test("read from the nearest replica (KIP-392): the leader, where there is one node", async () => {
    await send("events", batchOf("k"), 9);
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000 }];
    const asked = { maxWaitMs: 0, minBytes: 0, rackId: "b", topics: [{ topic: "events", partitions }] };
    const { preferredReadReplica, records } = (await client.send(fetch, 11, asked)).responses[0]!.partitions[0]!;
    expect([preferredReadReplica, records!.length > 0]).toEqual([-1, true]);
  });
});

describe("franz-go and every client of the future", () => {
  test("begin with a version of ApiVersions that is too new: the answer is v0, with the range", async () => {
    const { versions: [, last] } = apiVersions;
    const request = joined(encodeRequestFrame(apiVersions, last, 7, "test", {
      clientSoftwareName: "test",
      clientSoftwareVersion: "1",
    }));
    new DataView(request.buffer).setInt16(6, last + 1);
    const { response } = decodeResponseFrame(apiVersions, 0, await server.runtime.until(client.exchange([request])));
    expect([response.errorCode, response.apiKeys]).toEqual([
      ErrorCode.UNSUPPORTED_VERSION,
      [{ apiKey: apiVersions.key, minVersion: 0, maxVersion: last }],
    ]);
  });
});

describe("librdkafka", () => {
  test("turns compression off where Produce v0 is not listed", async () => {
    expect((await advertised()).get(produce.key)![0]).toBe(0);
  });

  test("sends zstd from Produce v7 and reads it from Fetch v10 on, not before", async () => {
    expect((await send("events", batchOf("k", Compression.zstd), 6)).errorCode)
      .toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    const { errorCode, baseOffset } = await send("events", batchOf("k", Compression.zstd), 7);
    expect(errorCode).toBe(ErrorCode.NONE);
    const partitions = [{ partition: 0, fetchOffset: baseOffset, partitionMaxBytes: 10_000 }];
    const asked = { maxWaitMs: 0, minBytes: 0, topics: [{ topic: "events", partitions }] };
    const { records } = (await client.send(fetch, 10, asked)).responses[0]!.partitions[0]!;
    expect(records!.length).toBeGreaterThan(60);
  });

  test("knows some versions, of some APIs only one: they are served", async () => {
    const known: readonly [number, number, number][] = [
      [0, 0, 10], // Produce
      [1, 0, 16],
      [2, 0, 7],
      [3, 0, 13],
      [8, 0, 9],
      [9, 0, 9],
      [10, 0, 2],
      [11, 0, 5],
      [12, 0, 3],
      [13, 0, 1],
      [14, 0, 3],
      [15, 0, 4],
      [16, 0, 4],
      [19, 0, 4],
      [20, 0, 4],
      [21, 0, 1],
      [22, 0, 4],
      [23, 2, 2],
      [24, 0, 0],
      [25, 0, 0],
      [26, 0, 1],
      [28, 0, 3],
      [32, 0, 1],
      [68, 1, 1],
      [69, 0, 0],
      [76, 1, 1],
      [78, 1, 1],
      [79, 1, 1],
    ];
    const versions = await advertised();
    for (const [key, first, last] of known) {
      const [min, max] = versions.get(key) ?? [Infinity, -1];
      expect({ key, isServed: min <= first && max >= last }).toEqual({ key, isServed: true });
    }
  });

  test("makes topics by asking for their metadata", async () => {
    const { topics } = await client.send(metadata, 4, {
      topics: [{ name: "asked-for" }],
      allowAutoTopicCreation: true,
    });
    const known = topics[0]!.errorCode === ErrorCode.NONE
      ? topics
      : (await client.send(metadata, 4, { topics: [{ name: "asked-for" }] })).topics;
    expect([known[0]!.errorCode, known[0]!.partitions.length]).toEqual([ErrorCode.NONE, 4]);
  });
});

describe("consoles", () => {
  test("are told of every api they ask for: what is not listed a Java client says UNSUPPORTED_VERSION to by itself", async () => {
    const asked = {
      // Redpanda Console, and besides, Kafbat: quorum, producers, quotas, log directories, the cluster.
      both: [0, 1, 2, 3, 8, 9, 10, 15, 16, 19, 20, 21, 29, 30, 31, 32, 33, 35, 37, 42, 44, 45, 46, 47, 50, 51],
      kafbat: [34, 48, 49, 55, 60, 61],
      // … and kafka-*.sh: DescribeTopicPartitions before Metadata, groups of all kinds, what can be configured, features.
      shell: [23, 43, 57, 65, 66, 69, 74, 75, 77, 89, 90, 91, 92],
    };
    const listed = await advertised();
    expect(Object.values(asked).flat().filter((key) => !listed.has(key))).toEqual([]);
  });

  test("who asks for a key that nobody lists is cut off at once, as by Kafka, and others are not", async () => {
    const stranger = await server.connect();
    const cutOff = stranger.exchange([new Uint8Array([0, 0, 0, 10, 0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff])]);
    await expect(server.runtime.until(cutOff)).rejects.toThrow("The connection was closed");
    expect((await client.send(metadata, 9, { topics: [] })).topics).toEqual([]);
  });
});

describe("the Java client", () => {
  test("chooses protocols by levels of features: those of a new cluster are Kafka's, as far as they are known here", async () => {
    const software = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
    for (let version = 3; version <= 5; version++) {
      const { finalizedFeatures } = await client.send(apiVersions, version, software);
      const levels = Object.fromEntries(finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]));
      // Kafka has share.version at 2, and eligible.leader.replicas.version: docs/differences.md.
      expect([version, levels]).toEqual([version, {
        "group.version": 1,
        "kraft.version": 1,
        "metadata.version": 33,
        "share.version": 1,
        "streams.version": 1,
        "transaction.version": 2,
      }]);
    }
  });

  test("does not look at finalized features of an epoch below 0", async () => {
    const response = await client.send(apiVersions, 4, { clientSoftwareName: "test", clientSoftwareVersion: "1" });
    expect(response.finalizedFeaturesEpoch).toBeGreaterThanOrEqual(0);
    expect(response.finalizedFeatures.map(({ name }) => name)).toContain("metadata.version");
  });

  test("bootstraps anew where it is told that it talks to another cluster (KIP-1102, KIP-1242)", async () => {
    const { clusterId, nodeId } = server.broker.cluster;
    const software = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
    const ask = async (cluster: string, node: number) =>
      (await client.send(apiVersions, 5, { ...software, clusterId: cluster, nodeId: node })).errorCode;
    expect(await ask(clusterId, nodeId)).toBe(ErrorCode.NONE);
    expect(await ask("another", nodeId)).toBe(ErrorCode.REBOOTSTRAP_REQUIRED);
    expect(await ask(clusterId, nodeId + 1)).toBe(ErrorCode.REBOOTSTRAP_REQUIRED);
    // Metadata v13 has a place for that error; a broker, which no request tells of a cluster there, leaves it empty.
    expect((await client.send(metadata, 13, { topics: [] })).errorCode).toBe(ErrorCode.NONE);
  });

  test("looks for the coordinators of many groups at once, from v4 on", async () => {
    const coordinatorKeys = ["group", "another"];
    const { coordinators } = await client.send(findCoordinator, 4, { keyType: 0, coordinatorKeys });
    expect(coordinators.map(({ key, errorCode, nodeId }) => [key, errorCode, nodeId]))
      .toEqual(coordinatorKeys.map((key) => [key, ErrorCode.NONE, server.broker.cluster.nodeId]));
  });

  test("of the shell and of Connect wants every config, with source, synonyms, type and documentation", async () => {
    const node = `${server.broker.cluster.nodeId}`;
    const { results } = await client.send(describeConfigs, 4, {
      resources: [[2, "compacted"], [4, node]].map(([resourceType, resourceName]) => ({
        resourceType: Number(resourceType),
        resourceName: `${resourceName}`,
        configurationKeys: null,
      })),
      includeSynonyms: true,
      includeDocumentation: true,
    });
    expect(results.map(({ configs }) => configs.length > 30)).toEqual([true, true]);
    for (const { name, configSource, configType, synonyms, documentation } of results.flatMap((one) => one.configs)) {
      // 0 is what neither may be: unknown.
      expect({ name, isWhole: configSource > 0 && configType > 0 && (documentation ?? "").length > 0 })
        .toEqual({ name, isWhole: true });
      if (configSource !== 5) expect({ name, has: synonyms.length > 0 }).toEqual({ name, has: true });
    }
    const { configs } = results[0]!;
    const policy = configs.find(({ name }) => name === "cleanup.policy")!;
    expect([policy.value, policy.configSource]).toEqual(["compact", 1]);
  });
});

describe("frameworks", () => {
  test("Connect and the schema registry join groups of protocols of their own, with bytes nobody else reads", async () => {
    for (const protocolType of ["connect", "sr"]) {
      const groupId = `group-of-${protocolType}`;
      const bytes = new Uint8Array([0xff, 0, 1]);
      const request = {
        groupId,
        memberId: "",
        protocolType,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 30_000,
        protocols: [{ name: "v0", metadata: bytes }],
      };
      const joining = await client.send(joinGroup, 3, request);
      expect([joining.errorCode, joining.protocolName, joining.leader]).toEqual([
        ErrorCode.NONE,
        "v0",
        joining.memberId,
      ]);
      expect(joining.members.map(({ metadata }) => [...metadata])).toEqual([[...bytes]]);
      const { memberId, generationId } = joining;
      const assignments = [{ memberId, assignment: bytes }];
      const { assignment } = await client.send(syncGroup, 2, { groupId, memberId, generationId, assignments });
      expect([...assignment]).toEqual([...bytes]);
    }
  });

  test("the schema registry, and all who use a compacted topic, are refused a record without a key", async () => {
    const { errorCode, recordErrors } = await send("compacted", batchOf(null), 9);
    expect([errorCode, recordErrors.map(({ batchIndex }) => batchIndex)]).toEqual([ErrorCode.INVALID_RECORD, [0]]);
    expect((await send("compacted", batchOf("k"), 9)).errorCode).toBe(ErrorCode.NONE);
  });

  test("Flink and Spark commit without being a member, generation -1, and read it back", async () => {
    const topics = [{ name: "events", partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: "" }] }];
    const commit = { groupId: "flink", generationIdOrMemberEpoch: -1, memberId: "", topics };
    const committed = await client.send(offsetCommit, 7, commit);
    expect(committed.topics[0]!.partitions[0]!.errorCode).toBe(ErrorCode.NONE);
    const asked = { groupId: "flink", topics: [{ name: "events", partitionIndexes: [0] }] };
    const fetched = await client.send(offsetFetch, 5, asked);
    expect(fetched.topics[0]!.partitions[0]!.committedOffset).toBe(7);
  });

  test("Spark asks where a log starts, to tell lost data from none, and where a time is", async () => {
    await create("sparkling");
    for (let count = 0; count < 3; count++) await send("sparkling", batchOf("k"), 9);
    const at = async (timestamp: number) => {
      const topics = [{ name: "sparkling", partitions: [{ partitionIndex: 0, timestamp }] }];
      const { errorCode, offset } = (await client.send(listOffsets, 5, { replicaId: -1, topics })).topics[0]!
        .partitions[0]!;
      return [errorCode, offset];
    };
    expect([await at(-2), await at(-1), await at(1), await at(2)])
      .toEqual([[ErrorCode.NONE, 0], [ErrorCode.NONE, 3], [ErrorCode.NONE, 0], [ErrorCode.NONE, -1]]);
    // Kafka Streams deletes so what it has read of a repartition topic.
    const partitions = [{ partitionIndex: 0, offset: 2 }];
    await client.send(deleteRecords, 2, { topics: [{ name: "sparkling", partitions }], timeoutMs: 1_000 });
    expect([await at(-2), await at(-1)]).toEqual([[ErrorCode.NONE, 2], [ErrorCode.NONE, 3]]);
  });

  test("Streams and Connect make topics with the broker's replication, and look whether they are compacted", async () => {
    for (let version = 4; version <= 7; version++) {
      const name = `internal-${version}`;
      const topic = { name, numPartitions: 3, replicationFactor: -1, assignments: [] };
      const configs = [{ name: "cleanup.policy", value: "compact" }];
      const { topics } = await client.send(createTopics, version, { topics: [{ ...topic, configs }] });
      expect([version, topics[0]!.errorCode]).toEqual([version, ErrorCode.NONE]);
      const resource = { resourceType: 2, resourceName: name, configurationKeys: ["cleanup.policy"] };
      const { results } = await client.send(describeConfigs, 1, { resources: [resource] });
      expect(results[0]!.configs.map(({ value }) => value)).toEqual(["compact"]);
    }
  });
});
