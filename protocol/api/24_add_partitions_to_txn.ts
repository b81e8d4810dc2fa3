/**
 * AddPartitionsToTxn: partitions join a transaction before they are written to (KIP-98).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   may answer PRODUCER_FENCED (KIP-588)
 * v3   flexible
 * v4   several transactions at once, and the question whether partitions are in one; for brokers (KIP-890)
 * v5   may answer TRANSACTION_ABORTABLE (KIP-890)
 *
 * Clients send up to v3; brokers, on behalf of producers that write, v4 and later.
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const addPartitionsToTxn = api(24, "AddPartitionsToTxn", { versions: [0, 5], flexible: 3 }, {
  request: {
    transactions: array({
      transactionalId: string,
      producerId: int64,
      producerEpoch: int16,
      verifyOnly: bool.default(false),
      topics: array({ name: string, partitions: array(int32) }),
    }).since(4),
    v3AndBelowTransactionalId: string.until(3),
    v3AndBelowProducerId: int64.until(3),
    v3AndBelowProducerEpoch: int16.until(3),
    v3AndBelowTopics: array({ name: string, partitions: array(int32) }).until(3),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.since(4).ignorable(),
    resultsByTransaction: array({
      transactionalId: string,
      topicResults: array({
        name: string,
        resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
      }),
    }).since(4),
    resultsByTopicV3AndBelow: array({
      name: string,
      resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
    }).until(3),
  },
});

export type AddPartitionsToTxnRequest = Infer<typeof addPartitionsToTxn.request>;
export type AddPartitionsToTxnRequestDraft = Draft<typeof addPartitionsToTxn.request>;
export type AddPartitionsToTxnResponse = Infer<typeof addPartitionsToTxn.response>;
export type AddPartitionsToTxnResponseDraft = Draft<typeof addPartitionsToTxn.response>;
