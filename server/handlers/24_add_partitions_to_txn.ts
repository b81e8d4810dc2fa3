/**
 * AddPartitionsToTxn: v0–v5.
 *
 * v1 throttle · v2 PRODUCER_FENCED · v3 flexible · v4 several transactions, verification (KIP-890) · v5 TRANSACTION_ABORTABLE
 *
 * Of one transaction all partitions are added, or none: where one does not exist the others are OPERATION_NOT_ATTEMPTED.
 * Clients add no partitions of internal topics. v4 and later are for brokers; those that verify answer for each partition whether it is in the open transaction.
 *
 * Where answers differ by partition, one that is named twice is answered once and a topic without partitions not at all; where all
 * have the same, they are answered as they were asked: as Kafka does.
 */
import { addPartitionsToTxn, type AddPartitionsToTxnRequest } from "../../protocol/api/24_add_partitions_to_txn.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { isInternalTopic } from "../cluster/topic_name.ts";
import { handle } from "../handler.ts";
import { partitionSet, type Place } from "../transactions/partition_set.ts";

const FIRST_BROKER_VERSION = 4;

type Transaction = AddPartitionsToTxnRequest["transactions"][number];
type Topics = Transaction["topics"];

interface TopicResult {
  readonly name: string;
  readonly resultsByPartition: { readonly partitionIndex: number; readonly partitionErrorCode: number }[];
}

export const addPartitionsToTxnHandler = handle(addPartitionsToTxn, [0, 5], async (request, { apiVersion, broker }) => {
  if (apiVersion >= FIRST_BROKER_VERSION) {
    const last = new Map<string, Promise<TopicResult[]>>();
    const answers = request.transactions.map(async (transaction) => {
      const { transactionalId } = transaction;
      // One that is named twice is no other's: the second waits for the first.
      const before = last.get(transactionalId) ?? Promise.resolve();
      const answer = before.then(() => answerOne(transaction, broker, apiVersion));
      last.set(transactionalId, answer);
      return { transactionalId, topicResults: await answer };
    });
    const resultsByTransaction = await Promise.all(answers);
    return { resultsByTransaction };
  }
  const transaction = {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  };
  return { resultsByTopicV3AndBelow: await answerOne(transaction, broker, apiVersion) };
});

async function answerOne(transaction: Transaction, broker: Broker, apiVersion: number): Promise<TopicResult[]> {
  const { transactionalId, producerId, producerEpoch, verifyOnly } = transaction;
  const places = placesOf(transaction.topics);
  const troubles = places.map(({ topic, partition }) => {
    if (apiVersion < FIRST_BROKER_VERSION && isInternalTopic(topic)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
    const isKnown = broker.cluster.topic(topic)?.partitions[partition] !== undefined;
    return isKnown ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  });
  if (troubles.some((errorCode) => errorCode !== ErrorCode.NONE)) {
    const unattempted = ErrorCode.OPERATION_NOT_ATTEMPTED;
    return byPlace(places, troubles.map((errorCode) => errorCode === ErrorCode.NONE ? unattempted : errorCode));
  }
  const producer = { producerId, producerEpoch };
  if (verifyOnly) {
    const { transactions } = broker;
    return byPlace(places, places.map((place) => transactions.verifyPartition(transactionalId, producer, place)));
  }
  const errorCode = await broker.transactions.addPartitions({
    transactionalId,
    ...producer,
    partitions: partitionSet(places),
    clientVersion: apiVersion >= FIRST_BROKER_VERSION ? 2 : 0,
  });
  const isUnknown = errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < 2;
  return asAsked(transaction.topics, isUnknown ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode);
}

function placesOf(topics: Topics): Place[] {
  return topics.flatMap(({ name, partitions }) => partitions.map((partition) => ({ topic: name, partition })));
}

function asAsked(topics: Topics, partitionErrorCode: number): TopicResult[] {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode })),
  }));
}

/** An error code for each place, in order. */
function byPlace(places: readonly Place[], errorCodes: readonly number[]): TopicResult[] {
  const byTopic = new Map<string, Map<number, number>>();
  places.forEach(({ topic, partition }, at) => {
    const ofTopic = byTopic.get(topic) ?? new Map<number, number>();
    byTopic.set(topic, ofTopic.set(partition, errorCodes[at]!));
  });
  return Array.from(byTopic, ([name, ofTopic]) => ({
    name,
    resultsByPartition: Array.from(ofTopic, ([partitionIndex, partitionErrorCode]) => ({
      partitionIndex,
      partitionErrorCode,
    })),
  }));
}
