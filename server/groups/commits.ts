/** Requests to commit offsets, and what becomes of each of their offsets. */
import { ErrorCode } from "../../protocol/errors.ts";
import type { CommitClaim } from "./classic/checks.ts";
import type { Commit, CommitPlace } from "./shard.ts";

export interface CommitRequest extends CommitClaim {
  readonly groupId: string;
  readonly apiVersion: number;
  /** How long the client wants the offsets kept (v2–v4); -1 leaves it to the broker. */
  readonly retentionTimeMs: number;
  readonly offsets: readonly OffsetToCommit[];
}

/** Inside a transaction of this producer. */
export interface TransactionalCommitRequest extends CommitClaim {
  readonly groupId: string;
  readonly apiVersion: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly offsets: readonly OffsetToCommit[];
}

export interface OffsetToCommit extends CommitPlace {
  readonly topicId: string;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
}

/**
 * Commits those that may be.
 * @returns an error code for each offset, in order
 */
export async function commitAll(
  offsets: readonly OffsetToCommit[],
  options: { readonly nowMs: number; readonly retentionTimeMs: number; readonly metadataLengthMax: number },
  commit: (commits: readonly Commit[]) => Promise<number>,
): Promise<number[]> {
  const { nowMs, retentionTimeMs, metadataLengthMax } = options;
  const expireTimestampMs = retentionTimeMs < 0 ? -1 : Math.min(nowMs + retentionTimeMs, Number.MAX_SAFE_INTEGER);
  const isTooLarge = ({ metadata }: OffsetToCommit) => (metadata ?? "").length > metadataLengthMax;
  const commits = offsets.filter((offset) => !isTooLarge(offset)).map((offset) => ({
    topic: offset.topic,
    partition: offset.partition,
    committed: {
      offset: offset.offset,
      leaderEpoch: offset.leaderEpoch,
      metadata: offset.metadata ?? "",
      commitTimestampMs: nowMs,
      expireTimestampMs,
      topicId: offset.topicId,
    },
  }));
  const errorCode = commits.length === 0 ? ErrorCode.NONE : await commit(commits);
  return offsets.map((offset) => isTooLarge(offset) ? ErrorCode.OFFSET_METADATA_TOO_LARGE : errorCode);
}
