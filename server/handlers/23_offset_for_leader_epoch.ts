/**
 * OffsetForLeaderEpoch: v0–v4.
 *
 * v1 leader epoch in the answer · v2 current leader epoch (KIP-320), throttle · v3 replica id · v4 flexible
 *
 * Where the records of a leader epoch end: how a client finds out that what it read was cut off.
 */
import { offsetForLeaderEpoch } from "../../protocol/api/23_offset_for_leader_epoch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";
import { leaderEpochProblem } from "../partitions/leader_epoch.ts";

export const offsetForLeaderEpochHandler = handle(offsetForLeaderEpoch, [0, 4], (request, { broker }) => ({
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((asked) => {
      const partition = broker.partitions.get(topic, asked.partition);
      const errorCode = partition === undefined
        ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        : leaderEpochProblem(partition, asked.currentLeaderEpoch);
      if (partition === undefined || errorCode !== ErrorCode.NONE) {
        return { partition: asked.partition, errorCode, leaderEpoch: -1, endOffset: -1 };
      }
      return { partition: asked.partition, errorCode, ...partition.endOffsetForEpoch(asked.leaderEpoch) };
    }),
  })),
}));
