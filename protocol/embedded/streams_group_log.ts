/**
 * Keys and values of the records in `__consumer_offsets` that keep streams groups (KIP-1071), as Kafka 4.4's group
 * coordinator writes them:
 *
 *   17  the group: its epoch                         21  the target assignment of a member
 *   19  a member: what it is                         22  a member: what tasks it has, and where it stands
 *   20  the target assignment: its epoch             23  the topology
 */
import {
  array,
  type Draft,
  type Infer,
  int16,
  int32,
  int64,
  int8,
  long,
  message,
  string,
  struct,
  uint16,
} from "../schema.ts";
import { CoordinatorLogCodec, keyVersions, valueVersions } from "./coordinator_log.ts";

const groupKey = { groupId: string };
const memberKey = { groupId: string, memberId: string };
const keyValue = { key: string, value: string };
const taskIds = { subtopologyId: string, partitions: array(int32) };
/** With the epoch in which each was given: of active tasks only. */
const heldTaskIds = { ...taskIds, assignmentEpochs: array(int32).nullable().default([]).tagged(0, 0) };
const topicInfo = { name: string, partitions: int32, replicationFactor: int16, topicConfigs: array(keyValue) };

/** All of them, by what they are about. */
export const streamsGroupRecords = {
  metadata: {
    type: 17,
    key: message("StreamsGroupMetadataKey", keyVersions, groupKey),
    value: message("StreamsGroupMetadataValue", valueVersions, {
      epoch: int32,
      metadataHash: long,
      validatedTopologyEpoch: int32.default(-1).tagged(0, 0),
      lastAssignmentConfigs: array(keyValue).nullable().default([]).tagged(1, 0),
      storedDescriptionTopologyEpoch: int32.default(-1).tagged(2, 0),
      failedDescriptionTopologyEpoch: int32.default(-1).tagged(3, 0),
    }),
  },
  member: {
    type: 19,
    key: message("StreamsGroupMemberMetadataKey", keyVersions, memberKey),
    value: message("StreamsGroupMemberMetadataValue", valueVersions, {
      instanceId: string.nullable(),
      rackId: string.nullable(),
      clientId: string,
      clientHost: string,
      rebalanceTimeoutMs: int32.default(-1),
      topologyEpoch: int32,
      processId: string,
      userEndpoint: struct({ host: string, port: uint16 }).nullable().default(null),
      clientTags: array(keyValue),
    }),
  },
  targetMetadata: {
    type: 20,
    key: message("StreamsGroupTargetAssignmentMetadataKey", keyVersions, groupKey),
    value: message("StreamsGroupTargetAssignmentMetadataValue", valueVersions, {
      assignmentEpoch: int32,
      assignmentTimestamp: int64.default(0).tagged(0, 0).ignorable(),
    }),
  },
  targetMember: {
    type: 21,
    key: message("StreamsGroupTargetAssignmentMemberKey", keyVersions, memberKey),
    value: message("StreamsGroupTargetAssignmentMemberValue", valueVersions, {
      activeTasks: array(taskIds),
      standbyTasks: array(taskIds),
      warmupTasks: array(taskIds),
    }),
  },
  currentMember: {
    type: 22,
    key: message("StreamsGroupCurrentMemberAssignmentKey", keyVersions, memberKey),
    value: message("StreamsGroupCurrentMemberAssignmentValue", valueVersions, {
      memberEpoch: int32,
      previousMemberEpoch: int32,
      state: int8,
      activeTasks: array(heldTaskIds),
      standbyTasks: array(heldTaskIds),
      warmupTasks: array(heldTaskIds),
      activeTasksPendingRevocation: array(heldTaskIds),
      standbyTasksPendingRevocation: array(heldTaskIds),
      warmupTasksPendingRevocation: array(heldTaskIds),
    }),
  },
  topology: {
    type: 23,
    key: message("StreamsGroupTopologyKey", keyVersions, groupKey),
    value: message("StreamsGroupTopologyValue", valueVersions, {
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
    }),
  },
} as const;

type Records = typeof streamsGroupRecords;
export type StreamsGroupRecordValue<K extends keyof Records> = Infer<Records[K]["value"]>;
export type StreamsGroupRecordValueDraft<K extends keyof Records> = Draft<Records[K]["value"]>;

export const streamsGroupLog = new CoordinatorLogCodec(streamsGroupRecords);
