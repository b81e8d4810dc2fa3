/**
 * StreamsGroupHeartbeat: the one request by which a member of a streams group joins, stays, revokes tasks and leaves
 * (KIP-1071).
 *
 * v1   the recovery lag as an int64, whether the coordinator wants the topology described (KIP-1331), and the status
 *      MISSING_CLIENT_TAGS
 */
import {
  api,
  array,
  bool,
  type Draft,
  type Infer,
  int16,
  int32,
  int64,
  int8,
  string,
  struct,
  uint16,
} from "../schema.ts";

const keyValue = { key: string, value: string };
const topicInfo = { name: string, partitions: int32, replicationFactor: int16, topicConfigs: array(keyValue) };
const endpoint = struct({ host: string, port: uint16 });
const taskOffset = { subtopologyId: string, partition: int32, offset: int64 };
const taskIds = { subtopologyId: string, partitions: array(int32) };

export const streamsGroupHeartbeat = api(88, "StreamsGroupHeartbeat", { versions: [0, 1], flexible: 0 }, {
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    endpointInformationEpoch: int32,
    instanceId: string.nullable().default(null),
    rackId: string.nullable().default(null),
    rebalanceTimeoutMs: int32.default(-1),
    topology: struct({
      epoch: int32,
      subtopologies: array({
        subtopologyId: string,
        sourceTopics: array(string),
        sourceTopicRegex: array(string),
        stateChangelogTopics: array(topicInfo),
        repartitionSinkTopics: array(string),
        repartitionSourceTopics: array(topicInfo),
        copartitionGroups: array({
          sourceTopics: array(int16),
          sourceTopicRegex: array(int16),
          repartitionSourceTopics: array(int16),
        }),
      }),
    }).nullable().default(null),
    activeTasks: array(taskIds).nullable().default(null),
    standbyTasks: array(taskIds).nullable().default(null),
    warmupTasks: array(taskIds).nullable().default(null),
    processId: string.nullable().default(null),
    userEndpoint: endpoint.nullable().default(null),
    clientTags: array(keyValue).nullable().default(null),
    taskOffsets: array(taskOffset).nullable().default(null),
    taskEndOffsets: array(taskOffset).nullable().default(null),
    shutdownApplication: bool.default(false),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string,
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    acceptableRecoveryLagLegacy: int32.until(0),
    taskOffsetIntervalMs: int32,
    acceptableRecoveryLag: int64.default(-1).since(1).ignorable(),
    status: array({ statusCode: int8, statusDetail: string }).nullable(),
    activeTasks: array(taskIds).nullable().default(null),
    standbyTasks: array(taskIds).nullable().default(null),
    warmupTasks: array(taskIds).nullable().default(null),
    topologyDescriptionRequired: bool.default(false).since(1),
    endpointInformationEpoch: int32,
    partitionsByUserEndpoint: array({
      userEndpoint: endpoint,
      activePartitions: array({ topic: string, partitions: array(int32) }),
      standbyPartitions: array({ topic: string, partitions: array(int32) }),
    }).nullable().default(null),
  },
});

export type StreamsGroupHeartbeatRequest = Infer<typeof streamsGroupHeartbeat.request>;
export type StreamsGroupHeartbeatRequestDraft = Draft<typeof streamsGroupHeartbeat.request>;
export type StreamsGroupHeartbeatResponse = Infer<typeof streamsGroupHeartbeat.response>;
export type StreamsGroupHeartbeatResponseDraft = Draft<typeof streamsGroupHeartbeat.response>;
