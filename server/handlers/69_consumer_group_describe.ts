/**
 * ConsumerGroupDescribe: v0–v1.
 *
 * v1 which protocol a member speaks (KIP-1099)
 *
 * What a member has includes what it is about to give up: it answers for that until then. Topics that are no more are
 * left out.
 */
import {
  consumerGroupDescribe,
  type ConsumerGroupDescribeResponseDraft,
} from "../../protocol/api/69_consumer_group_describe.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { groupOperations, operationsNotAsked } from "../cluster/authorized_operations.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { isConsumerProtocolOn } from "../features.ts";
import { preferredAssignor } from "../groups/consumer/assign.ts";
import { assignorNames } from "../groups/consumer/rules.ts";
import type { ConsumerGroupState, ConsumerMember } from "../groups/consumer/state.ts";
import { NO_PARTITIONS, phaseOf } from "../groups/consumer/state.ts";
import { handle } from "../handler.ts";

type GroupAnswer = ConsumerGroupDescribeResponseDraft["groups"][number];
type MemberAnswer = GroupAnswer["members"][number];

const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

export const consumerGroupDescribeHandler = handle(consumerGroupDescribe, [0, 1], (request, { broker }) => ({
  throttleTimeMs: 0,
  groups: request.groupIds.map((groupId) => {
    const answer = answerGroup(groupId, broker);
    const isAsked = request.includeAuthorizedOperations && answer.errorCode === ErrorCode.NONE;
    return { ...answer, authorizedOperations: isAsked ? groupOperations : operationsNotAsked };
  }),
}));

function answerGroup(groupId: string, broker: Broker): GroupAnswer {
  if (!isConsumerProtocolOn(broker)) return refused(groupId, ErrorCode.UNSUPPORTED_VERSION);
  if (groupId === "") return refused(groupId, ErrorCode.INVALID_GROUP_ID);
  const state = broker.groups.describeConsumerGroup(groupId);
  if (typeof state === "number") return refused(groupId, state);
  if (state !== undefined) return described(state, broker);
  const reason = broker.groups.isGroup(groupId) ? "is not a consumer group" : "not found";
  return refused(groupId, ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} ${reason}.`);
}

function described(state: ConsumerGroupState, { cluster, config }: Broker): GroupAnswer {
  return {
    errorCode: ErrorCode.NONE,
    groupId: state.groupId,
    groupState: phaseOf(state),
    groupEpoch: state.groupEpoch,
    assignmentEpoch: state.assignmentEpoch,
    assignorName: preferredAssignor(state, assignorNames(config)),
    members: Array.from(state.members.values(), (member) => describedMember(member, state, cluster)),
  };
}

function describedMember(member: ConsumerMember, { targets }: ConsumerGroupState, cluster: Cluster): MemberAnswer {
  const held = new Map<string, number[]>();
  for (const part of [member.assigned, member.revoking]) {
    for (const [topicId, partitions] of part) {
      held.set(topicId, [...held.get(topicId) ?? [], ...partitions.keys()].sort((one, other) => one - other));
    }
  }
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.epoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.topics,
    subscribedTopicRegex: member.regex,
    assignment: assignment(held, cluster),
    targetAssignment: assignment(targets.get(member.memberId) ?? NO_PARTITIONS, cluster),
    memberType: member.classic === null ? CONSUMER_MEMBER : CLASSIC_MEMBER,
  };
}

function assignment(topics: ReadonlyMap<string, readonly number[]>, cluster: Cluster): MemberAnswer["assignment"] {
  const topicPartitions = [...topics].flatMap(([topicId, partitions]) => {
    const topic = cluster.topicById(topicId);
    return topic === undefined ? [] : [{ topicId, topicName: topic.name, partitions }];
  });
  return { topicPartitions };
}

function refused(groupId: string, errorCode: number, errorMessage: string | null = null): GroupAnswer {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: "",
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: "",
    members: [],
  };
}
