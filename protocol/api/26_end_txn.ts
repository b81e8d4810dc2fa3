/**
 * EndTxn: a transaction is committed or aborted (KIP-98).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   may answer PRODUCER_FENCED (KIP-588)
 * v3   flexible
 * v4   may answer TRANSACTION_ABORTABLE (KIP-890)
 * v5   every end raises the epoch; answer: id and epoch to go on with (KIP-890)
 */
import { api, bool, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const endTxn = api(26, "EndTxn", { versions: [0, 5], flexible: 3 }, {
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: bool,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    producerId: int64.default(-1).since(5).ignorable(),
    producerEpoch: int16.default(-1).since(5).ignorable(),
  },
});

export type EndTxnRequest = Infer<typeof endTxn.request>;
export type EndTxnRequestDraft = Draft<typeof endTxn.request>;
export type EndTxnResponse = Infer<typeof endTxn.response>;
export type EndTxnResponseDraft = Draft<typeof endTxn.response>;
