/**
 * AlterShareGroupOffsets: puts the start of an empty share group's partitions elsewhere (KIP-932). Offsets saturate.
 */
import { api, array, type Draft, type Infer, int16, int32, int64Saturating, string, uuid } from "../schema.ts";

export const alterShareGroupOffsets = api(91, "AlterShareGroupOffsets", { versions: [0, 0], flexible: 0 }, {
  request: {
    groupId: string,
    topics: array({
      topicName: string,
      partitions: array({ partitionIndex: int32, startOffset: int64Saturating }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    responses: array({
      topicName: string,
      topicId: uuid,
      partitions: array({ partitionIndex: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
});

export type AlterShareGroupOffsetsRequest = Infer<typeof alterShareGroupOffsets.request>;
export type AlterShareGroupOffsetsRequestDraft = Draft<typeof alterShareGroupOffsets.request>;
export type AlterShareGroupOffsetsResponse = Infer<typeof alterShareGroupOffsets.response>;
export type AlterShareGroupOffsetsResponseDraft = Draft<typeof alterShareGroupOffsets.response>;
