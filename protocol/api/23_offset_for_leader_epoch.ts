/**
 * OffsetForLeaderEpoch: where a leader epoch ended. Tells followers and consumers whether their log diverged (KIP-101).
 *
 * v1   answer: the epoch that the offset belongs to (KIP-279)
 * v2   the leader epoch that the client knows; answer: throttle time (KIP-320)
 * v3   replica id; -2 may see past the high watermark (KIP-392)
 * v4   flexible
 */
import { api, array, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const offsetForLeaderEpoch = api(23, "OffsetForLeaderEpoch", { versions: [0, 4], flexible: 4 }, {
  request: {
    replicaId: int32.default(-2).since(3).ignorable(),
    topics: array({
      topic: string,
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.default(-1).since(2).ignorable(),
        leaderEpoch: int32,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array({
      topic: string,
      partitions: array({
        errorCode: int16,
        partition: int32,
        leaderEpoch: int32.default(-1).since(1).ignorable(),
        endOffset: int64.default(-1),
      }),
    }),
  },
});

export type OffsetForLeaderEpochRequest = Infer<typeof offsetForLeaderEpoch.request>;
export type OffsetForLeaderEpochRequestDraft = Draft<typeof offsetForLeaderEpoch.request>;
export type OffsetForLeaderEpochResponse = Infer<typeof offsetForLeaderEpoch.response>;
export type OffsetForLeaderEpochResponseDraft = Draft<typeof offsetForLeaderEpoch.response>;
