/**
 * Produce: record batches to append, by topic and partition.
 *
 * v0   message sets of formats 0 and 1; they are stored as batches
 * v1   answer: throttle time
 * v2   answer: log append time
 * v3   transactional id; only record format v2 from here on (KIP-98)
 * v4   may answer KAFKA_STORAGE_ERROR
 * v5   answer: log start offset, so that a producer can tell lost state from expired records
 * v7   batches may be compressed with zstd (KIP-110)
 * v8   answer: which records were refused, and a message (KIP-467)
 * v9   flexible
 * v10  answer: the current leader and where it lives, as tagged fields (KIP-951)
 * v11  may answer TRANSACTION_ABORTABLE (KIP-890)
 * v12  in a transaction, adds the partition to it: no AddPartitionsToTxn before (KIP-890)
 * v13  topic ids in place of names (KIP-516)
 *
 * Kafka 4 refuses v0 to v2 but lists them in ApiVersions: librdkafka takes their absence to mean that the broker knows
 * no compression. Here they are served. With acks=0 there is no answer at all.
 */
import { api, array, type Draft, type Infer, int16, int32, int64, records, string, struct, uuid } from "../schema.ts";

export const produce = api(0, "Produce", { versions: [0, 13], flexible: 9 }, {
  request: {
    transactionalId: string.nullable().default(null).since(3),
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      name: string.until(12).ignorable(),
      topicId: uuid.since(13).ignorable(),
      partitionData: array({ index: int32, records: records.nullable() }),
    }),
  },
  response: {
    responses: array({
      name: string.until(12).ignorable(),
      topicId: uuid.since(13).ignorable(),
      partitionResponses: array({
        index: int32,
        errorCode: int16,
        baseOffset: int64,
        logAppendTimeMs: int64.default(-1).since(2).ignorable(),
        logStartOffset: int64.default(-1).since(5).ignorable(),
        recordErrors: array({
          batchIndex: int32,
          batchIndexErrorMessage: string.nullable().default(null),
        }).since(8).ignorable(),
        errorMessage: string.nullable().default(null).since(8).ignorable(),
        currentLeader: struct({ leaderId: int32.default(-1), leaderEpoch: int32.default(-1) }).tagged(0, 10),
      }),
    }),
    throttleTimeMs: int32.default(0).since(1).ignorable(),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null),
    }).tagged(0, 10),
  },
});

export type ProduceRequest = Infer<typeof produce.request>;
export type ProduceRequestDraft = Draft<typeof produce.request>;
export type ProduceResponse = Infer<typeof produce.response>;
export type ProduceResponseDraft = Draft<typeof produce.response>;
