/**
 * DescribeShareGroupOffsets: v0–v1.
 *
 * v1 how far the group is behind (KIP-1226)
 *
 * -1 where nothing is known; that is no error. Without topics: all that the group goes through. Of topics that are there, what is
 * named twice is answered once; what nobody can know (a partition below 0, a group without a name) fails all
 * of the group: as in Kafka.
 */
import {
  describeShareGroupOffsets,
  type DescribeShareGroupOffsetsRequest,
  type DescribeShareGroupOffsetsResponseDraft,
} from "../../protocol/api/90_describe_share_group_offsets.ts";
import { ErrorCode, errorInfo } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import type { Broker } from "../broker.ts";
import type { Topic } from "../cluster/cluster.ts";
import { isShareProtocolOn } from "../features.ts";
import { handle } from "../handler.ts";

type GroupRequest = DescribeShareGroupOffsetsRequest["groups"][number];
type GroupAnswer = DescribeShareGroupOffsetsResponseDraft["groups"][number];
type PartitionAnswer = GroupAnswer["topics"][number]["partitions"][number];

export const describeShareGroupOffsetsHandler = handle(describeShareGroupOffsets, [0, 1], (request, { broker }) => ({
  throttleTimeMs: 0,
  groups: request.groups.map((group) => answerGroup(group, broker)),
}));

function answerGroup({ groupId, topics }: GroupRequest, broker: Broker): GroupAnswer {
  if (!isShareProtocolOn(broker)) return { groupId, topics: [], errorCode: ErrorCode.UNSUPPORTED_VERSION };
  const asked = topics ?? initializedTopics(groupId, broker);
  if (typeof asked === "number") return { groupId, topics: [], errorCode: asked };
  const known = new Map<Topic, Set<number>>();
  const unknown: GroupAnswer["topics"][number][] = [];
  for (const { topicName, partitions } of asked) {
    const topic = broker.cluster.topic(topicName);
    if (topic === undefined) {
      unknown.push({ topicName, topicId: ZERO_UUID, partitions: partitions.map((index) => nothingKnown(index)) });
    } else if (groupId === "" || partitions.some((index) => index < 0)) {
      return refused(groupId, ErrorCode.UNKNOWN_SERVER_ERROR);
    } else {
      const indexes = known.get(topic) ?? new Set();
      for (const index of partitions) indexes.add(index);
      known.set(topic, indexes);
    }
  }
  const topicAnswers = Array.from(known, ([{ name, id }, indexes]) => ({
    topicName: name,
    topicId: id,
    partitions: Array.from(indexes, (index) => answerPartition(groupId, { name, id, index }, broker)),
  }));
  return { groupId, topics: [...topicAnswers, ...unknown], errorCode: ErrorCode.NONE };
}

function refused(groupId: string, errorCode: number): GroupAnswer {
  return { groupId, topics: [], errorCode, errorMessage: errorInfo(errorCode).message };
}

/** Of a group that is not there: none. */
function initializedTopics(groupId: string, { groups, cluster }: Broker): NonNullable<GroupRequest["topics"]> | number {
  const state = groups.share.describe(groupId);
  if (typeof state === "number") return state;
  return [...state?.statePartitions.initialized ?? []].flatMap(([topicId, { partitions }]) => {
    const topic = cluster.topicById(topicId);
    return topic === undefined ? [] : [{ topicName: topic.name, partitions: [...partitions] }];
  });
}

function answerPartition(
  groupId: string,
  { name, id, index }: { readonly name: string; readonly id: string; readonly index: number },
  { shareCoordinator, partitions }: Broker,
): PartitionAnswer {
  const { state } = shareCoordinator.readSummary({ groupId, topicId: id, partition: index });
  if (state === null) return nothingKnown(index);
  const { startOffset, leaderEpoch, deliveryCompleteCount } = state;
  const answer = { ...nothingKnown(index), startOffset, leaderEpoch };
  if (startOffset === -1 || deliveryCompleteCount === -1) return answer;
  const partition = partitions.get(name, index);
  if (partition === undefined) return { ...nothingKnown(index), errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
  return { ...answer, lag: partition.highWatermark - startOffset - deliveryCompleteCount };
}

function nothingKnown(partitionIndex: number): PartitionAnswer {
  return { partitionIndex, startOffset: -1, leaderEpoch: 0, lag: -1, errorCode: ErrorCode.NONE };
}
