/** One transactional id and the producer that has it, for the scripts that talk about transactions. */

import { addOffsetsToTxn } from "../../../protocol/api/25_add_offsets_to_txn.ts";
import { addPartitionsToTxn } from "../../../protocol/api/24_add_partitions_to_txn.ts";
import { describeTransactions } from "../../../protocol/api/65_describe_transactions.ts";
import { endTxn } from "../../../protocol/api/26_end_txn.ts";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { initProducerId, type InitProducerIdRequestDraft } from "../../../protocol/api/22_init_producer_id.ts";
import { produce, type ProduceResponse } from "../../../protocol/api/00_produce.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { batch } from "./batches.ts";
import { produced } from "./views.ts";

const TRANSACTION = 1;

export interface Topic {
  readonly name: string;
  readonly topicId: string;
}

/** What a request says in place of what it should; `version` is the request's. */
export interface Instead {
  readonly version?: number;
  readonly transactionalId?: string;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  /** Note an answer that is only for now, too. */
  readonly isImpatient?: boolean;
}

/** The end before is still on its way to the partitions, or to the log. */
export function isConcurrent({ errorCode }: { readonly errorCode: number }): boolean {
  return errorCode === ErrorCode.CONCURRENT_TRANSACTIONS;
}

export function isProduceConcurrent({ responses }: ProduceResponse): boolean {
  const codes = responses.flatMap(({ partitionResponses }) => partitionResponses.map(({ errorCode }) => errorCode));
  return codes.some((code) => code === ErrorCode.CONCURRENT_TRANSACTIONS || code === ErrorCode.NOT_ENOUGH_REPLICAS);
}

/** A transactional id whose coordinator answers when this resolves. */
export async function coordinated(dialogue: Dialogue, name: string): Promise<string> {
  const client = await dialogue.main();
  const transactionalId = dialogue.named(name);
  await until(async () => {
    const { errorCode } = await client.send(findCoordinator, 3, { key: transactionalId, keyType: TRANSACTION });
    if (errorCode !== ErrorCode.NONE) return false;
    const { transactionStates } = await client.send(describeTransactions, 0, { transactionalIds: [transactionalId] });
    return transactionStates[0]?.errorCode === ErrorCode.TRANSACTIONAL_ID_NOT_FOUND;
  }, { what: `The coordinator of "${name}"`, timeoutMs: 30_000 });
  return transactionalId;
}

/** By first offset: Kafka has them by their ends. */
export function inOrder(aborted: readonly { readonly firstOffset: number }[] | null): unknown {
  return aborted === null ? null : [...aborted].sort((one, other) => one.firstOffset - other.firstOffset);
}

export class Transactor {
  producerId = -1;
  producerEpoch = -1;
  /** Of the next batch in each partition. */
  readonly #sequences = new Map<number, number>();

  private constructor(readonly dialogue: Dialogue, readonly transactionalId: string, readonly topic: Topic) {}

  /** A new id with epoch 0. */
  static async of(dialogue: Dialogue, name: string, topic: Topic, transactionTimeoutMs = 60_000): Promise<Transactor> {
    const transactor = new Transactor(dialogue, await coordinated(dialogue, name), topic);
    const client = await dialogue.main();
    const draft = { transactionalId: transactor.transactionalId, transactionTimeoutMs };
    await until(async () => {
      const { errorCode, ...identity } = await client.send(initProducerId, 5, draft);
      if (errorCode === ErrorCode.NONE) transactor.#goOnAs(identity);
      return errorCode === ErrorCode.NONE;
    }, { what: `A producer id for "${name}"` });
    return transactor;
  }

  async init(label: string, more: Partial<InitProducerIdRequestDraft> & Instead = {}): Promise<void> {
    const { version = 5, isImpatient = false, ...rest } = more;
    const draft = { transactionalId: this.transactionalId, transactionTimeoutMs: 60_000, ...rest };
    const passing = isImpatient ? {} : { isPassing: isConcurrent };
    const answer = await this.dialogue.ask(label, initProducerId, version, draft, passing);
    if (answer?.errorCode === ErrorCode.NONE) this.#goOnAs(answer);
  }

  /** Partitions of the topic join, by the older protocol. */
  async add(label: string, partitions: readonly number[], { version = 3, ...instead }: Instead = {}): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = { ...this, ...instead };
    await this.dialogue.ask(label, addPartitionsToTxn, version, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: this.topic.name, partitions: [...partitions] }],
    }, {
      isPassing: ({ resultsByTopicV3AndBelow }) =>
        resultsByTopicV3AndBelow.some(({ resultsByPartition }) =>
          resultsByPartition.some(({ partitionErrorCode: errorCode }) => isConcurrent({ errorCode }))
        ),
    });
  }

  async addOffsets(label: string, groupId: string, { version = 3, ...instead }: Instead = {}): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = { ...this, ...instead };
    const draft = { transactionalId, producerId, producerEpoch, groupId };
    await this.dialogue.ask(label, addOffsetsToTxn, version, draft, { isPassing: isConcurrent });
  }

  /** v5 is KIP-890's, v4 and below are the older protocol. Goes on with what the answer says. */
  async end(label: string, committed: boolean, { version = 5, ...instead }: Instead = {}): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = { ...this, ...instead };
    const draft = { transactionalId, producerId, producerEpoch, committed };
    const answer = await this.dialogue.ask(label, endTxn, version, draft, { isPassing: isConcurrent });
    if (answer?.errorCode === ErrorCode.NONE && version >= 5) this.#goOnAs(answer);
  }

  /** One batch of `count` records in a partition. v12 and later bring the partition into the transaction. */
  async send(
    label: string,
    count: number,
    { version = 12, partition = 0, sequence, ...instead }: Instead & {
      readonly partition?: number;
      readonly sequence?: number;
    } = {},
  ): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = { ...this, ...instead };
    const baseSequence = sequence ?? this.#sequences.get(partition) ?? 0;
    const records = batch(count, { producerId, producerEpoch, baseSequence, isTransactional: true });
    const answer = await this.dialogue.ask(label, produce, version, {
      transactionalId,
      acks: -1,
      timeoutMs: 5_000,
      topicData: [{ ...this.topic, partitionData: [{ index: partition, records }] }],
    }, { view: produced, isPassing: isProduceConcurrent });
    const isTaken = answer?.responses[0]?.partitionResponses[0]?.errorCode === ErrorCode.NONE;
    if (isTaken) this.#sequences.set(partition, baseSequence + count);
  }

  /** Where the id stands, once nothing is under way. */
  async describe(label: string): Promise<void> {
    await this.dialogue.ask(label, describeTransactions, 0, { transactionalIds: [this.transactionalId] }, {
      view: ({ transactionStates }) =>
        transactionStates.map(({ topics, ...state }) => ({
          ...state,
          topics: topics.map(({ topic, partitions }) => `${topic}: ${[...partitions].sort()}`),
        })),
      isPassing: ({ transactionStates }) =>
        transactionStates.some(({ transactionState }) => /^Prep/.test(transactionState)),
    });
  }

  /** Resolves once nothing is under way. */
  async settled(): Promise<void> {
    const client = await this.dialogue.main();
    await until(async () => {
      const draft = { transactionalIds: [this.transactionalId] };
      const { transactionStates } = await client.send(describeTransactions, 0, draft);
      return transactionStates.every(({ transactionState }) => !/^Prep/.test(transactionState));
    }, { what: "The end of the transaction" });
  }

  /** What a partition shows, to readers of all and to those of committed records. */
  async read(label: string, { version = 12, partition = 0, fetchOffset = 0 } = {}): Promise<void> {
    for (const [isolationLevel, who] of ["all", "committed"].entries()) {
      await this.dialogue.ask(`${label}, ${who}`, fetch, version, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 10_000_000,
        isolationLevel,
        topics: [{ topic: this.topic.name, partitions: [{ partition, fetchOffset, partitionMaxBytes: 10_000_000 }] }],
        forgottenTopicsData: [],
      }, {
        view: ({ responses }) => {
          const { errorCode, highWatermark, lastStableOffset, abortedTransactions, records } = responses[0]!
            .partitions[0]!;
          return { errorCode, highWatermark, lastStableOffset, aborted: inOrder(abortedTransactions), records };
        },
      });
    }
  }

  #goOnAs({ producerId, producerEpoch }: { readonly producerId: number; readonly producerEpoch: number }): void {
    const isNew = producerId !== this.producerId || producerEpoch !== this.producerEpoch;
    if (isNew) this.#sequences.clear();
    Object.assign(this, { producerId, producerEpoch });
  }
}
