/** What a group's state allows to be done with its offsets. Each answers an error code. */
import { ErrorCode } from "../../../protocol/errors.ts";
import type { CommitClaim } from "../classic/checks.ts";
import type { StreamsGroupState } from "./state.ts";
import { taskOf } from "./tasks.ts";
import { readerOf } from "./topology.ts";

export interface StreamsCommit {
  readonly apiVersion: number;
  /** By TxnOffsetCommit, which need not say who commits. */
  readonly isTransactional: boolean;
  readonly places: readonly { readonly topic: string; readonly partition: number }[];
}

/**
 * May `claim` commit? A member in its epoch may; one that has not yet heard of its newest epoch may for the input of tasks
 * that it had active in the epoch it knows. Others may only while nobody is a member.
 */
export function commitError(state: StreamsGroupState, claim: CommitClaim, commit: StreamsCommit): number {
  const { memberId, instanceId, generation } = claim;
  if (generation < 0 && state.members.size === 0) return ErrorCode.NONE;
  if (commit.isTransactional && generation === -1 && memberId === "" && instanceId === null) return ErrorCode.NONE;
  const member = state.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  // Before v9 a client cannot be told what is wrong with its epoch.
  if (!commit.isTransactional && commit.apiVersion < 9) return ErrorCode.UNSUPPORTED_VERSION;
  if (generation === member.epoch) return ErrorCode.NONE;
  const { topology } = state;
  if (generation > member.epoch || topology === null) return ErrorCode.STALE_MEMBER_EPOCH;
  const mayCommit = commit.places.every(({ topic, partition }) => {
    const subtopology = readerOf(topology, topic);
    if (subtopology === undefined) return false;
    const task = taskOf(subtopology.subtopologyId, partition);
    const heldSince = member.assigned.active.get(task) ?? member.revoking.active.get(task);
    return heldSince !== undefined && generation >= heldSince;
  });
  return mayCommit ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH;
}

/** May offsets be read by a member that says who it is? One that does not may. */
export function fetchError(
  state: StreamsGroupState,
  reader: { readonly memberId: string | null; readonly memberEpoch: number },
): number {
  if (reader.memberId === null && reader.memberEpoch < 0) return ErrorCode.NONE;
  const member = state.members.get(reader.memberId ?? "");
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return reader.memberEpoch === member.epoch ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH;
}

/** A group reads the input of its topology while it has members. */
export function isTopicRead(state: StreamsGroupState, topic: string): boolean {
  return state.members.size > 0 && state.topology !== null && readerOf(state.topology, topic) !== undefined;
}
