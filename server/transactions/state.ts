/**
 * The words of a transactional id: what is known of it (`TransactionState`), what can happen to it (`TransactionEvent`), and
 * what is to be done about it (`Effect`). Values only: no clock, no timers, no log. `step.ts` is the verb.
 *
 * A request is parked under its ticket, a number the caller chose; the effect that answers it names the ticket.
 */
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from "../../protocol/batch.ts";
import { NO_PARTITIONS, type PartitionSet } from "./partition_set.ts";

export type Phase =
  | "Empty"
  | "Ongoing"
  | "PrepareCommit"
  | "PrepareAbort"
  | "CompleteCommit"
  | "CompleteAbort"
  /** Forgotten: only who holds it still sees it. */
  | "Dead";

export type Ticket = number;
export type Outcome = "commit" | "abort";

/** By which rules a client works: 2 is KIP-890's (every end raises the epoch), 0 those before. */
export type ClientVersion = 0 | 2;

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** What of a transactional id is in the log. */
export interface PersistedTransaction extends ProducerIdentity {
  readonly phase: Phase;
  /** The id that was in use when this was written; another one where an id ran out of epochs. */
  readonly previousProducerId: number;
  /** While an end is prepared that uses the last epoch up: the id to go on with. */
  readonly nextProducerId: number;
  readonly timeoutMs: number;
  readonly partitions: PartitionSet;
  /** When the transaction began; -1 before the first one. */
  readonly startMs: number;
  readonly updatedMs: number;
  readonly clientVersion: ClientVersion;
}

export interface TransactionState extends PersistedTransaction {
  readonly transactionalId: string;
  /** The epoch before, by which a repeated InitProducerId is known (KIP-360). Not in the log. */
  readonly lastProducerEpoch: number;
  /** What is on its way to the log; nothing else is taken up until its outcome is known. */
  readonly pending: Transition | null;
}

/** A change that counts once it is in the log. */
export interface Transition {
  readonly target: PersistedTransaction & { readonly lastProducerEpoch: number };
  /** Who waits for it. */
  readonly reply: Reply | null;
}

export type Reply =
  | { readonly kind: "init"; readonly ticket: Ticket }
  /** An InitProducerId that came upon an open transaction: the client must ask again once that is aborted. */
  | { readonly kind: "fence"; readonly ticket: Ticket }
  | { readonly kind: "add"; readonly ticket: Ticket }
  | { readonly kind: "end"; readonly ticket: Ticket };

// ---------------------------------------------------------------------------------------------- events

export type TransactionEvent =
  | InitEvent
  | AddEvent
  | EndEvent
  /** The transaction has been open for longer than its producer allowed. */
  | { readonly kind: "timedOut"; readonly freshProducerId: number | null }
  /** The pending record has come to its end. */
  | { readonly kind: "persisted"; readonly errorCode: number }
  /** The marker of the end is in these partitions for good, or never can be. */
  | { readonly kind: "marked"; readonly partitions: PartitionSet }
  /** The record of a completed end could not be written: try again. */
  | { readonly kind: "retryCompletion" }
  /** Nobody has used it for long. */
  | { readonly kind: "expired" }
  /** It was read from the log. */
  | { readonly kind: "loaded" }
  /** This broker coordinates it no longer: who waits is told `errorCode`. */
  | { readonly kind: "closed"; readonly errorCode: number };

export interface InitEvent {
  readonly kind: "init";
  readonly ticket: Ticket;
  readonly timeoutMs: number;
  /** What the producer had before (KIP-360); null for a new one. */
  readonly expected: ProducerIdentity | null;
  /** An id nobody has used, where one may be needed (`needsProducerId`). */
  readonly freshProducerId: number | null;
}

export interface AddEvent extends ProducerIdentity {
  readonly kind: "add";
  readonly ticket: Ticket;
  readonly partitions: PartitionSet;
  readonly clientVersion: ClientVersion;
}

export interface EndEvent extends ProducerIdentity {
  readonly kind: "end";
  readonly ticket: Ticket;
  readonly outcome: Outcome;
  readonly clientVersion: ClientVersion;
  readonly freshProducerId: number | null;
}

// ---------------------------------------------------------------------------------------------- effects

export type Effect =
  | { readonly kind: "answer"; readonly ticket: Ticket; readonly answer: TransactionAnswer }
  /** Writes it to the log, or forgets the id when null; then feeds back `persisted`. */
  | { readonly kind: "persist"; readonly value: PersistedTransaction | null }
  /** Ends the transaction in its partitions, feeding back `marked` for each. */
  | { readonly kind: "writeMarkers"; readonly marker: Marker; readonly partitions: PartitionSet }
  | { readonly kind: "retryLater" }
  /** The id is forgotten. */
  | { readonly kind: "removed" }
  /** Something an operator wants to read. */
  | { readonly kind: "note"; readonly event: string; readonly facts: Readonly<Record<string, string | number>> };

/** Identity is -1, -1 where there is none to tell. */
export interface TransactionAnswer extends ProducerIdentity {
  readonly errorCode: number;
}

/** What ends a transaction in a partition. */
export interface Marker extends ProducerIdentity {
  readonly outcome: Outcome;
  readonly clientVersion: ClientVersion;
}

// ---------------------------------------------------------------------------------------------- what it is

/** The highest epoch is the coordinator's own, to fence with: clients get those below it. */
export const EPOCH_MAX = 0x7fff;

export function isExhausted(producerEpoch: number): boolean {
  return producerEpoch >= EPOCH_MAX - 1;
}

export function isPrepared({ phase }: Pick<TransactionState, "phase">): boolean {
  return phase === "PrepareCommit" || phase === "PrepareAbort";
}

/** Something has begun that must end before anything else can. */
export function isBusy(state: TransactionState): boolean {
  return state.pending !== null || isPrepared(state);
}

export function markerOf(state: TransactionState): Marker {
  return {
    producerId: state.producerId,
    producerEpoch: state.producerEpoch,
    outcome: state.phase === "PrepareCommit" ? "commit" : "abort",
    clientVersion: state.clientVersion,
  };
}

/** An id that nobody has used. Its first InitProducerId gives it epoch 0. */
export function newTransaction(
  transactionalId: string,
  options: { readonly producerId: number; readonly timeoutMs: number; readonly nowMs: number },
): TransactionState {
  return {
    transactionalId,
    phase: "Empty",
    producerId: options.producerId,
    producerEpoch: NO_PRODUCER_EPOCH,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: options.timeoutMs,
    partitions: NO_PARTITIONS,
    startMs: -1,
    updatedMs: options.nowMs,
    clientVersion: 0,
    pending: null,
  };
}
