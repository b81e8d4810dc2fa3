/**
 * The life of a transactional id: `step(state, event) → [state, effects]`. Pure; whoever calls it answers the requests, writes
 * the log and the markers as the effects say.
 *
 *     phase            event                                            next phase, once that is in the log
 *     ───────────────  ───────────────────────────────────────────────  ──────────────────────────────────────────
 *     Empty            partitions join                                  Ongoing
 *     Ongoing          partitions join                                  Ongoing
 *                      commit                                           PrepareCommit
 *                      abort, timeout, a new producer                   PrepareAbort
 *     PrepareCommit    all its partitions have the marker               CompleteCommit
 *     PrepareAbort     all its partitions have the marker               CompleteAbort
 *     Complete…        partitions join                                  Ongoing
 *     Empty, Complete… a new producer                                   Empty (epoch + 1, or another id)
 *                      an abort by KIP-890                              PrepareAbort
 *                      unused for long                                  Dead (forgotten)
 *
 *  1. Nothing is promised, and no marker written, before the log has it: after a crash the log alone says what is to be done.
 *  2. What is decided stays decided: out of PrepareCommit leads only CompleteCommit, out of PrepareAbort only CompleteAbort.
 *  3. While a change is on its way to the log, or an end on its way to the partitions, nothing else begins.
 *  4. The state is what the log holds: a change that could not be written was never there.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { assert } from "../../storage/errors.ts";
import { Draft, type StepContext } from "./draft.ts";
import { beginFencedAbort, end, usesUpEpochs } from "./end.ts";
import { init, mustRotate } from "./init.ts";
import { containsAll, hasPartition, type PartitionSet, type Place, union, without } from "./partition_set.ts";
import {
  type AddEvent,
  type Effect,
  isBusy,
  isPrepared,
  type PersistedTransaction,
  type ProducerIdentity,
  type TransactionEvent,
  type TransactionState,
} from "./state.ts";

export type { StepContext } from "./draft.ts";

export function step(
  state: TransactionState,
  event: TransactionEvent,
  context: StepContext,
): [TransactionState, readonly Effect[]] {
  const draft = new Draft(state, context);
  if (state.phase === "Dead") refuse(draft, event);
  else apply(draft, event);
  return [draft.state, draft.effects];
}

function apply(draft: Draft, event: TransactionEvent): void {
  switch (event.kind) {
    case "init":
      return init(draft, event);
    case "add":
      return add(draft, event);
    case "end":
      return end(draft, event);
    case "timedOut":
      return timedOut(draft, event.freshProducerId);
    case "persisted":
      return persisted(draft, event.errorCode);
    case "marked":
      return marked(draft, event.partitions);
    case "retryCompletion":
    case "loaded":
      return draft.goOn();
    case "expired":
      return expired(draft);
    case "closed":
      return closed(draft, event.errorCode);
  }
}

/** Whether `event` will want an id that nobody has used: to be had before the step, for it takes time. */
export function needsProducerId(state: TransactionState, event: TransactionEvent): boolean {
  if (isBusy(state)) return false;
  switch (event.kind) {
    case "init":
      return state.phase === "Ongoing" ? usesUpEpochs(state) : mustRotate(state, event);
    case "end":
      return event.clientVersion === 2 && usesUpEpochs(state);
    case "timedOut":
      return state.phase === "Ongoing" && usesUpEpochs(state);
    default:
      return false;
  }
}

function add(draft: Draft, event: AddEvent): void {
  const { state } = draft;
  // First of all, as in EndTxn.
  if (isBusy(state)) return draft.answerCode(event.ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  const errorCode = identityError(state, event);
  if (errorCode !== ErrorCode.NONE) return draft.answerCode(event.ticket, errorCode);
  const isOngoing = state.phase === "Ongoing";
  if (isOngoing && containsAll(state.partitions, event.partitions)) {
    return draft.answerCode(event.ticket, ErrorCode.NONE);
  }
  draft.begin({
    phase: "Ongoing",
    partitions: isOngoing ? union(state.partitions, event.partitions) : event.partitions,
    startMs: isOngoing ? state.startMs : draft.nowMs,
    clientVersion: event.clientVersion,
  }, { kind: "add", ticket: event.ticket });
}

function timedOut(draft: Draft, freshProducerId: number | null): void {
  if (draft.state.phase !== "Ongoing" || isBusy(draft.state)) return;
  draft.note("transaction timed out", { timeoutMs: draft.state.timeoutMs });
  beginFencedAbort(draft, freshProducerId, null);
}

function persisted(draft: Draft, errorCode: number): void {
  const { pending } = draft.state;
  if (pending === null) return; // forgotten meanwhile
  const { target, reply } = pending;
  if (errorCode !== ErrorCode.NONE) return notPersisted(draft, errorCode);
  draft.state = { ...draft.state, ...target, pending: null };
  if (target.phase === "Dead") return draft.do({ kind: "removed" });
  if (reply !== null) {
    if (reply.kind === "init") draft.answer(reply.ticket, target);
    else if (reply.kind === "end") draft.answer(reply.ticket, identityAfter(target));
    // The client asks again, and gets the epoch after the fence.
    else if (reply.kind === "fence") draft.answerCode(reply.ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
    else draft.answerCode(reply.ticket, ErrorCode.NONE);
  }
  draft.goOn();
}

function notPersisted(draft: Draft, errorCode: number): void {
  const { pending, phase } = draft.state;
  const { target, reply } = pending!;
  draft.note("transaction not written", { phase, next: target.phase, error: errorCode });
  draft.state = { ...draft.state, pending: null };
  if (reply !== null) draft.answerCode(reply.ticket, errorCode);
  if (isPrepared(draft.state)) return draft.do({ kind: "retryLater" }); // (2)
  // A new id whose first record was not written: nobody has heard of it.
  if (draft.state.producerEpoch < 0) {
    draft.state = { ...draft.state, phase: "Dead" };
    draft.do({ kind: "removed" });
  }
}

/** What a producer goes on with once a prepared end is complete. */
function identityAfter(target: PersistedTransaction): ProducerIdentity {
  if (target.clientVersion < 2) return { producerId: -1, producerEpoch: -1 };
  return target.nextProducerId >= 0 ? { producerId: target.nextProducerId, producerEpoch: 0 } : target;
}

function marked(draft: Draft, partitions: PartitionSet): void {
  const { state } = draft;
  if (!isPrepared(state) || state.pending !== null) return;
  draft.state = { ...state, partitions: without(state.partitions, partitions) };
  if (draft.state.partitions.size === 0) draft.complete();
}

function expired(draft: Draft): void {
  const { state } = draft;
  if (isBusy(state) || state.phase === "Ongoing") return;
  const { transactionalId: _, pending: __, ...current } = state;
  draft.state = { ...state, pending: { target: { ...current, phase: "Dead" }, reply: null } };
  draft.do({ kind: "persist", value: null });
}

/** The log says what is to be done about it, to whoever reads it next. */
function closed(draft: Draft, errorCode: number): void {
  const reply = draft.state.pending?.reply ?? null;
  if (reply !== null) draft.answerCode(reply.ticket, errorCode);
  draft.state = { ...draft.state, phase: "Dead", pending: null };
}

function refuse(draft: Draft, event: TransactionEvent): void {
  if (event.kind !== "init" && event.kind !== "add" && event.kind !== "end") return;
  draft.answerCode(event.ticket, ErrorCode.NOT_COORDINATOR);
}

/** Is it the producer that has the id now? */
export function identityError(state: TransactionState, { producerId, producerEpoch }: ProducerIdentity): number {
  if (producerId !== state.producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  return producerEpoch === state.producerEpoch ? ErrorCode.NONE : ErrorCode.PRODUCER_FENCED;
}

/**
 * Is the partition in the open transaction of this producer? (AddPartitionsToTxn with verifyOnly.) A change on its way to the
 * log is not waited for: what it adds is not added yet, and what it ends is still open.
 */
export function verifyError(state: TransactionState, producer: ProducerIdentity, place: Place): number {
  const errorCode = identityError(state, producer);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  if (isPrepared(state)) return ErrorCode.CONCURRENT_TRANSACTIONS;
  const isIn = state.phase === "Ongoing" && hasPartition(state.partitions, place);
  return isIn ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE;
}

/** Of a state read from the log. */
export function restored(transactionalId: string, stored: PersistedTransaction): TransactionState {
  assert(stored.phase !== "Dead", "what is dead has no record");
  return { ...stored, transactionalId, lastProducerEpoch: -1, pending: null };
}
