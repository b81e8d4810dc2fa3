/**
 * Every API, at every version that is served, asked of a whole broker a question that has an answer: it must be one that its
 * own schema takes, and hold no error.
 * (A field that a version lacks and that is set all the same is found here, and nowhere else.)
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { type AnyApi, type AnyField, type Api, ZERO_UUID } from "../../../protocol/schema.ts";
import { handlers } from "../../../server/handlers/table.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { joinGroup } from "../../../protocol/api/11_join_group.ts";
import { syncGroup } from "../../../protocol/api/14_sync_group.ts";
import { consumerGroupHeartbeat } from "../../../protocol/api/68_consumer_group_heartbeat.ts";
import { getTelemetrySubscriptions } from "../../../protocol/api/71_get_telemetry_subscriptions.ts";
import { shareGroupHeartbeat } from "../../../protocol/api/76_share_group_heartbeat.ts";
import { shareFetch } from "../../../protocol/api/78_share_fetch.ts";
import { initializeShareGroupState } from "../../../protocol/api/83_initialize_share_group_state.ts";
import { alterShareGroupOffsets } from "../../../protocol/api/91_alter_share_group_offsets.ts";
import { streamsGroupHeartbeat } from "../../../protocol/api/88_streams_group_heartbeat.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { initProducerId } from "../../../protocol/api/22_init_producer_id.ts";
import { addPartitionsToTxn } from "../../../protocol/api/24_add_partitions_to_txn.ts";
import { addOffsetsToTxn } from "../../../protocol/api/25_add_offsets_to_txn.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";

type UntypedApi = Api<unknown, unknown, Record<string, unknown>, unknown>;

let server: MemoryBroker;
let client: MemoryClient;
const batch = () => encodeBatch({ records: [{ value: new Uint8Array([1]), timestamp: 1_735_689_600_000 }] });

beforeAll(async () => {
  server = await MemoryBroker.start();
  client = await server.connect();
  // Make the topics of the two coordinators.
  await client.send(findCoordinator, 1, { key: "readers", keyType: 0 });
  await client.send(findCoordinator, 1, { key: "writer", keyType: 1 });
});

afterAll(() => server.stop());

/** A topic with a record and a group with an offset; earlier requests may have deleted either. */
async function prepare(): Promise<void> {
  if (client.isClosed) client = await server.connect();
  if (server.broker.cluster.topic("events") === undefined) {
    await client.send(createTopics, 7, {
      topics: [{ name: "events", numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
    });
  }
  const topicData = [{ name: "events", partitionData: [{ index: 0, records: batch() }] }];
  const produced = await client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
  expect(produced.responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
  const topics = [{ name: "events", partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }];
  const committed = await client.send(offsetCommit, 9, { groupId: "readers", topics });
  expect(committed.topics[0]!.partitions[0]!.errorCode).toBe(0);
}

interface Member {
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
}

/** A group of its own with one member that has what it wants. */
async function joined(groupId: string): Promise<Member> {
  const protocols = [{ name: "range", metadata: new Uint8Array(0) }];
  const request = { groupId, memberId: "", protocolType: "consumer", protocols, ...times };
  const { errorCode, memberId, generationId } = await client.send(joinGroup, 3, request);
  expect(errorCode).toBe(ErrorCode.NONE);
  await client.send(syncGroup, 2, { groupId, memberId, generationId, assignments: [] });
  return { groupId, memberId, generationId };
}

interface Producer {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A producer of its own. */
async function producer(transactionalId: string): Promise<Producer> {
  const request = { transactionalId, transactionTimeoutMs: 60_000 };
  const { errorCode, producerId, producerEpoch } = await client.send(initProducerId, 4, request);
  expect(errorCode).toBe(ErrorCode.NONE);
  return { transactionalId, producerId, producerEpoch };
}

/** The same with a transaction that has a partition, and a group. */
async function transaction(transactionalId: string): Promise<Producer> {
  const own = await producer(transactionalId);
  const added = await client.send(addPartitionsToTxn, 3, {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: own.producerId,
    v3AndBelowProducerEpoch: own.producerEpoch,
    v3AndBelowTopics: [{ name: "events", partitions: [0] }],
  });
  expect(added.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode).toBe(ErrorCode.NONE);
  expect((await client.send(addOffsetsToTxn, 3, { ...own, groupId: "readers" })).errorCode).toBe(ErrorCode.NONE);
  return own;
}

const times = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000 };
const setting = (configOperation?: number) => ({
  resources: [{
    resourceType: 2,
    resourceName: "events",
    configs: [{
      name: "retention.ms",
      value: "1000000",
      ...(configOperation === undefined ? {} : { configOperation }),
    }],
  }],
});

/** The first heartbeat of a member of a consumer group. */
function newcomer(groupId: string) {
  const subscription = { subscribedTopicNames: ["events"], subscribedTopicRegex: null, serverAssignor: null };
  return { groupId, memberId: "m", memberEpoch: 0, rebalanceTimeoutMs: 30_000, topicPartitions: [], ...subscription };
}

/** The first heartbeat of a member of a streams group. */
function streamsNewcomer(groupId: string) {
  const subtopology = {
    subtopologyId: "0",
    sourceTopics: ["events"],
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
  };
  return {
    groupId,
    memberId: "m",
    memberEpoch: 0,
    endpointInformationEpoch: -1,
    rebalanceTimeoutMs: 30_000,
    processId: "p",
    activeTasks: [],
    standbyTasks: [],
    warmupTasks: [],
    userEndpoint: null,
    clientTags: [],
    taskOffsets: null,
    taskEndOffsets: null,
    shutdownApplication: false,
    topology: { epoch: 0, subtopologies: [subtopology] },
  };
}

const limits = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000, maxRecords: 10, batchSize: 10 };
const fetching = { memberId: "m", shareSessionEpoch: 0, topics: [], forgottenTopicsData: [], ...limits };

/** A share group with a member. */
async function sharing(groupId: string): Promise<void> {
  await client.send(shareGroupHeartbeat, 1, {
    groupId,
    memberId: "m",
    memberEpoch: 0,
    subscribedTopicNames: ["events"],
  });
}

/** A share partition that the share coordinator knows. */
async function initialized(): Promise<{ groupId: string }> {
  await server.runtime.until(server.broker.shareCoordinator.prepare());
  const topicId = server.broker.cluster.topic("events")!.id;
  const topics = [{ topicId, partitions: [{ partition: 0, stateEpoch: 0, startOffset: 0 }] }];
  await client.send(initializeShareGroupState, 0, { groupId: "share-state", topics });
  return { groupId: "share-state" };
}

/** Of access rules: topics, to read, to allow. */
const accessKinds = { resourceType: 2, operation: 3, permissionType: 3 };
const accessFilter = {
  resourceTypeFilter: 2,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation: 3,
  permissionType: 3,
};

/** Where a filled-in request would make no sense: what makes it one that must be granted. */
const requests: Readonly<Record<string, (version: number) => Promise<Record<string, unknown>>>> = {
  // A topic is asked for by its name, or by its id alone from version 12 on.
  Metadata: (version) =>
    Promise.resolve({
      topics: [version < 12 ? { name: "events" } : { name: null, topicId: server.broker.cluster.topic("events")!.id }],
    }),
  OffsetCommit: () => Promise.resolve({ generationIdOrMemberEpoch: -1, memberId: "" }),
  async JoinGroup(version) {
    const groupId = `joining-${version}`;
    const protocols = [{ name: "range", metadata: new Uint8Array(0) }];
    const request = { groupId, memberId: "", protocolType: "consumer", protocols, ...times };
    if (version < 4) return request;
    // From version 4 a member is told its id first (KIP-394).
    const { errorCode, memberId } = await client.send(joinGroup, version, request);
    expect(errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    return { ...request, memberId };
  },
  Heartbeat: async (version) => ({ ...await joined(`beating-${version}`) }),
  async LeaveGroup(version) {
    const { groupId, memberId } = await joined(`leaving-${version}`);
    return { groupId, memberId, members: [{ memberId }] };
  },
  async SyncGroup(version) {
    const member = await joined(`syncing-${version}`);
    return { ...member, protocolType: "consumer", protocolName: "range", assignments: [] };
  },
  ConsumerGroupHeartbeat: (version) => Promise.resolve(newcomer(`new-protocol-${version}`)),
  async ConsumerGroupDescribe(version) {
    const groupId = `described-${version}`;
    await client.send(consumerGroupHeartbeat, version, newcomer(groupId));
    return { groupIds: [groupId] };
  },
  StreamsGroupHeartbeat: (version) => Promise.resolve(streamsNewcomer(`streams-${version}`)),
  async StreamsGroupDescribe(version) {
    const groupId = `streams-described-${version}`;
    await client.send(streamsGroupHeartbeat, version, streamsNewcomer(groupId));
    return { groupIds: [groupId], includeAuthorizedOperations: false };
  },
  ShareGroupHeartbeat: (version) =>
    Promise.resolve({ groupId: `share-${version}`, memberId: "m", memberEpoch: 0, subscribedTopicNames: ["events"] }),
  async ShareGroupDescribe() {
    await sharing("share-described");
    return { groupIds: ["share-described"] };
  },
  ShareFetch: (version) => Promise.resolve({ groupId: `share-fetch-${version}`, ...fetching, isRenewAck: false }),
  async ShareAcknowledge(version) {
    await client.send(shareFetch, 2, { groupId: `share-acknowledge-${version}`, ...fetching });
    return { groupId: `share-acknowledge-${version}`, memberId: "m", shareSessionEpoch: 1, topics: [] };
  },
  InitializeShareGroupState: () => Promise.resolve({ groupId: "share-state" }),
  ReadShareGroupState: initialized,
  WriteShareGroupState: initialized,
  DeleteShareGroupState: initialized,
  ReadShareGroupStateSummary: initialized,
  DescribeShareGroupOffsets: () => Promise.resolve({ groups: [{ groupId: "share-described", topics: null }] }),
  AlterShareGroupOffsets: () => Promise.resolve({ groupId: "share-altered" }),
  async DeleteShareGroupOffsets() {
    const topics = [{ topicName: "events", partitions: [{ partitionIndex: 0, startOffset: 0 }] }];
    await client.send(alterShareGroupOffsets, 0, { groupId: "share-altered", topics });
    return { groupId: "share-altered" };
  },
  ListGroups: () => Promise.resolve({ statesFilter: ["Empty"], typesFilter: ["classic"] }),
  CreateTopics: (version) =>
    Promise.resolve({
      topics: [{
        name: `made-${version}`,
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [{ name: "retention.ms", value: "1000000" }],
      }],
    }),
  DeleteTopics: () => Promise.resolve({ topics: [{ name: "events" }] }),
  DescribeConfigs: () =>
    Promise.resolve({ resources: [{ resourceType: 2, resourceName: "events", configurationKeys: null }] }),
  AlterConfigs: () => Promise.resolve(setting()),
  IncrementalAlterConfigs: () => Promise.resolve(setting(0)),
  DescribeClientQuotas: () => Promise.resolve({ components: [{ entityType: "user", matchType: 1, match: null }] }),
  AlterClientQuotas: () =>
    Promise.resolve({
      entries: [{
        entity: [{ entityType: "user", entityName: null }],
        ops: [{ key: "producer_byte_rate", value: 1e9, remove: false }],
      }],
    }),
  async AddPartitionsToTxn(version) {
    const own = await producer(`adding-${version}`);
    const topics = [{ name: "events", partitions: [0] }];
    return {
      v3AndBelowTransactionalId: own.transactionalId,
      v3AndBelowProducerId: own.producerId,
      v3AndBelowProducerEpoch: own.producerEpoch,
      v3AndBelowTopics: topics,
      transactions: [{ ...own, verifyOnly: false, topics }],
    };
  },
  AddOffsetsToTxn: async (version) => ({ ...await producer(`adding-offsets-${version}`) }),
  EndTxn: async (version) => ({ ...await transaction(`ending-${version}`) }),
  async TxnOffsetCommit(version) {
    const claim = { generationIdOrMemberEpoch: -1, memberId: "", groupInstanceId: null };
    return { ...await transaction(`committing-${version}`), ...claim };
  },
  async WriteTxnMarkers(version) {
    const { producerId, producerEpoch } = await producer(`marking-${version}`);
    const topics = [{ name: "events", partitionIndexes: [0] }];
    return {
      markers: [{
        producerId,
        producerEpoch,
        transactionResult: true,
        topics,
        coordinatorEpoch: 0,
        ...(version < 2 ? {} : { transactionVersion: 0 }),
      }],
    };
  },
  DescribeTransactions: async () => ({ transactionalIds: [(await producer("described")).transactionalId] }),
  CreatePartitions: () => Promise.resolve({ topics: [{ name: "events", count: 3, assignments: null }] }),
  UpdateFeatures: () => Promise.resolve({ featureUpdates: [{ feature: "group.version", maxVersionLevel: 1 }] }),
  PushTelemetry: async () => {
    const { clientInstanceId, subscriptionId } = await client.send(getTelemetrySubscriptions, 0, {
      clientInstanceId: ZERO_UUID,
    });
    return { clientInstanceId, subscriptionId, compressionType: 0, metrics: new Uint8Array() };
  },
  ListConfigResources: (version) => Promise.resolve(version === 0 ? {} : { resourceTypes: [2, 4] }),
  DescribeAcls: () => Promise.resolve(accessFilter),
  CreateAcls: () =>
    Promise.resolve({ creations: [{ resourceName: "*", principal: "User:*", host: "*", ...accessKinds }] }),
  DeleteAcls: () => Promise.resolve({ filters: [accessFilter] }),
  AlterReplicaLogDirs: () =>
    Promise.resolve({ dirs: [{ path: server.broker.logDir.path, topics: [{ name: "events", partitions: [0] }] }] }),
  ElectLeaders: () => Promise.resolve({ topicPartitions: null }),
  AlterPartitionReassignments: () =>
    Promise.resolve({
      topics: [{ name: "events", partitions: [{ partitionIndex: 0, replicas: [server.broker.cluster.nodeId] }] }],
    }),
  DescribeUserScramCredentials: () => Promise.resolve({ users: null }),
  AlterUserScramCredentials: () => {
    const secret = { salt: new Uint8Array(1), saltedPassword: new Uint8Array(1) };
    return Promise.resolve({ deletions: [], upsertions: [{ name: "ann", mechanism: 1, iterations: 4096, ...secret }] });
  },
  DescribeQuorum: () =>
    Promise.resolve({ topics: [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }] }),
};

/** What to say where the schema's own defaults would ask for nothing. */
function values(): Record<string, unknown> {
  const id = server.broker.cluster.topic("events")!.id;
  return {
    topic: "events",
    name: "events",
    topicName: "events",
    resourceName: "events",
    resourceType: 2,
    coordinatorType: undefined,
    topicId: id,
    groupId: "readers",
    group: "readers",
    groups: ["readers"],
    groupsNames: ["readers"],
    coordinatorKeys: ["readers"],
    key: "readers",
    topicNames: ["events"],
    maxWaitMs: 0,
    maxBytes: 1_000_000,
    partitionMaxBytes: 1_000_000,
    timestamp: -1,
    maxNumOffsets: 2,
    acks: -1,
    timeoutMs: 1_000,
    transactionalId: null,
    clientSoftwareName: "tests",
    clientSoftwareVersion: "1",
    count: 3,
    numPartitions: 1,
    replicationFactor: 1,
    responsePartitionLimit: 10,
    generationIdOrMemberEpoch: undefined,
  };
}

/** A request with one element in every array and the values above. */
function fill(field: AnyField, name: string, version: number, known: Record<string, unknown>): unknown {
  const { spec } = field;
  if (name in known && known[name] !== undefined) {
    const value = known[name];
    if (Array.isArray(value) === (spec.kind === "array") && !(Array.isArray(value) && isStructs(field))) return value;
  }
  switch (spec.kind) {
    case "array":
      return name === "assignments" ? [] : [fill(spec.element!, name, version, known)];
    case "struct": {
      const value: Record<string, unknown> = {};
      for (const [key, inner] of Object.entries(spec.fields!)) {
        const isThere = version >= (inner.spec.sinceVersion ?? 0) && version <= (inner.spec.untilVersion ?? 99);
        if (isThere && inner.spec.tag === undefined) value[key] = fill(inner, key, version, known);
      }
      return value;
    }
    case "records":
      return batch();
    case "bytes":
      return new Uint8Array(0);
    case "string":
      return spec.nullableFrom !== undefined && spec.nullableFrom <= version ? null : "";
    case "uuid":
      return known["topicId"];
    case "bool":
      return true;
    case "long":
      return 0n;
    default:
      return spec.defaultValue ?? 0;
  }
}

function isStructs(field: AnyField): boolean {
  return field.spec.element?.spec.kind === "struct";
}

/** All fields of an answer that are error codes, and where. */
function errorsIn(value: unknown, path = ""): string[] {
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    /errorCode$/i.test(name) && inner !== ErrorCode.NONE
      ? [`${path}${name}: ${errorName(inner as number)}`]
      : errorsIn(inner, `${path}${name}.`)
  );
}

/** What cannot be granted here, whatever is asked. */
const refused = new Map([
  // No plugin of ours keeps descriptions of topologies, and a broker without one says so.
  ["StreamsGroupTopologyDescriptionUpdate", ["errorCode: UNSUPPORTED_VERSION"]],
  // There is no authorizer, and nobody is authenticated.
  ["SaslHandshake", ["errorCode: ILLEGAL_SASL_STATE"]],
  ["SaslAuthenticate", ["errorCode: ILLEGAL_SASL_STATE"]],
  ["DescribeAcls", ["errorCode: SECURITY_DISABLED"]],
  ["CreateAcls", ["results.0.errorCode: SECURITY_DISABLED"]],
  ["DeleteAcls", ["filterResults.0.errorCode: SECURITY_DISABLED"]],
  ["CreateDelegationToken", ["errorCode: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED"]],
  ["RenewDelegationToken", ["errorCode: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED"]],
  ["ExpireDelegationToken", ["errorCode: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED"]],
  ["DescribeDelegationToken", ["errorCode: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED"]],
  // There is one node, which is in service and votes alone.
  ["UnregisterBroker", ["errorCode: BROKER_ID_NOT_REGISTERED"]],
  ["AddRaftVoter", ["errorCode: REQUEST_TIMED_OUT"]],
  ["RemoveRaftVoter", ["errorCode: VOTER_NOT_FOUND"]],
  ["UnregisterController", ["errorCode: CONTROLLER_ID_NOT_REGISTERED"]],
]);

describe("every version of every api is answered without an error", () => {
  for (const { api, minVersion, maxVersion } of handlers) {
    test(`${api.name} v${minVersion}–v${maxVersion}`, async () => {
      for (let version = minVersion; version <= maxVersion; version++) {
        const root = { spec: { kind: "struct", fields: (api as AnyApi).request.fields } } as unknown as AnyField;
        await prepare();
        const draft = fill(root, "", version, values()) as Record<string, unknown>;
        for (const [name, value] of Object.entries(await requests[api.name]?.(version) ?? {})) {
          if (name in draft) draft[name] = value;
        }
        let response: Record<string, unknown>;
        try {
          response = await client.send(api as unknown as UntypedApi, version, draft);
        } catch (error) {
          throw new Error(`${api.name} v${version}: ${(error as Error).message}, request ${JSON.stringify(draft)}`);
        }
        expect([version, errorsIn(response)]).toEqual([version, refused.get(api.name) ?? []]);
      }
    });
  }

  test("and none is found where there is one", () => {
    const answer = {
      errorCode: 0,
      topics: [{ errorCode: 0, partitions: [{ errorCode: -1, records: new Uint8Array(3) }] }],
    };
    expect(errorsIn(answer)).toEqual(["topics.0.partitions.0.errorCode: UNKNOWN_SERVER_ERROR"]);
  });
});
