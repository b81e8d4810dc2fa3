/** DeleteShareGroupOffsets: v0. Only of a group without members. */
import {
  deleteShareGroupOffsets,
  type DeleteShareGroupOffsetsResponseDraft,
} from "../../protocol/api/92_delete_share_group_offsets.ts";
import { ErrorCode, errorInfo, ProtocolError } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import { isShareProtocolOn } from "../features.ts";
import { handle } from "../handler.ts";

type TopicAnswer = DeleteShareGroupOffsetsResponseDraft["responses"][number];

export const deleteShareGroupOffsetsHandler = handle(deleteShareGroupOffsets, [0, 0], async (request, { broker }) => {
  if (!isShareProtocolOn(broker)) {
    return { throttleTimeMs: 0, errorCode: ErrorCode.UNSUPPORTED_VERSION, responses: [] };
  }
  const { groupId } = request;
  const { groups, cluster } = broker;
  const { initialized, deleting } = groups.share.state(groupId)?.statePartitions ??
    { initialized: new Map(), deleting: new Map() };
  const wanted = new Map<string, string>(); // names by id: what is named twice is answered once, as in Kafka
  const refused: TopicAnswer[] = [];
  for (const { topicName } of request.topics) {
    const topicId = cluster.topic(topicName)?.id;
    if (topicId !== undefined && (initialized.has(topicId) || deleting.has(topicId))) {
      wanted.set(topicId, topicName);
      continue;
    }
    const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const errorMessage = topicId === undefined
      ? "This server does not host this topic-partition." // Kafka's sentence: tools print it
      : "There is no offset information to delete.";
    refused.push({ topicName, topicId: ZERO_UUID, errorCode, errorMessage });
  }
  try {
    const outcomes = await groups.share.deleteOffsets(groupId, [...wanted.keys()]);
    const answers = Array.from(wanted, ([topicId, topicName]): TopicAnswer => {
      const errorCode = outcomes.get(topicId)?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      const errorMessage = errorCode === ErrorCode.NONE ? null : errorInfo(errorCode).message;
      return { topicName, topicId, errorCode, errorMessage };
    });
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, responses: [...answers, ...refused] };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { throttleTimeMs: 0, errorCode: error.code, errorMessage: error.message, responses: [] };
  }
});
