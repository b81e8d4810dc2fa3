/**
 * CreateTopics.
 *
 * v1   only validate; answer: message for each topic
 * v2   answer: throttle time
 * v3   a throttled answer is sent before the broker pauses (KIP-219)
 * v4   -1 takes the broker's default number of partitions and replicas (KIP-464)
 * v5   flexible; answer: number of partitions and replicas, the topic's configuration (KIP-525)
 * v6   may answer THROTTLING_QUOTA_EXCEEDED (KIP-599)
 * v7   answer: topic id (KIP-516)
 */
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
