import { api, array, bool, type Draft, type Infer, int16, int32, int8, string, uuid } from "../schema.ts";

export const createTopics = api(19, "CreateTopics", { versions: [0, 7], flexible: 5 }, {
  request: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array({ partitionIndex: int32, brokerIds: array(int32) }),
      configs: array({ name: string, value: string.nullable() }),
    }),
    timeoutMs: int32.default(60000),
    validateOnly: bool.default(false).since(1),
  },
  response: {
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array({
      name: string,
      topicId: uuid.since(7).ignorable(),
      errorCode: int16,
      errorMessage: string.nullable().since(1).ignorable(),
      topicConfigErrorCode: int16.tagged(0, 5).ignorable(),
      numPartitions: int32.default(-1).since(5).ignorable(),
      replicationFactor: int16.default(-1).since(5).ignorable(),
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: bool,
        configSource: int8.default(-1).ignorable(),
        isSensitive: bool,
      }).nullable().since(5).ignorable(),
    }),
  },
});

export type CreateTopicsRequest = Infer<typeof createTopics.request>;
export type CreateTopicsRequestDraft = Draft<typeof createTopics.request>;
export type CreateTopicsResponse = Infer<typeof createTopics.response>;
export type CreateTopicsResponseDraft = Draft<typeof createTopics.response>;
