/**
 * OffsetFetch: a group's committed positions.
 *
 * v1   the offsets kept by Kafka itself; v0 asked for those in ZooKeeper
 * v2   null topics means all that are committed; answer: an error for the whole
 * v3   answer: throttle time
 * v4   a throttled answer is sent before the broker pauses (KIP-219)
 * v5   answer: leader epoch (KIP-320)
 * v6   flexible
 * v7   the client may insist on offsets that no open transaction can change (KIP-447)
 * v8   several groups at once (KIP-709)
 * v9   member id and epoch, checked under the new group protocol (KIP-848)
 * v10  topic ids in place of names (KIP-848)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int64Saturating, string, uuid } from "../schema.ts";

export const offsetFetch = api(9, "OffsetFetch", { versions: [0, 10], flexible: 6 }, {
  request: {
    groupId: string.until(7),
    topics: array({ name: string, partitionIndexes: array(int32) }).nullable(2).until(7),
    groups: array({
      groupId: string,
      memberId: string.nullable().default(null).since(9).ignorable(),
      memberEpoch: int32.default(-1).since(9).ignorable(),
      topics: array({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitionIndexes: array(int32),
      }).nullable(),
    }).since(8),
    requireStable: bool.default(false).since(7),
  },
  response: {
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64Saturating,
        committedLeaderEpoch: int32.default(-1).since(5).ignorable(),
        metadata: string.nullable(),
        errorCode: int16,
      }),
    }).until(7),
    errorCode: int16.default(0).between(2, 7).ignorable(),
    groups: array({
      groupId: string,
      topics: array({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitions: array({
          partitionIndex: int32,
          committedOffset: int64Saturating,
          committedLeaderEpoch: int32.default(-1).ignorable(),
          metadata: string.nullable(),
          errorCode: int16,
        }),
      }),
      errorCode: int16.default(0),
    }).since(8),
  },
});

export type OffsetFetchRequest = Infer<typeof offsetFetch.request>;
export type OffsetFetchRequestDraft = Draft<typeof offsetFetch.request>;
export type OffsetFetchResponse = Infer<typeof offsetFetch.response>;
export type OffsetFetchResponseDraft = Draft<typeof offsetFetch.response>;
