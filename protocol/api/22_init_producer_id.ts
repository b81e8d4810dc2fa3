/**
 * InitProducerId: an identity for an idempotent or transactional producer (KIP-98).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 * v3   id and epoch that the producer had, to go on with a higher epoch (KIP-360)
 * v4   may answer PRODUCER_FENCED (KIP-588)
 * v5   may answer TRANSACTION_ABORTABLE (KIP-890)
 *
 * v6 (two-phase commit, KIP-939) is not stable in Kafka 4.4, and not here.
 */
import { api, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const initProducerId = api(22, "InitProducerId", { versions: [0, 5], flexible: 2 }, {
  request: {
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.default(-1).since(3),
    producerEpoch: int16.default(-1).since(3),
  },
  response: {
    throttleTimeMs: int32.ignorable(),
    errorCode: int16,
    producerId: int64.default(-1),
    producerEpoch: int16,
  },
});

export type InitProducerIdRequest = Infer<typeof initProducerId.request>;
export type InitProducerIdRequestDraft = Draft<typeof initProducerId.request>;
export type InitProducerIdResponse = Infer<typeof initProducerId.response>;
export type InitProducerIdResponseDraft = Draft<typeof initProducerId.response>;
