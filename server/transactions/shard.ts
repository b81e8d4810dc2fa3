/**
 * The transactional ids of one partition of `__transaction_state`: their states, and the log that all of it comes back from.
 *
 *  1. State machines are stepped here and nowhere else, and every effect of a step is carried out before the next step.
 *  2. A state machine hears the true outcome of a write, however long that takes; only who waits for the answer does not
 *     wait so long.
 *  3. After `close` nobody waits.
 */
import type { BatchView } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock, Timers } from "../../runtime/runtime.ts";
import type { Shard } from "../coordination/topic_shards.ts";
import { coordinatorError, LogWriter, type LogWriterOptions } from "../groups/log_writer.ts";
import type { Logger } from "../log.ts";
import { loadTransactions } from "./loader.ts";
import type { MarkerTask } from "./marker_writer.ts";
import type { PartitionSet } from "./partition_set.ts";
import { type RecordVersion, transactionRecord } from "./records.ts";
import {
  type Effect,
  isBusy,
  newTransaction,
  type PersistedTransaction,
  type Ticket,
  type TransactionAnswer,
  type TransactionEvent,
  type TransactionState,
} from "./state.ts";
import { needsProducerId, restored, step } from "./step.ts";

/** How soon the record of a completed end is tried again. */
const completionRetryMs = 100;

/** The object is the id's identity: one forgotten and made anew is another. */
interface Entry {
  state: TransactionState;
  /** Called when nothing is under way any more. */
  readonly idleWaiters: (() => void)[];
}

export interface ShardOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly log: Pick<LogWriterOptions, "write" | "compression" | "timeoutMs">;
  /** Of the leadership under which the shard writes, by which partitions tell an earlier coordinator. */
  readonly coordinatorEpoch: () => number;
  readonly recordVersion: () => RecordVersion;
  /** Calls `marked` until each partition was told of once. */
  readonly writeMarkers: (task: MarkerTask, marked: (partitions: PartitionSet) => void) => void;
  /** A parked request has its answer. One that was answered before may be answered again: the first counts. */
  readonly answer: (ticket: Ticket, answer: TransactionAnswer) => void;
}

export class TransactionShard implements Shard {
  readonly #options: ShardOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #writer: LogWriter;
  #isClosed = false;

  constructor(options: ShardOptions) {
    this.#options = options;
    this.#writer = new LogWriter({ ...options.log, clock: options.clock, timers: options.timers });
  }

  get(transactionalId: string): TransactionState | undefined {
    return this.#entries.get(transactionalId)?.state;
  }

  *states(): Generator<TransactionState> {
    for (const { state } of this.#entries.values()) yield state;
  }

  /** Whether `event` must bring an id that nobody has used. An unknown id begins with one. */
  needsProducerId(transactionalId: string, event: TransactionEvent): boolean {
    const state = this.get(transactionalId);
    return state === undefined ? event.kind === "init" : needsProducerId(state, event);
  }

  /** Feeds an event to a transactional id. An InitProducerId makes one that is missing; all else is answered that it is. */
  feed(transactionalId: string, event: TransactionEvent): void {
    let entry = this.#entries.get(transactionalId);
    if (entry === undefined && event.kind === "init" && event.freshProducerId !== null) {
      const { timeoutMs, freshProducerId: producerId } = event;
      const nowMs = this.#options.clock.nowMs();
      entry = { state: newTransaction(transactionalId, { producerId, timeoutMs, nowMs }), idleWaiters: [] };
      this.#entries.set(transactionalId, entry);
    }
    if (entry !== undefined) this.#step(entry, event);
    else if (event.kind === "init" || event.kind === "add" || event.kind === "end") {
      const errorCode = ErrorCode.INVALID_PRODUCER_ID_MAPPING;
      this.#options.answer(event.ticket, { errorCode, producerId: -1, producerEpoch: -1 });
    }
  }

  /** Calls `run` once nothing is under way for the id: what was answered CONCURRENT_TRANSACTIONS may go through now. */
  whenIdle(transactionalId: string, run: () => void): void {
    const entry = this.#entries.get(transactionalId);
    if (entry === undefined || !isBusy(entry.state)) run();
    else entry.idleWaiters.push(run);
  }

  /** Everything the log says; then goes on with what it says was begun. */
  async load(batches: AsyncIterable<BatchView>): Promise<void> {
    const { transactions, recordCount, skippedCount } = await loadTransactions(batches);
    if (this.#isClosed) return;
    for (const [transactionalId, stored] of transactions) {
      this.#entries.set(transactionalId, { state: restored(transactionalId, stored), idleWaiters: [] });
    }
    for (const entry of [...this.#entries.values()]) this.#step(entry, { kind: "loaded" });
    if (recordCount > 0) {
      const facts = { ids: this.#entries.size, records: recordCount, skipped: skippedCount };
      this.#options.logger.debug("transactions loaded", facts);
    }
  }

  async close(errorCode: number): Promise<void> {
    this.#isClosed = true;
    for (const entry of [...this.#entries.values()]) this.#step(entry, { kind: "closed", errorCode });
    this.#entries.clear();
    await this.#writer.settled();
  }

  #step(entry: Entry, event: TransactionEvent): void {
    const [state, effects] = step(entry.state, event, { nowMs: this.#options.clock.nowMs() });
    entry.state = state;
    for (const effect of effects) this.#carryOut(entry, effect);
    if (entry.idleWaiters.length > 0 && !isBusy(entry.state)) {
      for (const run of entry.idleWaiters.splice(0)) run();
    }
  }

  #carryOut(entry: Entry, effect: Effect): void {
    const { transactionalId } = entry.state;
    switch (effect.kind) {
      case "answer":
        this.#options.answer(effect.ticket, effect.answer);
        break;
      case "persist":
        void this.#persist(entry, effect.value);
        break;
      case "writeMarkers": {
        const { marker, partitions } = effect;
        const task = { transactionalId, marker, partitions, coordinatorEpoch: this.#options.coordinatorEpoch() };
        this.#options.writeMarkers(task, (marked) => this.#step(entry, { kind: "marked", partitions: marked }));
        break;
      }
      case "retryLater":
        this.#options.timers.after(completionRetryMs, () => this.#step(entry, { kind: "retryCompletion" }));
        break;
      case "removed":
        if (this.#entries.get(transactionalId) === entry) this.#entries.delete(transactionalId);
        break;
      case "note":
        this.#options.logger.warn(effect.event, effect.facts); // a client can make as many as it likes: they are counted
        break;
    }
  }

  async #persist(entry: Entry, value: PersistedTransaction | null): Promise<void> {
    const { pending, transactionalId } = entry.state;
    const record = transactionRecord(transactionalId, value, this.#options.recordVersion());
    const errorCode = await this.#writer.append([record], (outcome) => {
      this.#step(entry, { kind: "persisted", errorCode: coordinatorError(outcome) }); // (2)
    });
    const reply = entry.state.pending?.reply ?? null;
    if (errorCode !== ErrorCode.REQUEST_TIMED_OUT || entry.state.pending !== pending || reply === null) return;
    const answer = { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, producerId: -1, producerEpoch: -1 };
    this.#options.answer(reply.ticket, answer);
  }
}
