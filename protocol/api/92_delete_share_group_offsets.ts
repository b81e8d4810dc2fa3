/**
 * DeleteShareGroupOffsets: an empty share group forgets topics (KIP-932).
 */
import { api, array, type Draft, type Infer, int16, int32, string, uuid } from "../schema.ts";

export const deleteShareGroupOffsets = api(92, "DeleteShareGroupOffsets", { versions: [0, 0], flexible: 0 }, {
  request: {
    groupId: string,
    topics: array({ topicName: string }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    responses: array({
      topicName: string,
      topicId: uuid,
      errorCode: int16,
      errorMessage: string.nullable().default(null),
    }),
  },
});

export type DeleteShareGroupOffsetsRequest = Infer<typeof deleteShareGroupOffsets.request>;
export type DeleteShareGroupOffsetsRequestDraft = Draft<typeof deleteShareGroupOffsets.request>;
export type DeleteShareGroupOffsetsResponse = Infer<typeof deleteShareGroupOffsets.response>;
export type DeleteShareGroupOffsetsResponseDraft = Draft<typeof deleteShareGroupOffsets.response>;
