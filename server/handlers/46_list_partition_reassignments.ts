/**
 * ListPartitionReassignments: v0.
 *
 * What is not under way is left out, and with one broker nothing is: see `cluster/reassignments.ts`.
 */
import { listPartitionReassignments } from "../../protocol/api/46_list_partition_reassignments.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const listPartitionReassignmentsHandler = handle(listPartitionReassignments, [0, 0], () => ({
  throttleTimeMs: 0,
  errorCode: ErrorCode.NONE,
  errorMessage: null,
  topics: [],
}));
