/**
 * The life of a consumer group: `step(state, event) → [state, effects]`. Pure; whoever calls it answers the requests,
 * runs the timers and writes the log as the effects say. A request that is refused changes nothing.
 *
 *     phase         means                                                    left when
 *     ───────────   ──────────────────────────────────────────────────────   ──────────────────────────────────────────
 *     Empty         no members                                               a member joins
 *     Assigning     group epoch > assignment epoch: the target is out of     a heartbeat makes a new target
 *                   date                                                     (`assign.ts`)
 *     Reconciling   members are on their way to the target                   all are there (`reconcile.ts`), one
 *                                                                            heartbeat after the other
 *     Stable        every member has what it is to have                      the group epoch rises (`subscriptions.ts`)
 *
 * A member is out (fenced) when it leaves, when its session ends, and when it does not give up in time what it must.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { namedMember } from "../modern/members.ts";
import { subscription } from "../modern/subscription.ts";
import { SmallMap } from "../small_map.ts";
import { preferredAssignor, updateTarget } from "./assign.ts";
import {
  classicHeartbeat,
  classicJoin,
  classicLeave,
  classicSync,
  refusedJoin,
  refusedSync,
} from "./classic_members.ts";
import { Draft } from "./draft.ts";
import { fence } from "./fence.ts";
import { checkRoom, claimMember } from "./members.ts";
import { isSameHeld } from "./reconcile.ts";
import { refreshTopics, regexesResolved } from "./subscriptions.ts";
import { reconcileMember, startRevocation, subscribe } from "./update.ts";
import type {
  ConsumerAnswer,
  ConsumerEffect,
  ConsumerEvent,
  ConsumerGroupState,
  ConsumerMember,
  HeartbeatEvent,
  HeldPartitions,
  StepContext,
  Ticket,
  TopicPartitions,
} from "./state.ts";
import { JOINING_EPOCH, LEAVING_EPOCH, NONE_HELD, refusedHeartbeat, STATIC_LEAVING_EPOCH } from "./state.ts";

export function step(
  state: ConsumerGroupState,
  event: ConsumerEvent,
  context: StepContext,
): [ConsumerGroupState, readonly ConsumerEffect[]] {
  const draft = new Draft(state, context);
  try {
    // Deleted between the look-up and the step: the client finds its coordinator anew and retries.
    if (!state.isDead) apply(draft, event);
    else if ("ticket" in event) throw new ProtocolError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  } catch (error) {
    if (!(error instanceof ProtocolError) || !("ticket" in event)) throw error;
    const answer = refusedAnswer(event, error.code, error.message);
    return [state, [{ kind: "answer", ticket: event.ticket, answer }]];
  }
  return [draft.state, draft.effects];
}

function apply(draft: Draft, event: ConsumerEvent): void {
  switch (event.kind) {
    case "heartbeat":
      if (event.memberEpoch === LEAVING_EPOCH || event.memberEpoch === STATIC_LEAVING_EPOCH) return leave(draft, event);
      return heartbeat(draft, event);
    case "classicJoin":
      return classicJoin(draft, event);
    case "classicSync":
      return classicSync(draft, event);
    case "classicHeartbeat":
      return classicHeartbeat(draft, event);
    case "classicLeave":
      return classicLeave(draft, event);
    case "sessionExpired":
      return expired(draft, event.memberId, "its session expired");
    case "revocationExpired":
      if (draft.state.members.get(event.memberId)?.epoch !== event.epoch) return;
      return expired(draft, event.memberId, "it did not give up its partitions in time");
    case "joinExpired":
      return expired(draft, event.memberId, "it did not join again in time");
    case "syncExpired":
      return expired(draft, event.memberId, "it did not ask for its assignment in time");
    case "regexesResolved":
      return regexesResolved(draft, event);
    case "topicsChanged":
      return draft.update({ isRefreshDue: true });
    case "loaded":
      return loaded(draft);
    case "closed":
      for (const memberId of draft.state.members.keys()) draft.cancelTimersOf(memberId);
      return draft.update({ isDead: true });
  }
}

function heartbeat(draft: Draft, event: HeartbeatEvent): void {
  const memberId = event.memberId === "" ? event.newMemberId : event.memberId;
  checkRoom(draft, memberId, event.instanceId);
  const member = claimMember(draft, { ...event, memberId });
  const wanted: ConsumerMember = {
    ...member,
    instanceId: event.instanceId ?? member.instanceId,
    rackId: event.rackId ?? member.rackId,
    rebalanceTimeoutMs: event.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : event.rebalanceTimeoutMs,
    assignor: event.assignor ?? member.assignor,
    topics: subscription(event.topics, member.topics),
    regex: event.regex ?? member.regex,
    clientId: event.clientId,
    clientHost: event.clientHost,
    classic: null,
  };
  const assignorBefore = preferredAssignor(draft.before, draft.rules.assignors);
  const { hasSubscriptionChanged, isKnown } = subscribe(draft, member, wanted);
  const hasAssignorChanged = preferredAssignor(draft.state, draft.rules.assignors) !== assignorBefore;
  const isRaised = wanted.topics !== member.topics || isKnown || hasAssignorChanged;
  if (isRaised || draft.state.isRefreshDue) refreshTopics(draft, isRaised);
  updateTarget(draft);
  const updated = reconcileMember(draft, memberId, { hasSubscriptionChanged, owned: event.owned });
  draft.startTimer(`session:${memberId}`, draft.rules.sessionTimeoutMs, { kind: "sessionExpired", memberId });

  // Told when it joins, when it says all there is to say (so it may have lost what it knew), and when it is another.
  const isFull = event.rebalanceTimeoutMs !== -1 && event.owned !== null &&
    (event.topics !== null || event.regex !== null);
  const isTold = event.memberEpoch === JOINING_EPOCH || isFull || !isSameHeld(member.assigned, updated.assigned);
  draft.answer(event.ticket, {
    errorCode: 0,
    errorMessage: null,
    memberId,
    memberEpoch: updated.epoch,
    heartbeatIntervalMs: draft.rules.heartbeatIntervalMs,
    assignment: isTold ? told(updated.assigned) : null,
  });
}

function leave(draft: Draft, event: HeartbeatEvent): void {
  const { memberId, memberEpoch, instanceId, ticket } = event;
  const member = namedMember(draft.state, event);
  if (instanceId !== null && memberEpoch === STATIC_LEAVING_EPOCH) leaveForNow(draft, member);
  else fence(draft, [member]);
  if (instanceId === null) draft.note("member left", { member: memberId });
  else draft.note("static member left", { member: memberId, instance: instanceId, epoch: memberEpoch });
  draft.answer(ticket, { ...refusedHeartbeat(0, null), memberId, memberEpoch });
}

/** A static member goes, and is expected back within its session. What it has stays its own, for whoever it then is. */
function leaveForNow(draft: Draft, member: ConsumerMember): void {
  const assigned = new SmallMap(
    [...member.assigned].map(([topicId, partitions]) =>
      [topicId, new SmallMap([...partitions.keys()].map((partition) => [partition, 0]))] as const
    ),
  );
  const left = { ...member, epoch: STATIC_LEAVING_EPOCH, revoking: NONE_HELD, assigned };
  draft.put(left);
  draft.write({ kind: "memberCurrent", memberId: member.memberId, value: left });
}

function expired(draft: Draft, memberId: string, reason: string): void {
  const member = draft.state.members.get(memberId);
  if (member === undefined) return;
  draft.note("member fenced", { member: memberId, epoch: member.epoch, reason });
  fence(draft, [member]);
}

function loaded(draft: Draft): void {
  for (const member of draft.state.members.values()) {
    const { memberId } = member;
    draft.startTimer(`session:${memberId}`, draft.rules.sessionTimeoutMs, { kind: "sessionExpired", memberId });
    if (member.phase === "unrevoked") startRevocation(draft, member);
  }
}

function told(assigned: HeldPartitions): TopicPartitions {
  return new Map(
    [...assigned].map(([topicId, partitions]) =>
      [topicId, [...partitions.keys()].sort((one, other) => one - other)] as const
    ),
  );
}

export type RequestEvent = Extract<ConsumerEvent, { readonly ticket: Ticket }>;

/** What a request that was refused is answered. */
export function refusedAnswer(event: RequestEvent, errorCode: number, message: string | null): ConsumerAnswer {
  switch (event.kind) {
    case "heartbeat":
      return refusedHeartbeat(errorCode, message);
    case "classicJoin":
      return { ...refusedJoin, errorCode, memberId: "" };
    case "classicSync":
      return refusedSync(errorCode);
    case "classicHeartbeat":
      return errorCode;
    case "classicLeave":
      return { errorCode, members: [] };
  }
}
