/**
 * What the share coordinator keeps of a share partition, and how requests change it (KIP-932). Pure.
 *
 *     initialized   by the group coordinator, when a group comes to a topic or is put elsewhere in it: a new state epoch
 *     read          by the partition's leader, which takes over by its leader epoch
 *     written       by that leader: what changed; epochs that are gone are refused
 *
 * The log has a snapshot of all that is known, then updates, then a snapshot … Sentences are Kafka's, for brokers log them.
 */
import { ErrorCode, errorInfo, ProtocolError } from "../../../protocol/errors.ts";
import { overlap, without } from "../partition/runs.ts";
import type { Extent } from "../partition/state.ts";

export interface ShareKey {
  readonly groupId: string;
  readonly topicId: string;
  readonly partition: number;
}

/** What share coordinators are chosen by: Kafka's text. */
export function keyText({ groupId, topicId, partition }: ShareKey): string {
  return `${groupId}:${topicId}:${partition}`;
}

export interface StoredBatch extends Extent {
  /** Of `DeliveryState`. */
  readonly deliveryState: number;
  readonly deliveryCount: number;
}

/** Of Kafka's records: `archiving` is on its way to a dead-letter topic, which only later levels of the feature have. */
export const DeliveryState = { available: 0, acquired: 1, acknowledged: 2, archiving: 3, archived: 4 } as const;

export interface ShareState {
  readonly snapshotEpoch: number;
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  /** -1: the group's rule for new partitions decides, once somebody reads. */
  readonly startOffset: number;
  /** From `startOffset` on; -1: not known. */
  readonly deliveryCompleteCount: number;
  readonly createTimestampMs: number;
  readonly writeTimestampMs: number;
  /** Ascending, without overlap. */
  readonly batches: readonly StoredBatch[];
}

/** What the coordinator has of a key. */
export interface KnownState {
  readonly state: ShareState;
  /** The highest that was seen, over all initializations. */
  readonly stateEpochMax: number;
  readonly leaderEpochMax: number;
  /** Since the last snapshot. */
  readonly updateCount: number;
}

export interface ShareUpdate {
  readonly snapshotEpoch: number;
  readonly leaderEpoch: number;
  /** -1: as before. */
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly batches: readonly StoredBatch[];
}

/** What the log is to be told; null forgets the key. */
export type ShareRecord =
  | { readonly kind: "snapshot"; readonly state: ShareState | null }
  | { readonly kind: "update"; readonly update: ShareUpdate };

// ---------------------------------------------------------------------------------------------- records → state

/** What is known after the record; null when nothing is any more. */
export function replayed(known: KnownState | null, record: ShareRecord): KnownState | null {
  if (record.kind === "snapshot") {
    const { state } = record;
    return state && {
      state,
      stateEpochMax: Math.max(known?.stateEpochMax ?? 0, state.stateEpoch),
      leaderEpochMax: Math.max(known?.leaderEpochMax ?? 0, state.leaderEpoch),
      updateCount: 0,
    };
  }
  if (known === null) return null; // what it updates was forgotten
  const { state } = known;
  const { update } = record;
  const startOffset = update.startOffset === -1 ? state.startOffset : update.startOffset;
  const leaderEpoch = update.leaderEpoch === -1 ? state.leaderEpoch : update.leaderEpoch;
  return {
    state: {
      ...state,
      startOffset,
      leaderEpoch,
      deliveryCompleteCount: update.deliveryCompleteCount,
      batches: combined(state.batches, update.batches, startOffset),
    },
    stateEpochMax: known.stateEpochMax,
    leaderEpochMax: Math.max(known.leaderEpochMax, leaderEpoch),
    updateCount: known.updateCount + 1,
  };
}

/**
 * Both, from `startOffset` on. Where they speak of the same record, the one counts that has seen it delivered more often;
 * else the one that has got further with it. So it does not matter in which order they were written.
 */
export function combined(
  batches: readonly StoredBatch[],
  newer: readonly StoredBatch[],
  startOffset: number,
): StoredBatch[] {
  const bounds = { first: startOffset, last: Number.MAX_SAFE_INTEGER };
  const cut = (batch: StoredBatch) => {
    const part = overlap(batch, bounds);
    return part === null ? [] : [{ ...batch, ...part }];
  };
  let all = batches.flatMap(cut);
  for (const batch of newer.flatMap(cut)) all = overlaid(all, batch);
  return joined(all);
}

function overlaid(batches: readonly StoredBatch[], batch: StoredBatch): StoredBatch[] {
  const result: StoredBatch[] = without(batch, batches).map((part) => ({ ...batch, ...part }));
  for (const old of batches) {
    const part = overlap(old, batch);
    if (part === null) {
      result.push(old);
      continue;
    }
    for (const rest of without(old, [part])) result.push({ ...old, ...rest });
    result.push({ ...(isAhead(batch, old) ? batch : old), ...part });
  }
  return result.sort((one, other) => one.first - other.first);
}

function isAhead(one: StoredBatch, other: StoredBatch): boolean {
  if (one.deliveryCount !== other.deliveryCount) return one.deliveryCount > other.deliveryCount;
  return one.deliveryState > other.deliveryState;
}

function joined(batches: readonly StoredBatch[]): StoredBatch[] {
  const all: StoredBatch[] = [];
  for (const batch of batches) {
    const before = all.at(-1);
    const isSame = before !== undefined && before.last === batch.first - 1 &&
      before.deliveryState === batch.deliveryState && before.deliveryCount === batch.deliveryCount;
    if (isSame) all[all.length - 1] = { ...before, last: batch.last };
    else all.push(batch);
  }
  return all;
}

// ---------------------------------------------------------------------------------------------- requests → records

export interface InitializeRequest extends ShareKey {
  readonly stateEpoch: number;
  readonly startOffset: number;
}

/**
 * null: nothing is new.
 * @throws {ProtocolError} INVALID_REQUEST, FENCED_STATE_EPOCH
 */
export function initialize(known: KnownState | null, request: InitializeRequest, nowMs: number): ShareRecord | null {
  checkPartition(request);
  refuseNegative(request.stateEpoch, "state epoch");
  if (known !== null && known.stateEpochMax > request.stateEpoch) throw refusal(ErrorCode.FENCED_STATE_EPOCH);
  const isSame = known !== null && known.stateEpochMax === request.stateEpoch &&
    known.state.startOffset === request.startOffset;
  if (isSame) return null;
  const { stateEpoch, startOffset } = request;
  return {
    kind: "snapshot",
    state: {
      snapshotEpoch: known === null ? 0 : known.state.snapshotEpoch + 1,
      stateEpoch,
      leaderEpoch: 0,
      startOffset,
      deliveryCompleteCount: startOffset === -1 ? -1 : 0,
      createTimestampMs: nowMs,
      writeTimestampMs: nowMs,
      batches: [],
    },
  };
}

export interface WriteRequest extends ShareKey {
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly batches: readonly StoredBatch[];
}

export interface WriteContext {
  readonly nowMs: number;
  readonly updatesPerSnapshot: number;
}

/** @throws {ProtocolError} INVALID_REQUEST, FENCED_LEADER_EPOCH, FENCED_STATE_EPOCH */
export function write(known: KnownState | null, request: WriteRequest, context: WriteContext): ShareRecord {
  checkPartition(request);
  refuseNegative(request.leaderEpoch, "leader epoch");
  refuseNegative(request.stateEpoch, "state epoch");
  if (known === null) throw invalid("Write operation on uninitialized share partition not allowed.");
  if (known.leaderEpochMax > request.leaderEpoch) throw refusal(ErrorCode.FENCED_LEADER_EPOCH);
  if (known.stateEpochMax > request.stateEpoch) throw refusal(ErrorCode.FENCED_STATE_EPOCH);
  return changeOf(known, { ...request, leaderEpoch: known.state.leaderEpoch }, context);
}

export interface ReadRequest extends ShareKey {
  readonly leaderEpoch: number;
}

/**
 * What is to be kept of the reader's taking over; null: nothing is new.
 * @throws {ProtocolError} INVALID_REQUEST, FENCED_LEADER_EPOCH
 */
export function read(known: KnownState | null, request: ReadRequest, context: WriteContext): ShareRecord | null {
  checkPartition(request);
  refuseNegative(request.leaderEpoch, "leader epoch");
  if (known === null) throw invalid("Read operation on uninitialized share partition not allowed.");
  if (known.leaderEpochMax > request.leaderEpoch) throw refusal(ErrorCode.FENCED_LEADER_EPOCH);
  if (known.leaderEpochMax === request.leaderEpoch) return null;
  const { startOffset, deliveryCompleteCount } = known.state;
  const { leaderEpoch } = request;
  return changeOf(known, { leaderEpoch, startOffset, deliveryCompleteCount, batches: [] }, context);
}

/** @throws {ProtocolError} INVALID_REQUEST */
export function checkPartition({ partition }: ShareKey): void {
  refuseNegative(partition, "partition id");
}

/** A snapshot of what has not changed for long, so that what was written before it can go. */
export function snapshotAnew({ state }: KnownState, nowMs: number): ShareRecord {
  return {
    kind: "snapshot",
    state: { ...state, snapshotEpoch: state.snapshotEpoch + 1, writeTimestampMs: nowMs },
  };
}

type Change = Pick<WriteRequest, "leaderEpoch" | "startOffset" | "deliveryCompleteCount" | "batches">;

function changeOf({ state, updateCount }: KnownState, change: Change, context: WriteContext): ShareRecord {
  const startOffset = Math.max(change.startOffset, state.startOffset);
  const update = {
    snapshotEpoch: state.snapshotEpoch,
    leaderEpoch: change.leaderEpoch,
    startOffset,
    deliveryCompleteCount: countAfter(state, change),
    batches: combined([], change.batches, startOffset),
  };
  if (updateCount < context.updatesPerSnapshot) return { kind: "update", update };
  return {
    kind: "snapshot",
    state: {
      ...update,
      snapshotEpoch: state.snapshotEpoch + 1,
      stateEpoch: state.stateEpoch,
      createTimestampMs: context.nowMs,
      writeTimestampMs: context.nowMs,
      batches: combined(state.batches, change.batches, startOffset),
    },
  };
}

/** What is done with from a start that is past does not say much about one that is not. */
function countAfter(state: ShareState, change: Change): number {
  if (change.startOffset < state.startOffset) return state.deliveryCompleteCount;
  if (change.startOffset > state.startOffset) return change.deliveryCompleteCount;
  return Math.max(change.deliveryCompleteCount, state.deliveryCompleteCount);
}

function refuseNegative(value: number, what: string): void {
  if (value < 0) throw invalid(`The ${what} cannot be a negative number.`);
}

function invalid(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.INVALID_REQUEST, message);
}

function refusal(code: number): ProtocolError {
  return new ProtocolError(code, errorInfo(code).message);
}
