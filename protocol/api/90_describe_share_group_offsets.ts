/**
 * DescribeShareGroupOffsets: where share groups start in partitions (KIP-932). Offsets saturate: groups can be put anywhere.
 *
 * v1   how far the group is behind (KIP-1226)
 */
import { api, array, type Draft, type Infer, int16, int32, int64Saturating, string, uuid } from "../schema.ts";

export const describeShareGroupOffsets = api(90, "DescribeShareGroupOffsets", { versions: [0, 1], flexible: 0 }, {
  request: {
    groups: array({
      groupId: string,
      topics: array({ topicName: string, partitions: array(int32) }).nullable(),
    }),
  },
  response: {
    throttleTimeMs: int32,
    groups: array({
      groupId: string,
      topics: array({
        topicName: string,
        topicId: uuid,
        partitions: array({
          partitionIndex: int32,
          startOffset: int64Saturating,
          leaderEpoch: int32,
          lag: int64Saturating.default(-1).since(1).ignorable(),
          errorCode: int16,
          errorMessage: string.nullable().default(null),
        }),
      }),
      errorCode: int16,
      errorMessage: string.nullable().default(null),
    }),
  },
});

export type DescribeShareGroupOffsetsRequest = Infer<typeof describeShareGroupOffsets.request>;
export type DescribeShareGroupOffsetsRequestDraft = Draft<typeof describeShareGroupOffsets.request>;
export type DescribeShareGroupOffsetsResponse = Infer<typeof describeShareGroupOffsets.response>;
export type DescribeShareGroupOffsetsResponseDraft = Draft<typeof describeShareGroupOffsets.response>;
