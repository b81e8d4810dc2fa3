/**
 * When committed offsets are forgotten (KIP-211):
 *
 *     group                            an offset expires `offsets.retention.minutes` after
 *     ───────────────────────────────  ────────────────────────────────────────────────────────────────────
 *     simple (stores offsets only)     its commit
 *     Empty                            the group became empty (its commit, when the log does not say)
 *     Stable, "consumer"               its commit, if nobody subscribes to the topic
 *     else                             never
 *
 * A commit that named its own retention (OffsetCommit v2–v4) expires by that instead, in the same groups.
 */
import { isSubscribed } from "./classic/checks.ts";
import type { GroupState } from "./classic/state.ts";
import type { CommittedOffset, GroupOffsets } from "./offset_store.ts";

export interface ExpiredOffsets {
  readonly expired: readonly { readonly topic: string; readonly partition: number }[];
  /** Some are left. */
  readonly hasOthers: boolean;
}

export function expiredOffsets(
  state: GroupState,
  offsets: GroupOffsets,
  time: { readonly nowMs: number; readonly retentionMs: number },
): ExpiredOffsets {
  const expired: { topic: string; partition: number }[] = [];
  let hasOthers = false;
  const start = retentionStart(state);
  for (const [topic, partitions] of offsets) {
    const isInUse = start === null || isSubscribed(state, topic);
    for (const [partition, { latest }] of partitions) {
      if (latest === null) continue;
      if (!isInUse && isExpired(latest, start(latest), time)) expired.push({ topic, partition });
      else hasOthers = true;
    }
  }
  return { expired, hasOthers };
}

/** From when on an offset's retention counts; null: it does not. */
function retentionStart(state: GroupState): ((committed: CommittedOffset) => number) | null {
  const { protocolType, phase, phaseSinceMs, subscribedTopics } = state;
  if (protocolType === null) return ({ commitTimestampMs }) => commitTimestampMs;
  if (phase === "Empty") {
    return ({ commitTimestampMs }) => phaseSinceMs >= 0 ? phaseSinceMs : commitTimestampMs;
  }
  if (phase === "Stable" && protocolType === "consumer" && subscribedTopics !== null) {
    return ({ commitTimestampMs }) => commitTimestampMs;
  }
  return null;
}

function isExpired(
  committed: CommittedOffset,
  startMs: number,
  time: { readonly nowMs: number; readonly retentionMs: number },
): boolean {
  if (committed.expireTimestampMs >= 0) return time.nowMs >= committed.expireTimestampMs;
  return time.nowMs - startMs >= time.retentionMs;
}
