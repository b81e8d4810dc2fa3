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
import { OFFSETS_TOPIC } from "../cluster/topic_name.ts";
import { commitTopics } from "../groups/commit_requests.ts";
import type { OffsetToCommit } from "../groups/coordinator.ts";
import { handle, type RequestContext } from "../handler.ts";
import { refusalOf } from "../transactions/admission.ts";

const FIRST_ABORTABLE_VERSION = 4;
const FIRST_ADDING_VERSION = 5;
const FIRST_TOPIC_ID_VERSION = 6;

export const txnOffsetCommitHandler = handle(txnOffsetCommit, [0, 6], async (request, context) => {
  const { apiVersion, broker: { cluster } } = context;
  const topics = await commitTopics(
    request.topics,
    { cluster, isById: apiVersion >= FIRST_TOPIC_ID_VERSION },
    async (offsets) => (await commit(request, offsets, context)).map((errorCode) => inWords(errorCode, apiVersion)),
  );
  return { topics };
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

/** Producers before Kafka 2.0 stop at COORDINATOR_LOAD_IN_PROGRESS. */
function inWords(errorCode: number, apiVersion: number): number {
  const isUnknown = errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS && apiVersion < 2;
  return isUnknown ? ErrorCode.COORDINATOR_NOT_AVAILABLE : errorCode;
}
