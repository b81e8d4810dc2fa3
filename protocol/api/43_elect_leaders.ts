/**
 * ElectLeaders: has partitions led by their first replica, or by any that is alive (KIP-183).
 *
 * v1   which of the two; answer: an error for the whole (KIP-460)
 * v2   flexible
 */
import { api, array, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const electLeaders = api(43, "ElectLeaders", { versions: [0, 2], flexible: 2 }, {
  request: {
    electionType: int8.since(1),
    topicPartitions: array({ topic: string, partitions: array(int32) }).nullable(),
    timeoutMs: int32.default(60_000),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(1),
    replicaElectionResults: array({
      topic: string,
      partitionResult: array({ partitionId: int32, errorCode: int16, errorMessage: string.nullable() }),
    }),
  },
});

export type ElectLeadersRequest = Infer<typeof electLeaders.request>;
export type ElectLeadersRequestDraft = Draft<typeof electLeaders.request>;
export type ElectLeadersResponse = Infer<typeof electLeaders.response>;
export type ElectLeadersResponseDraft = Draft<typeof electLeaders.response>;
