/**
 * LeaveGroup: members go without waiting for their session to end.
 *
 * v1   answer: throttle time
 * v2   a throttled answer is sent before the broker pauses (KIP-219)
 * v3   several members at once, by id or by group instance id (KIP-345)
 * v4   flexible
 * v5   a reason, for the broker's log (KIP-800)
 */
import { api, array, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const leaveGroup = api(13, "LeaveGroup", { versions: [0, 5], flexible: 4 }, {
  request: {
    groupId: string,
    memberId: string.until(2),
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().default(null),
      reason: string.nullable().default(null).since(5).ignorable(),
    }).since(3),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable(),
      errorCode: int16,
    }).since(3),
  },
});

export type LeaveGroupRequest = Infer<typeof leaveGroup.request>;
export type LeaveGroupRequestDraft = Draft<typeof leaveGroup.request>;
export type LeaveGroupResponse = Infer<typeof leaveGroup.response>;
export type LeaveGroupResponseDraft = Draft<typeof leaveGroup.response>;
