/**
 * JoinGroup: v0–v9.
 *
 * v0 rebalances take the session timeout · v1 rebalance timeout · v2 throttle · v4 MEMBER_ID_REQUIRED (KIP-394) · v5
 * static membership (KIP-345) · v6 flexible · v7 protocol type in the answer, protocol name may be null · v8 reason
 * (KIP-800) · v9 a returning static leader skips the assignment (KIP-814)
 *
 * Answered when the group has gathered: long after the request, holding nothing of its frame.
 */
import { joinGroup } from "../../protocol/api/11_join_group.ts";
import { handle } from "../handler.ts";

export const joinGroupHandler = handle(joinGroup, [0, 9], async (request, context) => {
  const { broker, apiVersion, clientId, connection } = context;
  const answer = await broker.groups.joinGroup({
    groupId: request.groupId,
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    clientId: clientId ?? "",
    clientHost: connection.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: apiVersion === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    protocolType: request.protocolType,
    protocols: request.protocols,
    reason: request.reason || "not provided",
    isMemberIdRequired: apiVersion >= 4,
    canSkipAssignment: apiVersion >= 9,
  });
  return {
    errorCode: answer.errorCode,
    generationId: answer.generation,
    protocolType: answer.protocolType,
    protocolName: answer.protocolName || (apiVersion >= 7 ? null : ""),
    leader: answer.leaderId,
    skipAssignment: answer.skipAssignment && apiVersion >= 9,
    memberId: answer.memberId,
    members: answer.members.map(({ memberId, instanceId, metadata }) => ({
      memberId,
      groupInstanceId: instanceId,
      metadata,
    })),
  };
});
