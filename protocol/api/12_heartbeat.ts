/**
 * Heartbeat: a member is alive, and learns whether its group rebalances.
 *
 * v1   answer: throttle time
 * v2   a throttled answer is sent before the broker pauses (KIP-219)
 * v3   group instance id (KIP-345)
 * v4   flexible
 */
import { api, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const heartbeat = api(12, "Heartbeat", { versions: [0, 4], flexible: 4 }, {
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().default(null).since(3),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
  },
});

export type HeartbeatRequest = Infer<typeof heartbeat.request>;
export type HeartbeatRequestDraft = Draft<typeof heartbeat.request>;
export type HeartbeatResponse = Infer<typeof heartbeat.response>;
export type HeartbeatResponseDraft = Draft<typeof heartbeat.response>;
