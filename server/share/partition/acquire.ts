/**
 * Gives records to a member: those that came back first, then new ones.
 *
 * How many: `recordsMax`, and no more in flight than the rules say. Neither cuts what belongs together (a cohort, a batch of
 * the log), unless the limit is strict; so that whole batches are sent for what is whole.
 *
 * Records that come back often are given out alone, and fewer at a time, so that one on which consumers fail does not take the
 * others of its cohort with it: from half the deliveries that are allowed a half of the cohort, then a quarter …, and the last
 * time one by one.
 */
import { inPhase, newRun, overlap, tidied, without, withPart } from "./runs.ts";
import {
  type AcquiredRecords,
  type AcquireEvent,
  type Extent,
  inFlightCount,
  isFree,
  type Run,
  type SharePartitionState,
  type StepContext,
} from "./state.ts";

/** With fewer deliveries than these there is nothing to narrow down. */
const throttledCountMin = 2;

export function acquire(
  state: SharePartitionState,
  event: AcquireEvent,
  context: StepContext,
): [SharePartitionState, readonly AcquiredRecords[]] {
  const read = overlap(
    { first: event.batches[0]?.first ?? 0, last: event.batches.at(-1)?.last ?? -1 },
    { first: state.startOffset, last: Number.MAX_SAFE_INTEGER },
  );
  if (read === null || event.recordsMax <= 0) return [state, []];
  const room = roomFor(state, event, context);
  if (room <= 0) return [state, []];
  const acquisition = new Acquisition(withoutStale(state, event), event, context, { read, room });
  acquisition.acquireFree();
  acquisition.acquireNew();
  return acquisition.finish();
}

/** What is in flight may be given out again even when nothing new may. */
function roomFor(state: SharePartitionState, event: AcquireEvent, { rules }: StepContext): number {
  const room = Math.min(event.recordsMax, rules.inFlightMax - inFlightCount(state));
  if (room > 0 || event.fetchOffset >= state.nextOffset) return room;
  return Math.min(event.recordsMax, state.nextOffset - event.fetchOffset);
}

/** Records that the log has not: they were compacted away, or belong to a transaction that was aborted. */
function withoutStale(
  state: SharePartitionState,
  { fetchOffset, batches, aborted }: AcquireEvent,
): SharePartitionState {
  const stale = [{ first: fetchOffset, last: batches[0]!.first - 1 }, ...aborted].filter(({ first, last }) =>
    first <= last
  );
  if (stale.length === 0) return state;
  const runs = state.runs.flatMap((run) => {
    if (!isFree(run)) return [run];
    const kept = without(run, stale);
    if (kept.length === 1 && kept[0]!.first === run.first && kept[0]!.last === run.last) return [run];
    return parts(run, kept).map(({ first, last, isKept }) =>
      isKept ? { ...run, first, last } : inPhase({ ...run, first, last }, "archived")
    );
  });
  return { ...state, runs };
}

/** The extent in its parts: those of `kept`, and those between them. */
function parts({ first, last }: Extent, kept: readonly Extent[]): (Extent & { readonly isKept: boolean })[] {
  const all: (Extent & { readonly isKept: boolean })[] = [];
  let next = first;
  for (const part of kept) {
    if (next < part.first) all.push({ first: next, last: part.first - 1, isKept: false });
    all.push({ ...part, isKept: true });
    next = part.last + 1;
  }
  if (next <= last) all.push({ first: next, last, isKept: false });
  return all;
}

class Acquisition {
  readonly #state: SharePartitionState;
  readonly #event: AcquireEvent;
  readonly #context: StepContext;
  readonly #read: Extent;
  readonly #room: number;
  readonly #throttledFrom: number;
  readonly #runs: Run[] = [];
  readonly #acquired: AcquiredRecords[] = [];
  #count = 0;
  /** Something was given out that must be alone. */
  #isOver = false;
  #startOffset: number;
  #nextOffset: number;

  constructor(
    state: SharePartitionState,
    event: AcquireEvent,
    context: StepContext,
    { read, room }: { readonly read: Extent; readonly room: number },
  ) {
    this.#state = state;
    this.#event = event;
    this.#context = context;
    this.#read = read;
    this.#room = room;
    this.#startOffset = state.startOffset;
    this.#nextOffset = state.nextOffset;
    this.#throttledFrom = Math.max(throttledCountMin, Math.ceil(context.rules.deliveryCountMax / 2));
  }

  /** Cohort by cohort. */
  acquireFree(): void {
    const { runs } = this.#state;
    for (let from = 0; from < runs.length;) {
      let end = from + 1;
      while (end < runs.length && runs[end]!.cohort === runs[from]!.cohort) end++;
      this.#acquireCohort(runs.slice(from, end));
      from = end;
    }
  }

  #acquireCohort(runs: readonly Run[]): void {
    const { deliveryCountMax } = this.#context.rules;
    const isWanted = (run: Run) => isFree(run) && overlap(run, this.#read) !== null;
    const isThrottled = runs.some((run) => isWanted(run) && run.deliveryCount >= this.#throttledFrom);
    if (isThrottled && this.#count > 0) this.#isOver = true;
    let left = this.#event.isStrict ? this.#room - this.#count : Infinity;
    let hasCap = false;
    let cohortCount = 0;
    let isCohortOver = this.#isOver || this.#count >= this.#room;
    for (const run of runs) {
      const part = isWanted(run) ? overlap(run, this.#read) : null;
      if (part === null || isCohortOver || left <= 0) {
        this.#runs.push(run);
        continue;
      }
      const isLastTry = deliveryCountMax > 2 && run.deliveryCount >= deliveryCountMax - 1;
      if (isLastTry && cohortCount > 0) {
        isCohortOver = true;
        this.#runs.push(run);
        continue;
      }
      if (run.deliveryCount >= this.#throttledFrom && !hasCap) {
        hasCap = true;
        const cap = Math.max(
          1,
          Math.floor(run.cohort.recordCount / 2 ** (run.deliveryCount - this.#throttledFrom + 1)),
        );
        left = Math.min(left, Math.max(0, cap - cohortCount));
      }
      const count = Math.min(part.last - part.first + 1, isLastTry ? 1 : left);
      if (count <= 0) {
        this.#runs.push(run);
        continue;
      }
      const taken = { first: part.first, last: part.first + count - 1 };
      this.#runs.push(...withPart(run, taken, [this.#lock({ ...run, ...taken })]));
      this.#tell(taken, run.deliveryCount + 1, cohortCount > 0);
      cohortCount += count;
      left -= count;
      if (isLastTry) isCohortOver = true;
    }
    this.#count += cohortCount;
    if (isThrottled && cohortCount > 0) this.#isOver = true;
  }

  acquireNew(): void {
    const { batches, isStrict, batchSize, aborted } = this.#event;
    const room = this.#room - this.#count;
    if (this.#isOver || room <= 0 || this.#read.last < this.#nextOffset) return;
    // Only what is in flight may be given out when all places are taken.
    if (inFlightCount(this.#state) >= this.#context.rules.inFlightMax) return;
    const first = Math.max(this.#nextOffset, batches[0]!.first);
    if (first > this.#nextOffset) this.#skipTo(first);
    let { last } = this.#read;
    if (room < last - first + 1) last = isStrict ? first + room - 1 : endOfBatch(first + room - 1, batches);
    for (const piece of pieces({ first, last }, isStrict ? Infinity : batchSize, batches)) {
      for (const part of parts(piece, without(piece, aborted))) {
        const run = newRun(part, part.isKept ? "available" : "archived");
        this.#runs.push(part.isKept ? this.#lock(run) : run);
        if (part.isKept) this.#tell(part, 1, false);
      }
    }
    this.#nextOffset = last + 1;
  }

  finish(): [SharePartitionState, readonly AcquiredRecords[]] {
    const state = {
      ...this.#state,
      startOffset: this.#startOffset,
      nextOffset: this.#nextOffset,
      runs: this.#runs,
    };
    return [tidied(state), this.#acquired];
  }

  /** Offsets that the log has no records at. */
  #skipTo(offset: number): void {
    if (this.#runs.length === 0) this.#startOffset = offset;
    else this.#runs.push(newRun({ first: this.#nextOffset, last: offset - 1 }, "archived"));
    this.#nextOffset = offset;
  }

  #lock(run: Run): Run {
    return {
      ...run,
      phase: "acquired",
      deliveryCount: run.deliveryCount + 1,
      memberId: this.#event.memberId,
      lockedUntilMs: this.#context.nowMs + this.#context.rules.lockMs,
    };
  }

  #tell({ first, last }: Extent, deliveryCount: number, isOfSameCohort: boolean): void {
    const before = this.#acquired.at(-1);
    if (isOfSameCohort && before?.last === first - 1 && before.deliveryCount === deliveryCount) {
      this.#acquired[this.#acquired.length - 1] = { ...before, last };
    } else this.#acquired.push({ first, last, deliveryCount });
  }
}

/** The end of the batch that holds `offset`; of no batch: the offset itself. */
function endOfBatch(offset: number, batches: readonly Extent[]): number {
  return batches.find(({ first, last }) => first <= offset && offset <= last)?.last ?? offset;
}

/** Cut between batches of the log, wherever there are `batchSize` records before. */
function pieces({ first, last }: Extent, batchSize: number, batches: readonly Extent[]): Extent[] {
  const cut: Extent[] = [];
  let from = first;
  if (last - first + 1 > batchSize) {
    for (const { first: base } of batches) {
      if (base > last) break;
      if (base <= from || base - from < batchSize) continue;
      cut.push({ first: from, last: base - 1 });
      from = base;
    }
  }
  cut.push({ first: from, last });
  return cut;
}
