/**
 * LeaveGroup: v0–v5.
 *
 * v0–v2 one member, its error the answer's · v1 throttle · v3 several members, by member id or instance id (KIP-345) ·
 * v4 flexible · v5 reasons (KIP-800)
 */
import { leaveGroup } from "../../protocol/api/13_leave_group.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const leaveGroupHandler = handle(leaveGroup, [0, 5], async (request, { broker, apiVersion }) => {
  const leaving = apiVersion >= 3
    ? request.members
    : [{ memberId: request.memberId, groupInstanceId: null, reason: null }];
  const { errorCode, members } = await broker.groups.leaveGroup(
    request.groupId,
    leaving.map(({ memberId, groupInstanceId, reason }) => ({
      memberId,
      instanceId: groupInstanceId,
      reason: reason || "not provided",
    })),
  );
  if (apiVersion < 3) return { errorCode: errorCode || (members[0]?.errorCode ?? ErrorCode.NONE) };
  return {
    errorCode,
    members: members.map(({ memberId, instanceId, errorCode }) => ({
      memberId,
      groupInstanceId: instanceId,
      errorCode,
    })),
  };
});
