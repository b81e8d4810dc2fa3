/**
 * A transactional id's state machine on a desk: writes and markers land when the test says so, answers are looked up by ticket.
 */
import { ErrorCode } from "../../../../protocol/errors.ts";
import { type PartitionSet, partitionSet } from "../../../../server/transactions/partition_set.ts";
import {
  type ClientVersion,
  type Effect,
  type Marker,
  newTransaction,
  type Outcome,
  type PersistedTransaction,
  type ProducerIdentity,
  type TransactionAnswer,
  type TransactionEvent,
  type TransactionState,
} from "../../../../server/transactions/state.ts";
import { needsProducerId, restored, step } from "../../../../server/transactions/step.ts";

export const FIRST_PRODUCER_ID = 1_000;

/** Partitions of one topic. */
export function of(...indexes: readonly number[]): PartitionSet {
  return partitionSet(indexes.map((partition) => ({ topic: "t", partition })));
}

export class Machine {
  state: TransactionState;
  nowMs = 1_000_000;
  /** The last word of the log; null when it has none. */
  durable: PersistedTransaction | null = null;
  /** On its way to the log. */
  writing: { readonly value: PersistedTransaction | null } | null = null;
  /** Markers asked for and not written. */
  marking: { readonly marker: Marker; readonly partitions: PartitionSet } | null = null;
  readonly markers: Marker[] = [];
  readonly answers = new Map<number, TransactionAnswer>();
  isRemoved = false;
  retriesWanted = 0;
  /** How many are taken. */
  nextProducerId = FIRST_PRODUCER_ID + 1;
  #ticket = 0;

  constructor(state?: TransactionState) {
    this.state = state ??
      newTransaction("id", { producerId: FIRST_PRODUCER_ID, timeoutMs: 60_000, nowMs: this.nowMs });
  }

  /** One that has been initialized, and is Empty with epoch 0. */
  static ready(changes: Partial<PersistedTransaction> = {}): Machine {
    const machine = new Machine();
    machine.init();
    machine.land();
    machine.state = { ...machine.state, ...changes };
    machine.durable = { ...machine.durable!, ...changes };
    return machine;
  }

  /** One with an open transaction in partition 0. */
  static ongoing(clientVersion: ClientVersion = 2, changes: Partial<PersistedTransaction> = {}): Machine {
    const machine = Machine.ready(changes);
    machine.add([0], { clientVersion });
    machine.land();
    return machine;
  }

  get identity(): ProducerIdentity {
    return { producerId: this.state.producerId, producerEpoch: this.state.producerEpoch };
  }

  feed(event: TransactionEvent): void {
    const [state, effects] = step(this.state, this.#withId(event), { nowMs: this.nowMs });
    this.state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #withId(event: TransactionEvent): TransactionEvent {
    if (!("freshProducerId" in event) || !needsProducerId(this.state, event)) return event;
    return { ...event, freshProducerId: this.nextProducerId++ };
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "answer":
        if (this.answers.has(effect.ticket)) throw new Error(`ticket ${effect.ticket} is answered twice`);
        this.answers.set(effect.ticket, effect.answer);
        break;
      case "persist":
        if (this.writing !== null) throw new Error("two records are on their way");
        this.writing = { value: effect.value };
        break;
      case "writeMarkers":
        this.marking = { marker: effect.marker, partitions: effect.partitions };
        break;
      case "retryLater":
        this.retriesWanted++;
        break;
      case "removed":
        this.isRemoved = true;
        break;
      case "note":
        break;
    }
  }

  /** Ends the write. */
  land(errorCode: number = ErrorCode.NONE): void {
    const { writing } = this;
    if (writing === null) throw new Error("nothing is being written");
    this.writing = null;
    if (errorCode === ErrorCode.NONE) this.durable = writing.value;
    this.feed({ kind: "persisted", errorCode });
  }

  /** All markers are written. */
  mark(): void {
    const { marking } = this;
    if (marking === null) throw new Error("no markers are asked for");
    this.marking = null;
    this.markers.push(marking.marker);
    this.feed({ kind: "marked", partitions: marking.partitions });
  }

  /** Whatever is under way ends well. */
  settle(): void {
    for (;;) {
      if (this.writing !== null) this.land();
      else if (this.marking !== null) this.mark();
      else break;
    }
  }

  /** A new process reads the log. */
  restart(): Machine {
    const { durable } = this;
    if (durable === null) throw new Error("the log says nothing");
    const machine = new Machine(restored("id", durable));
    machine.nowMs = this.nowMs;
    machine.durable = durable;
    machine.nextProducerId = this.nextProducerId;
    machine.feed({ kind: "loaded" });
    return machine;
  }

  init(expected: ProducerIdentity | null = null, timeoutMs = 60_000): number {
    const ticket = ++this.#ticket;
    this.feed({ kind: "init", ticket, timeoutMs, expected, freshProducerId: null });
    return ticket;
  }

  add(
    indexes: readonly number[],
    changes: Partial<ProducerIdentity> & { readonly clientVersion?: ClientVersion } = {},
  ): number {
    const ticket = ++this.#ticket;
    this.feed({ kind: "add", ticket, partitions: of(...indexes), clientVersion: 2, ...this.identity, ...changes });
    return ticket;
  }

  end(
    outcome: Outcome,
    changes: Partial<ProducerIdentity> & { readonly clientVersion?: ClientVersion } = {},
  ): number {
    const ticket = ++this.#ticket;
    this.feed({ kind: "end", ticket, outcome, clientVersion: 2, freshProducerId: null, ...this.identity, ...changes });
    return ticket;
  }

  timeOut(): void {
    this.feed({ kind: "timedOut", freshProducerId: null });
  }

  /** The code a ticket was answered with; null while it waits. */
  code(ticket: number): number | null {
    return this.answers.get(ticket)?.errorCode ?? null;
  }
}
