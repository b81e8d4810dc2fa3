/** What a group's state allows to be done with its offsets, and with itself. Each answers an error code. */
import { ErrorCode } from "../../../protocol/errors.ts";
import { memberError } from "./join.ts";
import type { GroupState } from "./state.ts";

export interface CommitClaim {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Negative: not as a member of a generation. */
  readonly generation: number;
}

/**
 * May `claim` commit offsets? Members of the running generation may, also while a rebalance gathers members (so that
 * they can save what they did before they give partitions up). Others may only while nobody is a member.
 */
export function commitError(state: GroupState, claim: CommitClaim): number {
  if (state.phase === "Dead") return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  if (claim.generation < 0 && state.phase === "Empty") return ErrorCode.NONE;
  if (claim.generation < 0 && claim.memberId === "" && claim.instanceId === null) return ErrorCode.UNKNOWN_MEMBER_ID;
  const errorCode = memberError(state, claim);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  if (claim.generation !== state.generation) return ErrorCode.ILLEGAL_GENERATION;
  return state.phase === "CompletingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

/**
 * The same inside a transaction. Older producers do not say who they are in the group; and a rebalance under way is not theirs
 * to wait for: their transaction ends before the next generation reads the offsets (KIP-447).
 */
export function transactionalCommitError(state: GroupState, claim: CommitClaim): number {
  if (state.phase === "Dead") return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  if (claim.generation < 0 && state.phase === "Empty") return ErrorCode.NONE;
  if (claim.generation < 0 && claim.memberId === "" && claim.instanceId === null) return ErrorCode.NONE;
  const errorCode = memberError(state, claim);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  return claim.generation === state.generation ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
}

export function deleteGroupError(state: GroupState): number {
  if (state.phase === "Dead") return ErrorCode.GROUP_ID_NOT_FOUND;
  return state.phase === "Empty" ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
}

/** Offsets of a group in use can be deleted only where we can tell which topics it uses. */
export function deleteOffsetsError(state: GroupState): number {
  if (state.phase === "Dead") return ErrorCode.GROUP_ID_NOT_FOUND;
  return state.phase === "Empty" || state.protocolType === "consumer" ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
}

/** Unknown subscriptions of a consumer group count as subscribed to everything. */
export function isSubscribed(state: GroupState, topic: string): boolean {
  return state.subscribedTopics?.has(topic) ?? state.protocolType === "consumer";
}
