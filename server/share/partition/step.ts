/**
 * The life of a share partition: `step(state, event) → [state, effects]`. Pure; whoever calls it reads the log, answers
 * members, writes what is to be kept and watches the clock. The table of phases is in `state.ts`.
 *
 *  1. Runs cover what is in flight, from `startOffset` to `nextOffset`, without a gap and without overlap.
 *  2. A record is acquired only while it is available; so nobody else has it, nor has given an answer that is being written.
 *  3. What is acknowledged or archived stays so, and is left behind as soon as nothing before it is in flight.
 *  4. A record is acquired no more often than `deliveryCountMax`.
 *  5. What a member says of its records counts once it is written, all of a request or nothing; until then they stay its own.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { acquire } from "./acquire.ts";
import { inPhase, newRun, overlap, phaseAfterRelease, tidied, withPart } from "./runs.ts";
import {
  type AcknowledgeEvent,
  type Acknowledgement,
  AcknowledgeType,
  deliveryCompleteCount,
  type Extent,
  type RecordPhase,
  type Run,
  type SharePartitionEffect,
  type SharePartitionEvent,
  type SharePartitionState,
  type StateBatch,
  type StepContext,
} from "./state.ts";

/** A share partition as the log has it. What nothing is known of was acquired, and nobody came to say anything about it. */
export function restored(startOffset: number, batches: readonly StateBatch[]): SharePartitionState {
  const runs: Run[] = [];
  let nextOffset = startOffset;
  for (const batch of batches) {
    const known = overlap(batch, { first: nextOffset, last: Number.MAX_SAFE_INTEGER });
    if (known === null) continue;
    if (nextOffset < known.first) runs.push(newRun({ first: nextOffset, last: known.first - 1 }, "available"));
    runs.push(newRun(known, batch.phase, batch.deliveryCount));
    nextOffset = known.last + 1;
  }
  return tidied({ startOffset, nextOffset, runs, lastWrite: 0 });
}

export function step(
  state: SharePartitionState,
  event: SharePartitionEvent,
  context: StepContext,
): [SharePartitionState, readonly SharePartitionEffect[]] {
  switch (event.kind) {
    case "acquire": {
      const [after, records] = acquire(state, event, context);
      return [after, [{ kind: "acquired", records }]];
    }
    case "acknowledge":
      try {
        return changed(state, acknowledged(state, event, context));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return [state, [{ kind: "refused", errorCode: error.code, message: error.message }]];
      }
    case "release":
      return changed(state, released(state, event.memberId, context));
    case "locksExpired":
      return locksExpired(state, context);
    case "written":
      return [written(state, event, context), []];
    case "logStartMoved":
      return [logStartMoved(state, event.logStartOffset), []];
  }
}

// ---------------------------------------------------------------------------------------------- what members say

/** @throws {ProtocolError} INVALID_RECORD_STATE, INVALID_REQUEST: Kafka's, with its sentences */
function acknowledged(
  state: SharePartitionState,
  { memberId, batches }: AcknowledgeEvent,
  context: StepContext,
): readonly Run[] {
  let { runs } = state;
  for (const batch of batches) {
    if (batch.last < state.startOffset) continue; // done with long ago
    if (runs.length === 0) {
      throw invalidState("Batch record not found. The request batch offsets are not found in the cache.");
    }
    refusePast(batch.first, "first", state);
    refusePast(batch.last, "last", state);
    runs = runs.flatMap((run) => {
      const part = overlap(run, batch);
      if (part === null) return [run];
      checkOwned(run, memberId);
      return withPart(run, part, answers(part, batch).map((answer) => afterAnswer(run, answer, state, context)));
    });
  }
  return runs;
}

function refusePast(offset: number, which: string, { nextOffset }: SharePartitionState): void {
  if (offset < nextOffset) return;
  throw new ProtocolError(
    ErrorCode.INVALID_REQUEST,
    `Batch record not found. The ${which} offset in request is past acquired records.`,
  );
}

function checkOwned({ phase, change, memberId }: Run, who: string): void {
  if (phase !== "acquired") {
    throw invalidState("The batch cannot be acknowledged. The batch is not in the acquired state.");
  }
  if (memberId !== who) throw invalidState("Member is not the owner of batch record");
  if (change !== null) {
    throw invalidState("The record state is invalid. The acknowledgement of delivery could not be completed.");
  }
}

interface AnswerOf extends Extent {
  readonly type: number;
}

/** The part cut where the types differ. */
function answers(part: Extent, { first, types }: Acknowledgement): AnswerOf[] {
  if (types.length === 1) return [{ ...part, type: types[0]! }];
  const cut: AnswerOf[] = [];
  for (let offset = part.first; offset <= part.last; offset++) {
    const type = types[offset - first]!;
    const before = cut.at(-1);
    if (before?.type === type) cut[cut.length - 1] = { ...before, last: offset };
    else cut.push({ first: offset, last: offset, type });
  }
  return cut;
}

function afterAnswer(
  run: Run,
  { first, last, type }: AnswerOf,
  { lastWrite }: SharePartitionState,
  { nowMs, rules }: StepContext,
): Run {
  const part = { ...run, first, last };
  if (type === AcknowledgeType.renew) {
    if (!rules.isRenewable) throw invalidState("Renewing acquisition locks is not enabled for the group.");
    return { ...part, lockedUntilMs: nowMs + rules.lockMs };
  }
  const phase = type === AcknowledgeType.release ? phaseAfterRelease(run, rules.deliveryCountMax) : phaseByType(type);
  return { ...part, change: { phase, write: lastWrite + 1 } };
}

function phaseByType(type: number): RecordPhase {
  return type === AcknowledgeType.accept ? "acknowledged" : "archived";
}

function released({ runs, lastWrite }: SharePartitionState, memberId: string, { rules }: StepContext): readonly Run[] {
  return runs.map((run) => {
    if (run.phase !== "acquired" || run.memberId !== memberId || run.change !== null) return run;
    return { ...run, change: { phase: phaseAfterRelease(run, rules.deliveryCountMax), write: lastWrite + 1 } };
  });
}

/** The state with these runs, and the write of what changes in them. */
function changed(
  state: SharePartitionState,
  runs: readonly Run[],
): [SharePartitionState, readonly SharePartitionEffect[]] {
  const write = state.lastWrite + 1;
  const batches = runs.flatMap(({ first, last, change, deliveryCount }) =>
    change?.write === write ? [{ first, last, phase: change.phase, deliveryCount }] : []
  );
  if (batches.length === 0) return [tidied({ ...state, runs }), []];
  return withWrite(tidied({ ...state, runs, lastWrite: write }), batches);
}

function withWrite(
  state: SharePartitionState,
  batches: readonly StateBatch[],
): [SharePartitionState, readonly SharePartitionEffect[]] {
  const { startOffset, lastWrite: write } = state;
  const count = deliveryCompleteCount(state);
  return [state, [{ kind: "write", write, startOffset, deliveryCompleteCount: count, batches }]];
}

// ---------------------------------------------------------------------------------------------- what happens to them

/** Nobody waits for this write: what it would say of a delivery count is not worth to keep records from others. */
function locksExpired(
  state: SharePartitionState,
  { nowMs, rules }: StepContext,
): [SharePartitionState, readonly SharePartitionEffect[]] {
  const batches: StateBatch[] = [];
  const runs = state.runs.map((run) => {
    if (run.phase !== "acquired" || run.change !== null || run.lockedUntilMs > nowMs) return run;
    const after = inPhase(run, phaseAfterRelease(run, rules.deliveryCountMax));
    batches.push({ first: run.first, last: run.last, phase: after.phase, deliveryCount: run.deliveryCount });
    return after;
  });
  if (batches.length === 0) return [state, []];
  // Before what is done with is left behind: Kafka tells the log of it, too.
  const [, effects] = withWrite({ ...state, runs, lastWrite: state.lastWrite + 1 }, batches);
  return [tidied({ ...state, runs, lastWrite: state.lastWrite + 1 }), effects];
}

function written(
  state: SharePartitionState,
  { write, isWritten }: { readonly write: number; readonly isWritten: boolean },
  { nowMs, rules }: StepContext,
): SharePartitionState {
  const runs = state.runs.map((run) => {
    if (run.change?.write !== write) return run;
    if (isWritten) return inPhase(run, run.change.phase);
    // Its time may have run out meanwhile.
    if (run.lockedUntilMs <= nowMs) return inPhase(run, phaseAfterRelease(run, rules.deliveryCountMax));
    return { ...run, change: null };
  });
  return tidied({ ...state, runs });
}

function logStartMoved(state: SharePartitionState, logStartOffset: number): SharePartitionState {
  if (logStartOffset <= state.startOffset) return state;
  const bounds = { first: logStartOffset, last: Number.MAX_SAFE_INTEGER };
  const runs = state.runs.flatMap((run) => {
    const kept = overlap(run, bounds);
    return kept === null ? [] : [{ ...run, ...kept }];
  });
  const nextOffset = Math.max(state.nextOffset, logStartOffset);
  return tidied({ ...state, startOffset: logStartOffset, nextOffset, runs });
}

function invalidState(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.INVALID_RECORD_STATE, message);
}
