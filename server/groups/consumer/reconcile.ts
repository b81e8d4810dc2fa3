/**
 * How a member comes from what it has to what it is to have, one step at a heartbeat, without two members ever having
 * the same partition:
 *
 *     phase        when                                              next
 *     ──────────   ───────────────────────────────────────────────   ───────────────────────────────────────────────
 *     stable       the target is of another epoch                    * below
 *     unrevoked    the member still says that it has a partition     unrevoked
 *                  that it is to give up, or does not say
 *                  … no longer                                       *
 *     unreleased   at every heartbeat                                *
 *
 *     *  it has partitions that are not in its target                unrevoked, and stays in its epoch
 *        else it gets what is free of its target, and is in the      stable, or unreleased while others still hold
 *        target's epoch                                              some of it
 *
 *  1. A member gets a partition only when no member holds it; one that gives it up holds it until it says it has not.
 *  2. A member comes to an epoch only once it has given up all that is not its in that epoch.
 *
 * A target may lag behind what members subscribe to; topics that a member does not subscribe to are never its.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import type { ConsumerMember, HeldPartitions, OwnedPartitions, TopicPartitions } from "./state.ts";
import { NONE_HELD } from "./state.ts";
import { SmallMap } from "../small_map.ts";

export interface Reconciliation {
  readonly target: TopicPartitions;
  readonly targetEpoch: number;
  /** Ids of topics that the member subscribes to and that are there. */
  readonly isSubscribed: (topicId: string) => boolean;
  /** No member holds it. */
  readonly isFree: (topicId: string, partition: number) => boolean;
  readonly hasSubscriptionChanged: boolean;
  /** What the member says it has; null: it did not say. */
  readonly owned: readonly OwnedPartitions[] | null;
}

/**
 * The member after one step; itself when there is none to take.
 * @throws {ProtocolError} FENCED_MEMBER_EPOCH when it is in a phase that only a later version knows
 */
export function reconciled(member: ConsumerMember, situation: Reconciliation): ConsumerMember {
  const { targetEpoch, hasSubscriptionChanged, owned } = situation;
  switch (member.phase) {
    case "stable":
      if (member.epoch !== targetEpoch) return nextAssignment(member, situation);
      return hasSubscriptionChanged ? withoutUnsubscribed(member, situation) : member;
    case "unrevoked":
      if (!ownsAny(owned, member.revoking)) return nextAssignment(member, situation);
      return hasSubscriptionChanged ? withoutUnsubscribed(member, situation) : member;
    case "unreleased":
      return nextAssignment(member, situation);
    case "unknown":
      if (owned === null || owned.length > 0) {
        throw new ProtocolError(
          ErrorCode.FENCED_MEMBER_EPOCH,
          "The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.",
        );
      }
      return nextAssignment(member, situation, targetEpoch);
  }
}

/** Gives up topics that the member no longer subscribes to, and nothing else. */
function withoutUnsubscribed(member: ConsumerMember, { isSubscribed, owned }: Reconciliation): ConsumerMember {
  const assigned = new SmallMap(member.assigned);
  const revoking = new SmallMap(member.revoking);
  for (const [topicId, partitions] of member.assigned) {
    if (isSubscribed(topicId)) continue;
    assigned.delete(topicId);
    revoking.set(topicId, new SmallMap([...revoking.get(topicId) ?? [], ...partitions]));
  }
  if (assigned.size === member.assigned.size) return member;
  const changed = { ...member, previousEpoch: member.epoch, assigned };
  return ownsAny(owned, revoking) ? { ...changed, phase: "unrevoked", revoking } : changed;
}

/** `epoch`: that of the member while it has to give up partitions. */
function nextAssignment(
  member: ConsumerMember,
  situation: Reconciliation,
  epoch: number = member.epoch,
): ConsumerMember {
  const { target, targetEpoch, isSubscribed, isFree, owned } = situation;
  const assigned = new SmallMap<string, ReadonlyMap<number, number>>();
  const revoking = new SmallMap<string, ReadonlyMap<number, number>>();
  const given = new Map<string, number[]>();
  let isWaiting = false;
  for (const topicId of new Set([...target.keys(), ...member.assigned.keys()])) {
    const held = member.assigned.get(topicId);
    const wanted = new Set(isSubscribed(topicId) ? target.get(topicId) : undefined);
    if (held !== undefined) {
      const kept = new SmallMap([...held].filter(([partition]) => wanted.has(partition)));
      const left = new SmallMap([...held].filter(([partition]) => !wanted.has(partition)));
      if (kept.size > 0) assigned.set(topicId, kept);
      if (left.size > 0) revoking.set(topicId, left);
    }
    const free: number[] = [];
    for (const partition of wanted) {
      if (held?.has(partition)) continue;
      // Its own that it was about to give up, and now has: nobody else can have it.
      if (isFree(topicId, partition) || member.revoking.get(topicId)?.has(partition)) free.push(partition);
      else isWaiting = true;
    }
    if (free.length > 0) given.set(topicId, free);
  }

  if (revoking.size > 0 && ownsAny(owned, revoking)) {
    return { ...member, phase: "unrevoked", epoch, previousEpoch: member.epoch, assigned, revoking };
  }
  for (const [topicId, partitions] of given) {
    const held = new SmallMap(assigned.get(topicId));
    for (const partition of partitions) held.set(partition, targetEpoch);
    assigned.set(topicId, held);
  }
  return {
    ...member,
    phase: isWaiting ? "unreleased" : "stable",
    epoch: targetEpoch,
    previousEpoch: member.epoch,
    assigned,
    revoking: NONE_HELD,
  };
}

/** Whether the member has any of these; one that does not say may. */
function ownsAny(owned: readonly OwnedPartitions[] | null, held: HeldPartitions): boolean {
  if (owned === null) return true;
  return owned.some(({ topicId, partitions }) => {
    const some = held.get(topicId);
    return some !== undefined && partitions.some((partition) => some.has(partition));
  });
}

/** Whether what the member says it has is part of what it was given. */
export function isPartOf(owned: readonly OwnedPartitions[] | null, assigned: HeldPartitions): boolean {
  if (owned === null) return false;
  return owned.every(({ topicId, partitions }) => {
    const held = assigned.get(topicId);
    return held !== undefined && partitions.every((partition) => held.has(partition));
  });
}

/** In both the same partitions, given in the same epochs. */
export function isSameHeld(one: HeldPartitions, other: HeldPartitions): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others?.size !== partitions.size) return false;
    for (const [partition, epoch] of partitions) if (others.get(partition) !== epoch) return false;
  }
  return true;
}
