/**
 * OffsetCommit: v0–v10.
 *
 * v0 neither member nor generation · v1 both, and a timestamp of the client's, which is not used · v2 retention · v3
 * throttle · v5 no retention · v6 leader epoch · v7 static membership · v8 flexible · v9 GROUP_ID_NOT_FOUND in place of
 * ILLEGAL_GENERATION for a missing group; member epochs of consumer groups, STALE_MEMBER_EPOCH (KIP-848) · v10 topic ids
 *
 * A partition that does not exist is refused by itself; the rest is committed. Offsets are not compared with the log, nor
 * with those committed before: a group may go back. v0, which went to ZooKeeper once, is kept like the others.
 */
import { offsetCommit, type OffsetCommitRequest } from "../../protocol/api/08_offset_commit.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Topic } from "../cluster/cluster.ts";
import type { OffsetToCommit } from "../groups/coordinator.ts";
import { handle, type RequestContext } from "../handler.ts";

export const offsetCommitHandler = handle(offsetCommit, [0, 10], async (request, context) => {
  const { broker, apiVersion } = context;
  const offsets: OffsetToCommit[] = [];
  const topics = request.topics.filter(({ partitions }) => partitions.length > 0).map((asked) => {
    const topic = findTopic(asked, context);
    const partitions = asked.partitions.map((partition) => {
      const { partitionIndex } = partition;
      const errorCode = partitionError(topic, partitionIndex, apiVersion);
      if (errorCode !== ErrorCode.NONE || topic === undefined) return { partitionIndex, errorCode, at: -1 };
      offsets.push({
        topic: topic.name,
        topicId: topic.id,
        partition: partitionIndex,
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch,
        metadata: partition.committedMetadata,
      });
      return { partitionIndex, errorCode, at: offsets.length - 1 };
    });
    return { name: asked.name, topicId: asked.topicId, partitions };
  });
  if (offsets.length === 0) return { topics };

  const errorCodes = await broker.groups.commitOffsets({
    groupId: request.groupId,
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    generation: request.generationIdOrMemberEpoch,
    apiVersion,
    retentionTimeMs: request.retentionTimeMs,
    offsets,
  });
  return {
    topics: topics.map(({ partitions, ...topic }) => ({
      ...topic,
      partitions: partitions.map(({ partitionIndex, errorCode, at }) => ({
        partitionIndex,
        errorCode: errorCodes[at] ?? errorCode,
      })),
    })),
  };
});

function findTopic(
  asked: OffsetCommitRequest["topics"][number],
  { broker, apiVersion }: RequestContext,
): Topic | undefined {
  return apiVersion >= 10 ? broker.cluster.topicById(asked.topicId) : broker.cluster.topic(asked.name);
}

function partitionError(topic: Topic | undefined, partition: number, apiVersion: number): number {
  if (topic?.partitions[partition] !== undefined) return ErrorCode.NONE;
  return topic === undefined && apiVersion >= 10 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}
