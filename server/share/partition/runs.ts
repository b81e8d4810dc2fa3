/** Runs of records: cut where something is to be said of a part, joined where there is nothing more to tell them apart. */
import { type Cohort, type Extent, isDone, type RecordPhase, type Run, type SharePartitionState } from "./state.ts";

export function newRun(
  { first, last }: Extent,
  phase: RecordPhase,
  deliveryCount = 0,
  cohort: Cohort = { recordCount: last - first + 1 },
): Run {
  return { first, last, phase, deliveryCount, memberId: "", lockedUntilMs: 0, change: null, cohort };
}

/** The run in another phase that is not "acquired". */
export function inPhase(run: Run, phase: RecordPhase): Run {
  return { ...run, phase, memberId: "", lockedUntilMs: 0, change: null };
}

/** What an acquired run becomes that its member has not dealt with. */
export function phaseAfterRelease({ deliveryCount }: Run, deliveryCountMax: number): RecordPhase {
  return deliveryCount >= deliveryCountMax ? "archived" : "available";
}

/** The part of `extent` within `bounds`; null when there is none. */
export function overlap(extent: Extent, bounds: Extent): Extent | null {
  const first = Math.max(extent.first, bounds.first);
  const last = Math.min(extent.last, bounds.last);
  return first <= last ? { first, last } : null;
}

/** The run with `part` of it replaced; `part` lies within. */
export function withPart(run: Run, part: Extent, replacement: readonly Run[]): Run[] {
  const runs: Run[] = [];
  if (run.first < part.first) runs.push({ ...run, last: part.first - 1 });
  runs.push(...replacement);
  if (part.last < run.last) runs.push({ ...run, first: part.last + 1 });
  return runs;
}

/** The parts of `extent` that are in none of `others`, which are ascending. */
export function without(extent: Extent, others: readonly Extent[]): Extent[] {
  const parts: Extent[] = [];
  let { first } = extent;
  for (const other of others) {
    if (other.last < first) continue;
    if (other.first > extent.last) break;
    if (first < other.first) parts.push({ first, last: other.first - 1 });
    first = other.last + 1;
  }
  if (first <= extent.last) parts.push({ first, last: extent.last });
  return parts;
}

/** Leaves behind what is done with at the start, and joins what can be joined. */
export function tidied(state: SharePartitionState): SharePartitionState {
  let from = 0;
  while (from < state.runs.length && state.runs[from]!.change === null && isDone(state.runs[from]!.phase)) from++;
  const runs: Run[] = [];
  for (let at = from; at < state.runs.length; at++) {
    const run = state.runs[at]!;
    const before = runs.at(-1);
    if (before !== undefined && canJoin(before, run)) runs[runs.length - 1] = { ...before, last: run.last };
    else runs.push(run);
  }
  return { ...state, startOffset: runs[0]?.first ?? state.nextOffset, runs };
}

function canJoin(before: Run, run: Run): boolean {
  if (before.phase !== run.phase || before.change?.write !== run.change?.write) return false;
  if (before.change?.phase !== run.change?.phase) return false;
  // Nobody asks any more how often it was delivered.
  if (isDone(run.phase)) return true;
  return before.cohort === run.cohort && before.deliveryCount === run.deliveryCount &&
    before.memberId === run.memberId && before.lockedUntilMs === run.lockedUntilMs;
}
