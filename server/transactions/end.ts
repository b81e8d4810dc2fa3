/**
 * EndTxn, and ends that no client asked for (a timeout, a new producer).
 *
 * By the old rules the epoch stays: a repeated request looks like the first, and is answered by the phase alone. By those of
 * KIP-890 every end raises it, so that nothing of this transaction can be taken for the next one's; "again" is then a request
 * with the epoch before this one:
 *
 *     phase            abort, again   abort           commit, again   commit
 *     Empty            fenced         aborts          fenced          INVALID_TXN_STATE
 *     Ongoing          fenced         aborts          fenced          commits
 *     CompleteAbort    done           aborts          INVALID_…       INVALID_TXN_STATE
 *     CompleteCommit   INVALID_…      aborts          done            INVALID_TXN_STATE
 *
 * An abort where nothing is open is not refused: the client need not know whether what it sent began a transaction.
 */
import { NO_PRODUCER_ID } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { assert } from "../../storage/errors.ts";
import type { Draft } from "./draft.ts";
import { type EndEvent, EPOCH_MAX, isBusy, isExhausted, type Reply, type TransactionState } from "./state.ts";

export function end(draft: Draft, event: EndEvent): void {
  if (event.clientVersion < 2) return endWithSameEpoch(draft, event);
  const { state } = draft;
  // First of all: the producer may go on with an id that counts only once the end before is complete.
  if (isBusy(state)) return draft.answerCode(event.ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  const isRetry = isRetryOf(state, event);
  if (event.producerId !== state.producerId && !isRetry) {
    return draft.answerCode(event.ticket, ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  }
  const isComplete = state.phase === "CompleteCommit" || state.phase === "CompleteAbort";
  const isCurrent = event.producerId === state.producerId && event.producerEpoch === state.producerEpoch;
  if (!isCurrent && !(isRetry && isComplete)) return draft.answerCode(event.ticket, ErrorCode.PRODUCER_FENCED);
  if (isRetry) {
    if (event.outcome === outcomeOf(state)) return draft.answer(event.ticket, state);
    return refuse(draft, event);
  }
  if (state.phase !== "Ongoing" && event.outcome === "commit") return refuse(draft, event);
  begin(draft, event.outcome, event.freshProducerId, { kind: "end", ticket: event.ticket });
}

/** The old rules: KIP-98's. */
function endWithSameEpoch(draft: Draft, event: EndEvent): void {
  const { state } = draft;
  if (event.producerId !== state.producerId) {
    return draft.answerCode(event.ticket, ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  }
  if (event.producerEpoch !== state.producerEpoch) return draft.answerCode(event.ticket, ErrorCode.PRODUCER_FENCED);
  if (isBusy(state)) return draft.answerCode(event.ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  if (state.phase === "Ongoing") {
    const phase = event.outcome === "commit" ? "PrepareCommit" : "PrepareAbort";
    draft.begin({ phase, clientVersion: 0, nextProducerId: NO_PRODUCER_ID }, { kind: "end", ticket: event.ticket });
  } else if (event.outcome === outcomeOf(state)) {
    draft.answerCode(event.ticket, ErrorCode.NONE);
  } else {
    refuse(draft, event);
  }
}

/** Ends an open transaction that its producer did not, and fences the producer. */
export function beginFencedAbort(draft: Draft, freshProducerId: number | null, reply: Reply | null): void {
  begin(draft, "abort", freshProducerId, reply);
}

/** The end needs an id besides: the epoch it raises is the last one. */
export function usesUpEpochs(state: TransactionState): boolean {
  return isExhausted(state.producerEpoch);
}

function begin(draft: Draft, outcome: "commit" | "abort", freshProducerId: number | null, reply: Reply | null): void {
  const { state } = draft;
  const needsId = usesUpEpochs(state);
  assert(!needsId || freshProducerId !== null, "an id is at hand where one is needed");
  draft.begin({
    phase: outcome === "commit" ? "PrepareCommit" : "PrepareAbort",
    producerEpoch: Math.min(state.producerEpoch + 1, EPOCH_MAX),
    lastProducerEpoch: state.producerEpoch,
    nextProducerId: needsId ? freshProducerId! : NO_PRODUCER_ID,
    // An abort of nothing has no beginning, and must have one in the log.
    startMs: state.phase === "Ongoing" ? state.startMs : draft.nowMs,
    clientVersion: 2,
  }, reply);
}

/**
 * The same end was asked for before: its epoch was the one before this, or the last one of the id before this. An end by the
 * old rules raised none, so what looks like it then is a producer that was fenced.
 */
function isRetryOf(state: TransactionState, { producerId, producerEpoch }: EndEvent): boolean {
  if (state.clientVersion < 2) return false;
  if (producerId === state.producerId && producerEpoch === state.producerEpoch - 1) return true;
  return producerId === state.previousProducerId && producerId !== state.producerId &&
    producerEpoch === EPOCH_MAX - 1 && state.producerEpoch === 0;
}

function outcomeOf({ phase }: TransactionState): "commit" | "abort" | null {
  if (phase === "CompleteCommit") return "commit";
  return phase === "CompleteAbort" ? "abort" : null;
}

function refuse(draft: Draft, { ticket, outcome }: EndEvent): void {
  draft.note("transaction not ended", { phase: draft.state.phase, outcome });
  draft.answerCode(ticket, ErrorCode.INVALID_TXN_STATE);
}
