/**
 * AddOffsetsToTxn: v0–v4.
 *
 * v1 throttle · v2 PRODUCER_FENCED · v3 flexible · v4 TRANSACTION_ABORTABLE
 *
 * Adds the partition of `__consumer_offsets` that has the group's offsets.
 */
import { addOffsetsToTxn } from "../../protocol/api/25_add_offsets_to_txn.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { OFFSETS_TOPIC } from "../cluster/topic_name.ts";
import { handle } from "../handler.ts";
import { partitionSet } from "../transactions/partition_set.ts";

export const addOffsetsToTxnHandler = handle(addOffsetsToTxn, [0, 4], async (request, { apiVersion, broker }) => {
  const { transactionalId, producerId, producerEpoch, groupId } = request;
  const errorCode = await broker.transactions.addPartitions({
    transactionalId,
    producerId,
    producerEpoch,
    partitions: partitionSet([{ topic: OFFSETS_TOPIC, partition: broker.groups.offsetsPartitionOf(groupId) }]),
    clientVersion: 0,
  });
  const isUnknown = errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < 2;
  return { errorCode: isUnknown ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode };
});
