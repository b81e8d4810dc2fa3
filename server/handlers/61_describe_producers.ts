/**
 * DescribeProducers: v0.
 *
 * Every producer that the partition remembers, idempotent ones too; where a transaction of its is open, from which offset on.
 */
import { describeProducers } from "../../protocol/api/61_describe_producers.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { StorageError } from "../../storage/errors.ts";
import type { Broker } from "../broker.ts";
import { topicNameTrouble } from "../cluster/topic_name.ts";
import { handle } from "../handler.ts";

export const describeProducersHandler = handle(describeProducers, [0, 0], ({ topics }, { broker }) => ({
  topics: topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      ...answerOne(name, partitionIndex, broker),
    })),
  })),
}));

function answerOne(topic: string, index: number, broker: Broker) {
  const trouble = topicNameTrouble(topic);
  if (trouble !== null) return failed(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${trouble}`);
  const partition = broker.partitions.get(topic, index);
  if (partition === undefined) return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, null);
  if (partition.log.isOffline) return failed(ErrorCode.KAFKA_STORAGE_ERROR, null);
  try {
    const activeProducers = Array.from(partition.log.producers(), (producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: producer.lastSequence,
      lastTimestamp: producer.lastTimestampMs,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.currentTransactionFirstOffset,
    }));
    return { errorCode: ErrorCode.NONE, errorMessage: null, activeProducers };
  } catch (error) {
    if (error instanceof StorageError) return failed(ErrorCode.KAFKA_STORAGE_ERROR, null);
    throw error;
  }
}

function failed(errorCode: number, errorMessage: string | null) {
  return { errorCode, errorMessage, activeProducers: [] };
}
