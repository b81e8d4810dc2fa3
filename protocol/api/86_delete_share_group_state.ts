/**
 * DeleteShareGroupState: the share coordinator forgets a partition (KIP-932).
 */
import { api, array, type Draft, type Infer, int16, int32, string, uuid } from "../schema.ts";

export const deleteShareGroupState = api(86, "DeleteShareGroupState", { versions: [0, 0], flexible: 0 }, {
  request: {
    groupId: string,
    topics: array({ topicId: uuid, partitions: array({ partition: int32 }) }),
  },
  response: {
    results: array({
      topicId: uuid,
      partitions: array({ partition: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
});

export type DeleteShareGroupStateRequest = Infer<typeof deleteShareGroupState.request>;
export type DeleteShareGroupStateRequestDraft = Draft<typeof deleteShareGroupState.request>;
export type DeleteShareGroupStateResponse = Infer<typeof deleteShareGroupState.response>;
export type DeleteShareGroupStateResponseDraft = Draft<typeof deleteShareGroupState.response>;
