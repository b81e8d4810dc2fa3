/** A step under way: the state as it becomes, and what is to be done about it. */
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { assert } from "../../storage/errors.ts";
import {
  type Effect,
  isPrepared,
  markerOf,
  type PersistedTransaction,
  type ProducerIdentity,
  type Reply,
  type Ticket,
  type TransactionState,
  type Transition,
} from "./state.ts";

export interface StepContext {
  readonly nowMs: number;
}

export class Draft {
  state: TransactionState;
  readonly nowMs: number;
  readonly effects: Effect[] = [];

  constructor(state: TransactionState, { nowMs }: StepContext) {
    this.state = state;
    this.nowMs = nowMs;
  }

  do(effect: Effect): void {
    this.effects.push(effect);
  }

  note(event: string, facts: Readonly<Record<string, string | number>> = {}): void {
    const { transactionalId, producerId, producerEpoch } = this.state;
    this.do({ kind: "note", event, facts: { transactionalId, producerId, producerEpoch, ...facts } });
  }

  answer(ticket: Ticket, identity: ProducerIdentity): void {
    const { producerId, producerEpoch } = identity;
    this.do({ kind: "answer", ticket, answer: { errorCode: ErrorCode.NONE, producerId, producerEpoch } });
  }

  /** An error, or a success that has no identity to tell. */
  answerCode(ticket: Ticket, errorCode: number): void {
    const answer = { errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
    this.do({ kind: "answer", ticket, answer });
  }

  /** Begins a change: it counts once it is in the log. What is not named stays as it is. */
  begin(changes: Partial<Transition["target"]>, reply: Reply | null): void {
    assert(this.state.pending === null, "one change at a time is on its way to the log");
    const { transactionalId: _, pending: __, ...current } = this.state;
    const target = { ...current, previousProducerId: current.producerId, updatedMs: this.nowMs, ...changes };
    assert(target.producerEpoch >= 0, "what is written has an epoch");
    this.state = { ...this.state, pending: { target, reply } };
    this.do({ kind: "persist", value: persistedOf(target) });
  }

  /** The end is in the log: now the partitions must hear of it, and after them the log again. */
  goOn(): void {
    if (!isPrepared(this.state) || this.state.pending !== null) return;
    const { partitions } = this.state;
    if (partitions.size > 0) this.do({ kind: "writeMarkers", marker: markerOf(this.state), partitions });
    else this.complete();
  }

  /** All markers are written: the transaction is over. Where its epochs are used up, another id takes its place. */
  complete(): void {
    const { phase, producerId, producerEpoch, nextProducerId } = this.state;
    const hasNextId = nextProducerId !== NO_PRODUCER_ID;
    this.begin({
      phase: phase === "PrepareCommit" ? "CompleteCommit" : "CompleteAbort",
      producerId: hasNextId ? nextProducerId : producerId,
      producerEpoch: hasNextId ? 0 : producerEpoch,
      nextProducerId: NO_PRODUCER_ID,
    }, null);
  }
}

export function persistedOf(
  { phase, producerId, producerEpoch, previousProducerId, nextProducerId, ...rest }: PersistedTransaction,
): PersistedTransaction {
  const { timeoutMs, partitions, startMs, updatedMs, clientVersion } = rest;
  return {
    phase,
    producerId,
    producerEpoch,
    previousProducerId,
    nextProducerId,
    timeoutMs,
    partitions,
    startMs,
    updatedMs,
    clientVersion,
  };
}
