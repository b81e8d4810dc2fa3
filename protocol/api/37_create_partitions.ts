/**
 * CreatePartitions: more partitions for a topic (KIP-195).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 * v3   may answer THROTTLING_QUOTA_EXCEEDED (KIP-599)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const createPartitions = api(37, "CreatePartitions", { versions: [0, 3], flexible: 2 }, {
  request: {
    topics: array({
      name: string,
      count: int32,
      assignments: array({ brokerIds: array(int32) }).nullable(),
    }),
    timeoutMs: int32,
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      name: string,
      errorCode: int16,
      errorMessage: string.nullable().default(null),
    }),
  },
});

export type CreatePartitionsRequest = Infer<typeof createPartitions.request>;
export type CreatePartitionsRequestDraft = Draft<typeof createPartitions.request>;
export type CreatePartitionsResponse = Infer<typeof createPartitions.response>;
export type CreatePartitionsResponseDraft = Draft<typeof createPartitions.response>;
