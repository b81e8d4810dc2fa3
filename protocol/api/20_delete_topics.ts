/**
 * DeleteTopics.
 *
 * v1   answer: throttle time
 * v2   a throttled answer is sent before the broker pauses (KIP-219)
 * v3   may answer TOPIC_DELETION_DISABLED
 * v4   flexible
 * v5   answer: message for each topic; may answer THROTTLING_QUOTA_EXCEEDED (KIP-599)
 * v6   by name or by topic id (KIP-516)
 */
import { api, array, type Draft, type Infer, int16, int32, string, uuid } from "../schema.ts";

export const deleteTopics = api(20, "DeleteTopics", { versions: [0, 6], flexible: 4 }, {
  request: {
    topics: array({ name: string.nullable().default(null), topicId: uuid }).since(6),
    topicNames: array(string).until(5).ignorable(),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    responses: array({
      name: string.nullable(6),
      topicId: uuid.since(6).ignorable(),
      errorCode: int16,
      errorMessage: string.nullable().default(null).since(5).ignorable(),
    }),
  },
});

export type DeleteTopicsRequest = Infer<typeof deleteTopics.request>;
export type DeleteTopicsRequestDraft = Draft<typeof deleteTopics.request>;
export type DeleteTopicsResponse = Infer<typeof deleteTopics.response>;
export type DeleteTopicsResponseDraft = Draft<typeof deleteTopics.response>;
