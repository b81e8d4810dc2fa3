/**
 * DescribeGroups: v0–v6.
 *
 * v1 throttle · v3 authorized operations · v4 instance ids · v5 flexible · v6 GROUP_ID_NOT_FOUND and a message for a
 * group that is not there (KIP-1043), which before was an empty group in state Dead
 *
 * Members' metadata, and the protocol, are told of a stable group only; assignments always.
 */
import { describeGroups, type DescribeGroupsResponseDraft } from "../../protocol/api/15_describe_groups.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { groupOperations, operationsNotAsked } from "../cluster/authorized_operations.ts";
import { type GroupState, metadataOf, NO_BYTES } from "../groups/classic/state.ts";
import { handle } from "../handler.ts";

type GroupAnswer = DescribeGroupsResponseDraft["groups"][number];

export const describeGroupsHandler = handle(describeGroups, [0, 6], (request, { broker, apiVersion }) => ({
  groups: request.groups.map((groupId) => {
    const state = broker.groups.describeGroup(groupId);
    const answer = typeof state === "number"
      ? refused(groupId, state)
      : state === undefined
      ? missing(groupId, { apiVersion, isOther: broker.groups.isGroup(groupId) })
      : described(state);
    const isAsked = request.includeAuthorizedOperations && answer.errorCode === ErrorCode.NONE;
    return { ...answer, authorizedOperations: isAsked ? groupOperations : operationsNotAsked };
  }),
}));

function described(state: GroupState): GroupAnswer {
  const isStable = state.phase === "Stable";
  return {
    errorCode: ErrorCode.NONE,
    groupId: state.groupId,
    groupState: state.phase,
    protocolType: state.protocolType ?? "",
    protocolData: isStable ? state.protocolName ?? "" : "",
    members: Array.from(state.members.values(), (member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? metadataOf(member, state.protocolName) : NO_BYTES,
      memberAssignment: member.assignment,
    })),
  };
}

function missing(
  groupId: string,
  { apiVersion, isOther }: { readonly apiVersion: number; readonly isOther: boolean },
): GroupAnswer {
  const dead = { ...refused(groupId, ErrorCode.NONE), groupState: "Dead" };
  if (apiVersion < 6) return dead;
  const reason = isOther ? "is not a classic group" : "not found";
  return { ...dead, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: `Group ${groupId} ${reason}.` };
}

function refused(groupId: string, errorCode: number): GroupAnswer {
  return { errorCode, groupId, groupState: "", protocolType: "", protocolData: "", members: [] };
}
