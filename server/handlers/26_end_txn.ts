/**
 * EndTxn: v0–v5.
 *
 * v1 throttle · v2 PRODUCER_FENCED · v3 flexible · v4 TRANSACTION_ABORTABLE · v5 every end raises the epoch (KIP-890)
 *
 * Answered once the decision is in the coordinator's log; the markers follow. From then on the end is done: asked for again, it
 * is answered as done, or CONCURRENT_TRANSACTIONS while the markers are on their way.
 */
import { endTxn } from "../../protocol/api/26_end_txn.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const endTxnHandler = handle(endTxn, [0, 5], async (request, { apiVersion, broker }) => {
  const { transactionalId, producerId, producerEpoch, committed } = request;
  const { errorCode, ...identity } = await broker.transactions.endTransaction({
    transactionalId,
    producerId,
    producerEpoch,
    outcome: committed ? "commit" : "abort",
    clientVersion: apiVersion >= 5 ? 2 : 0,
  });
  const isUnknown = errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < 2;
  return { errorCode: isUnknown ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode, ...identity };
});
