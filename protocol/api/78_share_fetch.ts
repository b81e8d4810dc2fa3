/**
 * ShareFetch: acquires records for a member of a share group, and takes its acknowledgements of earlier ones (KIP-932).
 *
 * v2   a strict limit of records (KIP-1206); acknowledgements that prolong the lock (KIP-1222)
 *
 * Offsets saturate: whoever acknowledges what no log can hold is told that it was not acquired.
 */
import {
  api,
  array,
  bool,
  type Draft,
  type Infer,
  int16,
  int32,
  int64,
  int64Saturating,
  int8,
  records,
  string,
  struct,
  uuid,
} from "../schema.ts";

export const shareFetch = api(78, "ShareFetch", { versions: [1, 2], flexible: 0 }, {
  request: {
    groupId: string.nullable().default(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.default(0x7fffffff),
    maxRecords: int32.since(1),
    batchSize: int32.since(1),
    shareAcquireMode: int8.default(0).since(2).ignorable(),
    isRenewAck: bool.default(false).since(2),
    topics: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        acknowledgementBatches: array({
          firstOffset: int64Saturating,
          lastOffset: int64Saturating,
          acknowledgeTypes: array(int8),
        }),
      }),
    }),
    forgottenTopicsData: array({ topicId: uuid, partitions: array(int32) }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    acquisitionLockTimeoutMs: int32.since(1),
    responses: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        acknowledgeErrorCode: int16,
        acknowledgeErrorMessage: string.nullable().default(null),
        currentLeader: struct({ leaderId: int32, leaderEpoch: int32 }),
        records,
        acquiredRecords: array({ firstOffset: int64, lastOffset: int64, deliveryCount: int16 }),
      }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }),
  },
});

export type ShareFetchRequest = Infer<typeof shareFetch.request>;
export type ShareFetchRequestDraft = Draft<typeof shareFetch.request>;
export type ShareFetchResponse = Infer<typeof shareFetch.response>;
export type ShareFetchResponseDraft = Draft<typeof shareFetch.response>;
