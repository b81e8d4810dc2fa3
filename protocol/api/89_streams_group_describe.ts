/**
 * StreamsGroupDescribe: streams groups, their topologies and members, what tasks each has and is to have (KIP-1071).
 *
 * v1   the topology described in words of the application, when asked for (KIP-1331); the name of the assignor (KIP-1357)
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
const taskOffset = { subtopologyId: string, partition: int32, offset: int64 };
const taskIds = { subtopologyId: string, partitions: array(int32) };
const assignment = struct({
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds),
});
const node = struct({
  name: string,
  nodeType: int8,
  sourceTopics: array(string),
  sinkTopic: string.nullable().default(null),
  stores: array(string),
  successors: array(string),
});

export const streamsGroupDescribe = api(89, "StreamsGroupDescribe", { versions: [0, 1], flexible: 0 }, {
  request: {
    groupIds: array(string),
    includeAuthorizedOperations: bool,
    includeTopologyDescription: bool.default(false).since(1),
  },
  response: {
    throttleTimeMs: int32,
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().default(null),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      topology: struct({
        epoch: int32,
        subtopologies: array({
          subtopologyId: string,
          sourceTopics: array(string),
          repartitionSinkTopics: array(string),
          stateChangelogTopics: array(topicInfo),
          repartitionSourceTopics: array(topicInfo),
        }).nullable().default(null),
      }).nullable().default(null),
      members: array({
        memberId: string,
        memberEpoch: int32,
        instanceId: string.nullable().default(null),
        rackId: string.nullable().default(null),
        clientId: string,
        clientHost: string,
        topologyEpoch: int32,
        processId: string,
        userEndpoint: struct({ host: string, port: uint16 }).nullable().default(null),
        clientTags: array(keyValue),
        taskOffsets: array(taskOffset),
        taskEndOffsets: array(taskOffset),
        assignment,
        targetAssignment: assignment,
        isClassic: bool,
      }),
      authorizedOperations: int32.default(-2147483648),
      topologyDescription: struct({
        subtopologies: array({ subtopologyId: string, nodes: array(node) }),
        globalStores: array({ source: node, processor: node }),
      }).nullable(1).default(null).since(1),
      topologyDescriptionStatus: int8.default(0).since(1),
      assignorName: string.nullable(1).default(null).since(1).ignorable(),
    }),
  },
});

export type StreamsGroupDescribeRequest = Infer<typeof streamsGroupDescribe.request>;
export type StreamsGroupDescribeRequestDraft = Draft<typeof streamsGroupDescribe.request>;
export type StreamsGroupDescribeResponse = Infer<typeof streamsGroupDescribe.response>;
export type StreamsGroupDescribeResponseDraft = Draft<typeof streamsGroupDescribe.response>;
