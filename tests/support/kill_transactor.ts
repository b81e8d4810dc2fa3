/**
 * A transactional producer that outlives its broker: each of its transactions writes one record into some partitions of a
 * topic, and commits an offset of a group. What got no answer is asked for again, the end too, so every transaction comes to
 * the end it was meant to have. Now and then the producer dies, and another one takes its transactional id.
 */

import { addOffsetsToTxn } from "../../protocol/api/25_add_offsets_to_txn.ts";
import { addPartitionsToTxn } from "../../protocol/api/24_add_partitions_to_txn.ts";
import { endTxn } from "../../protocol/api/26_end_txn.ts";
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { produce } from "../../protocol/api/00_produce.ts";
import { txnOffsetCommit } from "../../protocol/api/28_txn_offset_commit.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { pause } from "./broker.ts";
import { isPassing } from "./kill_producer.ts";
import type { KilledTransaction, TransactionLedger } from "./kill_transaction_ledger.ts";
import { AnsweredError, toRecord } from "./requests.ts";
import { TestClient } from "./test_client.ts";

export interface TransactorOptions {
  readonly port: number;
  readonly ledger: TransactionLedger;
  readonly random: () => number;
  /** By KIP-890, or by the protocol before. */
  readonly isNew: boolean;
  /** Waits until a broker that went away is back. */
  readonly brokerIsBack: () => Promise<void>;
}

interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

type Step = (client: TestClient, identity: Identity) => Promise<void>;

const [GROUP, TRANSACTION] = [0, 1];
const retryMs = 5;
const commitShare = 0.75;
const deathShare = 0.02;
/** No transaction may be ended by time, however long the broker is away. */
const transactionTimeoutMs = 900_000;

export class KillTransactor {
  readonly #options: TransactorOptions;
  #identity: Identity | null = null;
  /** By partition: the sequence number of the next record. */
  readonly #nextSequence: number[];
  #transaction: KilledTransaction | null = null;
  /** What is still to be done about the transaction; the first may have been done, and not answered. */
  #steps: Step[] = [];
  #isEnding = false;

  constructor(options: TransactorOptions) {
    this.#options = options;
    this.#nextSequence = Array.from({ length: options.ledger.partitionCount }, () => 0);
  }

  /** No new transactions; `run` ends with the one that is open. */
  end(): void {
    this.#isEnding = true;
  }

  async run(): Promise<void> {
    while (!this.#isEnding || this.#transaction !== null) {
      await this.#options.brokerIsBack();
      let client: TestClient | null = null;
      try {
        client = await TestClient.connect(this.#options.port, { clientId: this.#options.ledger.name });
        while (!this.#isEnding || this.#transaction !== null) await this.#goOn(client);
      } catch (error) {
        if (!isPassing(error)) throw error;
        await pause(retryMs);
      } finally {
        client?.close();
      }
    }
  }

  async #goOn(client: TestClient): Promise<void> {
    const { ledger, random } = this.#options;
    if (random() < deathShare) this.#die();
    const identity = this.#identity ??= await this.#init(client);
    if (this.#transaction === null) this.#begin();
    const step = this.#steps[0];
    if (step === undefined) {
      ledger.ended(this.#transaction!);
      this.#transaction = null;
      return;
    }
    await step(client, identity);
    this.#steps.shift();
  }

  /** The process is gone, and what it had begun is left to the next one's InitProducerId. */
  #die(): void {
    const { ledger } = this.#options;
    if (this.#transaction !== null) ledger.abandoned(this.#transaction);
    this.#transaction = null;
    this.#identity = null;
    this.#steps = [];
  }

  async #init(client: TestClient): Promise<Identity> {
    const { name } = this.#options.ledger;
    for (const keyType of [GROUP, TRANSACTION]) {
      const { errorCode } = await client.send(findCoordinator, 3, { key: name, keyType });
      check(errorCode, "find the coordinator");
    }
    const answer = await client.send(initProducerId, 4, { transactionalId: name, transactionTimeoutMs });
    check(answer.errorCode, "get a producer id");
    this.#nextSequence.fill(0);
    return answer;
  }

  #begin(): void {
    const { ledger, random, isNew } = this.#options;
    const partitions = Array.from({ length: ledger.partitionCount }, (_, index) => index);
    const chosen = partitions.filter((index) => index === 0 || random() < 0.6);
    const transaction = this.#transaction = ledger.begun(chosen, random() < commitShare ? "commit" : "abort");
    this.#steps = [
      ...(isNew ? [] : [this.#add(chosen)]),
      ...chosen.map((partition) => this.#write(transaction, partition)),
      ...(isNew ? [] : [this.#addOffsets()]),
      this.#commitOffset(transaction),
      this.#end(transaction),
    ];
  }

  #add(partitions: readonly number[]): Step {
    const { name: transactionalId, topic } = this.#options.ledger;
    return async (client, { producerId, producerEpoch }) => {
      const answer = await client.send(addPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [...partitions] }],
      });
      for (const { resultsByPartition } of answer.resultsByTopicV3AndBelow) {
        for (const { partitionErrorCode } of resultsByPartition) check(partitionErrorCode, "add partitions");
      }
    };
  }

  #write({ number }: KilledTransaction, partition: number): Step {
    const { ledger: { name: transactionalId, topic }, isNew } = this.#options;
    return async (client, identity) => {
      const baseSequence = this.#nextSequence[partition]!;
      const records = encodeBatch({
        ...identity,
        baseSequence,
        isTransactional: true,
        records: [toRecord(`${number}`)],
      });
      const { responses } = await client.send(produce, isNew ? 12 : 11, {
        transactionalId,
        acks: -1,
        timeoutMs: 30_000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
      });
      check(responses[0]!.partitionResponses[0]!.errorCode, `write ${number} to ${topic}-${partition}`);
      this.#nextSequence[partition] = baseSequence + 1;
    };
  }

  #addOffsets(): Step {
    const { name } = this.#options.ledger;
    return async (client, { producerId, producerEpoch }) => {
      const draft = { transactionalId: name, producerId, producerEpoch, groupId: name };
      const { errorCode } = await client.send(addOffsetsToTxn, 3, draft);
      check(errorCode, "add the group");
    };
  }

  #commitOffset({ number }: KilledTransaction): Step {
    const { ledger: { name, topic }, isNew } = this.#options;
    return async (client, { producerId, producerEpoch }) => {
      const { topics } = await client.send(txnOffsetCommit, isNew ? 5 : 3, {
        transactionalId: name,
        groupId: name,
        producerId,
        producerEpoch,
        topics: [{
          name: topic,
          partitions: [{ partitionIndex: 0, committedOffset: number, committedMetadata: null }],
        }],
      });
      check(topics[0]!.partitions[0]!.errorCode, `commit offset ${number}`);
    };
  }

  #end(transaction: KilledTransaction): Step {
    const { ledger, isNew } = this.#options;
    return async (client, { producerId, producerEpoch }) => {
      ledger.endAsked(transaction);
      const answer = await client.send(endTxn, isNew ? 5 : 3, {
        transactionalId: ledger.name,
        producerId,
        producerEpoch,
        committed: transaction.wanted === "commit",
      });
      check(answer.errorCode, `${transaction.wanted} ${transaction.number}`);
      if (!isNew) return;
      this.#identity = answer;
      this.#nextSequence.fill(0);
    };
  }
}

function check(errorCode: number, what: string): void {
  if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot ${what}`);
}
