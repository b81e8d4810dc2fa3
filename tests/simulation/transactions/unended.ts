import { listTransactions } from "../../../protocol/api/66_list_transactions.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import type { Link } from "../broker/link.ts";
import type { TransactionalProducer } from "./producer.ts";

/** Which transaction has not ended in one way or the other, as the producers and the broker say; null when all have. */
export async function unendedTransaction(
  link: Link,
  producers: readonly TransactionalProducer[],
): Promise<string | null> {
  const busy = producers.find(({ isDone }) => !isDone);
  if (busy !== undefined) return `${busy.transactionalId} has no answer`;
  const { errorCode, transactionStates } = await link.ask(listTransactions, 0, {
    stateFilters: ["Ongoing", "PrepareCommit", "PrepareAbort"],
    producerIdFilters: [],
  });
  if (errorCode !== ErrorCode.NONE) return `ListTransactions is answered ${errorName(errorCode)}`;
  const [open] = transactionStates;
  return open === undefined ? null : `${open.transactionalId} is ${open.transactionState}`;
}
