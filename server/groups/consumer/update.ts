/** What a request does to the member that it comes from: what it says of itself, then a step towards its target. */
import { subscribedTopicIds } from "./assign.ts";
import type { Draft } from "./draft.ts";
import { isSameHeld, reconciled } from "./reconcile.ts";
import { changeRegex } from "./subscriptions.ts";
import type { ClassicSide, ConsumerMember, OwnedPartitions } from "./state.ts";
import { isReconciled } from "./state.ts";

export interface SubscriptionChange {
  readonly hasSubscriptionChanged: boolean;
  /** The expression is another, and its topics are known. */
  readonly isKnown: boolean;
}

/** Puts what a member says of itself in place of what it was, and writes what of it is new. */
export function subscribe(draft: Draft, member: ConsumerMember, wanted: ConsumerMember): SubscriptionChange {
  const isNew = !draft.state.members.has(wanted.memberId);
  const hasChanged = isNew || !isSameMetadata(member, wanted);
  if (hasChanged) draft.write({ kind: "member", memberId: wanted.memberId, value: wanted });
  const regexChange = changeRegex(draft, member, wanted);
  if (hasChanged) draft.put(wanted);
  return {
    hasSubscriptionChanged: wanted.topics !== member.topics || regexChange !== "none",
    isKnown: regexChange === "changedAndKnown",
  };
}

/** Takes the member a step towards its target. */
export function reconcileMember(
  draft: Draft,
  memberId: string,
  { hasSubscriptionChanged, owned }: {
    readonly hasSubscriptionChanged: boolean;
    readonly owned: readonly OwnedPartitions[] | null;
  },
): ConsumerMember {
  const { state, topics } = draft;
  const member = state.members.get(memberId)!;
  if (!hasSubscriptionChanged && isReconciled(member, state.assignmentEpoch)) return member;
  const subscribed = new Set(subscribedTopicIds(member, state, topics));
  const next = reconciled(member, {
    target: draft.targetOf(memberId),
    targetEpoch: state.assignmentEpoch,
    isSubscribed: (topicId) => subscribed.has(topicId),
    isFree: (topicId, partition) => (state.holderCounts.get(topicId)?.[partition] ?? 0) === 0,
    hasSubscriptionChanged,
    owned,
  });
  if (isSameCurrent(member, next)) return member;
  draft.put(next);
  draft.write({ kind: "memberCurrent", memberId, value: next });
  // Classic members have other timers: one to join again, one to ask for their assignment.
  if (next.classic !== null) return next;
  if (next.phase === "unrevoked") startRevocation(draft, next);
  else draft.cancelTimer(`revocation:${memberId}`);
  return next;
}

export function startRevocation(draft: Draft, { memberId, epoch, rebalanceTimeoutMs }: ConsumerMember): void {
  draft.startTimer(`revocation:${memberId}`, rebalanceTimeoutMs, { kind: "revocationExpired", memberId, epoch });
}

function isSameMetadata(one: ConsumerMember, other: ConsumerMember): boolean {
  return one.instanceId === other.instanceId && one.rackId === other.rackId &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs && one.clientId === other.clientId &&
    one.clientHost === other.clientHost && one.topics === other.topics && one.regex === other.regex &&
    one.assignor === other.assignor && isSameClassic(one.classic, other.classic);
}

function isSameCurrent(one: ConsumerMember, other: ConsumerMember): boolean {
  return one === other || one.phase === other.phase && one.epoch === other.epoch &&
      one.previousEpoch === other.previousEpoch && isSameHeld(one.assigned, other.assigned) &&
      isSameHeld(one.revoking, other.revoking);
}

function isSameClassic(one: ClassicSide | null, other: ClassicSide | null): boolean {
  if (one === other) return true;
  if (one === null || other === null || one.sessionTimeoutMs !== other.sessionTimeoutMs) return false;
  return one.protocols.length === other.protocols.length && one.protocols.every(({ name, metadata }, index) => {
    const protocol = other.protocols[index]!;
    return name === protocol.name && metadata.length === protocol.metadata.length &&
      metadata.every((byte, at) => byte === protocol.metadata[at]);
  });
}
