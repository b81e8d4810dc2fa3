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
