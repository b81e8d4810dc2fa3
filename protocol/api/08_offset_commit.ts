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
