/**
 * Keys and values of the records in `__consumer_offsets` that keep share groups (KIP-932), as Kafka 4.4's group
 * coordinator writes them:
 *
 *   10  a member: what it is and subscribes to      13  the target assignment of a member
 *   11  the group: its epoch                        14  a member: what it has
 *   12  the target assignment: its epoch            15  the partitions whose state the share coordinator keeps
 */
import { array, int32, int64, int8, long, message, string, uuid } from "../schema.ts";
import { CoordinatorLogCodec, keyVersions, valueVersions } from "./coordinator_log.ts";

const groupKey = { groupId: string };
const memberKey = { groupId: string, memberId: string };
const partitions = { topicId: uuid, partitions: array(int32) };
const namedPartitions = { topicId: uuid, topicName: string, partitions: array(int32) };

/** All of them, by what they are about. */
export const shareGroupRecords = {
  member: {
    type: 10,
    key: message("ShareGroupMemberMetadataKey", keyVersions, memberKey),
    value: message("ShareGroupMemberMetadataValue", valueVersions, {
      rackId: string.nullable(),
      clientId: string,
      clientHost: string,
      subscribedTopicNames: array(string),
    }),
  },
  metadata: {
    type: 11,
    key: message("ShareGroupMetadataKey", keyVersions, groupKey),
    value: message("ShareGroupMetadataValue", valueVersions, { epoch: int32, metadataHash: long }),
  },
  targetMetadata: {
    type: 12,
    key: message("ShareGroupTargetAssignmentMetadataKey", keyVersions, groupKey),
    value: message("ShareGroupTargetAssignmentMetadataValue", valueVersions, {
      assignmentEpoch: int32,
      assignmentTimestamp: int64.default(0).tagged(0, 0).ignorable(),
    }),
  },
  targetMember: {
    type: 13,
    key: message("ShareGroupTargetAssignmentMemberKey", keyVersions, memberKey),
    value: message("ShareGroupTargetAssignmentMemberValue", valueVersions, { topicPartitions: array(partitions) }),
  },
  currentMember: {
    type: 14,
    key: message("ShareGroupCurrentMemberAssignmentKey", keyVersions, memberKey),
    value: message("ShareGroupCurrentMemberAssignmentValue", valueVersions, {
      memberEpoch: int32,
      previousMemberEpoch: int32,
      state: int8,
      assignedPartitions: array(partitions),
    }),
  },
  statePartitions: {
    type: 15,
    key: message("ShareGroupStatePartitionMetadataKey", keyVersions, groupKey),
    value: message("ShareGroupStatePartitionMetadataValue", valueVersions, {
      initializingTopics: array(namedPartitions),
      initializedTopics: array(namedPartitions),
      deletingTopics: array({ topicId: uuid, topicName: string }),
    }),
  },
} as const;

export const shareGroupLog = new CoordinatorLogCodec(shareGroupRecords);
