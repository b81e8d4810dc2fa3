/** What OffsetCommit and TxnOffsetCommit have in common: topics that are looked up, and an answer for each partition. */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Cluster, Topic } from "../cluster/cluster.ts";
import type { OffsetToCommit } from "./commits.ts";

interface AskedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly committedOffset: number;
    readonly committedLeaderEpoch: number;
    readonly committedMetadata: string | null;
  }[];
}

interface AnsweredTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[];
}

/**
 * Commits what is asked of partitions that are there, at once. Of topics that are there and of which no partition is asked nothing is said,
 * as in Kafka; those that are not there are named.
 * @param commit gives an error code for each offset, in order; not called when there is none to commit
 */
export async function commitTopics(
  asked: readonly AskedTopic[],
  { cluster, isById }: { readonly cluster: Pick<Cluster, "topic" | "topicById">; readonly isById: boolean },
  commit: (offsets: readonly OffsetToCommit[]) => Promise<readonly number[]>,
): Promise<AnsweredTopic[]> {
  const offsets: OffsetToCommit[] = [];
  const topicOf = ({ name, topicId }: AskedTopic) => isById ? cluster.topicById(topicId) : cluster.topic(name);
  const told = asked.filter((each) => each.partitions.length > 0 || topicOf(each) === undefined);
  const topics = told.map((each) => {
    const { name, topicId, partitions } = each;
    const topic = topicOf(each);
    const found = partitions.map(({ partitionIndex, ...committed }) => {
      const errorCode = partitionError(topic, partitionIndex, isById);
      if (errorCode !== ErrorCode.NONE || topic === undefined) return { partitionIndex, errorCode, at: -1 };
      offsets.push({
        topic: topic.name,
        topicId: topic.id,
        partition: partitionIndex,
        offset: committed.committedOffset,
        leaderEpoch: committed.committedLeaderEpoch,
        metadata: committed.committedMetadata,
      });
      return { partitionIndex, errorCode, at: offsets.length - 1 };
    });
    return { name, topicId, partitions: found };
  });
  const errorCodes = offsets.length === 0 ? [] : await commit(offsets);
  return topics.map(({ partitions, ...topic }) => ({
    ...topic,
    partitions: partitions.map(({ partitionIndex, errorCode, at }) => ({
      partitionIndex,
      errorCode: errorCodes[at] ?? errorCode,
    })),
  }));
}

function partitionError(topic: Topic | undefined, partition: number, isById: boolean): number {
  if (topic?.partitions[partition] !== undefined) return ErrorCode.NONE;
  return topic === undefined && isById ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}
