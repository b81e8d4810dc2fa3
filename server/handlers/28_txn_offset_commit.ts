/**
 * TxnOffsetCommit: v0–v6.
 *
 * v1 throttle · v2 leader epoch · v3 flexible, the member's claim (KIP-447) · v4 TRANSACTION_ABORTABLE · v5 the broker adds the
 * group to the transaction (KIP-890) · v6 topic ids, GROUP_ID_NOT_FOUND, STALE_MEMBER_EPOCH (KIP-1319)
 *
 * A partition that does not exist is refused by itself; the rest is committed, once the group is part of the transaction.
 */
import { txnOffsetCommit, type TxnOffsetCommitRequest } from "../../protocol/api/28_txn_offset_commit.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Topic } from "../cluster/cluster.ts";
import { OFFSETS_TOPIC } from "../cluster/topic_name.ts";
import type { OffsetToCommit } from "../groups/coordinator.ts";
import { handle, type RequestContext } from "../handler.ts";
import { refusalOf } from "../transactions/admission.ts";

const FIRST_ABORTABLE_VERSION = 4;
const FIRST_ADDING_VERSION = 5;
const FIRST_TOPIC_ID_VERSION = 6;

export const txnOffsetCommitHandler = handle(txnOffsetCommit, [0, 6], async (request, context) => {
  const { apiVersion } = context;
  const offsets: OffsetToCommit[] = [];
  const topics = request.topics.filter(({ partitions }) => partitions.length > 0).map((asked) => {
    const topic = findTopic(asked, context);
    const partitions = asked.partitions.map((partition) => {
      const { partitionIndex } = partition;
      const errorCode = partitionError(topic, partitionIndex, apiVersion);
      if (errorCode !== ErrorCode.NONE || topic === undefined) return { partitionIndex, errorCode, at: -1 };
      offsets.push({
        topic: topic.name,
        topicId: topic.id,
        partition: partitionIndex,
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch,
        metadata: partition.committedMetadata,
      });
      return { partitionIndex, errorCode, at: offsets.length - 1 };
    });
    return { name: asked.name, topicId: asked.topicId, partitions };
  });
  const errorCodes = offsets.length === 0 ? [] : await commit(request, offsets, context);
  return {
    topics: topics.map(({ partitions, ...topic }) => ({
      ...topic,
      partitions: partitions.map(({ partitionIndex, errorCode, at }) => ({
        partitionIndex,
        errorCode: inWords(errorCodes[at] ?? errorCode, apiVersion),
      })),
    })),
  };
});

async function commit(
  request: TxnOffsetCommitRequest,
  offsets: readonly OffsetToCommit[],
  context: RequestContext,
): Promise<readonly number[]> {
  const { groupId, producerId, producerEpoch } = request;
  const { apiVersion, broker } = context;
  if (groupId === "") return offsets.map(() => ErrorCode.INVALID_GROUP_ID);
  const write = {
    transactionalId: request.transactionalId,
    producerId,
    producerEpoch,
    places: [{ topic: OFFSETS_TOPIC, partition: broker.groups.offsetsPartitionOf(groupId) }],
    addsPlaces: apiVersion >= FIRST_ADDING_VERSION,
  };
  const [admission = ErrorCode.NONE] = await broker.transactionAdmission.admit(write);
  if (admission !== ErrorCode.NONE) {
    const errorCode = refusalOf(admission, { knowsAbortable: apiVersion >= FIRST_ABORTABLE_VERSION });
    return offsets.map(() => errorCode);
  }
  // In the turn in which the offsets get their place in the log, before the marker: after the wait it may have got its own.
  if (!broker.transactionAdmission.isStillIn(write)) return offsets.map(() => ErrorCode.INVALID_TXN_STATE);
  return await broker.groups.commitTransactionalOffsets({
    groupId,
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    generation: request.generationIdOrMemberEpoch,
    apiVersion,
    producerId,
    producerEpoch,
    offsets,
  });
}

function findTopic(
  asked: TxnOffsetCommitRequest["topics"][number],
  { broker, apiVersion }: RequestContext,
): Topic | undefined {
  return apiVersion >= FIRST_TOPIC_ID_VERSION
    ? broker.cluster.topicById(asked.topicId)
    : broker.cluster.topic(asked.name);
}

function partitionError(topic: Topic | undefined, partition: number, apiVersion: number): number {
  if (topic?.partitions[partition] !== undefined) return ErrorCode.NONE;
  const isUnknownId = topic === undefined && apiVersion >= FIRST_TOPIC_ID_VERSION;
  return isUnknownId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

/** Producers before Kafka 2.0 stop at COORDINATOR_LOAD_IN_PROGRESS. */
function inWords(errorCode: number, apiVersion: number): number {
  const isUnknown = errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS && apiVersion < 2;
  return isUnknown ? ErrorCode.COORDINATOR_NOT_AVAILABLE : errorCode;
}
