/**
 * Keys and values of the records in `__consumer_offsets` that keep streams groups (KIP-1071), as Kafka 4.4's group
 * coordinator writes them. A key begins with an int16 that says what the record is about, a value with its version:
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
import { type RecordTable, recordTable, type RecordTableKey } from "./record_table.ts";

const keyVersions = { versions: [0, 0], flexible: null } as const;
const valueVersions = { versions: [0, 0], flexible: 0 } as const;

const groupKey = { groupId: string };
const memberKey = { groupId: string, memberId: string };
const keyValue = { key: string, value: string };

export const streamsGroupMetadataKey = message("StreamsGroupMetadataKey", keyVersions, groupKey);
export const streamsGroupMetadataValue = message("StreamsGroupMetadataValue", valueVersions, {
  epoch: int32,
  metadataHash: long,
  validatedTopologyEpoch: int32.default(-1).tagged(0, 0),
  lastAssignmentConfigs: array(keyValue).nullable().default([]).tagged(1, 0),
  storedDescriptionTopologyEpoch: int32.default(-1).tagged(2, 0),
  failedDescriptionTopologyEpoch: int32.default(-1).tagged(3, 0),
});

export const streamsGroupMemberMetadataKey = message("StreamsGroupMemberMetadataKey", keyVersions, memberKey);
export const streamsGroupMemberMetadataValue = message("StreamsGroupMemberMetadataValue", valueVersions, {
  instanceId: string.nullable(),
  rackId: string.nullable(),
  clientId: string,
  clientHost: string,
  rebalanceTimeoutMs: int32.default(-1),
  topologyEpoch: int32,
  processId: string,
  userEndpoint: struct({ host: string, port: uint16 }).nullable().default(null),
  clientTags: array(keyValue),
});

export const streamsGroupTargetAssignmentMetadataKey = message(
  "StreamsGroupTargetAssignmentMetadataKey",
  keyVersions,
  groupKey,
);
export const streamsGroupTargetAssignmentMetadataValue = message(
  "StreamsGroupTargetAssignmentMetadataValue",
  valueVersions,
  { assignmentEpoch: int32, assignmentTimestamp: int64.default(0).tagged(0, 0).ignorable() },
);

const taskIds = { subtopologyId: string, partitions: array(int32) };

export const streamsGroupTargetAssignmentMemberKey = message(
  "StreamsGroupTargetAssignmentMemberKey",
  keyVersions,
  memberKey,
);
export const streamsGroupTargetAssignmentMemberValue = message(
  "StreamsGroupTargetAssignmentMemberValue",
  valueVersions,
  { activeTasks: array(taskIds), standbyTasks: array(taskIds), warmupTasks: array(taskIds) },
);

/** With the epoch in which each was given: of active tasks only. */
const heldTaskIds = { ...taskIds, assignmentEpochs: array(int32).nullable().default([]).tagged(0, 0) };

export const streamsGroupCurrentMemberAssignmentKey = message(
  "StreamsGroupCurrentMemberAssignmentKey",
  keyVersions,
  memberKey,
);
export const streamsGroupCurrentMemberAssignmentValue = message(
  "StreamsGroupCurrentMemberAssignmentValue",
  valueVersions,
  {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    activeTasks: array(heldTaskIds),
    standbyTasks: array(heldTaskIds),
    warmupTasks: array(heldTaskIds),
    activeTasksPendingRevocation: array(heldTaskIds),
    standbyTasksPendingRevocation: array(heldTaskIds),
    warmupTasksPendingRevocation: array(heldTaskIds),
  },
);

const topicInfo = { name: string, partitions: int32, replicationFactor: int16, topicConfigs: array(keyValue) };

export const streamsGroupTopologyKey = message("StreamsGroupTopologyKey", keyVersions, groupKey);
export const streamsGroupTopologyValue = message("StreamsGroupTopologyValue", valueVersions, {
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
});

/** All of them, by what they are about. */
export const streamsGroupRecords = {
  metadata: { type: 17, key: streamsGroupMetadataKey, value: streamsGroupMetadataValue },
  member: { type: 19, key: streamsGroupMemberMetadataKey, value: streamsGroupMemberMetadataValue },
  targetMetadata: {
    type: 20,
    key: streamsGroupTargetAssignmentMetadataKey,
    value: streamsGroupTargetAssignmentMetadataValue,
  },
  targetMember: {
    type: 21,
    key: streamsGroupTargetAssignmentMemberKey,
    value: streamsGroupTargetAssignmentMemberValue,
  },
  currentMember: {
    type: 22,
    key: streamsGroupCurrentMemberAssignmentKey,
    value: streamsGroupCurrentMemberAssignmentValue,
  },
  topology: { type: 23, key: streamsGroupTopologyKey, value: streamsGroupTopologyValue },
} as const;

type Records = typeof streamsGroupRecords;
export type StreamsGroupRecordKind = keyof Records;
export type StreamsGroupRecordKey<K extends StreamsGroupRecordKind> = Infer<Records[K]["key"]>;
export type StreamsGroupRecordValue<K extends StreamsGroupRecordKind> = Infer<Records[K]["value"]>;
export type StreamsGroupRecordValueDraft<K extends StreamsGroupRecordKind> = Draft<Records[K]["value"]>;

/** A key with its kind. */
export type StreamsGroupLogKey = RecordTableKey<Records>;

export const streamsGroupLog: RecordTable<Records> = recordTable(streamsGroupRecords);
