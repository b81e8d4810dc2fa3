/**
 * Fetch: record batches from given offsets on, by consumers and by followers.
 *
 * v0   records are in format 0, converted from batches
 * v1   answer: throttle time
 * v2   records may be in format 1
 * v3   a limit for the whole answer; partitions are filled in the order asked for (KIP-74)
 * v4   isolation level, last stable offset, aborted transactions; record format 2 (KIP-98)
 * v5   log start offset (KIP-107)
 * v6   may answer KAFKA_STORAGE_ERROR
 * v7   fetch sessions: only what changed is named (KIP-227)
 * v8   a throttled answer is sent before the broker pauses (KIP-219)
 * v9   the leader epoch that the client knows (KIP-320)
 * v10  batches may be compressed with zstd (KIP-110)
 * v11  rack of the consumer, replica it should read from (KIP-392)
 * v12  flexible; epoch of the last record fetched, and where the logs diverge (KIP-595)
 * v13  topic ids in place of names (KIP-516)
 * v14  may answer OFFSET_MOVED_TO_TIERED_STORAGE (KIP-405)
 * v15  a follower's id moves into a tagged struct, with its epoch (KIP-903)
 * v16  answer: where new leaders live (KIP-951)
 * v17  directory id of the follower's replica (KIP-853)
 * v18  high watermark that the follower knows (KIP-1166)
 *
 * Kafka 4 refuses v0 to v3; here they are served. Batches of zstd are not given to them.
 * The offset asked for saturates: a client may ask for anything, and is told that it is out of range.
 */
import {
  api,
  array,
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

export const fetch = api(1, "Fetch", { versions: [0, 18], flexible: 12 }, {
  request: {
    clusterId: string.nullable().default(null).tagged(0, 12).ignorable(),
    replicaId: int32.default(-1).until(14),
    replicaState: struct({ replicaId: int32.default(-1), replicaEpoch: int64.default(-1) }).tagged(1, 15),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.default(0x7fffffff).since(3).ignorable(),
    isolationLevel: int8.default(0).since(4).ignorable(),
    sessionId: int32.default(0).since(7).ignorable(),
    sessionEpoch: int32.default(-1).since(7).ignorable(),
    topics: array({
      topic: string.until(12).ignorable(),
      topicId: uuid.since(13).ignorable(),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.default(-1).since(9).ignorable(),
        fetchOffset: int64Saturating,
        lastFetchedEpoch: int32.default(-1).since(12),
        logStartOffset: int64.default(-1).since(5).ignorable(),
        partitionMaxBytes: int32,
        replicaDirectoryId: uuid.tagged(0, 17).ignorable(),
        highWatermark: int64Saturating.default(Number.MAX_SAFE_INTEGER).tagged(1, 18).ignorable(),
      }),
    }),
    forgottenTopicsData: array({
      topic: string.until(12).ignorable(),
      topicId: uuid.since(13).ignorable(),
      partitions: array(int32),
    }).since(7),
    rackId: string.default("").since(11).ignorable(),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16.since(7).ignorable(),
    sessionId: int32.default(0).since(7),
    responses: array({
      topic: string.until(12).ignorable(),
      topicId: uuid.since(13).ignorable(),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: int64.default(-1).since(4).ignorable(),
        logStartOffset: int64.default(-1).since(5).ignorable(),
        divergingEpoch: struct({ epoch: int32.default(-1), endOffset: int64.default(-1) }).tagged(0, 12),
        currentLeader: struct({ leaderId: int32.default(-1), leaderEpoch: int32.default(-1) }).tagged(1, 12),
        snapshotId: struct({ endOffset: int64.default(-1), epoch: int32.default(-1) }).tagged(2, 12),
        abortedTransactions: array({ producerId: int64, firstOffset: int64 }).nullable().since(4).ignorable(),
        preferredReadReplica: int32.default(-1).since(11),
        records: records.nullable(),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null),
    }).tagged(0, 16),
  },
});

export type FetchRequest = Infer<typeof fetch.request>;
export type FetchRequestDraft = Draft<typeof fetch.request>;
export type FetchResponse = Infer<typeof fetch.response>;
export type FetchResponseDraft = Draft<typeof fetch.response>;
