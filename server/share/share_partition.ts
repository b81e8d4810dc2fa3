/**
 * A share partition at work: its state machine, and what its effects ask for. The state comes from the share coordinator,
 * and every change that it is to keep goes there.
 *
 *  1. The state machine is stepped here and nowhere else, and the effects of a step are carried out before the next step.
 *  2. Writes are told to the share coordinator in the order of the steps that made them.
 *  3. After `close` no timer is left; who waits is told, and finds another in its place, or none.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock, Timer, Timers } from "../../runtime/runtime.ts";
import { StorageError } from "../../storage/errors.ts";
import type { Partition } from "../partitions/partition.ts";
import type { ShareCoordinator, StateOutcome } from "./coordinator/share_coordinator.ts";
import { DeliveryState, type ShareState, type StoredBatch } from "./coordinator/share_state.ts";
import {
  type Acknowledgement,
  type AcquiredRecords,
  type AcquireEvent,
  canAcquire,
  fetchOffsetOf,
  firstLockEndMs,
  type RecordPhase,
  type SharePartitionEffect,
  type SharePartitionEvent,
  type SharePartitionState,
  type StateBatch,
} from "./partition/state.ts";
import { restored, step } from "./partition/step.ts";
import type { OffsetReset, ShareRules } from "./rules.ts";

export interface SharePartitionOptions {
  readonly groupId: string;
  readonly partition: Partition;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly coordinator: Pick<ShareCoordinator, "read" | "write">;
  readonly rules: () => ShareRules;
}

const fine: StateOutcome = { errorCode: ErrorCode.NONE, errorMessage: null };
const closed: StateOutcome = { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, errorMessage: null };

export class SharePartition {
  readonly groupId: string;
  readonly partition: Partition;
  /** Resolves once it can be used, to NONE; or to why it cannot, and never will. */
  readonly loaded: Promise<StateOutcome>;
  readonly #options: SharePartitionOptions;
  readonly #leaderEpoch: number;
  #state: SharePartitionState | null = null;
  #stateEpoch = 0;
  #isClosed = false;
  #alarm: Timer | null = null;
  #alarmAtMs = 0;
  readonly #waiters = new Set<() => void>();

  constructor(options: SharePartitionOptions) {
    this.#options = options;
    this.groupId = options.groupId;
    this.partition = options.partition;
    this.#leaderEpoch = options.partition.leaderEpoch;
    this.loaded = this.#load();
  }

  /** It is loaded, and not closed. */
  get isActive(): boolean {
    return this.#state !== null && !this.#isClosed;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Where to read for the next records to give out; null when there may be none now. */
  get fetchOffset(): number | null {
    const { logStartOffset } = this.partition;
    if (this.#state === null || this.#isClosed) return null;
    if (logStartOffset > this.#state.startOffset) this.#step({ kind: "logStartMoved", logStartOffset });
    return canAcquire(this.#state, this.#options.rules()) ? fetchOffsetOf(this.#state) : null;
  }

  acquire(event: Omit<AcquireEvent, "kind">): readonly AcquiredRecords[] {
    for (const effect of this.#step({ ...event, kind: "acquire" })) {
      if (effect.kind === "acquired") return effect.records;
    }
    return [];
  }

  async acknowledge(memberId: string, batches: readonly Acknowledgement[]): Promise<StateOutcome> {
    return await this.#carryOut(this.#step({ kind: "acknowledge", memberId, batches }));
  }

  /** The member gives back all that it has. */
  async release(memberId: string): Promise<StateOutcome> {
    return await this.#carryOut(this.#step({ kind: "release", memberId }));
  }

  /** Calls `run` when there may be something to give out that there was not before. Returns what takes it back. */
  watch(run: () => void): () => void {
    this.#waiters.add(run);
    return () => this.#waiters.delete(run);
  }

  close(): void {
    this.#isClosed = true;
    this.#alarm?.cancel();
    this.#alarm = null;
    this.#wake();
  }

  // -------------------------------------------------------------------------------------------- life

  async #load(): Promise<StateOutcome> {
    const { groupId, coordinator } = this.#options;
    const { topicId, index } = this.partition;
    const outcome = await coordinator.read({ groupId, topicId, partition: index, leaderEpoch: this.#leaderEpoch });
    if (outcome.state === null) return asSeenByMember(outcome);
    try {
      const { state } = outcome;
      const startOffset = state.startOffset === -1 ? await this.#firstOffset() : state.startOffset;
      if (this.#isClosed) return closed;
      this.#stateEpoch = state.stateEpoch;
      this.#state = restored(startOffset, state.batches.map(asKept));
      this.#wake();
      return fine;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, errorMessage: error.message };
    }
  }

  /** @throws {StorageError} */
  async #firstOffset(): Promise<number> {
    const { clock, rules } = this.#options;
    const { offsetReset }: { readonly offsetReset: OffsetReset } = rules();
    if (offsetReset === "earliest") return this.partition.logStartOffset;
    await this.partition.settled();
    if (offsetReset === "latest") return this.partition.highWatermark;
    const found = await this.partition.log.offsetForTimestamp(clock.nowMs() - offsetReset.durationMs);
    return Math.min(found?.offset ?? Infinity, this.partition.highWatermark);
  }

  // -------------------------------------------------------------------------------------------- steps

  #step(event: SharePartitionEvent): readonly SharePartitionEffect[] {
    if (this.#state === null) return [];
    const { clock, rules } = this.#options;
    const before = this.#state;
    const [state, effects] = step(before, event, { nowMs: clock.monotonicMs(), rules: rules() });
    this.#state = state;
    if (state === before || this.#isClosed) return effects;
    this.#setAlarm();
    if (event.kind !== "acquire") this.#wake();
    return effects;
  }

  /** Resolves once what is to be kept is kept. */
  async #carryOut(effects: readonly SharePartitionEffect[]): Promise<StateOutcome> {
    for (const effect of effects) {
      if (effect.kind === "refused") return { errorCode: effect.errorCode, errorMessage: effect.message };
      if (effect.kind !== "write") continue;
      const { groupId, coordinator } = this.#options;
      const { startOffset, deliveryCompleteCount, batches, write } = effect;
      const outcome = await coordinator.write({
        groupId,
        topicId: this.partition.topicId,
        partition: this.partition.index,
        stateEpoch: this.#stateEpoch,
        leaderEpoch: this.#leaderEpoch,
        startOffset,
        deliveryCompleteCount,
        batches: batches.map(asStored),
      });
      this.#step({ kind: "written", write, isWritten: outcome.errorCode === ErrorCode.NONE });
      return asSeenByMember(outcome);
    }
    return fine;
  }

  #setAlarm(): void {
    const { clock, timers } = this.#options;
    const endMs = this.#state === null ? null : firstLockEndMs(this.#state);
    // One that rings too early looks again.
    if (endMs === null || (this.#alarm !== null && this.#alarmAtMs <= endMs)) return;
    this.#alarm?.cancel();
    this.#alarmAtMs = endMs;
    this.#alarm = timers.after(Math.max(0, endMs - clock.monotonicMs()), () => {
      this.#alarm = null;
      void this.#carryOut(this.#step({ kind: "locksExpired" }));
      this.#setAlarm();
    });
  }

  #wake(): void {
    for (const run of [...this.#waiters]) run();
  }
}

const stateOf: Readonly<Record<RecordPhase, number>> = {
  available: DeliveryState.available,
  acquired: DeliveryState.acquired,
  acknowledged: DeliveryState.acknowledged,
  archived: DeliveryState.archived,
};

function asStored({ first, last, phase, deliveryCount }: StateBatch): StoredBatch {
  return { first, last, deliveryState: stateOf[phase], deliveryCount };
}

function asKept({ first, last, deliveryState, deliveryCount }: ShareState["batches"][number]): StateBatch {
  return { first, last, phase: phaseOf(deliveryState), deliveryCount };
}

function phaseOf(deliveryState: number): RecordPhase {
  switch (deliveryState) {
    case DeliveryState.acknowledged:
      return "acknowledged";
    case DeliveryState.archiving:
    case DeliveryState.archived:
      return "archived";
    default:
      return "available";
  }
}

/** What a member is told when the share coordinator refuses: as Kafka. */
function asSeenByMember({ errorCode, errorMessage }: StateOutcome): StateOutcome {
  switch (errorCode) {
    case ErrorCode.NONE:
    case ErrorCode.GROUP_ID_NOT_FOUND:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      return { errorCode, errorMessage };
    case ErrorCode.NOT_COORDINATOR:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, errorMessage };
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.FENCED_STATE_EPOCH:
      return { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, errorMessage };
    default:
      return { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage };
  }
}
