/**
 * JoinGroup: a member enters a rebalance. Answered when all have, to the leader with the members' metadata.
 *
 * v1   rebalance timeout, apart from the session timeout (KIP-62)
 * v2   answer: throttle time
 * v3   a throttled answer is sent before the broker pauses (KIP-219)
 * v4   a member without id is given one by MEMBER_ID_REQUIRED and joins again with it (KIP-394)
 * v5   group instance id (KIP-345)
 * v6   flexible
 * v7   answer: protocol type (KIP-559)
 * v8   a reason, for the broker's log (KIP-800)
 * v9   answer: whether the leader may skip its assignment (KIP-814)
 */
import { api, array, bool, bytes, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const joinGroup = api(11, "JoinGroup", { versions: [0, 9], flexible: 6 }, {
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.default(-1).since(1).ignorable(),
    memberId: string,
    groupInstanceId: string.nullable().default(null).since(5),
    protocolType: string,
    protocols: array({ name: string, metadata: bytes }),
    reason: string.nullable().default(null).since(8).ignorable(),
  },
  response: {
    throttleTimeMs: int32.since(2).ignorable(),
    errorCode: int16,
    generationId: int32.default(-1),
    protocolType: string.nullable().default(null).since(7).ignorable(),
    protocolName: string.nullable(7),
    leader: string,
    skipAssignment: bool.default(false).since(9),
    memberId: string,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().default(null).since(5).ignorable(),
      metadata: bytes,
    }),
  },
});

export type JoinGroupRequest = Infer<typeof joinGroup.request>;
export type JoinGroupRequestDraft = Draft<typeof joinGroup.request>;
export type JoinGroupResponse = Infer<typeof joinGroup.response>;
export type JoinGroupResponseDraft = Draft<typeof joinGroup.response>;
