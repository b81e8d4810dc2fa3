/** May offsets be committed? By the rules of the kind of group that has them. */
import { ErrorCode } from "../../protocol/errors.ts";
import { type CommitClaim, commitError, transactionalCommitError } from "./classic/checks.ts";
import type { GroupState } from "./classic/state.ts";
import { commitError as consumerCommitError } from "./consumer/checks.ts";
import type { ConsumerGroupState } from "./consumer/state.ts";
import { commitError as streamsCommitError } from "./streams/checks.ts";
import type { StreamsGroupState } from "./streams/state.ts";

export interface CommitToAdmit {
  readonly apiVersion: number;
  /** By TxnOffsetCommit. */
  readonly isTransactional: boolean;
  readonly places: readonly { readonly topic: string; readonly topicId: string; readonly partition: number }[];
}

/** The group, which is of one kind or is not there. */
export interface GroupOfAnyKind {
  readonly classic: GroupState | undefined;
  readonly consumers: ConsumerGroupState | undefined;
  readonly streams: StreamsGroupState | undefined;
}

/** NONE, or why not. Where there is no group whoever is not a member of one may. */
export function commitErrorOf(
  { classic, consumers, streams }: GroupOfAnyKind,
  claim: CommitClaim,
  commit: CommitToAdmit,
): number {
  if (consumers !== undefined) return inWords(consumerCommitError(consumers, claim, commit), commit);
  if (streams !== undefined) return inWords(streamsCommitError(streams, claim, commit), commit);
  if (classic !== undefined) {
    return commit.isTransactional ? transactionalCommitError(classic, claim) : commitError(classic, claim);
  }
  if (claim.generation < 0) return ErrorCode.NONE;
  return knowsEpochs(commit) ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
}

/** A transactional producer is told in words that it knows: of epochs, and of groups that are none, those of KIP-1319 do. */
function inWords(errorCode: number, commit: CommitToAdmit): number {
  const isUnheardOf = errorCode === ErrorCode.STALE_MEMBER_EPOCH && commit.isTransactional && !knowsEpochs(commit);
  return isUnheardOf ? ErrorCode.ILLEGAL_GENERATION : errorCode;
}

function knowsEpochs({ apiVersion, isTransactional }: CommitToAdmit): boolean {
  return apiVersion >= (isTransactional ? 6 : 9);
}
