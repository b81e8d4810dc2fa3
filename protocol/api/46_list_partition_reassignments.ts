/**
 * ListPartitionReassignments: the partitions whose replicas are being changed (KIP-455).
 *
 * v0   flexible
 */
import { api, array, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const listPartitionReassignments = api(46, "ListPartitionReassignments", { versions: [0, 0], flexible: 0 }, {
  request: {
    timeoutMs: int32.default(60_000),
    topics: array({ name: string, partitionIndexes: array(int32) }).nullable().default(null),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        replicas: array(int32),
        addingReplicas: array(int32),
        removingReplicas: array(int32),
      }),
    }),
  },
});

export type ListPartitionReassignmentsRequest = Infer<typeof listPartitionReassignments.request>;
export type ListPartitionReassignmentsRequestDraft = Draft<typeof listPartitionReassignments.request>;
export type ListPartitionReassignmentsResponse = Infer<typeof listPartitionReassignments.response>;
export type ListPartitionReassignmentsResponseDraft = Draft<typeof listPartitionReassignments.response>;
