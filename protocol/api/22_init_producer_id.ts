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
