/**
 * Streams groups as records of `__consumer_offsets`, and back. What is read back is the last word of the log on each part
 * of a group; a part of a member that the log does not know as a member is left out, as with consumer groups.
 */
import {
  streamsGroupLog,
  type streamsGroupRecords,
  type StreamsGroupRecordValue,
  type StreamsGroupRecordValueDraft,
} from "../../../protocol/embedded/streams_group_log.ts";
import type { LogRecord } from "../log_writer.ts";
import { groupRecord } from "../records.ts";
import { forgottenParts, wholeParts } from "../modern/parts.ts";
import { StoredParts } from "../modern/stored.ts";
import { SmallMap } from "../small_map.ts";
import { Draft, storedValue } from "./draft.ts";
import type {
  MemberPhase,
  StepContext,
  StoredGroupValue,
  StreamsGroupState,
  StreamsMember,
  StreamsRecord,
} from "./state.ts";
import { emptyStreamsGroup, newMember } from "./state.ts";
import { type HeldTasks, type Task, type TaskIds, taskIdsOf, taskOf, type Tasks, tasksOf } from "./tasks.ts";

const phaseCodes: Readonly<Record<MemberPhase, number>> = { stable: 1, unrevoked: 2, unreleased: 3, unknown: 127 };
const phasesByCode = new Map(Object.entries(phaseCodes).map(([phase, code]) => [code, phase as MemberPhase]));

// ---------------------------------------------------------------------------------------------- to the log

export function logRecord(groupId: string, record: StreamsRecord): LogRecord {
  switch (record.kind) {
    case "group":
      return streamsGroupLog.encode("metadata", { groupId }, record.value && groupValue(record.value));
    case "member": {
      const { memberId, value } = record;
      return streamsGroupLog.encode("member", { groupId, memberId }, value && memberValue(value));
    }
    case "target": {
      const value = record.value &&
        { assignmentEpoch: record.value.epoch, assignmentTimestamp: record.value.timestampMs };
      return streamsGroupLog.encode("targetMetadata", { groupId }, value);
    }
    case "memberTarget": {
      const { memberId, value } = record;
      return streamsGroupLog.encode("targetMember", { groupId, memberId }, value && targetValue(value));
    }
    case "memberCurrent": {
      const { memberId, value } = record;
      return streamsGroupLog.encode("currentMember", { groupId, memberId }, value && currentValue(value));
    }
    case "topology":
      return streamsGroupLog.encode("topology", { groupId }, record.value);
    case "classic":
      return groupRecord(groupId, record.value);
  }
}

/** All parts of a group. */
export function wholeGroup(state: StreamsGroupState): StreamsRecord[] {
  const { members, targets, currents } = wholeParts(state);
  return [
    ...members,
    { kind: "group", value: storedValue(state) },
    { kind: "topology", value: state.topology },
    ...targets,
    ...currents,
  ];
}

/** What the log must be told so that it knows the group no more. */
export function forgottenGroup(state: StreamsGroupState): StreamsRecord[] {
  return [...forgottenParts(state), { kind: "group", value: null }, { kind: "topology", value: null }];
}

function groupValue(value: StoredGroupValue): StreamsGroupRecordValueDraft<"metadata"> {
  return {
    epoch: value.groupEpoch,
    metadataHash: value.metadataHash,
    validatedTopologyEpoch: value.validatedTopologyEpoch,
    lastAssignmentConfigs: keyValues(value.assignmentConfigs),
    storedDescriptionTopologyEpoch: value.storedDescriptionEpoch,
    failedDescriptionTopologyEpoch: value.failedDescriptionEpoch,
  };
}

function memberValue(member: StreamsMember): StreamsGroupRecordValueDraft<"member"> {
  const { instanceId, rackId, clientId, clientHost, rebalanceTimeoutMs, topologyEpoch, processId, endpoint } = member;
  return {
    instanceId,
    rackId,
    clientId,
    clientHost,
    rebalanceTimeoutMs,
    topologyEpoch,
    processId,
    userEndpoint: endpoint,
    clientTags: keyValues(member.tags),
  };
}

function targetValue({ active, standby, warmup }: Tasks): StreamsGroupRecordValueDraft<"targetMember"> {
  return { activeTasks: taskIdsOf(active), standbyTasks: taskIdsOf(standby), warmupTasks: taskIdsOf(warmup) };
}

function currentValue(member: StreamsMember): StreamsGroupRecordValueDraft<"currentMember"> {
  const { assigned, revoking } = member;
  return {
    memberEpoch: member.epoch,
    previousMemberEpoch: member.previousEpoch,
    state: phaseCodes[member.phase],
    activeTasks: withEpochs(assigned.active),
    standbyTasks: taskIdsOf(assigned.standby),
    warmupTasks: taskIdsOf(assigned.warmup),
    activeTasksPendingRevocation: withEpochs(revoking.active),
    standbyTasksPendingRevocation: taskIdsOf(revoking.standby),
    warmupTasksPendingRevocation: taskIdsOf(revoking.warmup),
  };
}

function withEpochs(held: ReadonlyMap<Task, number>) {
  return taskIdsOf(held.keys()).map(({ subtopologyId, partitions }) => ({
    subtopologyId,
    partitions,
    assignmentEpochs: partitions.map((partition) => held.get(taskOf(subtopologyId, partition))!),
  }));
}

/** In the order of their keys. */
function keyValues(pairs: ReadonlyMap<string, string>): { key: string; value: string }[] {
  return Array.from(pairs, ([key, value]) => ({ key, value })).sort((one, other) => one.key < other.key ? -1 : 1);
}

// ---------------------------------------------------------------------------------------------- from the log

export class StoredStreamsGroup extends StoredParts<typeof streamsGroupRecords> {
  /**
   * @returns null when none of it is left but parts of members that are gone
   * @throws {MalformedFrame}
   */
  restore(groupId: string, context: StepContext): StreamsGroupState | null {
    const draft = new Draft(emptyStreamsGroup(groupId), context);
    const members = new Map<string, StreamsMember>();
    const targets = new SmallMap<string, Tasks>();
    let isKnown = false;
    for (const { key, value } of this.parts()) {
      if (key.kind === "member") members.set(key.memberId, memberOf(key.memberId, value));
    }
    for (const { key, value } of this.parts()) {
      switch (key.kind) {
        case "metadata":
          draft.update(groupOf(streamsGroupLog.decodeValue(key.kind, value)));
          isKnown = true;
          break;
        case "targetMetadata": {
          const { assignmentEpoch, assignmentTimestamp } = streamsGroupLog.decodeValue(key.kind, value);
          draft.update({ assignmentEpoch, assignmentTimestampMs: assignmentTimestamp });
          isKnown = true;
          break;
        }
        case "targetMember": {
          const { activeTasks, standbyTasks, warmupTasks } = streamsGroupLog.decodeValue(key.kind, value);
          const target = { active: tasksOf(activeTasks), standby: tasksOf(standbyTasks), warmup: tasksOf(warmupTasks) };
          if (members.has(key.memberId)) targets.set(key.memberId, target);
          break;
        }
        case "currentMember": {
          const member = members.get(key.memberId);
          if (member !== undefined) members.set(key.memberId, withCurrent(member, value));
          break;
        }
        case "topology":
          draft.update({ topology: streamsGroupLog.decodeValue(key.kind, value) });
          break;
        case "member":
          isKnown = true;
      }
    }
    for (const member of members.values()) draft.put(member);
    draft.update({ targets });
    return isKnown ? draft.state : null;
  }
}

function groupOf(stored: StreamsGroupRecordValue<"metadata">): Partial<StreamsGroupState> {
  return {
    groupEpoch: stored.epoch,
    metadataHash: stored.metadataHash,
    validatedTopologyEpoch: stored.validatedTopologyEpoch,
    assignmentConfigs: new Map((stored.lastAssignmentConfigs ?? []).map(({ key, value }) => [key, value])),
    storedDescriptionEpoch: stored.storedDescriptionTopologyEpoch,
    failedDescriptionEpoch: stored.failedDescriptionTopologyEpoch,
  };
}

function memberOf(memberId: string, value: Uint8Array): StreamsMember {
  const { userEndpoint, clientTags, ...others } = streamsGroupLog.decodeValue("member", value);
  const tags = new Map(clientTags.map(({ key, value }) => [key, value]));
  return { ...newMember(memberId), ...others, endpoint: userEndpoint, tags };
}

function withCurrent(member: StreamsMember, value: Uint8Array): StreamsMember {
  const stored = streamsGroupLog.decodeValue("currentMember", value);
  const held = (
    active: readonly StoredTasks[],
    standby: readonly TaskIds[],
    warmup: readonly TaskIds[],
  ): HeldTasks => ({
    active: activeTasks(active, stored.memberEpoch),
    standby: tasksOf(standby),
    warmup: tasksOf(warmup),
  });
  return {
    ...member,
    epoch: stored.memberEpoch,
    previousEpoch: stored.previousMemberEpoch,
    phase: phasesByCode.get(stored.state) ?? "unknown",
    assigned: held(stored.activeTasks, stored.standbyTasks, stored.warmupTasks),
    revoking: held(
      stored.activeTasksPendingRevocation,
      stored.standbyTasksPendingRevocation,
      stored.warmupTasksPendingRevocation,
    ),
  };
}

type StoredTasks = StreamsGroupRecordValue<"currentMember">["activeTasks"][number];

/** Where the epochs of tasks were not written, it is the member's. */
function activeTasks(stored: readonly StoredTasks[], memberEpoch: number): ReadonlyMap<Task, number> {
  const held = new Map<Task, number>();
  for (const { subtopologyId, partitions, assignmentEpochs } of stored) {
    const epochs = assignmentEpochs?.length === partitions.length ? assignmentEpochs : null;
    for (const [index, partition] of partitions.entries()) {
      held.set(taskOf(subtopologyId, partition), epochs?.[index] ?? Math.max(memberEpoch, 0));
    }
  }
  return held;
}
