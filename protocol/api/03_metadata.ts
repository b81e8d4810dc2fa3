/**
 * Metadata: who leads what, and where to find them.
 *
 * v0   an empty list of topics means all
 * v1   null means all, empty means none; answer: racks, controller, which topics are internal
 * v2   answer: cluster id (KIP-78)
 * v3   answer: throttle time
 * v4   the client may veto auto-creation (KIP-204)
 * v5   answer: offline replicas (KIP-112)
 * v6   a throttled answer is sent before the broker pauses (KIP-219)
 * v7   answer: leader epoch (KIP-320)
 * v8   authorized operations, when asked for (KIP-430)
 * v9   flexible
 * v10  answer: topic ids; asking by id was defined but not served (KIP-516)
 * v11  no cluster operations any more: DescribeCluster has them (KIP-700)
 * v12  topics may be asked for by id alone
 * v13  answer: an error for the whole, REBOOTSTRAP_REQUIRED (KIP-1102)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, string, uuid } from "../schema.ts";

export const metadata = api(3, "Metadata", { versions: [0, 13], flexible: 9 }, {
  request: {
    topics: array({ topicId: uuid.since(10).ignorable(), name: string.nullable(10) }).nullable(1),
    allowAutoTopicCreation: bool.default(true).since(4),
    includeClusterAuthorizedOperations: bool.between(8, 10),
    includeTopicAuthorizedOperations: bool.since(8),
  },
  response: {
    throttleTimeMs: int32.since(3).ignorable(),
    brokers: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null).since(1).ignorable(),
    }),
    clusterId: string.nullable().default(null).since(2).ignorable(),
    controllerId: int32.default(-1).since(1).ignorable(),
    topics: array({
      errorCode: int16,
      name: string.nullable(12),
      topicId: uuid.since(10).ignorable(),
      isInternal: bool.default(false).since(1).ignorable(),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.default(-1).since(7).ignorable(),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        offlineReplicas: array(int32).since(5).ignorable(),
      }),
      topicAuthorizedOperations: int32.default(-2147483648).since(8),
    }),
    clusterAuthorizedOperations: int32.default(-2147483648).between(8, 10),
    errorCode: int16.since(13).ignorable(),
  },
});

export type MetadataRequest = Infer<typeof metadata.request>;
export type MetadataRequestDraft = Draft<typeof metadata.request>;
export type MetadataResponse = Infer<typeof metadata.response>;
export type MetadataResponseDraft = Draft<typeof metadata.response>;
