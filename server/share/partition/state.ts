/**
 * The words of a share partition (KIP-932): a partition as a share group goes through it. Values only; `step.ts` is the verb.
 *
 *                 done with, forgotten        in flight                        nobody's yet
 *     offsets  ─────────────────────────┬──────────────────────────────┬─────────────────────────▶
 *                                   startOffset                    nextOffset
 *
 * What is in flight is kept in runs: records next to each other of which the same is to be said.
 *
 *     phase          the record                          leaves it when
 *     ────────────   ─────────────────────────────────   ────────────────────────────────────────────────────
 *     available      may be given to a member            it is: acquired
 *     acquired       is locked for one member            the member accepts it: acknowledged; rejects it, or says
 *                                                        that there is no record: archived; gives it back, or the
 *                                                        lock's time is up: available, or archived when it was
 *                                                        delivered as often as it may be
 *     acknowledged   is done with                        never
 *     archived       is given up, or was never there     never
 */

export type RecordPhase = "available" | "acquired" | "acknowledged" | "archived";

export interface SharePartitionState {
  readonly startOffset: number;
  readonly nextOffset: number;
  readonly runs: readonly Run[];
  /** Writes are numbered. */
  readonly lastWrite: number;
}

export interface Extent {
  readonly first: number;
  /** Included. */
  readonly last: number;
}

export interface Run extends Extent {
  readonly phase: RecordPhase;
  /** How often its records were acquired. */
  readonly deliveryCount: number;
  /** Of an acquired run: for whom, and for how long; otherwise "" and 0. */
  readonly memberId: string;
  readonly lockedUntilMs: number;
  /** What it becomes once the log has it. Until then it is nobody else's, and nothing else can be said of it. */
  readonly change: PhaseChange | null;
  readonly cohort: Cohort;
}

export interface PhaseChange {
  readonly phase: RecordPhase;
  readonly write: number;
}

/**
 * Records that were acquired together for the first time. The object is the identity. When they come back again and again,
 * one of them may be what its consumers fail on, so fewer and fewer of a cohort are given out at once.
 */
export interface Cohort {
  readonly recordCount: number;
}

/** A run as the log keeps it. */
export interface StateBatch extends Extent {
  readonly phase: RecordPhase;
  readonly deliveryCount: number;
}

export interface SharePartitionRules {
  readonly lockMs: number;
  readonly deliveryCountMax: number;
  /** Records in flight. */
  readonly inFlightMax: number;
  /** A member may prolong its locks. */
  readonly isRenewable: boolean;
}

export interface StepContext {
  readonly nowMs: number;
  readonly rules: SharePartitionRules;
}

// ---------------------------------------------------------------------------------------------- events

export type SharePartitionEvent =
  | AcquireEvent
  | AcknowledgeEvent
  /** The member's session ended: it gives back all that it has. */
  | { readonly kind: "release"; readonly memberId: string }
  /** The time of some lock may be up. */
  | { readonly kind: "locksExpired" }
  | { readonly kind: "written"; readonly write: number; readonly isWritten: boolean }
  /** The log now starts here. */
  | { readonly kind: "logStartMoved"; readonly logStartOffset: number };

export interface AcquireEvent {
  readonly kind: "acquire";
  readonly memberId: string;
  /** What was read at `fetchOffset`: batches of the log by their headers, ascending. */
  readonly fetchOffset: number;
  readonly batches: readonly Extent[];
  /** Those of them that belong to transactions that were aborted, where that matters to the group. */
  readonly aborted: readonly Extent[];
  readonly recordsMax: number;
  /** Records that a member wants to acknowledge together. */
  readonly batchSize: number;
  /** `recordsMax` is not passed by the rest of a batch (KIP-1206). */
  readonly isStrict: boolean;
}

export interface AcknowledgeEvent {
  readonly kind: "acknowledge";
  readonly memberId: string;
  readonly batches: readonly Acknowledgement[];
}

export interface Acknowledgement extends Extent {
  /** One for all of them, or one for each record. */
  readonly types: readonly number[];
}

/** As they are on the wire. */
export const AcknowledgeType = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 } as const;

// ---------------------------------------------------------------------------------------------- effects

export type SharePartitionEffect =
  | { readonly kind: "acquired"; readonly records: readonly AcquiredRecords[] }
  /** The acknowledgement was refused, and nothing of it has happened. */
  | { readonly kind: "refused"; readonly errorCode: number; readonly message: string }
  /** Keeps this, then feeds `written` back. */
  | {
    readonly kind: "write";
    readonly write: number;
    readonly startOffset: number;
    /** From `startOffset` on. */
    readonly deliveryCompleteCount: number;
    readonly batches: readonly StateBatch[];
  };

export interface AcquiredRecords extends Extent {
  readonly deliveryCount: number;
}

// ---------------------------------------------------------------------------------------------- what can be told of it

/** Where to read for the next records to give out. */
export function fetchOffsetOf(state: SharePartitionState): number {
  for (const run of state.runs) if (isFree(run)) return run.first;
  return state.nextOffset;
}

/** There may be something to give out. */
export function canAcquire(state: SharePartitionState, { inFlightMax }: SharePartitionRules): boolean {
  return fetchOffsetOf(state) !== state.nextOffset || inFlightCount(state) < inFlightMax;
}

export function inFlightCount({ startOffset, nextOffset }: SharePartitionState): number {
  return nextOffset - startOffset;
}

/** When the first lock's time is up; null when nothing is locked. */
export function firstLockEndMs({ runs }: SharePartitionState): number | null {
  let first: number | null = null;
  for (const { phase, change, lockedUntilMs } of runs) {
    if (phase === "acquired" && change === null && (first === null || lockedUntilMs < first)) first = lockedUntilMs;
  }
  return first;
}

/** Records of the runs that are done with, or will be once that is written. */
export function deliveryCompleteCount({ runs }: SharePartitionState): number {
  let count = 0;
  for (const run of runs) if (isDone(run.change?.phase ?? run.phase)) count += run.last - run.first + 1;
  return count;
}

/** Available, and not about to be something else. */
export function isFree({ phase, change }: Run): boolean {
  return phase === "available" && change === null;
}

export function isDone(phase: RecordPhase): boolean {
  return phase === "acknowledged" || phase === "archived";
}
