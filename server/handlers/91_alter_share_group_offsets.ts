/**
 * AlterShareGroupOffsets: v0. Only of a group without members; one that is not there is made.
 *
 * A topic named twice is answered once, with the partitions of both. A partition below 0 fails all that is asked.
 */
import {
  alterShareGroupOffsets,
  type AlterShareGroupOffsetsRequest,
  type AlterShareGroupOffsetsResponseDraft,
} from "../../protocol/api/91_alter_share_group_offsets.ts";
import { ErrorCode, errorInfo, ProtocolError } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import type { Broker } from "../broker.ts";
import type { Topic } from "../cluster/cluster.ts";
import { isShareProtocolOn } from "../features.ts";
import type { InitialTopic } from "../groups/share/state.ts";
import type { Kept } from "../groups/share_groups.ts";
import { handle } from "../handler.ts";

/** The sentence is Kafka's: tools print it. */
const unknown: Kept = {
  errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorMessage: "This server does not host this topic-partition.",
};

type TopicAnswer = AlterShareGroupOffsetsResponseDraft["responses"][number];

export const alterShareGroupOffsetsHandler = handle(alterShareGroupOffsets, [0, 0], async (request, { broker }) => {
  if (!isShareProtocolOn(broker)) {
    return { throttleTimeMs: 0, errorCode: ErrorCode.UNSUPPORTED_VERSION, responses: [] };
  }
  const { groupId } = request;
  const wanted = wantedOf(request, broker);
  const outcomes = new Map<string, Map<number, Kept>>();
  try {
    if (wanted.some(({ partitions }) => partitions.some(({ partition }) => partition < 0))) {
      await broker.groups.share.alterOffsets(groupId, []); // makes the group, or refuses it: as in Kafka, that comes first
      throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, errorInfo(ErrorCode.UNKNOWN_SERVER_ERROR).message);
    }
    const all = (await broker.groups.share.alterOffsets(groupId, wanted)).values();
    for (const { topicId, partitions } of wanted) {
      outcomes.set(topicId, new Map(partitions.map(({ partition }) => [partition, all.next().value ?? unknown])));
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { throttleTimeMs: 0, errorCode: error.code, errorMessage: error.message, responses: [] };
  }
  const responses = new Map<string, TopicAnswer>();
  for (const { topicName, partitions } of request.topics) {
    const topicId = broker.cluster.topic(topicName)?.id ?? ZERO_UUID;
    if (topicId === ZERO_UUID && partitions.length === 0) continue; // as Kafka
    const answers = partitions.map(({ partitionIndex }) => ({
      partitionIndex,
      ...outcomes.get(topicId)?.get(partitionIndex) ?? unknown,
    }));
    const earlier = responses.get(topicName)?.partitions ?? [];
    responses.set(topicName, { topicName, topicId, partitions: [...earlier, ...answers] });
  }
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, responses: [...responses.values()] };
});

/** What is there of the partitions; and those below 0, which Kafka finds out about later. What is named twice is put where it is named last. */
function wantedOf({ topics }: AlterShareGroupOffsetsRequest, { cluster }: Broker): InitialTopic[] {
  const wanted = new Map<Topic, Map<number, number>>();
  for (const { topicName, partitions } of topics) {
    const topic = cluster.topic(topicName);
    if (topic === undefined) continue;
    const offsets = wanted.get(topic) ?? new Map<number, number>();
    wanted.set(topic, offsets);
    for (const { partitionIndex, startOffset } of partitions) {
      if (partitionIndex < topic.partitions.length) offsets.set(partitionIndex, startOffset);
    }
  }
  return Array.from(wanted, ([{ id, name }, offsets]) => ({
    topicId: id,
    name,
    partitions: Array.from(offsets, ([partition, startOffset]) => ({ partition, startOffset })),
  }));
}
