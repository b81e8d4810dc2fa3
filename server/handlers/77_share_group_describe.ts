/** ShareGroupDescribe: v1. Topics that are no more are left out of what members have. */
import {
  shareGroupDescribe,
  type ShareGroupDescribeResponseDraft,
} from "../../protocol/api/77_share_group_describe.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { groupOperations, operationsNotAsked } from "../cluster/authorized_operations.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { isShareProtocolOn } from "../features.ts";
import { type ShareGroupState, type ShareMember, sharePhaseOf } from "../groups/share/state.ts";
import { handle } from "../handler.ts";

type GroupAnswer = ShareGroupDescribeResponseDraft["groups"][number];
type MemberAnswer = GroupAnswer["members"][number];

export const shareGroupDescribeHandler = handle(shareGroupDescribe, [1, 1], (request, { broker }) => ({
  throttleTimeMs: 0,
  groups: request.groupIds.map((groupId) => {
    const answer = answerGroup(groupId, broker);
    const isAsked = request.includeAuthorizedOperations && answer.errorCode === ErrorCode.NONE;
    return { ...answer, authorizedOperations: isAsked ? groupOperations : operationsNotAsked };
  }),
}));

function answerGroup(groupId: string, { groups, cluster }: Broker): GroupAnswer {
  if (!isShareProtocolOn({ cluster })) return refused(groupId, ErrorCode.UNSUPPORTED_VERSION);
  if (groupId === "") return refused(groupId, ErrorCode.INVALID_GROUP_ID);
  const state = groups.share.describe(groupId);
  if (typeof state === "number") return refused(groupId, state);
  if (state !== undefined) return described(state, cluster);
  const reason = groups.isGroup(groupId) ? "is not a share group" : "not found";
  return refused(groupId, ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} ${reason}.`);
}

function described(state: ShareGroupState, cluster: Cluster): GroupAnswer {
  return {
    errorCode: ErrorCode.NONE,
    groupId: state.groupId,
    groupState: sharePhaseOf(state),
    groupEpoch: state.groupEpoch,
    assignmentEpoch: state.assignmentEpoch,
    assignorName: "simple",
    members: Array.from(state.members.values(), (member) => describedMember(member, cluster)),
  };
}

function describedMember(member: ShareMember, cluster: Cluster): MemberAnswer {
  const topicPartitions = [...member.assigned].flatMap(([topicId, partitions]) => {
    const topic = cluster.topicById(topicId);
    return topic === undefined ? [] : [{ topicId, topicName: topic.name, partitions }];
  });
  return {
    memberId: member.memberId,
    rackId: member.rackId,
    memberEpoch: member.epoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.topics,
    assignment: { topicPartitions },
  };
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
