/**
 * The life of a classic group: `step(state, event) → [state, effects]`. Pure; whoever calls it answers the requests, runs
 * the timers and writes the log as the effects say.
 *
 *     phase                event                                    next phase
 *     ───────────────────  ───────────────────────────────────────  ──────────────────────────────────────────────
 *     Empty                a member joins                           PreparingRebalance (first: waits the initial delay)
 *     PreparingRebalance   all have joined, or the time is over     CompletingRebalance (generation + 1)
 *                          … and nobody is left                     Empty               (generation + 1)
 *                          … and nobody rejoined, but static        PreparingRebalance  (waits once more)
 *                          members have sessions left
 *     CompletingRebalance  the leader's assignment is in the log    Stable
 *                          … could not be written                   PreparingRebalance
 *                          a member joins with other protocols,     PreparingRebalance (who waits for an assignment
 *                          leaves, expires, does not sync in time                       gets REBALANCE_IN_PROGRESS)
 *     Stable               a member joins, leaves, expires; the     PreparingRebalance
 *                          leader joins; one did not sync in time
 *                          a static member returns, same protocol   Stable (its new id is written first)
 *     any                  closed                                   Dead
 */
import { ErrorCode } from "../../../protocol/errors.ts";
import { noEntries, SmallMap } from "../small_map.ts";
import { subscribedTopics } from "../subscription.ts";
import { Draft } from "./draft.ts";
import { join, memberError } from "./join.ts";
import {
  completeIfAllJoined,
  completeJoin,
  initialDelayPassed,
  prepare,
  removeParked,
  sessionExpired,
  syncExpired,
} from "./rebalance.ts";
import type {
  Effect,
  GroupEvent,
  GroupState,
  HeartbeatEvent,
  LeaveEvent,
  Member,
  PersistedGroup,
  StepContext,
} from "./state.ts";
import { emptyGroup } from "./state.ts";
import { persisted, sync } from "./sync.ts";

export function step(state: GroupState, event: GroupEvent, context: StepContext): [GroupState, readonly Effect[]] {
  const draft = new Draft(state, context);
  if (state.phase === "Dead") refuse(draft, event);
  else apply(draft, event);
  return [draft.state, draft.effects];
}

function apply(draft: Draft, event: GroupEvent): void {
  switch (event.kind) {
    case "join":
      return join(draft, event);
    case "sync":
      return sync(draft, event);
    case "heartbeat":
      return heartbeat(draft, event);
    case "leave":
      return leave(draft, event);
    case "committed":
      return committed(draft, event.memberId);
    case "sessionExpired":
      return sessionExpired(draft, event.memberId);
    case "initialDelayPassed":
      return initialDelayPassed(draft, event);
    case "joinExpired":
      return completeJoin(draft);
    case "syncExpired":
      return syncExpired(draft, event.generation);
    case "persisted":
      return persisted(draft, event.purpose, event.errorCode);
    case "loaded":
      return loaded(draft);
    case "converted":
      for (const memberId of draft.state.members.keys()) draft.startSession(memberId);
      if (event.rebalanceReason !== null) prepare(draft, event.rebalanceReason);
      return;
    case "closed":
      return close(draft, event.errorCode);
  }
}

function heartbeat(draft: Draft, event: HeartbeatEvent): void {
  const { phase, generation } = draft.state;
  let errorCode = memberError(draft.state, event);
  if (errorCode === ErrorCode.NONE && event.generation !== generation) errorCode = ErrorCode.ILLEGAL_GENERATION;
  if (errorCode === ErrorCode.NONE) {
    draft.startSession(event.memberId);
    if (phase === "PreparingRebalance") errorCode = ErrorCode.REBALANCE_IN_PROGRESS;
  }
  draft.do({ kind: "answerHeartbeat", ticket: event.ticket, errorCode });
}

function committed(draft: Draft, memberId: string): void {
  const { phase, members } = draft.state;
  if ((phase === "Stable" || phase === "PreparingRebalance") && members.has(memberId)) draft.startSession(memberId);
}

function leave(draft: Draft, event: LeaveEvent): void {
  const members = event.members.map(({ memberId, instanceId, reason }) => {
    const errorCode = leaveOne(draft, memberId, instanceId, reason);
    return { memberId, instanceId, errorCode };
  });
  draft.do({ kind: "answerLeave", ticket: event.ticket, answer: { errorCode: ErrorCode.NONE, members } });
  if (members.every((member) => member.errorCode !== ErrorCode.NONE)) return;

  const { phase } = draft.state;
  if (phase === "Stable" || phase === "CompletingRebalance") prepare(draft, "members left");
  else completeIfAllJoined(draft);
}

function leaveOne(draft: Draft, memberId: string, instanceId: string | null, reason: string): number {
  let leavingId = memberId;
  if (memberId === "") {
    // An administrator removes a static member: the instance id is enough (KIP-345).
    leavingId = draft.state.instances.get(instanceId ?? "") ?? "";
    if (leavingId === "") return ErrorCode.UNKNOWN_MEMBER_ID;
  } else if (!draft.state.pendingMembers.has(memberId)) {
    const errorCode = memberError(draft.state, { memberId, instanceId });
    if (errorCode !== ErrorCode.NONE) return errorCode;
  }
  removeParked(draft, leavingId);
  draft.drop(leavingId);
  draft.note("member left", { member: leavingId, reason });
  return ErrorCode.NONE;
}

function loaded(draft: Draft): void {
  const { members } = draft.state;
  for (const memberId of members.keys()) draft.startSession(memberId);
  if (members.size > draft.rules.sizeMax) prepare(draft, `${members.size} members are more than group.max.size`);
}

function close(draft: Draft, errorCode: number): void {
  for (const member of draft.state.members.values()) {
    draft.answerParkedJoin(member.memberId, { errorCode, memberId: member.memberId });
    draft.answerParkedSync(member.memberId, { errorCode });
    draft.cancelTimer(`session:${member.memberId}`);
  }
  for (const memberId of draft.state.pendingMembers) draft.cancelTimer(`session:${memberId}`);
  draft.cancelTimer("join");
  draft.cancelTimer("sync");
  draft.moveTo("Dead");
}

/** The group was deleted between the look-up and the step: the client finds its coordinator anew and retries. */
function refuse(draft: Draft, event: GroupEvent): void {
  const errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE;
  if (event.kind === "join") draft.answerJoin(event.ticket, { errorCode, memberId: event.memberId });
  else if (event.kind === "sync") draft.answerSync(event.ticket, { errorCode });
  else if (event.kind === "heartbeat") draft.do({ kind: "answerHeartbeat", ticket: event.ticket, errorCode });
  else if (event.kind === "leave") {
    draft.do({ kind: "answerLeave", ticket: event.ticket, answer: { errorCode, members: [] } });
  }
}

/** A group as the log has it. Members are taken to be alive until their sessions, begun by `loaded`, say otherwise. */
export function restoredGroup(groupId: string, stored: PersistedGroup): GroupState {
  const members = new SmallMap<string, Member>();
  const instances = new SmallMap<string, string>();
  for (const member of stored.members) {
    const { subscription, rebalanceTimeoutMs, ...rest } = member;
    members.set(member.memberId, {
      ...rest,
      rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.sessionTimeoutMs : rebalanceTimeoutMs,
      protocols: stored.protocolName === null ? [] : [{ name: stored.protocolName, metadata: subscription }],
      isNew: false,
      joinTicket: null,
      syncTicket: null,
    });
    if (member.instanceId !== null) instances.set(member.instanceId, member.memberId);
  }
  const state: GroupState = {
    ...emptyGroup(groupId, stored.phaseSinceMs),
    phase: members.size > 0 ? "Stable" : "Empty",
    generation: stored.generation,
    protocolType: stored.protocolType === "" ? null : stored.protocolType,
    protocolName: stored.protocolName,
    leaderId: stored.leaderId,
    members,
    instances,
    protocolSupport: members.size > 0 && stored.protocolName !== null
      ? new SmallMap([[stored.protocolName, members.size]])
      : noEntries(),
  };
  return { ...state, subscribedTopics: subscribedTopics(state) };
}
