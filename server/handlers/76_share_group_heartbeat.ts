/**
 * ShareGroupHeartbeat: v1.
 *
 * Joining, staying and leaving are all this one request (KIP-932). Answered once the log has what it changed. A topic that is
 * new to the group is assigned with the next heartbeat: the share coordinator begins with it meanwhile.
 */
import { shareGroupHeartbeat } from "../../protocol/api/76_share_group_heartbeat.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { isShareProtocolOn } from "../features.ts";
import { refusedShareHeartbeat } from "../groups/share/state.ts";
import { handle } from "../handler.ts";
import { isMemberId } from "../share/requests.ts";

export const shareGroupHeartbeatHandler = handle(shareGroupHeartbeat, [1, 1], async (request, context) => {
  const { broker, clientId, connection } = context;
  const { groupId, memberId, memberEpoch, rackId } = request;
  if (!isShareProtocolOn(broker)) {
    return { ...refusedShareHeartbeat(ErrorCode.UNSUPPORTED_VERSION, null), throttleTimeMs: 0, assignment: null };
  }
  const answer = isMemberId(memberId)
    ? await broker.groups.share.heartbeat({
      groupId,
      memberId,
      memberEpoch,
      rackId,
      topics: request.subscribedTopicNames,
      clientId: clientId ?? "",
      clientHost: connection.clientHost,
    })
    : refusedShareHeartbeat(ErrorCode.INVALID_REQUEST, null);
  const { assignment } = answer;
  return {
    ...answer,
    throttleTimeMs: 0,
    assignment: assignment && {
      topicPartitions: Array.from(assignment, ([topicId, partitions]) => ({ topicId, partitions })),
    },
  };
});
