/**
 * ListTransactions: v0–v2.
 *
 * v1 duration (KIP-994) · v2 pattern (KIP-1152)
 *
 * Filters hold together; the pattern is RE2's, and for the whole id. A state that does not exist is told of, and matches nothing.
 * There may be many ids, and the pattern may be slow: others are served between them.
 */
import { listTransactions, type ListTransactionsRequest } from "../../protocol/api/66_list_transactions.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { Steps } from "../../storage/steps.ts";
import { compilePattern } from "../groups/consumer/patterns/pattern.ts";
import { PatternError } from "../groups/consumer/patterns/syntax.ts";
import { handle } from "../handler.ts";
import type { TransactionState } from "../transactions/state.ts";

/** Those that can be asked for: Kafka's, of which one only ever is in its memory. */
const knownStates: ReadonlySet<string> = new Set([
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "Dead",
  "PrepareEpochFence",
]);

export const listTransactionsHandler = handle(listTransactions, [0, 2], async (request, { broker }) => {
  const found = broker.transactions.list();
  if (typeof found === "number") return { errorCode: found, unknownStateFilters: [], transactionStates: [] };
  const { transactionalIdPattern } = request;
  const hasPattern = transactionalIdPattern !== null && transactionalIdPattern !== "";
  const matches = hasPattern ? matcherOf(transactionalIdPattern) : () => true;
  if (matches === null) {
    return { errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION, unknownStateFilters: [], transactionStates: [] };
  }
  const isWanted = filterOf(request, broker.runtime.clock.nowMs());
  const transactionStates = [];
  const steps = new Steps(broker.runtime);
  for (const state of found) {
    if (steps.isOver) await steps.pause();
    const { transactionalId, producerId, phase } = state;
    if (!isWanted(state) || !matches(transactionalId)) continue;
    transactionStates.push({ transactionalId, producerId, transactionState: phase });
  }
  const unknownStateFilters = [...new Set(request.stateFilters)].filter((name) => !knownStates.has(name));
  return { errorCode: ErrorCode.NONE, unknownStateFilters, transactionStates };
});

/** Whether the whole of an id is as the pattern says; null when the pattern is none. */
function matcherOf(pattern: string): ((transactionalId: string) => boolean) | null {
  try {
    const program = compilePattern(pattern);
    return (transactionalId) => program.matches(transactionalId);
  } catch (error) {
    if (error instanceof PatternError) return null;
    throw error;
  }
}

function filterOf(
  { stateFilters, producerIdFilters, durationFilter }: ListTransactionsRequest,
  nowMs: number,
): (state: TransactionState) => boolean {
  const phases = new Set(stateFilters);
  const producerIds = new Set(producerIdFilters);
  return ({ phase, producerId, startMs }) =>
    phase !== "Dead" &&
    (phases.size === 0 || phases.has(phase)) &&
    (producerIds.size === 0 || producerIds.has(producerId)) &&
    (durationFilter < 0 || nowMs - startMs > durationFilter);
}
