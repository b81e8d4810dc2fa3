/**
 * DeleteRecords: v0–v2.
 *
 * v1 throttling after the answer · v2 flexible
 *
 * Moves the start of a partition's log: -1 to its high watermark. Of a partition named twice the last offset counts, as in
 * Kafka. Topics whose cleanup policy is compaction alone refuse, for their past is their state; so do the broker's own.
 */
import { deleteRecords } from "../../protocol/api/21_delete_records.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { StorageError } from "../../storage/errors.ts";
import type { Broker } from "../broker.ts";
import { isInternalTopic } from "../cluster/topic_name.ts";
import { handle } from "../handler.ts";

export const deleteRecordsHandler = handle(deleteRecords, [0, 2], async (request, { broker }) => {
  const offsetsByTopic = new Map<string, Map<number, number>>();
  for (const { name, partitions } of request.topics) {
    if (partitions.length === 0) continue;
    let offsets = offsetsByTopic.get(name);
    if (offsets === undefined) offsetsByTopic.set(name, offsets = new Map());
    for (const { partitionIndex, offset } of partitions) offsets.set(partitionIndex, offset);
  }
  const topics = await Promise.all([...offsetsByTopic].map(async ([name, offsets]) => ({
    name,
    partitions: await Promise.all([...offsets].map(async ([partitionIndex, offset]) => ({
      partitionIndex,
      ...await deleteBefore(broker, name, partitionIndex, offset),
    }))),
  })));
  return { throttleTimeMs: 0, topics };
});

interface Outcome {
  readonly lowWatermark: number;
  readonly errorCode: number;
}

async function deleteBefore(broker: Broker, topic: string, index: number, offset: number): Promise<Outcome> {
  const partition = broker.partitions.get(topic, index);
  if (partition === undefined) return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  if (isInternalTopic(topic)) return failed(ErrorCode.INVALID_TOPIC_EXCEPTION);
  if (partition.log.isOffline) return failed(ErrorCode.KAFKA_STORAGE_ERROR);
  const { cleanupPolicy } = partition.log.config;
  if (cleanupPolicy.compact && !cleanupPolicy.delete) return failed(ErrorCode.POLICY_VIOLATION);
  try {
    return { lowWatermark: await partition.deleteRecordsBefore(offset), errorCode: ErrorCode.NONE };
  } catch (error) {
    if (error instanceof ProtocolError) return failed(error.code);
    if (error instanceof StorageError) return failed(ErrorCode.KAFKA_STORAGE_ERROR);
    throw error;
  }
}

function failed(errorCode: number): Outcome {
  return { lowWatermark: -1, errorCode };
}
