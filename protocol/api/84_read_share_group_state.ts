/**
 * ReadShareGroupState: what the share coordinator keeps of a partition, for the broker that leads it (KIP-932).
 */
import { api, array, type Draft, type Infer, int16, int32, int64, int8, string, uuid } from "../schema.ts";

export const readShareGroupState = api(84, "ReadShareGroupState", { versions: [0, 0], flexible: 0 }, {
  request: {
    groupId: string,
    topics: array({ topicId: uuid, partitions: array({ partition: int32, leaderEpoch: int32 }) }),
  },
  response: {
    results: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        stateEpoch: int32,
        startOffset: int64,
        stateBatches: array({ firstOffset: int64, lastOffset: int64, deliveryState: int8, deliveryCount: int16 }),
      }),
    }),
  },
});

export type ReadShareGroupStateRequest = Infer<typeof readShareGroupState.request>;
export type ReadShareGroupStateRequestDraft = Draft<typeof readShareGroupState.request>;
export type ReadShareGroupStateResponse = Infer<typeof readShareGroupState.response>;
export type ReadShareGroupStateResponseDraft = Draft<typeof readShareGroupState.response>;
