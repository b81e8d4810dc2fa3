/**
 * WriteShareGroupState: what has changed in a share partition, for the share coordinator to keep (KIP-932).
 *
 * v1   how many records from the start on are done with (KIP-1226)
 */
import { api, array, type Draft, type Infer, int16, int32, int64, int8, string, uuid } from "../schema.ts";

export const writeShareGroupState = api(85, "WriteShareGroupState", { versions: [0, 1], flexible: 0 }, {
  request: {
    groupId: string,
    topics: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        stateEpoch: int32,
        leaderEpoch: int32,
        startOffset: int64,
        deliveryCompleteCount: int32.default(-1).since(1).ignorable(),
        stateBatches: array({ firstOffset: int64, lastOffset: int64, deliveryState: int8, deliveryCount: int16 }),
      }),
    }),
  },
  response: {
    results: array({
      topicId: uuid,
      partitions: array({ partition: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
});

export type WriteShareGroupStateRequest = Infer<typeof writeShareGroupState.request>;
export type WriteShareGroupStateRequestDraft = Draft<typeof writeShareGroupState.request>;
export type WriteShareGroupStateResponse = Infer<typeof writeShareGroupState.response>;
export type WriteShareGroupStateResponseDraft = Draft<typeof writeShareGroupState.response>;
