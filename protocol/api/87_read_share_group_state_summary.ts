/**
 * ReadShareGroupStateSummary: where a share partition starts, without its records one by one (KIP-932).
 *
 * v1   how many records from the start on are done with (KIP-1226)
 */
import { api, array, type Draft, type Infer, int16, int32, int64, string, uuid } from "../schema.ts";

export const readShareGroupStateSummary = api(87, "ReadShareGroupStateSummary", { versions: [0, 1], flexible: 0 }, {
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
        leaderEpoch: int32,
        startOffset: int64,
        deliveryCompleteCount: int32.default(-1).since(1).ignorable(),
      }),
    }),
  },
});

export type ReadShareGroupStateSummaryRequest = Infer<typeof readShareGroupStateSummary.request>;
export type ReadShareGroupStateSummaryRequestDraft = Draft<typeof readShareGroupStateSummary.request>;
export type ReadShareGroupStateSummaryResponse = Infer<typeof readShareGroupStateSummary.response>;
export type ReadShareGroupStateSummaryResponseDraft = Draft<typeof readShareGroupStateSummary.response>;
