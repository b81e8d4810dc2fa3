/**
 * StreamsGroupDescribe: v0–v1.
 *
 * v1 the name of the assignor (KIP-1357); a description of the topology, which no plugin keeps here (KIP-1331)
 *
 * The topology is told as it is configured: with the numbers of partitions that were found out. Until the topics are in
 * order it is told as the members said it.
 */
import {
  streamsGroupDescribe,
  type StreamsGroupDescribeResponseDraft,
} from "../../protocol/api/89_streams_group_describe.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { groupOperations, operationsNotAsked } from "../cluster/authorized_operations.ts";
import { isStreamsProtocolOn } from "../features.ts";
import { type InternalTopic, isReady } from "../groups/streams/configure.ts";
import { NO_OFFSETS, phaseOf, type StreamsGroupState, type StreamsMember } from "../groups/streams/state.ts";
import { type HeldTasks, NO_TASKS, partsOf, type Task, taskIdsOf, type Tasks } from "../groups/streams/tasks.ts";
import type { StreamsTopology, TopicInfo } from "../groups/streams/topology.ts";
import { handle } from "../handler.ts";

type GroupAnswer = StreamsGroupDescribeResponseDraft["groups"][number];
type MemberAnswer = GroupAnswer["members"][number];
type TopologyAnswer = NonNullable<GroupAnswer["topology"]>;

const DESCRIPTION_NOT_STORED = 1;

export const streamsGroupDescribeHandler = handle(streamsGroupDescribe, [0, 1], (request, { broker, apiVersion }) => ({
  throttleTimeMs: 0,
  groups: request.groupIds.map((groupId) => {
    const answer = answerGroup(groupId, broker);
    const isFound = answer.errorCode === ErrorCode.NONE;
    return {
      ...answer,
      authorizedOperations: request.includeAuthorizedOperations && isFound ? groupOperations : operationsNotAsked,
      ...(request.includeTopologyDescription && isFound && apiVersion > 0
        ? { topologyDescriptionStatus: DESCRIPTION_NOT_STORED }
        : {}),
    };
  }),
}));

function answerGroup(groupId: string, broker: Broker): GroupAnswer {
  if (!isStreamsProtocolOn(broker)) return refused(groupId, ErrorCode.UNSUPPORTED_VERSION);
  if (groupId === "") return refused(groupId, ErrorCode.INVALID_GROUP_ID);
  const state = broker.groups.streams.describe(groupId);
  if (typeof state === "number") return refused(groupId, state);
  if (state !== undefined) return described(state, broker);
  const reason = broker.groups.isGroup(groupId) ? "is not a streams group" : "not found";
  return refused(groupId, ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} ${reason}.`);
}

function described(state: StreamsGroupState, { groups }: Broker): GroupAnswer {
  return {
    errorCode: ErrorCode.NONE,
    groupId: state.groupId,
    groupState: phaseOf(state),
    groupEpoch: state.groupEpoch,
    assignmentEpoch: state.assignmentEpoch,
    topology: topologyOf(state),
    members: Array.from(state.members.values(), (member) => describedMember(member, state)),
    assignorName: groups.streams.rulesOf(state.groupId).assignor,
  };
}

function topologyOf({ topology, configured }: StreamsGroupState): TopologyAnswer | null {
  if (topology === null) return null;
  if (configured === null || !isReady(configured) || configured.subtopologies === null) return asSaid(topology);
  return {
    epoch: configured.epoch,
    subtopologies: Array.from(configured.subtopologies, ([subtopologyId, subtopology]) => ({
      subtopologyId,
      sourceTopics: subtopology.sourceTopics,
      repartitionSinkTopics: subtopology.repartitionSinkTopics,
      stateChangelogTopics: subtopology.stateChangelogTopics.map(configuredInfo),
      repartitionSourceTopics: subtopology.repartitionSourceTopics.map(configuredInfo),
    })),
  };
}

function configuredInfo({ name, partitionCount, replicationFactor, configs }: InternalTopic) {
  const topicConfigs = Array.from(configs, ([key, value]) => ({ key, value }));
  return { name, partitions: partitionCount, replicationFactor, topicConfigs };
}

function asSaid({ epoch, subtopologies }: StreamsTopology): TopologyAnswer {
  const byName = (infos: readonly TopicInfo[]) => [...infos].sort((one, other) => one.name < other.name ? -1 : 1);
  return {
    epoch,
    subtopologies: [...subtopologies].sort((one, other) => one.subtopologyId < other.subtopologyId ? -1 : 1)
      .map((subtopology) => ({
        subtopologyId: subtopology.subtopologyId,
        sourceTopics: [...subtopology.sourceTopics].sort(),
        repartitionSinkTopics: [...subtopology.repartitionSinkTopics].sort(),
        stateChangelogTopics: byName(subtopology.stateChangelogTopics),
        repartitionSourceTopics: byName(subtopology.repartitionSourceTopics),
      })),
  };
}

function describedMember(member: StreamsMember, { targets, taskOffsets }: StreamsGroupState): MemberAnswer {
  const { offsets, endOffsets } = taskOffsets.get(member.memberId) ?? NO_OFFSETS;
  return {
    memberId: member.memberId,
    memberEpoch: member.epoch,
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    topologyEpoch: member.topologyEpoch,
    processId: member.processId,
    userEndpoint: member.endpoint,
    clientTags: Array.from(member.tags, ([key, value]) => ({ key, value })),
    taskOffsets: offsetsOf(offsets),
    taskEndOffsets: offsetsOf(endOffsets),
    assignment: assignmentOf(member.assigned),
    targetAssignment: assignmentOf(targets.get(member.memberId) ?? NO_TASKS),
    isClassic: false,
  };
}

function assignmentOf({ active, standby, warmup }: Tasks | HeldTasks): MemberAnswer["assignment"] {
  return {
    activeTasks: taskIdsOf(active.keys()),
    standbyTasks: taskIdsOf(standby),
    warmupTasks: taskIdsOf(warmup),
  };
}

/** By subtopology, then by partition. */
function offsetsOf(offsets: ReadonlyMap<Task, number>): MemberAnswer["taskOffsets"] {
  return Array.from(offsets, ([task, offset]) => ({ ...partsOf(task), offset })).sort((one, other) =>
    one.subtopologyId === other.subtopologyId
      ? one.partition - other.partition
      : one.subtopologyId < other.subtopologyId
      ? -1
      : 1
  );
}

function refused(groupId: string, errorCode: number, errorMessage: string | null = null): GroupAnswer {
  return { errorCode, errorMessage, groupId, groupState: "", groupEpoch: 0, assignmentEpoch: 0, members: [] };
}
