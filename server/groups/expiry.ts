/**
 * When committed offsets are forgotten (KIP-211):
 *
 *     group                            an offset expires `offsets.retention.minutes` after
 *     ───────────────────────────────  ────────────────────────────────────────────────────────────────────
 *     simple (stores offsets only)     its commit
 *     Empty                            the group became empty (its commit, when the log does not say)
 *     Stable, "consumer"               its commit, if nobody subscribes to the topic
 *     of the consumer protocol         the same, in whatever phase
 *     of the streams protocol          its commit, if the group is empty or its topology does not read the topic
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

interface RetentionTime {
  readonly nowMs: number;
  readonly retentionMs: number;
}

interface RetentionRule {
  readonly isSubscribed: (topic: string) => boolean;
  /** From when on an offset's retention counts; null: it does not. */
  readonly start: ((committed: CommittedOffset) => number) | null;
}

export function expiredOffsets(state: GroupState, offsets: GroupOffsets, time: RetentionTime): ExpiredOffsets {
  return expiredBy(
    { isSubscribed: (topic) => isSubscribed(state, topic), start: retentionStart(state) },
    offsets,
    time,
  );
}

/** Of a group of a newer protocol. */
export function expiredOffsetsOfModern(
  isRead: (topic: string) => boolean,
  offsets: GroupOffsets,
  time: RetentionTime,
): ExpiredOffsets {
  return expiredBy({ isSubscribed: isRead, start: ({ commitTimestampMs }) => commitTimestampMs }, offsets, time);
}

function expiredBy({ isSubscribed, start }: RetentionRule, offsets: GroupOffsets, time: RetentionTime): ExpiredOffsets {
  const expired: { topic: string; partition: number }[] = [];
  let hasOthers = false;
  for (const [topic, partitions] of offsets) {
    const isInUse = start === null || isSubscribed(topic);
    for (const [partition, { latest }] of partitions) {
      if (latest === null) continue;
      if (!isInUse && isExpired(latest, start(latest), time)) expired.push({ topic, partition });
      else hasOthers = true;
    }
  }
  return { expired, hasOthers };
}

function retentionStart(state: GroupState): RetentionRule["start"] {
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
  time: RetentionTime,
): boolean {
  if (committed.expireTimestampMs >= 0) return time.nowMs >= committed.expireTimestampMs;
  return time.nowMs - startMs >= time.retentionMs;
}
