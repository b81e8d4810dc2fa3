/**
 * Consumer groups as records of `__consumer_offsets`, and back.
 *
 * What is read back is the last word of the log on each part of a group, whatever the order in which the parts were
 * last written. A part of a member that the log does not know as a member is left out: its tombstone was the last of a
 * few, and the broker did not come to write it.
 */
import {
  consumerGroupLog,
  type consumerGroupRecords,
  type ConsumerGroupRecordValue,
  type ConsumerGroupRecordValueDraft,
} from "../../../protocol/embedded/consumer_group_log.ts";
import type { LogRecord } from "../log_writer.ts";
import { groupRecord } from "../records.ts";
import { StoredParts } from "../modern/stored.ts";
import { SmallMap } from "../small_map.ts";
import { Draft } from "./draft.ts";
import type {
  ConsumerGroupState,
  ConsumerMember,
  GroupRecord,
  HeldPartitions,
  MemberPhase,
  ResolvedRegex,
  StepContext,
  TopicPartitions,
} from "./state.ts";
import { emptyConsumerGroup, newMember } from "./state.ts";

/** Above this no partition is: a larger number in the log is damage. */
const partitionMax = 1_000_000;

const phaseCodes: Readonly<Record<MemberPhase, number>> = { stable: 0, unrevoked: 1, unreleased: 2, unknown: 127 };
const phasesByCode = new Map(Object.entries(phaseCodes).map(([phase, code]) => [code, phase as MemberPhase]));

// ---------------------------------------------------------------------------------------------- to the log

export function logRecord(groupId: string, record: GroupRecord): LogRecord {
  switch (record.kind) {
    case "group":
      return consumerGroupLog.encode("metadata", { groupId }, record.value);
    case "partitionMetadata":
      return consumerGroupLog.encode("partitionMetadata", { groupId }, null);
    case "member": {
      const { memberId, value } = record;
      return consumerGroupLog.encode("member", { groupId, memberId }, value && memberValue(value));
    }
    case "target": {
      const value = record.value &&
        { assignmentEpoch: record.value.epoch, assignmentTimestamp: record.value.timestampMs };
      return consumerGroupLog.encode("targetMetadata", { groupId }, value);
    }
    case "memberTarget": {
      const { memberId } = record;
      const value = record.value && { topicPartitions: Array.from(record.value, ofTopic) };
      return consumerGroupLog.encode("targetMember", { groupId, memberId }, value);
    }
    case "memberCurrent": {
      const { memberId, value } = record;
      return consumerGroupLog.encode("currentMember", { groupId, memberId }, value && currentValue(value));
    }
    case "regex": {
      const { regex: regularExpression, value } = record;
      const stored = value && { topics: value.topics, version: value.version, timestamp: value.timestampMs };
      return consumerGroupLog.encode("regularExpression", { groupId, regularExpression }, stored);
    }
    case "classic":
      return groupRecord(groupId, record.value);
  }
}

function memberValue(member: ConsumerMember): ConsumerGroupRecordValueDraft<"member"> {
  return {
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.topics,
    subscribedTopicRegex: member.regex,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: member.assignor,
    classicMemberMetadata: member.classic &&
      { sessionTimeoutMs: member.classic.sessionTimeoutMs, supportedProtocols: member.classic.protocols },
  };
}

function currentValue(member: ConsumerMember): ConsumerGroupRecordValueDraft<"currentMember"> {
  return {
    memberEpoch: member.epoch,
    previousMemberEpoch: member.previousEpoch,
    state: phaseCodes[member.phase],
    assignedPartitions: heldTopics(member.assigned),
    partitionsPendingRevocation: heldTopics(member.revoking),
  };
}

function ofTopic([topicId, partitions]: readonly [string, readonly number[]]) {
  return { topicId, partitions };
}

function heldTopics(held: HeldPartitions) {
  return Array.from(held, ([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()],
    assignmentEpochs: [...partitions.values()],
  }));
}

// ---------------------------------------------------------------------------------------------- from the log

export class StoredGroup extends StoredParts<typeof consumerGroupRecords> {
  /**
   * @returns null when none of it is left but parts of members that are gone
   * @throws {MalformedFrame}
   */
  restore(groupId: string, context: StepContext): ConsumerGroupState | null {
    const draft = new Draft(emptyConsumerGroup(groupId), context);
    const members = new Map<string, ConsumerMember>();
    const targets = new SmallMap<string, TopicPartitions>();
    let isKnown = false;
    for (const { key, value } of this.parts()) {
      if (key.kind === "member") members.set(key.memberId, memberOf(key.memberId, value));
    }
    for (const { key, value } of this.parts()) {
      switch (key.kind) {
        case "metadata": {
          const { epoch, metadataHash } = consumerGroupLog.decodeValue(key.kind, value);
          draft.update({ groupEpoch: epoch, metadataHash });
          isKnown = true;
          break;
        }
        case "targetMetadata": {
          const { assignmentEpoch, assignmentTimestamp } = consumerGroupLog.decodeValue(key.kind, value);
          draft.update({ assignmentEpoch, assignmentTimestampMs: assignmentTimestamp });
          isKnown = true;
          break;
        }
        case "partitionMetadata":
          draft.update({ hasPartitionMetadata: true });
          break;
        case "targetMember":
          if (members.has(key.memberId)) targets.set(key.memberId, targetOf(value));
          break;
        case "currentMember": {
          const member = members.get(key.memberId);
          if (member !== undefined) members.set(key.memberId, withCurrent(member, value));
          break;
        }
        case "regularExpression":
          draft.setRegex(key.regularExpression, regexOf(value));
          break;
        case "member":
          isKnown = true;
      }
    }
    for (const member of members.values()) draft.put(member);
    draft.update({ targets });
    for (const regex of draft.state.regexes.keys()) {
      if (!draft.state.regexSubscribers.has(regex)) draft.setRegex(regex, null);
    }
    return isKnown ? draft.state : null;
  }
}

function memberOf(memberId: string, value: Uint8Array): ConsumerMember {
  const stored = consumerGroupLog.decodeValue("member", value);
  const { classicMemberMetadata: classic } = stored;
  return {
    ...newMember(memberId),
    instanceId: stored.instanceId,
    rackId: stored.rackId,
    rebalanceTimeoutMs: stored.rebalanceTimeoutMs,
    clientId: stored.clientId,
    clientHost: stored.clientHost,
    topics: [...new Set(stored.subscribedTopicNames)].sort(),
    regex: stored.subscribedTopicRegex ?? "",
    assignor: stored.serverAssignor,
    // Bytes of `value`, which is ours.
    classic: classic && { sessionTimeoutMs: classic.sessionTimeoutMs, protocols: classic.supportedProtocols },
  };
}

function withCurrent(member: ConsumerMember, value: Uint8Array): ConsumerMember {
  const stored = consumerGroupLog.decodeValue("currentMember", value);
  return {
    ...member,
    epoch: stored.memberEpoch,
    previousEpoch: stored.previousMemberEpoch,
    phase: phasesByCode.get(stored.state) ?? "unknown",
    assigned: heldOf(stored.assignedPartitions, stored.memberEpoch),
    revoking: heldOf(stored.partitionsPendingRevocation, stored.memberEpoch),
  };
}

type StoredTopics = ConsumerGroupRecordValue<"currentMember">["assignedPartitions"];

/** Up to Kafka 4.2 the epochs of partitions were not written: then it is the member's. */
function heldOf(topics: StoredTopics, memberEpoch: number): HeldPartitions {
  return new SmallMap(topics.map(({ topicId, partitions, assignmentEpochs }) => {
    const epochs = assignmentEpochs?.length === partitions.length ? assignmentEpochs : null;
    const held = partitions.map((partition, index) =>
      [partition, epochs?.[index] ?? Math.max(memberEpoch, 0)] as const
    );
    return [topicId, new SmallMap(held.filter(([partition]) => isPartition(partition)))] as const;
  }));
}

function targetOf(value: Uint8Array): TopicPartitions {
  const { topicPartitions } = consumerGroupLog.decodeValue("targetMember", value);
  return new SmallMap(
    topicPartitions.map(({ topicId, partitions }) =>
      [topicId, partitions.filter(isPartition).sort((one, other) => one - other)] as const
    ),
  );
}

function isPartition(partition: number): boolean {
  return partition >= 0 && partition <= partitionMax;
}

function regexOf(value: Uint8Array): ResolvedRegex {
  const { topics, version, timestamp } = consumerGroupLog.decodeValue("regularExpression", value);
  return { topics: [...topics].sort(), version, timestampMs: timestamp };
}
