/**
 * AlterPartitionReassignments: v0–v1.
 *
 * v1 whether the number of replicas may change
 *
 * Each partition on its own merits. With one broker nothing is ever under way: see `cluster/reassignments.ts`.
 */
import { alterPartitionReassignments } from "../../protocol/api/45_alter_partition_reassignments.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { withinDeadline } from "../cluster/deadline.ts";
import { planReassignments } from "../cluster/reassignments.ts";
import { handle } from "../handler.ts";

export const alterPartitionReassignmentsHandler = handle(
  alterPartitionReassignments,
  [0, 1],
  async ({ topics, timeoutMs, allowReplicationFactorChange }, { broker: { cluster, runtime } }) => {
    const whole = { throttleTimeMs: 0, allowReplicationFactorChange, errorCode: ErrorCode.NONE, errorMessage: null };
    if (topics.length === 0) return { ...whole, allowReplicationFactorChange: true, errorMessage: "", responses: [] };
    const options = { brokerIds: cluster.brokerIds(), mayChangeCount: allowReplicationFactorChange };
    try {
      const outcome = await withinDeadline(
        runtime.timers,
        timeoutMs,
        () => cluster.change((image) => planReassignments(image, topics, options)),
      );
      const responses = outcome.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ index, error }) => result(index, error)),
      }));
      return { ...whole, responses };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const responses = topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => result(partitionIndex, error)),
      }));
      return { ...whole, errorCode: error.code, errorMessage: error.detail, responses };
    }
  },
);

function result(partitionIndex: number, error: ProtocolError | null) {
  return { partitionIndex, errorCode: error?.code ?? ErrorCode.NONE, errorMessage: error?.detail ?? null };
}
