/**
 * ShareGroupHeartbeat: how a member of a share group joins, stays and leaves (KIP-932).
 *
 * v0 was an early one of Kafka 4.0, and is gone.
 */
import { api, array, type Draft, type Infer, int16, int32, string, struct, uuid } from "../schema.ts";

export const shareGroupHeartbeat = api(76, "ShareGroupHeartbeat", { versions: [1, 1], flexible: 0 }, {
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    rackId: string.nullable().default(null),
    subscribedTopicNames: array(string).nullable().default(null),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string.nullable().default(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({ topicPartitions: array({ topicId: uuid, partitions: array(int32) }) }).nullable().default(
      null,
    ),
  },
});

export type ShareGroupHeartbeatRequest = Infer<typeof shareGroupHeartbeat.request>;
export type ShareGroupHeartbeatRequestDraft = Draft<typeof shareGroupHeartbeat.request>;
export type ShareGroupHeartbeatResponse = Infer<typeof shareGroupHeartbeat.response>;
export type ShareGroupHeartbeatResponseDraft = Draft<typeof shareGroupHeartbeat.response>;
