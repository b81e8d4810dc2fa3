/**
 * OffsetCommit: a group's positions, to be kept.
 *
 * v1   member and generation; a timestamp for each partition, in this version only
 * v2   how long to keep the offsets
 * v3   answer: throttle time
 * v4   a throttled answer is sent before the broker pauses (KIP-219)
 * v5   retention is the broker's affair again (KIP-211)
 * v6   leader epoch of the last record consumed (KIP-320)
 * v7   group instance id (KIP-345)
 * v8   flexible
 * v9   the generation may be a member epoch of the new protocol; may answer STALE_MEMBER_EPOCH (KIP-848)
 * v10  topic ids in place of names (KIP-848)
 */
import { api, array, type Draft, type Infer, int16, int32, int64Saturating, string, uuid } from "../schema.ts";

export const offsetCommit = api(8, "OffsetCommit", { versions: [0, 10], flexible: 8 }, {
  request: {
    groupId: string,
    generationIdOrMemberEpoch: int32.default(-1).since(1).ignorable(),
    memberId: string.since(1).ignorable(),
    groupInstanceId: string.nullable().default(null).since(7),
    retentionTimeMs: int64Saturating.default(-1).between(2, 4).ignorable(),
    topics: array({
      name: string.until(9).ignorable(),
      topicId: uuid.since(10).ignorable(),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64Saturating,
        committedLeaderEpoch: int32.default(-1).since(6).ignorable(),
        commitTimestamp: int64Saturating.default(-1).between(1, 1),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array({
      name: string.until(9).ignorable(),
      topicId: uuid.since(10).ignorable(),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});

export type OffsetCommitRequest = Infer<typeof offsetCommit.request>;
export type OffsetCommitRequestDraft = Draft<typeof offsetCommit.request>;
export type OffsetCommitResponse = Infer<typeof offsetCommit.response>;
export type OffsetCommitResponseDraft = Draft<typeof offsetCommit.response>;
