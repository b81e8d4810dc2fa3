/**
 * Share groups as records of `__consumer_offsets`, and back.
 *
 * What is read back is the last word of the log on each part of a group, whatever the order in which the parts were last
 * written. A part of a member that the log does not know as a member is left out: its tombstone was the last of a few, and
 * the broker did not come to write it.
 */
import { shareGroupLog, type shareGroupRecords } from "../../../protocol/embedded/share_group_log.ts";
import type { LogRecord } from "../log_writer.ts";
import { forgottenParts, wholeParts } from "../modern/parts.ts";
import { StoredParts } from "../modern/stored.ts";
import { SmallMap } from "../small_map.ts";
import {
  emptyShareGroup,
  type NamedPartitions,
  newShareMember,
  type ShareGroupRecord,
  type ShareGroupState,
  type ShareMember,
  type StatePartitions,
  type TopicPartitions,
} from "./state.ts";

/** Above this no partition is: a larger number in the log is damage. */
const partitionMax = 1_000_000;
/** Kafka's number of the only state that a member of a share group is in. */
const STABLE = 0;

export function shareLogRecord(groupId: string, record: ShareGroupRecord): LogRecord {
  switch (record.kind) {
    case "group":
      return shareGroupLog.encode("metadata", { groupId }, record.value);
    case "member": {
      const { memberId, value } = record;
      const stored = value && {
        rackId: value.rackId,
        clientId: value.clientId,
        clientHost: value.clientHost,
        subscribedTopicNames: value.topics,
      };
      return shareGroupLog.encode("member", { groupId, memberId }, stored);
    }
    case "target": {
      const value = record.value &&
        { assignmentEpoch: record.value.epoch, assignmentTimestamp: record.value.timestampMs };
      return shareGroupLog.encode("targetMetadata", { groupId }, value);
    }
    case "memberTarget": {
      const { memberId } = record;
      const value = record.value && { topicPartitions: listed(record.value) };
      return shareGroupLog.encode("targetMember", { groupId, memberId }, value);
    }
    case "memberCurrent": {
      const { memberId, value } = record;
      const stored = value && {
        memberEpoch: value.epoch,
        previousMemberEpoch: value.previousEpoch,
        state: STABLE,
        assignedPartitions: listed(value.assigned),
      };
      return shareGroupLog.encode("currentMember", { groupId, memberId }, stored);
    }
    case "statePartitions": {
      const value = record.value && {
        initializingTopics: listedByName(record.value.initializing),
        initializedTopics: listedByName(record.value.initialized),
        deletingTopics: Array.from(record.value.deleting, ([topicId, topicName]) => ({ topicId, topicName })),
      };
      return shareGroupLog.encode("statePartitions", { groupId }, value);
    }
  }
}

/** All that the log keeps of a group. */
export function wholeShareGroup(state: ShareGroupState): ShareGroupRecord[] {
  const { members, targets, currents } = wholeParts(state);
  return [
    ...members,
    { kind: "group", value: { epoch: state.groupEpoch, metadataHash: state.metadataHash } },
    ...targets,
    ...currents,
    { kind: "statePartitions", value: state.statePartitions },
  ];
}

/** That nothing is left of it. */
export function forgottenShareGroup(state: ShareGroupState): ShareGroupRecord[] {
  return [...forgottenParts(state), { kind: "statePartitions", value: null }, { kind: "group", value: null }];
}

function listed(topics: TopicPartitions) {
  return Array.from(topics, ([topicId, partitions]) => ({ topicId, partitions }));
}

function listedByName(topics: NamedPartitions) {
  return Array.from(topics, ([topicId, { name, partitions }]) => ({ topicId, topicName: name, partitions }));
}

// ---------------------------------------------------------------------------------------------- from the log

export class StoredShareGroup extends StoredParts<typeof shareGroupRecords> {
  /**
   * @returns null when none of it is left but parts of members that are gone
   * @throws {MalformedFrame}
   */
  restore(groupId: string): ShareGroupState | null {
    let state = emptyShareGroup(groupId);
    const members = new Map<string, ShareMember>();
    const targets = new SmallMap<string, TopicPartitions>();
    let isKnown = false;
    for (const { key, value } of this.parts()) {
      if (key.kind === "member") members.set(key.memberId, memberOf(key.memberId, value));
    }
    for (const { key, value } of this.parts()) {
      switch (key.kind) {
        case "metadata": {
          const { epoch, metadataHash } = shareGroupLog.decodeValue("metadata", value);
          state = { ...state, groupEpoch: epoch, metadataHash };
          isKnown = true;
          break;
        }
        case "targetMetadata": {
          const { assignmentEpoch, assignmentTimestamp } = shareGroupLog.decodeValue("targetMetadata", value);
          state = { ...state, assignmentEpoch, assignmentTimestampMs: assignmentTimestamp };
          isKnown = true;
          break;
        }
        case "targetMember":
          if (!members.has(key.memberId)) break;
          targets.set(key.memberId, mapped(shareGroupLog.decodeValue("targetMember", value).topicPartitions));
          break;
        case "currentMember": {
          const member = members.get(key.memberId);
          if (member === undefined) break;
          const stored = shareGroupLog.decodeValue("currentMember", value);
          members.set(key.memberId, {
            ...member,
            epoch: stored.memberEpoch,
            previousEpoch: stored.previousMemberEpoch,
            assigned: mapped(stored.assignedPartitions),
          });
          break;
        }
        case "statePartitions":
          state = { ...state, statePartitions: statePartitionsOf(value) };
          break;
        case "member":
          isKnown = true;
      }
    }
    return isKnown ? { ...state, members, targets } : null;
  }
}

function memberOf(memberId: string, value: Uint8Array): ShareMember {
  const { rackId, clientId, clientHost, subscribedTopicNames } = shareGroupLog.decodeValue("member", value);
  const topics = [...new Set(subscribedTopicNames)].sort();
  return { ...newShareMember(memberId), rackId, clientId, clientHost, topics };
}

function statePartitionsOf(value: Uint8Array): StatePartitions {
  const stored = shareGroupLog.decodeValue("statePartitions", value);
  return {
    initializing: namedPartitions(stored.initializingTopics),
    initialized: namedPartitions(stored.initializedTopics),
    deleting: new SmallMap(stored.deletingTopics.map(({ topicId, topicName }) => [topicId, topicName])),
  };
}

interface StoredTopic {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

function mapped(topics: readonly StoredTopic[]): TopicPartitions {
  return new SmallMap(topics.map(({ topicId, partitions }) => [topicId, sound(partitions)]));
}

function namedPartitions(topics: readonly (StoredTopic & { readonly topicName: string })[]): NamedPartitions {
  return new SmallMap(
    topics.map(({ topicId, topicName, partitions }) =>
      [topicId, { name: topicName, partitions: sound(partitions) }] as const
    ),
  );
}

function sound(partitions: readonly number[]): number[] {
  return [...new Set(partitions)].filter((partition) => partition >= 0 && partition <= partitionMax)
    .sort((one, other) => one - other);
}
