/**
 * A share partition under random events in any order, sensible or not: members that acquire, accept, reject, give back,
 * prolong, and say what is not true; locks that run out; writes that fail, and end in any order; a log with holes, aborted
 * transactions, and a start that moves; and crashes, after which the share coordinator's records are all there is.
 *
 * After every event:
 *  1. Runs cover what is in flight, once.
 *  2. Nothing is acquired within the lock of another, nor while an answer about it is being written.
 *  3. What was acknowledged or archived, and written, is never acquired again; not after a crash either.
 *  4. A record is acquired no more often than the rules say, and each time it is said how often.
 *  5. No more is in flight than the rules say, by more than the batch that passes the limit.
 *  6. Nothing is left behind that is not dealt with.
 * And once all that is left accept what they get:
 *  7. Everything in the log is dealt with.
 *
 *     SEED=123 bun test tests/simulation/share_partition_test.ts        the run that failed, again
 */
import { initialize, type KnownState, replayed, write } from "../../server/share/coordinator/share_state.ts";
import { DeliveryState } from "../../server/share/coordinator/share_state.ts";
import {
  AcknowledgeType,
  canAcquire,
  deliveryCompleteCount,
  type Extent,
  fetchOffsetOf,
  firstLockEndMs,
  type RecordPhase,
  type SharePartitionEffect,
  type SharePartitionEvent,
  type SharePartitionRules,
  type SharePartitionState,
  type StateBatch,
} from "../../server/share/partition/state.ts";
import { restored, step } from "../../server/share/partition/step.ts";
import { RandomRun, testRandomRuns } from "../support/random_runs.ts";

const stepCount = 300;
const key = { groupId: "g", topicId: "AAAAAAAAAAAAAAAAAAAAAQ", partition: 0 };
const phases: readonly RecordPhase[] = ["available", "acquired", "acknowledged", "archived", "archived"];

testRandomRuns(
  "a share partition is consistent after any events, and comes to its end",
  150,
  (seed) => new Simulation(seed).run(),
);

type WriteEffect = Extract<SharePartitionEffect, { readonly kind: "write" }>;

/** What is known of one record. */
interface Known {
  owner: string | null;
  lockedUntilMs: number;
  deliveryCount: number;
  isDone: boolean;
  /** … and that is written. */
  isKept: boolean;
  /** The write that is to say what becomes of it. */
  write: number | null;
}

class Simulation extends RandomRun {
  readonly rules: SharePartitionRules;
  readonly members = ["a", "b", "c"];
  readonly batches: Extent[] = [];
  readonly aborted: Extent[] = [];
  readonly known = new Map<number, Known>();
  readonly writes: WriteEffect[] = [];
  nowMs = 1_000;
  logStart = 0;
  state: SharePartitionState;
  kept: KnownState;
  #batchSizeMax: number;
  #startChecked = 0;

  constructor(runSeed: number) {
    super(runSeed);
    this.rules = {
      lockMs: 100,
      deliveryCountMax: this.pick([2, 3, 5]),
      inFlightMax: this.pick([5, 20, 100]),
      isRenewable: this.random() < 0.8,
    };
    this.#batchSizeMax = this.pick([1, 4, 12]);
    this.grow(this.pick([0, 5, 40]));
    this.kept = replayed(null, initialize(null, { ...key, stateEpoch: 1, startOffset: 0 }, 0)!)!;
    this.state = restored(0, []);
  }

  run(): void {
    for (let round = 0; round < stepCount; round++) {
      this.pick(this.#actions)();
      this.check();
    }
    this.settle();
  }

  readonly #actions: readonly (() => void)[] = [
    () => this.acquire(this.pick(this.members)),
    () => this.acquire(this.pick(this.members)),
    () => this.acquire(this.pick(this.members)),
    () => this.acknowledge(this.pick(this.members)),
    () => this.acknowledge(this.pick(this.members)),
    () => this.acknowledge(this.pick(this.members)),
    () => this.lie(this.pick(this.members)),
    () => this.release(this.pick(this.members)),
    () => this.pass(this.pick([1, 30, 101])),
    () => this.endWrite(this.random() < 0.8),
    () => this.endWrite(true),
    () => this.grow(1 + this.below(20)),
    () => this.random() < 0.1 ? this.deleteRecords() : undefined,
    () => this.random() < 0.1 ? this.crash() : undefined,
  ];

  // -------------------------------------------------------------------------------------------- the log

  grow(count: number): void {
    for (let left = count; left > 0;) {
      const size = Math.min(left, 1 + this.below(this.#batchSizeMax));
      const first = (this.batches.at(-1)?.last ?? -1) + 1 + (this.random() < 0.1 ? this.below(4) : 0);
      const batch = { first, last: first + size - 1 };
      this.batches.push(batch);
      if (this.random() < 0.1) this.aborted.push(batch);
      left -= size;
    }
  }

  deleteRecords(): void {
    const end = (this.batches.at(-1)?.last ?? -1) + 1;
    this.logStart = Math.max(this.logStart, this.below(end + 1));
    this.step({ kind: "logStartMoved", logStartOffset: this.logStart });
  }

  read(offset: number): Extent[] {
    const all = this.batches.filter(({ last }) => last >= Math.max(offset, this.logStart));
    return all.slice(0, 1 + this.below(5));
  }

  // -------------------------------------------------------------------------------------------- members

  acquire(memberId: string): number {
    this.step({ kind: "logStartMoved", logStartOffset: this.logStart });
    if (!canAcquire(this.state, this.rules)) return 0;
    const fetchOffset = fetchOffsetOf(this.state);
    const batches = this.read(fetchOffset);
    if (batches.length === 0) return 0;
    const isStrict = this.random() < 0.3;
    const recordsMax = this.pick([1, 3, 10, 500]);
    const before = this.state;
    const [effect] = this.step({
      kind: "acquire",
      memberId,
      fetchOffset,
      batches,
      aborted: this.aborted.filter(({ first, last }) =>
        batches.some((batch) => batch.first === first && batch.last === last)
      ),
      recordsMax,
      batchSize: this.pick([1, 5, 500]),
      isStrict,
    });
    assert(effect?.kind === "acquired", "an acquisition is answered");
    let count = 0;
    let end = -1;
    for (const { first, last, deliveryCount } of effect.records) {
      assert(first > end && first <= last, "what is acquired is told in order");
      end = last;
      for (let offset = first; offset <= last; offset++) {
        count++;
        const known = this.of(offset);
        assert(!known.isDone, `${offset} is done with, and acquired`); // (3)
        assert(known.owner === null, `${offset} is acquired within a lock`); // (2)
        assert(known.write === null, `${offset} is acquired while it is written`);
        assert(!this.aborted.some((batch) => isWithin(offset, batch)), `${offset} was aborted`);
        known.deliveryCount++;
        assert(
          known.deliveryCount === deliveryCount,
          `${offset}: ${known.deliveryCount} deliveries, told ${deliveryCount}`,
        ); // (4)
        assert(deliveryCount <= this.rules.deliveryCountMax, `${offset} is delivered ${deliveryCount} times`);
        known.owner = memberId;
        known.lockedUntilMs = this.nowMs + this.rules.lockMs;
      }
    }
    if (isStrict) assert(count <= recordsMax, "a strict limit is kept");
    const inFlight = this.state.nextOffset - this.state.startOffset;
    const most = Math.max(before.nextOffset - before.startOffset, this.rules.inFlightMax + this.#batchSizeMax + 4);
    assert(inFlight <= most, `${inFlight} are in flight`); // (5)
    return count;
  }

  /** Some of what it has, honestly. */
  acknowledge(memberId: string, isAll = false): void {
    const own = [...this.known].filter(([offset, { owner, write: pending }]) =>
      owner === memberId && pending === null && offset >= this.state.startOffset
    ).map(([offset]) => offset).sort((one, other) => one - other);
    const chosen = isAll ? own : own.filter(() => this.random() < 0.6);
    if (chosen.length === 0) return;
    const types = [0, 1, 1, 1, 2, 3, ...this.rules.isRenewable ? [4] : []];
    const said = chosen.map((offset) => ({ offset, type: isAll ? 1 : this.pick(types) }));
    const batches = runsOf(said).map((run) => ({
      first: run[0]!.offset,
      last: run.at(-1)!.offset,
      types: run.map(({ type }) => type),
    })).map((batch) => new Set(batch.types).size === 1 ? { ...batch, types: [batch.types[0]!] } : batch);
    const effects = this.step({ kind: "acknowledge", memberId, batches });
    assert(!effects.some(({ kind }) => kind === "refused"), `what is true is refused: ${JSON.stringify(effects)}`);
    const id = this.state.lastWrite;
    for (const { offset, type } of said) {
      const known = this.of(offset);
      if (type === AcknowledgeType.renew) known.lockedUntilMs = this.nowMs + this.rules.lockMs;
      else known.write = id;
    }
  }

  /** Says something about records that it may not have. */
  lie(memberId: string): void {
    const first = Math.max(0, this.state.startOffset - 2 + this.below(30));
    const last = first + this.below(5);
    const isTrue = Array.from({ length: last - first + 1 }, (_, index) => first + index).every((offset) => {
      const known = this.of(offset);
      return offset < this.state.startOffset || known.owner === memberId && known.write === null;
    });
    if (isTrue) return;
    const before = this.state;
    const effects = this.step({ kind: "acknowledge", memberId, batches: [{ first, last, types: [1] }] });
    assert(effects[0]?.kind === "refused", `a lie about ${first}–${last} is believed`);
    assert(this.state === before, "what is refused changes nothing");
  }

  release(memberId: string): void {
    this.step({ kind: "release", memberId });
    const id = this.state.lastWrite;
    for (const [offset, known] of this.known) {
      if (known.owner === memberId && known.write === null && offset >= this.state.startOffset) known.write = id;
    }
  }

  // -------------------------------------------------------------------------------------------- time, the log of states

  pass(ms: number): void {
    this.nowMs += ms;
    const endMs = firstLockEndMs(this.state);
    if (endMs === null || endMs > this.nowMs) return;
    this.step({ kind: "locksExpired" });
    for (const known of this.known.values()) {
      if (known.owner === null || known.write !== null || known.lockedUntilMs > this.nowMs) continue;
      this.giveUp(known);
    }
  }

  endWrite(isWritten: boolean): void {
    if (this.writes.length === 0) return;
    const [effect] = this.writes.splice(this.below(this.writes.length), 1);
    // One that failed may have landed all the same.
    if (isWritten || this.random() < 0.3) this.keep(effect!);
    this.step({ kind: "written", write: effect!.write, isWritten });
    for (const { first, last, phase } of effect!.batches) {
      for (let offset = first; offset <= last; offset++) {
        const known = this.of(offset);
        if (known.write !== effect!.write) continue;
        known.write = null;
        if (isWritten) {
          known.owner = null;
          known.isDone = phase === "acknowledged" || phase === "archived";
          known.isKept = known.isDone;
        } else if (known.lockedUntilMs <= this.nowMs) this.giveUp(known);
      }
    }
  }

  keep({ startOffset, deliveryCompleteCount: count, batches }: WriteEffect): void {
    const request = {
      ...key,
      stateEpoch: 1,
      leaderEpoch: 0,
      startOffset,
      deliveryCompleteCount: count,
      batches: batches.map(({ first, last, phase, deliveryCount }) => ({
        first,
        last,
        deliveryState: DeliveryState[phase],
        deliveryCount,
      })),
    };
    this.kept = replayed(this.kept, write(this.kept, request, { nowMs: this.nowMs, updatesPerSnapshot: 3 }))!;
  }

  crash(): void {
    // What was on its way may have landed.
    for (const effect of this.writes.splice(0)) if (this.random() < 0.5) this.keep(effect);
    const { startOffset, batches } = this.kept.state;
    this.state = restored(
      startOffset,
      batches.map(({ first, last, deliveryState, deliveryCount }): StateBatch => ({
        first,
        last,
        phase: phases[deliveryState]!,
        deliveryCount,
      })),
    );
    for (const [offset, known] of this.known) {
      const stored = batches.find(({ first, last }) => first <= offset && offset <= last);
      const isDone = stored !== undefined && stored.deliveryState >= 2;
      assert(!known.isKept || isDone || offset < startOffset, `${offset} came back from the dead`); // (3)
      known.owner = null;
      known.write = null;
      known.isDone = isDone || offset < startOffset;
      known.deliveryCount = stored?.deliveryCount ?? 0;
    }
  }

  settle(): void {
    for (let round = 0; round < 2_000; round++) {
      while (this.writes.length > 0) this.endWrite(true);
      this.pass(101);
      while (this.writes.length > 0) this.endWrite(true);
      const count = this.acquire("a");
      this.acknowledge("a", true);
      this.check();
      if (count === 0 && fetchOffsetOf(this.state) > (this.batches.at(-1)?.last ?? -1) && this.writes.length === 0) {
        break;
      }
    }
    assert(this.state.startOffset === this.state.nextOffset, `not all is dealt with: ${JSON.stringify(this.state)}`); // (7)
    assert(this.state.nextOffset > (this.batches.at(-1)?.last ?? -1), "the end is not reached");
  }

  // -------------------------------------------------------------------------------------------- below: how

  step(event: SharePartitionEvent): readonly SharePartitionEffect[] {
    const [state, effects] = step(this.state, event, { nowMs: this.nowMs, rules: this.rules });
    assert(state.startOffset >= this.state.startOffset, "the start goes back");
    assert(state.nextOffset >= this.state.nextOffset, "the end goes back");
    this.state = state;
    for (const effect of effects) {
      if (effect.kind !== "write") continue;
      assert(effect.batches.length > 0, "nothing is written");
      this.writes.push(effect);
    }
    return effects;
  }

  giveUp(known: Known): void {
    known.owner = null;
    known.isDone = known.deliveryCount >= this.rules.deliveryCountMax;
  }

  of(offset: number): Known {
    let known = this.known.get(offset);
    if (known === undefined) {
      known = { owner: null, lockedUntilMs: 0, deliveryCount: 0, isDone: false, isKept: false, write: null };
      this.known.set(offset, known);
    }
    return known;
  }

  check(): void {
    const { startOffset, nextOffset, runs } = this.state;
    for (let offset = this.#startChecked; offset < startOffset; offset++) {
      const isRecord = offset >= this.logStart && this.batches.some((batch) => isWithin(offset, batch)) &&
        !this.aborted.some((batch) => isWithin(offset, batch));
      assert(!isRecord || this.of(offset).isDone, `${offset} is left behind`); // (6)
    }
    this.#startChecked = startOffset;
    let offset = startOffset;
    for (const { first, last } of runs) {
      assert(first === offset && last >= first, `runs do not cover ${offset}: ${JSON.stringify(runs)}`); // (1)
      offset = last + 1;
    }
    assert(offset === nextOffset, "runs end where new records begin");
    assert(deliveryCompleteCount(this.state) <= nextOffset - startOffset, "more is done with than there is");
  }
}

function isWithin(offset: number, { first, last }: Extent): boolean {
  return first <= offset && offset <= last;
}

function runsOf<Item extends { readonly offset: number }>(items: readonly Item[]): Item[][] {
  const runs: Item[][] = [];
  for (const item of items) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1)!.offset === item.offset - 1) run.push(item);
    else runs.push([item]);
  }
  return runs;
}

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}
