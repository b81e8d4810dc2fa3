/** AlterShareGroupOffsets: v0. Only of a group without members; one that is not there is made. */
import {
  alterShareGroupOffsets,
  type AlterShareGroupOffsetsResponseDraft,
} from "../../protocol/api/91_alter_share_group_offsets.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import { isShareProtocolOn } from "../features.ts";
import type { InitialTopic } from "../groups/share/state.ts";
import type { Kept } from "../groups/share_groups.ts";
import { handle } from "../handler.ts";

/** The sentence is Kafka's: tools print it. */
const unknown: Kept = {
  errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorMessage: "This server does not host this topic-partition.",
};

type PartitionAnswer = AlterShareGroupOffsetsResponseDraft["responses"][number]["partitions"][number];

export const alterShareGroupOffsetsHandler = handle(alterShareGroupOffsets, [0, 0], async (request, { broker }) => {
  if (!isShareProtocolOn(broker)) {
    return { throttleTimeMs: 0, errorCode: ErrorCode.UNSUPPORTED_VERSION, responses: [] };
  }
  const wanted: InitialTopic[] = [];
  for (const { topicName, partitions } of request.topics) {
    const topic = broker.cluster.topic(topicName);
    if (topic === undefined) continue;
    const known = partitions.filter(({ partitionIndex }) => topic.partitions[partitionIndex] !== undefined)
      .map(({ partitionIndex, startOffset }) => ({ partition: partitionIndex, startOffset }));
    wanted.push({ topicId: topic.id, name: topicName, partitions: known });
  }
  let outcomes: Kept[];
  try {
    outcomes = await broker.groups.share.alterOffsets(request.groupId, wanted);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { throttleTimeMs: 0, errorCode: error.code, errorMessage: error.message, responses: [] };
  }
  let next = 0;
  const responses = request.topics.map(({ topicName, partitions }) => {
    const topic = broker.cluster.topic(topicName);
    const isWanted = topic !== undefined && wanted.some(({ topicId }) => topicId === topic.id);
    return {
      topicName,
      topicId: topic?.id ?? ZERO_UUID,
      partitions: partitions.map(({ partitionIndex }): PartitionAnswer => {
        const isKnown = isWanted && topic.partitions[partitionIndex] !== undefined;
        return { partitionIndex, ...(isKnown ? outcomes[next++] ?? unknown : unknown) };
      }),
    };
  });
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, responses };
});
