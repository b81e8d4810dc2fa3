/**
 * InitializeShareGroupState: begins, or begins anew, what the share coordinator keeps of a partition (KIP-932).
 */
import { api, array, type Draft, type Infer, int16, int32, int64, string, uuid } from "../schema.ts";

export const initializeShareGroupState = api(83, "InitializeShareGroupState", { versions: [0, 0], flexible: 0 }, {
  request: {
    groupId: string,
    topics: array({
      topicId: uuid,
      partitions: array({ partition: int32, stateEpoch: int32, startOffset: int64 }),
    }),
  },
  response: {
    results: array({
      topicId: uuid,
      partitions: array({ partition: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
});

export type InitializeShareGroupStateRequest = Infer<typeof initializeShareGroupState.request>;
export type InitializeShareGroupStateRequestDraft = Draft<typeof initializeShareGroupState.request>;
export type InitializeShareGroupStateResponse = Infer<typeof initializeShareGroupState.response>;
export type InitializeShareGroupStateResponseDraft = Draft<typeof initializeShareGroupState.response>;
