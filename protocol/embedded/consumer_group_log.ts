/**
 * Keys and values of the records in `__consumer_offsets` that keep consumer groups (KIP-848), as Kafka 4.4's group
 * coordinator writes them:
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
import { CoordinatorLogCodec, keyVersions, valueVersions } from "./coordinator_log.ts";

const groupKey = { groupId: string };
const memberKey = { groupId: string, memberId: string };
/** With the epoch in which each partition was given (KIP-1251). */
const heldPartitions = array({
  topicId: uuid,
  partitions: array(int32),
  assignmentEpochs: array(int32).nullable().tagged(0, 0),
});

/** All of them, by what they are about. */
export const consumerGroupRecords = {
  metadata: {
    type: 3,
    key: message("ConsumerGroupMetadataKey", keyVersions, groupKey),
    value: message("ConsumerGroupMetadataValue", valueVersions, {
      epoch: int32,
      metadataHash: long.default(0n).tagged(0, 0),
    }),
  },
  partitionMetadata: {
    type: 4,
    key: message("ConsumerGroupPartitionMetadataKey", keyVersions, groupKey),
    value: message("ConsumerGroupPartitionMetadataValue", valueVersions, {
      topics: array({
        topicId: uuid,
        topicName: string,
        numPartitions: int32,
        partitionMetadata: array({ partition: int32, racks: array(string) }),
      }),
    }),
  },
  member: {
    type: 5,
    key: message("ConsumerGroupMemberMetadataKey", keyVersions, memberKey),
    value: message("ConsumerGroupMemberMetadataValue", valueVersions, {
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
    }),
  },
  targetMetadata: {
    type: 6,
    key: message("ConsumerGroupTargetAssignmentMetadataKey", keyVersions, groupKey),
    value: message("ConsumerGroupTargetAssignmentMetadataValue", valueVersions, {
      assignmentEpoch: int32,
      assignmentTimestamp: int64.default(0).tagged(0, 0).ignorable(),
    }),
  },
  targetMember: {
    type: 7,
    key: message("ConsumerGroupTargetAssignmentMemberKey", keyVersions, memberKey),
    value: message("ConsumerGroupTargetAssignmentMemberValue", valueVersions, {
      topicPartitions: array({ topicId: uuid, partitions: array(int32) }),
    }),
  },
  currentMember: {
    type: 8,
    key: message("ConsumerGroupCurrentMemberAssignmentKey", keyVersions, memberKey),
    value: message("ConsumerGroupCurrentMemberAssignmentValue", valueVersions, {
      memberEpoch: int32,
      previousMemberEpoch: int32,
      state: int8,
      assignedPartitions: heldPartitions,
      partitionsPendingRevocation: heldPartitions,
    }),
  },
  regularExpression: {
    type: 16,
    key: message("ConsumerGroupRegularExpressionKey", keyVersions, { groupId: string, regularExpression: string }),
    value: message("ConsumerGroupRegularExpressionValue", valueVersions, {
      topics: array(string),
      version: int64,
      timestamp: int64,
    }),
  },
} as const;

type Records = typeof consumerGroupRecords;
export type ConsumerGroupRecordValue<K extends keyof Records> = Infer<Records[K]["value"]>;
export type ConsumerGroupRecordValueDraft<K extends keyof Records> = Draft<Records[K]["value"]>;

export const consumerGroupLog = new CoordinatorLogCodec(consumerGroupRecords);
