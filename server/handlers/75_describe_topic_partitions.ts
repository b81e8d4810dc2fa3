/**
 * DescribeTopicPartitions: v0 (KIP-966).
 *
 * Topics in the order of their names, partitions in theirs, up to the lower of the client's limit and
 * `max.request.partition.size.limit`; then a cursor says where the next page begins. No topics means all of them.
 */
import {
  describeTopicPartitions,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponseDraft,
} from "../../protocol/api/75_describe_topic_partitions.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { topicOperations } from "../cluster/authorized_operations.ts";
import type { Topic } from "../cluster/cluster.ts";
import { topicNameTrouble } from "../cluster/topic_name.ts";
import { handle } from "../handler.ts";
import { describePartition } from "./03_metadata.ts";

type TopicAnswer = DescribeTopicPartitionsResponseDraft["topics"][number];

export const describeTopicPartitionsHandler = handle(describeTopicPartitions, [0, 0], (request, { broker }) => {
  const { cursor } = request;
  const asked = askedNames(broker, request);
  const isPastCursor = cursor !== null && request.topics.length > 0 && !asked.includes(cursor.topicName);
  if (isPastCursor || (cursor !== null && cursor.partitionIndex < 0)) return refuse(request);

  const limit = Math.max(
    1,
    Math.min(request.responsePartitionLimit, broker.config.get("max.request.partition.size.limit")),
  );
  const topics: TopicAnswer[] = [];
  let left = limit;
  for (const name of asked) {
    if (left === 0) return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    const topic = broker.cluster.topic(name);
    if (topic === undefined) {
      topics.push(missing(name));
      continue;
    }
    const first = cursor?.topicName === name ? cursor.partitionIndex : 0;
    const end = Math.min(topic.partitions.length, first + left);
    topics.push(page(broker, topic, first, end));
    if (end < topic.partitions.length) {
      return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: end } };
    }
    left -= Math.max(0, end - first);
  }
  return { throttleTimeMs: 0, topics, nextCursor: null };
});

/** From the cursor on. */
function askedNames(broker: Broker, { topics, cursor }: DescribeTopicPartitionsRequest): readonly string[] {
  const names = topics.length === 0
    ? broker.cluster.topics().map(({ name }) => name)
    : [...new Set(topics.map(({ name }) => name))].sort();
  return cursor === null ? names : names.filter((name) => name >= cursor.topicName);
}

function page(broker: Broker, topic: Topic, first: number, end: number): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: topic.partitions.slice(first, end).map((partition) => ({
      ...describePartition(broker, topic, partition),
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    })),
    topicAuthorizedOperations: topicOperations,
  };
}

function missing(name: string): TopicAnswer {
  return {
    errorCode: topicNameTrouble(name) === null
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.INVALID_TOPIC_EXCEPTION,
    name,
    partitions: [],
    topicAuthorizedOperations: topicOperations,
  };
}

/** The cursor is none that we gave. */
function refuse({ topics }: DescribeTopicPartitionsRequest): DescribeTopicPartitionsResponseDraft {
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name }) => ({ errorCode: ErrorCode.INVALID_REQUEST, name, partitions: [] })),
    nextCursor: null,
  };
}
