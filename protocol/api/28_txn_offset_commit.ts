/**
 * TxnOffsetCommit: a group's positions, which count when the transaction commits (KIP-98).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   leader epoch of the last record consumed (KIP-320)
 * v3   flexible; member, generation and instance, by which a zombie of the group is told (KIP-447)
 * v4   may answer TRANSACTION_ABORTABLE (KIP-890)
 * v5   the broker adds the group to the transaction: AddOffsetsToTxn is not needed (KIP-890)
 * v6   topic ids in place of names; the generation may be a member epoch; may answer STALE_MEMBER_EPOCH (KIP-1319)
 */
import { api, array, type Draft, type Infer, int16, int32, int64, int64Saturating, string, uuid } from "../schema.ts";

export const txnOffsetCommit = api(28, "TxnOffsetCommit", { versions: [0, 6], flexible: 3 }, {
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationIdOrMemberEpoch: int32.default(-1).since(3),
    memberId: string.default("").since(3),
    groupInstanceId: string.nullable(3).default(null).since(3),
    topics: array({
      name: string.until(5).ignorable(),
      topicId: uuid.since(6).ignorable(),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64Saturating,
        committedLeaderEpoch: int32.default(-1).since(2).ignorable(),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      name: string.until(5).ignorable(),
      topicId: uuid.since(6).ignorable(),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});

export type TxnOffsetCommitRequest = Infer<typeof txnOffsetCommit.request>;
export type TxnOffsetCommitRequestDraft = Draft<typeof txnOffsetCommit.request>;
export type TxnOffsetCommitResponse = Infer<typeof txnOffsetCommit.response>;
export type TxnOffsetCommitResponseDraft = Draft<typeof txnOffsetCommit.response>;
