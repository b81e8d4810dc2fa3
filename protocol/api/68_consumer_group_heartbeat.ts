/**
 * ConsumerGroupHeartbeat: the one request by which a member of a consumer group joins, stays, revokes and leaves (KIP-848).
 *
 * v1   a regular expression as subscription; members make up their own ids (KIP-1082)
 */
import { api, array, type Draft, type Infer, int16, int32, string, struct, uuid } from "../schema.ts";

const topicPartitions = { topicId: uuid, partitions: array(int32) };

export const consumerGroupHeartbeat = api(68, "ConsumerGroupHeartbeat", { versions: [0, 1], flexible: 0 }, {
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: string.nullable().default(null),
    rackId: string.nullable().default(null),
    rebalanceTimeoutMs: int32.default(-1),
    subscribedTopicNames: array(string).nullable().default(null),
    subscribedTopicRegex: string.nullable(1).default(null).since(1),
    serverAssignor: string.nullable().default(null),
    topicPartitions: array(topicPartitions).nullable().default(null),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string.nullable().default(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({ topicPartitions: array(topicPartitions) }).nullable().default(null),
  },
});

export type ConsumerGroupHeartbeatRequest = Infer<typeof consumerGroupHeartbeat.request>;
export type ConsumerGroupHeartbeatRequestDraft = Draft<typeof consumerGroupHeartbeat.request>;
export type ConsumerGroupHeartbeatResponse = Infer<typeof consumerGroupHeartbeat.response>;
export type ConsumerGroupHeartbeatResponseDraft = Draft<typeof consumerGroupHeartbeat.response>;
