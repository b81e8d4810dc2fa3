/**
 * Keys and values of the records in `__consumer_offsets` that keep consumer groups (KIP-848), as Kafka 4.4's group
 * coordinator writes them. A key begins with an int16 that says what the record is about, a value with its version:
 *
 *    3  the group: its epoch                         6  the target assignment: its epoch
 *    4  partition counts (up to Kafka 4.0)           7  the target assignment of a member
 *    5  a member: what it is and subscribes to       8  a member: what it has, and where it stands
 *                                                   16  topics that match a regular expression
 */
import {
  array,
  bytes,
  type Draft,
  type Infer,
  int32,
  int64,
  int8,
  long,
  message,
  string,
  struct,
  uuid,
} from "../schema.ts";
import { type RecordTable, recordTable, type RecordTableKey } from "./record_table.ts";

const keyVersions = { versions: [0, 0], flexible: null } as const;
const valueVersions = { versions: [0, 0], flexible: 0 } as const;

const groupKey = { groupId: string };
const memberKey = { groupId: string, memberId: string };

export const consumerGroupMetadataKey = message("ConsumerGroupMetadataKey", keyVersions, groupKey);
export const consumerGroupMetadataValue = message("ConsumerGroupMetadataValue", valueVersions, {
  epoch: int32,
  metadataHash: long.default(0n).tagged(0, 0),
});

export const consumerGroupPartitionMetadataKey = message("ConsumerGroupPartitionMetadataKey", keyVersions, groupKey);
export const consumerGroupPartitionMetadataValue = message("ConsumerGroupPartitionMetadataValue", valueVersions, {
  topics: array({
    topicId: uuid,
    topicName: string,
    numPartitions: int32,
    partitionMetadata: array({ partition: int32, racks: array(string) }),
  }),
});

export const consumerGroupMemberMetadataKey = message("ConsumerGroupMemberMetadataKey", keyVersions, memberKey);
export const consumerGroupMemberMetadataValue = message("ConsumerGroupMemberMetadataValue", valueVersions, {
  instanceId: string.nullable(),
  rackId: string.nullable(),
  clientId: string,
  clientHost: string,
  subscribedTopicNames: array(string),
  subscribedTopicRegex: string.nullable(),
  rebalanceTimeoutMs: int32.default(-1),
  serverAssignor: string.nullable(),
  // Not there is not null: it is a member of the classic protocol that says nothing. Null is written.
  classicMemberMetadata: struct({
    sessionTimeoutMs: int32,
    supportedProtocols: array({ name: string, metadata: bytes }),
  }).nullable().tagged(0, 0),
});

export const consumerGroupTargetAssignmentMetadataKey = message(
  "ConsumerGroupTargetAssignmentMetadataKey",
  keyVersions,
  groupKey,
);
export const consumerGroupTargetAssignmentMetadataValue = message(
  "ConsumerGroupTargetAssignmentMetadataValue",
  valueVersions,
  { assignmentEpoch: int32, assignmentTimestamp: int64.default(0).tagged(0, 0).ignorable() },
);

export const consumerGroupTargetAssignmentMemberKey = message(
  "ConsumerGroupTargetAssignmentMemberKey",
  keyVersions,
  memberKey,
);
export const consumerGroupTargetAssignmentMemberValue = message(
  "ConsumerGroupTargetAssignmentMemberValue",
  valueVersions,
  { topicPartitions: array({ topicId: uuid, partitions: array(int32) }) },
);

/** With the epoch in which each partition was given (KIP-1251). */
const heldPartitions = array({
  topicId: uuid,
  partitions: array(int32),
  assignmentEpochs: array(int32).nullable().tagged(0, 0),
});

export const consumerGroupCurrentMemberAssignmentKey = message(
  "ConsumerGroupCurrentMemberAssignmentKey",
  keyVersions,
  memberKey,
);
export const consumerGroupCurrentMemberAssignmentValue = message(
  "ConsumerGroupCurrentMemberAssignmentValue",
  valueVersions,
  {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: heldPartitions,
    partitionsPendingRevocation: heldPartitions,
  },
);

export const consumerGroupRegularExpressionKey = message("ConsumerGroupRegularExpressionKey", keyVersions, {
  groupId: string,
  regularExpression: string,
});
export const consumerGroupRegularExpressionValue = message("ConsumerGroupRegularExpressionValue", valueVersions, {
  topics: array(string),
  version: int64,
  timestamp: int64,
});

/** All of them, by what they are about. */
export const consumerGroupRecords = {
  metadata: { type: 3, key: consumerGroupMetadataKey, value: consumerGroupMetadataValue },
  partitionMetadata: { type: 4, key: consumerGroupPartitionMetadataKey, value: consumerGroupPartitionMetadataValue },
  member: { type: 5, key: consumerGroupMemberMetadataKey, value: consumerGroupMemberMetadataValue },
  targetMetadata: {
    type: 6,
    key: consumerGroupTargetAssignmentMetadataKey,
    value: consumerGroupTargetAssignmentMetadataValue,
  },
  targetMember: {
    type: 7,
    key: consumerGroupTargetAssignmentMemberKey,
    value: consumerGroupTargetAssignmentMemberValue,
  },
  currentMember: {
    type: 8,
    key: consumerGroupCurrentMemberAssignmentKey,
    value: consumerGroupCurrentMemberAssignmentValue,
  },
  regularExpression: {
    type: 16,
    key: consumerGroupRegularExpressionKey,
    value: consumerGroupRegularExpressionValue,
  },
} as const;

export type ConsumerGroupRecordKind = keyof typeof consumerGroupRecords;
type Records = typeof consumerGroupRecords;
export type ConsumerGroupRecordKey<K extends ConsumerGroupRecordKind> = Infer<Records[K]["key"]>;
export type ConsumerGroupRecordValue<K extends ConsumerGroupRecordKind> = Infer<Records[K]["value"]>;
export type ConsumerGroupRecordValueDraft<K extends ConsumerGroupRecordKind> = Draft<Records[K]["value"]>;

/** A key with its kind. */
export type ConsumerGroupLogKey = RecordTableKey<Records>;

const log: RecordTable<Records> = recordTable(consumerGroupRecords);
export const {
  decodeKey: decodeConsumerGroupLogKey,
  decodeValue: decodeConsumerGroupLogValue,
  encodeKey: encodeConsumerGroupLogKey,
  encodeValue: encodeConsumerGroupLogValue,
} = log;
