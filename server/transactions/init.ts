/**
 * InitProducerId of a transactional id: the next epoch of its producer id, and with it the end of whoever had the one before.
 *
 * A producer that names what it had (KIP-360) goes on with the epoch after it, or repeats a request whose answer was lost; any
 * other has been fenced. Where a transaction is open, it is aborted first, with an epoch that no client is ever told.
 */
import { NO_PRODUCER_EPOCH } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { assert } from "../../storage/errors.ts";
import type { Draft } from "./draft.ts";
import { beginFencedAbort } from "./end.ts";
import { NO_PARTITIONS } from "./partition_set.ts";
import { type InitEvent, isBusy, isExhausted, type TransactionState } from "./state.ts";

export function init(draft: Draft, event: InitEvent): void {
  const { state } = draft;
  if (isBusy(state)) return draft.answerCode(event.ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  if (isFenced(state, event)) return draft.answerCode(event.ticket, ErrorCode.PRODUCER_FENCED);
  if (state.phase === "Ongoing") {
    return beginFencedAbort(draft, event.freshProducerId, { kind: "fence", ticket: event.ticket });
  }
  const identity = mustRotate(state, event) ? rotated(state, event) : nextEpoch(state, event);
  if (identity === null) return draft.answerCode(event.ticket, ErrorCode.PRODUCER_FENCED);
  draft.begin({
    ...identity,
    phase: "Empty",
    timeoutMs: event.timeoutMs,
    partitions: NO_PARTITIONS,
    startMs: -1,
  }, { kind: "init", ticket: event.ticket });
}

/** The epochs of the id are used up, and the producer is not one that only repeats itself. */
export function mustRotate(state: TransactionState, { expected }: InitEvent): boolean {
  return isExhausted(state.producerEpoch) && (expected === null || expected.producerEpoch === state.producerEpoch);
}

function isFenced(state: TransactionState, { expected }: InitEvent): boolean {
  // Without an epoch the id has just been made: the producer's own was forgotten, and it may have a new one.
  if (expected === null || state.producerEpoch === NO_PRODUCER_EPOCH) return false;
  if (expected.producerId === state.producerId) return false;
  return expected.producerId !== state.previousProducerId || !isExhausted(expected.producerEpoch);
}

function rotated(state: TransactionState, { expected, freshProducerId }: InitEvent) {
  assert(freshProducerId !== null, "an id is at hand where one is needed");
  return {
    producerId: freshProducerId,
    producerEpoch: 0,
    lastProducerEpoch: expected === null ? NO_PRODUCER_EPOCH : state.producerEpoch,
  };
}

/** null: the producer's epoch is neither the present one nor the one before. */
function nextEpoch(state: TransactionState, { expected }: InitEvent) {
  const { producerEpoch, lastProducerEpoch } = state;
  const isNew = producerEpoch === NO_PRODUCER_EPOCH;
  if (expected === null) return { producerEpoch: producerEpoch + 1, lastProducerEpoch: NO_PRODUCER_EPOCH };
  if (isNew || expected.producerEpoch === producerEpoch) {
    return { producerEpoch: producerEpoch + 1, lastProducerEpoch: producerEpoch };
  }
  // It was answered before, and the answer was lost: a new producer would have taken the last epoch away.
  return expected.producerEpoch === lastProducerEpoch ? { producerEpoch, lastProducerEpoch } : null;
}
