/**
 * ListOffsets: the offset for a timestamp, or for a special one: -1 latest, -2 earliest, -3 that of the largest
 * timestamp, -4 earliest on local disk, -5 latest in tiered storage, -6 earliest not yet tiered.
 *
 * v0   offsets of segments by when they were last written, newest first
 * v1   one offset and its timestamp in place of a list (KIP-79)
 * v2   isolation level; answer: throttle time (KIP-98)
 * v3   a throttled answer is sent before the broker pauses (KIP-219)
 * v4   leader epoch, both ways (KIP-320)
 * v5   may answer OFFSET_NOT_AVAILABLE (KIP-207)
 * v6   flexible
 * v7   timestamp -3 (KIP-734)
 * v8   timestamp -4 (KIP-405)
 * v9   timestamp -5 (KIP-1005)
 * v10  a timeout, for offsets that are in tiered storage (KIP-1075)
 * v11  timestamp -6 (KIP-1023)
 */
import { api, array, type Draft, type Infer, int16, int32, int64, int64Saturating, int8, string } from "../schema.ts";

export const listOffsets = api(2, "ListOffsets", { versions: [0, 11], flexible: 6 }, {
  request: {
    replicaId: int32,
    isolationLevel: int8.since(2),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.default(-1).since(4).ignorable(),
        timestamp: int64Saturating,
        maxNumOffsets: int32.default(1).until(0),
      }),
    }),
    timeoutMs: int32.since(10).ignorable(),
  },
  response: {
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        oldStyleOffsets: array(int64Saturating).until(0),
        timestamp: int64Saturating.default(-1).since(1),
        offset: int64.default(-1).since(1),
        leaderEpoch: int32.default(-1).since(4),
      }),
    }),
  },
});

export type ListOffsetsRequest = Infer<typeof listOffsets.request>;
export type ListOffsetsRequestDraft = Draft<typeof listOffsets.request>;
export type ListOffsetsResponse = Infer<typeof listOffsets.response>;
export type ListOffsetsResponseDraft = Draft<typeof listOffsets.response>;
