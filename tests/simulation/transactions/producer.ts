/**
 * A transactional producer, of the new kind (KIP-890) or the old: begins, writes here and there, commits offsets of a group, ends.
 * What it has no answer to it aborts; an end it has no answer to it asks for again. Now and then it dies, and begins anew.
 */
import { produce } from "../../../protocol/api/00_produce.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { initProducerId } from "../../../protocol/api/22_init_producer_id.ts";
import { addPartitionsToTxn } from "../../../protocol/api/24_add_partitions_to_txn.ts";
import { addOffsetsToTxn } from "../../../protocol/api/25_add_offsets_to_txn.ts";
import { endTxn } from "../../../protocol/api/26_end_txn.ts";
import { txnOffsetCommit } from "../../../protocol/api/28_txn_offset_commit.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { Broken } from "../broker/history.ts";
import { Link, LinkBroken } from "../broker/link.ts";
import type { World } from "../broker/world.ts";
import { type Ledger, type Place, printPlace, type Transaction } from "./ledger.ts";

const TRANSACTION = 1;
const GROUP = 0;
/** In which the offsets of all producers meet, besides a group of each. */
export const SHARED_GROUP = "group-of-all";

/** The coordinator is not there yet, is at something else, or its log does not take records now. */
const passing: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
]);
/** It is another's turn, or the transaction was ended by time. */
const fencing: ReadonlySet<number> = new Set([
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  ErrorCode.INVALID_TXN_STATE,
  ErrorCode.TRANSACTION_ABORTABLE,
]);
/** What a write may be refused with besides: the transaction is then aborted. */
const failing: ReadonlySet<number> = new Set([
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
]);

export class TransactionalProducer {
  readonly transactionalId: string;
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #link: Link;
  readonly #isNew: boolean;
  readonly #places: readonly Place[];
  #producerId = -1;
  #producerEpoch = -1;
  readonly #sequences = new Map<string, number>();
  readonly #added = new Set<string>();
  #transaction: Transaction | null = null;
  #ending: "commit" | "abort" | null = null;

  constructor(world: World, options: {
    readonly ledger: Ledger;
    readonly name: string;
    readonly transactionalId: string;
    readonly isNew: boolean;
    readonly places: readonly Place[];
  }) {
    this.transactionalId = options.transactionalId;
    this.#world = world;
    this.#ledger = options.ledger;
    this.#link = new Link(world, options.name);
    this.#isNew = options.isNew;
    this.#places = options.places;
  }

  /** Nothing is begun and not ended. */
  get isDone(): boolean {
    return this.#transaction === null && this.#ending === null;
  }

  async run(): Promise<void> {
    const world = this.#world;
    while (!world.isOver) {
      await world.sleep(5 + world.int(world.chance(0.03) ? 4_000 : 120));
      try {
        await this.#link.open();
        await this.#step();
      } catch (error) {
        if (!(error instanceof LinkBroken)) throw error;
        // Whether what was asked has been done is not known.
        if (this.#transaction !== null && this.#ending === null) this.#ending = "abort";
        if (!world.isHealing) await world.sleep(world.int(500));
      }
      if (world.troubles.hasBadNetwork && !world.isHealing && world.chance(0.03)) this.#link.close();
    }
    this.#link.close();
  }

  async #step(): Promise<void> {
    const world = this.#world;
    if (this.#producerId < 0) {
      if (!world.isHealing) await this.#init();
      return;
    }
    if (this.#ending !== null) return await this.#end(this.#ending);
    if (world.isHealing) {
      if (this.#transaction !== null) this.#ending = "commit";
      return;
    }
    if (world.chance(0.02)) return this.#forget(); // and another process takes its place
    if (this.#transaction === null) {
      this.#transaction = this.#ledger.begin(this.transactionalId);
      this.#added.clear();
    }
    const { records, hasOffsets, shared } = this.#transaction;
    if ((records.size > 0 || hasOffsets || shared !== null) && world.chance(0.2)) {
      this.#ending = world.chance(0.75) ? "commit" : "abort";
    } else if (world.chance(0.2)) await this.#commitOffsets(this.#transaction);
    else await this.#write(this.#transaction);
  }

  async #init(): Promise<void> {
    const answer = await this.#link.send(initProducerId, 5, {
      transactionalId: this.transactionalId,
      transactionTimeoutMs: 3_000,
    });
    if (answer.errorCode !== ErrorCode.NONE) return await this.#refused("InitProducerId", answer.errorCode);
    this.#producerId = answer.producerId;
    this.#producerEpoch = answer.producerEpoch;
    this.#sequences.clear();
  }

  async #write(transaction: Transaction): Promise<void> {
    const world = this.#world;
    const place = world.pick(this.#places);
    const key = printPlace(place);
    if (!this.#isNew && !this.#added.has(key)) {
      const answer = await this.#link.send(addPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: this.transactionalId,
        v3AndBelowProducerId: this.#producerId,
        v3AndBelowProducerEpoch: this.#producerEpoch,
        v3AndBelowTopics: [{ name: place.topic, partitions: [place.partition] }],
      });
      const { partitionErrorCode } = answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!;
      if (partitionErrorCode !== ErrorCode.NONE) return await this.#refused("AddPartitionsToTxn", partitionErrorCode);
      this.#added.add(key);
    }
    const sequence = this.#sequences.get(key) ?? 0;
    const count = 1 + world.int(3);
    const texts = Array.from({ length: count }, (_, index) => `${transaction.token}/${key}/${sequence + index}`);
    const timestamp = world.runtime.clock.nowMs();
    const records = encodeBatch({
      records: texts.map((text) => ({ timestamp, value: new TextEncoder().encode(text) })),
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      baseSequence: sequence,
      isTransactional: true,
    });
    const answer = await this.#link.send(produce, this.#isNew ? 12 : 11, {
      transactionalId: this.transactionalId,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: place.topic, partitionData: [{ index: place.partition, records }] }],
    });
    const { errorCode } = answer.responses[0]!.partitionResponses[0]!;
    if (errorCode === ErrorCode.CONCURRENT_TRANSACTIONS) return; // The transaction before is still being ended.
    if (errorCode !== ErrorCode.NONE) return await this.#refused("Produce", errorCode);
    this.#sequences.set(key, sequence + count);
    for (const text of texts) transaction.records.set(text, key);
  }

  /** The token stands for what the group has got to. */
  async #commitOffsets(transaction: Transaction): Promise<void> {
    const producer = { producerId: this.#producerId, producerEpoch: this.#producerEpoch };
    const { transactionalId } = this;
    const isShared = this.#world.chance(0.5);
    const groupId = isShared ? SHARED_GROUP : `group-of-${transactionalId}`;
    if (!this.#isNew) {
      const { errorCode } = await this.#link.send(addOffsetsToTxn, 3, { transactionalId, ...producer, groupId });
      if (errorCode !== ErrorCode.NONE) return await this.#refused("AddOffsetsToTxn", errorCode);
    }
    const { topic, partition } = this.#places[0]!;
    const sentAt = this.#ledger.moment();
    const answer = await this.#link.send(txnOffsetCommit, this.#isNew ? 5 : 3, {
      transactionalId,
      groupId,
      ...producer,
      topics: [{
        name: topic,
        partitions: [{ partitionIndex: partition, committedOffset: transaction.token, committedMetadata: "" }],
      }],
    });
    const { errorCode } = answer.topics[0]!.partitions[0]!;
    if (errorCode !== ErrorCode.NONE) return await this.#refused("TxnOffsetCommit", errorCode);
    if (isShared) transaction.shared = { sentAt, answeredAt: this.#ledger.moment() };
    else transaction.hasOffsets = true;
  }

  async #end(outcome: "commit" | "abort"): Promise<void> {
    const transaction = this.#transaction;
    if (transaction !== null && outcome === "commit") transaction.isCommitAsked = true;
    const answer = await this.#link.send(endTxn, this.#isNew ? 5 : 4, {
      transactionalId: this.transactionalId,
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      committed: outcome === "commit",
    });
    const { errorCode } = answer;
    if (errorCode !== ErrorCode.NONE) return await this.#refused("EndTxn", errorCode);
    if (transaction !== null) this.#ledger.told(transaction, outcome);
    this.#transaction = null;
    this.#ending = null;
    if (!this.#isNew) {
      // Of a batch that was not answered the sequence is not known: another epoch begins at 0.
      if (outcome === "abort") this.#forget();
      return;
    }
    this.#producerId = answer.producerId;
    this.#producerEpoch = answer.producerEpoch;
    this.#sequences.clear();
  }

  async #refused(what: string, errorCode: number): Promise<void> {
    this.#world.note(`${this.transactionalId}: ${what} ${errorName(errorCode)}`);
    if (fencing.has(errorCode)) return this.#forget();
    if (errorCode === ErrorCode.CONCURRENT_TRANSACTIONS) return;
    // Whether it has been written all the same is not known.
    const isWrite = what === "Produce" || what === "TxnOffsetCommit";
    if (isWrite) this.#ending = "abort";
    if (isWrite && failing.has(errorCode)) return;
    if (!passing.has(errorCode)) throw new Broken(`${what} is answered ${errorName(errorCode)}`);
    for (
      const [keyType, key] of [[TRANSACTION, this.transactionalId], [
        GROUP,
        `group-of-${this.transactionalId}`,
      ], [GROUP, SHARED_GROUP]] as const
    ) {
      await this.#link.send(findCoordinator, 4, { keyType, coordinatorKeys: [key] });
    }
  }

  /** What was begun is left to time, or to the next who takes the id. */
  #forget(): void {
    this.#producerId = -1;
    this.#transaction = null;
    this.#ending = null;
  }
}
