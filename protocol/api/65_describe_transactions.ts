/**
 * DescribeTransactions: what the coordinator knows of transactional ids.
 *
 * v0   flexible (KIP-664)
 */
import { api, array, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const describeTransactions = api(65, "DescribeTransactions", { versions: [0, 0], flexible: 0 }, {
  request: {
    transactionalIds: array(string),
  },
  response: {
    throttleTimeMs: int32.default(0),
    transactionStates: array({
      errorCode: int16,
      transactionalId: string,
      transactionState: string,
      transactionTimeoutMs: int32,
      transactionStartTimeMs: int64,
      producerId: int64,
      producerEpoch: int16,
      topics: array({ topic: string, partitions: array(int32) }),
    }),
  },
});

export type DescribeTransactionsRequest = Infer<typeof describeTransactions.request>;
export type DescribeTransactionsRequestDraft = Draft<typeof describeTransactions.request>;
export type DescribeTransactionsResponse = Infer<typeof describeTransactions.response>;
export type DescribeTransactionsResponseDraft = Draft<typeof describeTransactions.response>;
