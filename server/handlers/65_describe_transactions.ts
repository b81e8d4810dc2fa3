/**
 * DescribeTransactions: v0.
 *
 * While an end is prepared, the partitions are those that still lack their marker.
 */
import { describeTransactions } from "../../protocol/api/65_describe_transactions.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const describeTransactionsHandler = handle(describeTransactions, [0, 0], ({ transactionalIds }, { broker }) => ({
  transactionStates: transactionalIds.map((transactionalId) => {
    const state = broker.transactions.describe(transactionalId);
    if (typeof state === "number") return failed(transactionalId, state);
    if (state === undefined) return failed(transactionalId, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
    return {
      errorCode: ErrorCode.NONE,
      transactionalId,
      transactionState: state.phase,
      transactionTimeoutMs: state.timeoutMs,
      transactionStartTimeMs: state.startMs,
      producerId: state.producerId,
      producerEpoch: state.producerEpoch,
      topics: Array.from(state.partitions, ([topic, partitions]) => ({ topic, partitions: [...partitions] })),
    };
  }),
}));

function failed(transactionalId: string, errorCode: number) {
  return {
    errorCode,
    transactionalId,
    transactionState: "",
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}
