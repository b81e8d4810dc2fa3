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
