/** What a group's state allows to be done with its offsets. Each answers an error code. */
import { ErrorCode } from "../../../protocol/errors.ts";
import type { CommitClaim } from "../classic/checks.ts";
import type { ConsumerGroupState, ConsumerMember } from "./state.ts";

export interface ConsumerCommit {
  readonly apiVersion: number;
  /** By TxnOffsetCommit, which need not say who commits. */
  readonly isTransactional: boolean;
  readonly places: readonly { readonly topicId: string; readonly partition: number }[];
}

/**
 * May `claim` commit? A member in its epoch may; one that has not yet heard of its newest epoch may for partitions that
 * it had in the epoch it knows (KIP-1251). Others may only while nobody is a member.
 */
export function commitError(state: ConsumerGroupState, claim: CommitClaim, commit: ConsumerCommit): number {
  const { memberId, instanceId, generation } = claim;
  if (generation < 0 && state.members.size === 0) return ErrorCode.NONE;
  if (commit.isTransactional && generation === -1 && memberId === "" && instanceId === null) return ErrorCode.NONE;
  const member = state.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  // Before v9 a client cannot be told what is wrong with its epoch.
  if (!commit.isTransactional && member.classic === null && commit.apiVersion < 9) return ErrorCode.UNSUPPORTED_VERSION;
  if (generation === member.epoch) return ErrorCode.NONE;
  const mayCommit = generation < member.epoch && commit.places.every(({ topicId, partition }) => {
    const heldSince = member.assigned.get(topicId)?.get(partition) ?? member.revoking.get(topicId)?.get(partition);
    return heldSince !== undefined && generation >= heldSince;
  });
  return mayCommit ? ErrorCode.NONE : staleError(member);
}

/** May offsets be read by a member that says who it is? One that does not may. */
export function fetchError(
  state: ConsumerGroupState,
  reader: { readonly memberId: string | null; readonly memberEpoch: number },
): number {
  if (reader.memberId === null && reader.memberEpoch < 0) return ErrorCode.NONE;
  const member = state.members.get(reader.memberId ?? "");
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return reader.memberEpoch === member.epoch ? ErrorCode.NONE : staleError(member);
}

function staleError({ classic }: ConsumerMember): number {
  return classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
}
