/**
 * AddOffsetsToTxn: a group's committed offsets join a transaction (KIP-98).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   may answer PRODUCER_FENCED (KIP-588)
 * v3   flexible
 * v4   may answer TRANSACTION_ABORTABLE (KIP-890)
 */
import { api, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const addOffsetsToTxn = api(25, "AddOffsetsToTxn", { versions: [0, 4], flexible: 3 }, {
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
  },
});

export type AddOffsetsToTxnRequest = Infer<typeof addOffsetsToTxn.request>;
export type AddOffsetsToTxnRequestDraft = Draft<typeof addOffsetsToTxn.request>;
export type AddOffsetsToTxnResponse = Infer<typeof addOffsetsToTxn.response>;
export type AddOffsetsToTxnResponseDraft = Draft<typeof addOffsetsToTxn.response>;
