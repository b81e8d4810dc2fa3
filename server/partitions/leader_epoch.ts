/** The check of KIP-320: does the client speak of the leadership that this broker holds. */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Partition } from "./partition.ts";

/** NONE, FENCED_LEADER_EPOCH (the client's is older) or UNKNOWN_LEADER_EPOCH (newer). -1 asks for no check. */
export function leaderEpochProblem(partition: Partition, currentLeaderEpoch: number): number {
  if (currentLeaderEpoch === -1 || currentLeaderEpoch === partition.leaderEpoch) return ErrorCode.NONE;
  return currentLeaderEpoch < partition.leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH;
}
