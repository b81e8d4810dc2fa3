/**
 * ShareAcknowledge: v1–v2.
 *
 * v2 acknowledgements that prolong locks (KIP-1222)
 *
 * Answered once what is said of the records is durable.
 */
import { shareAcknowledge, type ShareAcknowledgeResponseDraft } from "../../protocol/api/79_share_acknowledge.ts";
import { ErrorCode, errorInfo, ProtocolError } from "../../protocol/errors.ts";
import { requireShareProtocol } from "../features.ts";
import { handle } from "../handler.ts";
import { acknowledgeAll, type Acknowledged, checkMember } from "../share/requests.ts";
import { FINAL_EPOCH, INITIAL_EPOCH } from "../share/sessions.ts";

type TopicResponse = ShareAcknowledgeResponseDraft["responses"][number];

export const shareAcknowledgeHandler = handle(shareAcknowledge, [1, 2], async (request, context) => {
  const { broker, apiVersion } = context;
  const { cluster, sharePartitions } = broker;
  const { shareSessionEpoch: epoch } = request;
  try {
    requireShareProtocol(broker);
    const member = checkMember(request);
    const { groupId, memberId } = member;
    const sessions = broker.sharePartitions.sessions;
    if (epoch === INITIAL_EPOCH) {
      const code = ErrorCode.INVALID_SHARE_SESSION_EPOCH;
      throw new ProtocolError(code, errorInfo(code).message);
    }
    const session = epoch === FINAL_EPOCH ? sessions.get(groupId, memberId) : sessions.next(groupId, memberId, epoch);
    const acknowledged = await acknowledgeAll(request, member, { cluster, sharePartitions, apiVersion });
    if (epoch === FINAL_EPOCH) sessions.end(session);
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      acquisitionLockTimeoutMs: sharePartitions.rulesOf(groupId).lockMs,
      responses: byTopic(acknowledged),
      nodeEndpoints: [],
    };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return {
      throttleTimeMs: 0,
      errorCode: error.code,
      responses: [],
      nodeEndpoints: [],
    };
  }
});

function byTopic(acknowledged: readonly Acknowledged[]): TopicResponse[] {
  const topics = new Map<string, TopicResponse["partitions"][number][]>();
  for (const { topicId, index, errorCode, errorMessage } of acknowledged) {
    const partition = {
      partitionIndex: index,
      errorCode,
      errorMessage,
      currentLeader: { leaderId: 0, leaderEpoch: 0 },
    };
    topics.set(topicId, [...topics.get(topicId) ?? [], partition]);
  }
  return Array.from(topics, ([topicId, partitions]) => ({ topicId, partitions }));
}
