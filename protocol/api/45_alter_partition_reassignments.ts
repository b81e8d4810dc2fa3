/**
 * AlterPartitionReassignments: other replicas for partitions, or an end to a change of theirs (KIP-455).
 *
 * v0   flexible
 * v1   whether there may be more or fewer of them than before (KIP-860)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const alterPartitionReassignments = api(45, "AlterPartitionReassignments", { versions: [0, 1], flexible: 0 }, {
  request: {
    timeoutMs: int32.default(60_000),
    allowReplicationFactorChange: bool.default(true).since(1),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, replicas: array(int32).nullable().default(null) }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    allowReplicationFactorChange: bool.default(true).since(1).ignorable(),
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16, errorMessage: string.nullable() }),
    }),
  },
});

export type AlterPartitionReassignmentsRequest = Infer<typeof alterPartitionReassignments.request>;
export type AlterPartitionReassignmentsRequestDraft = Draft<typeof alterPartitionReassignments.request>;
export type AlterPartitionReassignmentsResponse = Infer<typeof alterPartitionReassignments.response>;
export type AlterPartitionReassignmentsResponseDraft = Draft<typeof alterPartitionReassignments.response>;
