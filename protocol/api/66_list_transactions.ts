/**
 * ListTransactions: the transactional ids of a coordinator (KIP-664).
 *
 * v1   only transactions that have run longer than a duration (KIP-994)
 * v2   only ids that match a regular expression (KIP-1152)
 */
import { api, array, type Draft, type Infer, int16, int32, int64, int64Saturating, string } from "../schema.ts";

export const listTransactions = api(66, "ListTransactions", { versions: [0, 2], flexible: 0 }, {
  request: {
    stateFilters: array(string),
    producerIdFilters: array(int64Saturating),
    durationFilter: int64Saturating.default(-1).since(1),
    transactionalIdPattern: string.nullable(2).default(null).since(2),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array({ transactionalId: string, producerId: int64, transactionState: string }),
  },
});

export type ListTransactionsRequest = Infer<typeof listTransactions.request>;
export type ListTransactionsRequestDraft = Draft<typeof listTransactions.request>;
export type ListTransactionsResponse = Infer<typeof listTransactions.response>;
export type ListTransactionsResponseDraft = Draft<typeof listTransactions.response>;
