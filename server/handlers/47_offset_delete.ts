/**
 * OffsetDelete: v0.
 *
 * Offsets of topics that members of the group subscribe to stay (GROUP_SUBSCRIBED_TO_TOPIC); what the members of a group
 * that is no consumer group use cannot be told, so nothing of it goes while it has members (NON_EMPTY_GROUP).
 */
import { offsetDelete } from "../../protocol/api/47_offset_delete.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const offsetDeleteHandler = handle(offsetDelete, [0, 0], async (request, { broker }) => {
  const places: { topic: string; partition: number }[] = [];
  // Of a topic that is there and of which no partition is asked nothing is said, as in Kafka.
  const told = request.topics.filter(({ name, partitions }) => partitions.length > 0 || !broker.cluster.topic(name));
  const topics = told.map(({ name, partitions }) => {
    const topic = broker.cluster.topic(name);
    return {
      name,
      partitions: partitions.map(({ partitionIndex }) => {
        const isKnown = topic?.partitions[partitionIndex] !== undefined;
        return { partitionIndex, at: isKnown ? places.push({ topic: name, partition: partitionIndex }) - 1 : -1 };
      }),
    };
  });
  const result = await broker.groups.deleteOffsets(request.groupId, places);
  if (typeof result === "number") return { errorCode: result, topics: [] };
  return {
    errorCode: ErrorCode.NONE,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, at }) => ({
        partitionIndex,
        errorCode: result[at] ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      })),
    })),
  };
});
