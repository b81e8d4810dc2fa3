/**
 * SyncGroup: the leader hands in the assignment, every member takes its own.
 *
 * v1   answer: throttle time
 * v2   a throttled answer is sent before the broker pauses (KIP-219)
 * v3   group instance id (KIP-345)
 * v4   flexible
 * v5   protocol type and name, both ways, so that a mismatch is noticed (KIP-559)
 */
import { api, array, bytes, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const syncGroup = api(14, "SyncGroup", { versions: [0, 5], flexible: 4 }, {
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().default(null).since(3),
    protocolType: string.nullable().default(null).since(5).ignorable(),
    protocolName: string.nullable().default(null).since(5).ignorable(),
    assignments: array({ memberId: string, assignment: bytes }),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    protocolType: string.nullable().default(null).since(5).ignorable(),
    protocolName: string.nullable().default(null).since(5).ignorable(),
    assignment: bytes,
  },
});

export type SyncGroupRequest = Infer<typeof syncGroup.request>;
export type SyncGroupRequestDraft = Draft<typeof syncGroup.request>;
export type SyncGroupResponse = Infer<typeof syncGroup.response>;
export type SyncGroupResponseDraft = Draft<typeof syncGroup.response>;
