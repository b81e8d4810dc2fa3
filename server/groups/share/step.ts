/**
 * The life of a share group: `step(state, event) → [state, effects]`. Pure; whoever calls it answers the requests, runs the
 * timers and writes the log as the effects say. A request that is refused changes nothing.
 *
 *     phase    means           left when
 *     ──────   ─────────────   ──────────────────────────────────────────────────────────────
 *     Empty    no members      a member joins
 *     Stable   has members     the last one leaves, or does not send its heartbeats
 *
 *  1. A partition is assigned only once the share coordinator keeps its state (`state_partitions.ts`).
 *  2. What changes a part that the log keeps writes the record with it: memory and log say the same.
 *
 * The group epoch rises when a member's topics change, when topics change, when the share coordinator has begun with
 * partitions, and when a member is gone. Sentences are Kafka's, for clients log them.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { groupHash } from "../consumer/metadata_hash.ts";
import { sortedTopicIds } from "../consumer/assignors/topic_order.ts";
import { assignmentDue } from "../modern/assignment.ts";
import { checkSize, fencedEpoch, memberOf } from "../modern/members.ts";
import { isSamePartitions } from "../modern/partitions.ts";
import { subscription } from "../modern/subscription.ts";
import { SmallMap } from "../small_map.ts";
import { assignSimply } from "./assign.ts";
import { ShareDraft } from "./draft.ts";
import {
  lackingPartitions,
  withDeleting,
  withInitialized,
  withInitializing,
  withoutDeleting,
  withoutInitializing,
  withoutTopics,
} from "./state_partitions.ts";
import {
  FIRST_GROUP_EPOCH,
  JOINING_EPOCH,
  LEAVING_EPOCH,
  newShareMember,
  refusedShareHeartbeat,
  type ShareGroupEffect,
  type ShareGroupEvent,
  type ShareGroupState,
  type ShareHeartbeatEvent,
  type ShareMember,
  type ShareStepContext,
  subscribedNames,
} from "./state.ts";

/** @throws {ProtocolError} NON_EMPTY_GROUP of `alterOffsets` and `deleteState` */
export function step(
  state: ShareGroupState,
  event: ShareGroupEvent,
  context: ShareStepContext,
): [ShareGroupState, readonly ShareGroupEffect[]] {
  const draft = new ShareDraft(state, context);
  try {
    // Deleted between the look-up and the step: the client finds its coordinator anew and retries.
    if (!state.isDead) apply(draft, event);
    else if (event.kind === "heartbeat") throw new ProtocolError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  } catch (error) {
    if (!(error instanceof ProtocolError) || event.kind !== "heartbeat") throw error;
    const answer = refusedShareHeartbeat(error.code, error.message);
    return [state, [{ kind: "answer", ticket: event.ticket, answer }]];
  }
  return [draft.state, draft.effects];
}

function apply(draft: ShareDraft, event: ShareGroupEvent): void {
  const { state, topics } = draft;
  switch (event.kind) {
    case "heartbeat":
      return event.memberEpoch === LEAVING_EPOCH ? leave(draft, event) : heartbeat(draft, event);
    case "sessionExpired": {
      const member = state.members.get(event.memberId);
      if (member === undefined) return;
      draft.note("share member fenced", { member: event.memberId, reason: "its session expired" });
      return fence(draft, event.memberId);
    }
    case "topicsChanged":
      return draft.update({ isRefreshDue: true });
    case "topicsDeleted":
      return draft.setStatePartitions(withoutTopics(state.statePartitions, event.topicIds));
    case "initialized": {
      const after = event.isInitialized
        ? withInitialized(state.statePartitions, event.partitions, topics)
        : withoutInitializing(state.statePartitions, event.partitions);
      return draft.setStatePartitions(after);
    }
    case "alterOffsets":
      refuseMembers(state);
      // The log does not know of a group that is made by this.
      if (state.groupEpoch === FIRST_GROUP_EPOCH) draft.setGroupEpoch(state.groupEpoch, state.metadataHash);
      draft.setStatePartitions(withInitializing(state.statePartitions, event.topics));
      draft.do({ kind: "initialize", stateEpoch: state.groupEpoch, topics: event.topics });
      return;
    case "deleteState":
      refuseMembers(state);
      return draft.setStatePartitions(withDeleting(state.statePartitions, event.topicIds));
    case "stateDeleted":
      return draft.setStatePartitions(withoutDeleting(state.statePartitions, event.topicIds));
    case "loaded":
      for (const memberId of state.members.keys()) startSession(draft, memberId);
      return;
    case "closed":
      for (const memberId of state.members.keys()) draft.cancelTimersOf(memberId);
      return draft.update({ isDead: true });
  }
}

function refuseMembers({ members }: ShareGroupState): void {
  if (members.size === 0) return;
  throw new ProtocolError(ErrorCode.NON_EMPTY_GROUP, "The group is not empty.");
}

function heartbeat(draft: ShareDraft, event: ShareHeartbeatEvent): void {
  const { memberId, memberEpoch, ticket } = event;
  checkSize("share", draft.state, { memberId, sizeMax: draft.rules.sizeMax });
  const member = claimMember(draft.state, event);
  const wanted: ShareMember = {
    ...member,
    rackId: event.rackId ?? member.rackId,
    topics: subscription(event.topics, member.topics),
    clientId: event.clientId,
    clientHost: event.clientHost,
  };
  const hasChanged = !draft.state.members.has(memberId) || !isSameMetadata(member, wanted);
  if (hasChanged) {
    draft.put(wanted);
    draft.write({ kind: "member", memberId, value: wanted });
  }
  const hasSubscriptionChanged = wanted.topics !== member.topics;
  const isRaised = hasSubscriptionChanged || isInitializedPending(draft);
  if (isRaised || draft.state.isRefreshDue) refreshTopics(draft, isRaised);
  updateTarget(draft);
  const updated = reconcile(draft, hasChanged ? wanted : member, isRaised);
  startSession(draft, memberId);

  // Told when it joins, when it says what it subscribes to (so it may have lost what it knew), and when it is another.
  const isTold = memberEpoch === JOINING_EPOCH || event.topics !== null ||
    !isSamePartitions(member.assigned, updated.assigned);
  draft.answer(ticket, {
    errorCode: 0,
    errorMessage: null,
    memberId,
    memberEpoch: updated.epoch,
    heartbeatIntervalMs: draft.rules.heartbeatIntervalMs,
    assignment: isTold ? updated.assigned : null,
  });
  initializeLacking(draft);
}

/** @throws {ProtocolError} UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH */
function claimMember(state: ShareGroupState, { memberId, memberEpoch }: ShareHeartbeatEvent): ShareMember {
  if (memberEpoch === JOINING_EPOCH) return state.members.get(memberId) ?? newShareMember(memberId);
  const member = memberOf(state, memberId);
  const { epoch, previousEpoch } = member;
  if (memberEpoch === epoch) return member;
  if (memberEpoch > epoch) throw fencedEpoch("share", member, memberEpoch);
  // The answer with the new epoch may have been lost.
  if (memberEpoch === previousEpoch) return member;
  const more = `, and it does not match the previous member epoch (${previousEpoch})`;
  throw fencedEpoch("share", member, memberEpoch, more);
}

function isSameMetadata(one: ShareMember, other: ShareMember): boolean {
  return one.rackId === other.rackId && one.clientId === other.clientId && one.clientHost === other.clientHost &&
    one.topics === other.topics;
}

function leave(draft: ShareDraft, { memberId, memberEpoch, ticket }: ShareHeartbeatEvent): void {
  memberOf(draft.state, memberId);
  fence(draft, memberId);
  draft.note("share member left", { member: memberId });
  draft.answer(ticket, { ...refusedShareHeartbeat(0, null), memberId, memberEpoch });
}

function fence(draft: ShareDraft, memberId: string): void {
  draft.cancelTimersOf(memberId);
  draft.drop(memberId);
  const groupEpoch = draft.state.groupEpoch + 1;
  draft.setGroupEpoch(groupEpoch, metadataHash(draft));
  // Empty, it has the assignment it needs; and the next one to join does not wait for the interval.
  if (draft.state.members.size === 0) draft.setAssignmentEpoch(groupEpoch, 0);
}

function startSession(draft: ShareDraft, memberId: string): void {
  const event = { kind: "sessionExpired", memberId } as const;
  draft.do({ kind: "startTimer", timer: `session:${memberId}`, delayMs: draft.rules.sessionTimeoutMs, event });
}

// ---------------------------------------------------------------------------------------------- assignment

/** The share coordinator has begun with partitions that nobody was given yet. */
function isInitializedPending({ state, before }: ShareDraft): boolean {
  const { statePartitions: { initialized }, assignmentEpoch, groupEpoch, targets } = state;
  if (before.members.size === 0 || assignmentEpoch < groupEpoch || initialized.size === 0) return false;
  const names = new Set(subscribedNames(before));
  for (const [topicId, { name, partitions }] of initialized) {
    if (!names.has(name)) continue;
    const assigned = new Set<number>();
    for (const target of targets.values()) for (const partition of target.get(topicId) ?? []) assigned.add(partition);
    if (assigned.size !== partitions.length || !partitions.every((partition) => assigned.has(partition))) return true;
  }
  return false;
}

/** Looks at the topics, and raises the group epoch when they have changed, or when `isRaised` anyway. */
function refreshTopics(draft: ShareDraft, isRaised: boolean): void {
  const hash = metadataHash(draft);
  if (isRaised || hash !== draft.state.metadataHash) draft.setGroupEpoch(draft.state.groupEpoch + 1, hash);
  draft.update({ isRefreshDue: false });
}

function metadataHash({ state, topics }: ShareDraft): bigint {
  const names = subscribedNames(state).filter((name) => topics.topic(name) !== undefined);
  return groupHash(names.map((name) => topics.hashOf(name)));
}

function updateTarget(draft: ShareDraft): void {
  if (assignmentDue(draft) !== "now") return;
  const { state, nowMs, topics } = draft;
  const { groupEpoch, statePartitions } = state;
  // Members mostly say the same: each list of names is looked up once.
  const known = new Map<string, readonly string[]>();
  const idsOf = ({ topics: names }: ShareMember) => {
    const key = names.join("\n");
    let ids = known.get(key);
    if (ids === undefined) known.set(key, ids = sortedTopicIds(idsOfTopics(names, topics)));
    return ids;
  };
  const members = [...state.members.keys()].sort().map((memberId) => ({
    memberId,
    topicIds: idsOf(state.members.get(memberId)!),
    target: draft.targetOf(memberId),
  }));
  const assignment = assignSimply(members, (topicId) => statePartitions.initialized.get(topicId)?.partitions ?? []);
  for (const [memberId, target] of assignment) {
    const old = state.targets.get(memberId);
    if (old === undefined || !isSamePartitions(old, target)) draft.setTarget(memberId, new SmallMap(target));
  }
  draft.setAssignmentEpoch(groupEpoch, nowMs);
  draft.note("share assignment", { epoch: groupEpoch, members: members.length });
}

function idsOfTopics(names: readonly string[], topics: ShareDraft["topics"]): string[] {
  return names.flatMap((name) => topics.topic(name)?.id ?? []);
}

/** The member with its target, of the topics that it still subscribes to. */
function reconcile(draft: ShareDraft, member: ShareMember, isRaised: boolean): ShareMember {
  const { assignmentEpoch } = draft.state;
  if (!isRaised && member.epoch === assignmentEpoch) return member;
  const ids = new Set(idsOfTopics(member.topics, draft.topics));
  const assigned = new SmallMap([...draft.targetOf(member.memberId)].filter(([topicId]) => ids.has(topicId)));
  const isAtEpoch = member.epoch === assignmentEpoch;
  if (isAtEpoch && isSamePartitions(assigned, member.assigned)) return member;
  const updated = isAtEpoch
    ? { ...member, assigned }
    : { ...member, assigned, epoch: assignmentEpoch, previousEpoch: member.epoch };
  draft.put(updated);
  draft.write({ kind: "memberCurrent", memberId: member.memberId, value: updated });
  return updated;
}

function initializeLacking(draft: ShareDraft): void {
  const { state, topics, nowMs, rules } = draft;
  const isUnderWay = (topicId: string) =>
    nowMs - (state.initializedAtMs.get(topicId) ?? -Infinity) < rules.initializeRetryIntervalMs;
  const lacking = lackingPartitions(state.statePartitions, subscribedNames(state), topics, isUnderWay);
  if (lacking.length === 0) return;
  draft.setStatePartitions(withInitializing(state.statePartitions, lacking));
  const initializedAtMs = new SmallMap(state.initializedAtMs);
  for (const { topicId } of lacking) initializedAtMs.set(topicId, nowMs);
  draft.update({ initializedAtMs });
  draft.do({ kind: "initialize", stateEpoch: state.groupEpoch, topics: lacking });
}
