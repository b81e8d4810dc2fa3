/**
 * ConsumerGroupHeartbeat: v0–v1.
 *
 * v0 a member may leave its id to the broker · v1 members bring their ids, and may subscribe by a regular expression
 *
 * Joining, staying, giving up partitions and leaving are all this one request (KIP-848). Answered once the log has what it
 * changed.
 */
import { consumerGroupHeartbeat } from "../../protocol/api/68_consumer_group_heartbeat.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { isConsumerProtocolOn } from "../features.ts";
import { handle } from "../handler.ts";

export const consumerGroupHeartbeatHandler = handle(consumerGroupHeartbeat, [0, 1], async (request, context) => {
  const { broker, apiVersion, clientId, connection } = context;
  if (!isConsumerProtocolOn(broker)) {
    return { throttleTimeMs: 0, errorCode: ErrorCode.UNSUPPORTED_VERSION, memberEpoch: 0, heartbeatIntervalMs: 0 };
  }
  const answer = await broker.groups.consumerGroupHeartbeat({
    groupId: request.groupId,
    apiVersion,
    memberId: request.memberId,
    memberEpoch: request.memberEpoch,
    instanceId: request.instanceId,
    rackId: request.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    topics: request.subscribedTopicNames,
    regex: request.subscribedTopicRegex,
    assignor: request.serverAssignor,
    owned: request.topicPartitions,
    clientId: clientId ?? "",
    clientHost: connection.clientHost,
  });
  const { assignment } = answer;
  return {
    throttleTimeMs: 0,
    errorCode: answer.errorCode,
    errorMessage: answer.errorMessage,
    memberId: answer.memberId,
    memberEpoch: answer.memberEpoch,
    heartbeatIntervalMs: answer.heartbeatIntervalMs,
    assignment: assignment && {
      topicPartitions: Array.from(assignment, ([topicId, partitions]) => ({ topicId, partitions })),
    },
  };
});
