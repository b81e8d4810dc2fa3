/**
 * DescribeProducers: who writes to partitions, and whose transaction is open there.
 *
 * v0   flexible (KIP-664)
 */
import { api, array, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const describeProducers = api(61, "DescribeProducers", { versions: [0, 0], flexible: 0 }, {
  request: {
    topics: array({ name: string, partitionIndexes: array(int32) }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        activeProducers: array({
          producerId: int64,
          producerEpoch: int32,
          lastSequence: int32.default(-1),
          lastTimestamp: int64.default(-1),
          coordinatorEpoch: int32,
          currentTxnStartOffset: int64.default(-1),
        }),
      }),
    }),
  },
});

export type DescribeProducersRequest = Infer<typeof describeProducers.request>;
export type DescribeProducersRequestDraft = Draft<typeof describeProducers.request>;
export type DescribeProducersResponse = Infer<typeof describeProducers.response>;
export type DescribeProducersResponseDraft = Draft<typeof describeProducers.response>;
