/**
 * How a generation ends and the next one begins.
 *
 *     prepare ──(first one)── wait initialRebalanceDelayMs, longer while newcomers come ──┐
 *        └──(later ones)───── wait until all have rejoined, at most rebalanceTimeoutMs ───┴─► completeJoin
 */
import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "./draft.ts";
import type { GroupEvent } from "./state.ts";
import { NO_BYTES, NO_IDS, rebalanceTimeoutMs } from "./state.ts";

/** Asks for a rebalance; when one is already under way, looks whether it can end. */
export function prepareOrComplete(draft: Draft, reason: string): void {
  const { phase } = draft.state;
  if (phase === "Empty" || phase === "CompletingRebalance" || phase === "Stable") prepare(draft, reason);
  else completeIfAllJoined(draft);
}

export function prepare(draft: Draft, reason: string): void {
  const isFirst = draft.state.phase === "Empty";
  // Whoever waits for an assignment of the generation that now ends will not get one: it must join again.
  if (draft.state.phase === "CompletingRebalance") resetAssignments(draft, ErrorCode.REBALANCE_IN_PROGRESS);
  stopWaitingForSync(draft);

  if (isFirst) {
    const delayMs = draft.rules.initialRebalanceDelayMs;
    const remainingMs = Math.max(rebalanceTimeoutMs(draft.state) - delayMs, 0);
    draft.update({ hasNewMember: false });
    draft.startTimer("join", delayMs, { kind: "initialDelayPassed", delayMs, remainingMs });
  }
  draft.moveTo("PreparingRebalance");
  draft.note("rebalance", { generation: draft.state.generation, members: draft.state.members.size, reason });
  if (isFirst) return;

  if (draft.hasAllJoined()) completeJoin(draft);
  else draft.startJoinTimer();
}

export function completeIfAllJoined(draft: Draft): void {
  const { phase, previousPhase } = draft.state;
  // The first rebalance ends by its timer: more members are expected than those who are here.
  if (phase !== "PreparingRebalance" || previousPhase === "Empty" || !draft.hasAllJoined()) return;
  completeJoin(draft);
}

/** The first rebalance has waited: once more if someone came meanwhile and members can bear it, else no longer. */
export function initialDelayPassed(draft: Draft, event: GroupEvent & { kind: "initialDelayPassed" }): void {
  if (!isGathering(draft)) return;
  if (!draft.state.hasNewMember || event.remainingMs === 0) {
    completeJoin(draft);
    return;
  }
  const delayMs = Math.min(draft.rules.initialRebalanceDelayMs, event.remainingMs);
  const remainingMs = Math.max(event.remainingMs - event.delayMs, 0);
  draft.update({ hasNewMember: false });
  draft.startTimer("join", delayMs, { kind: "initialDelayPassed", delayMs, remainingMs });
}

/**
 * Everyone who is to be in the next generation has joined, or had the time to. Dynamic members that did not are out;
 * static members stay, since their session decides.
 */
export function completeJoin(draft: Draft): void {
  if (!isGathering(draft)) return;
  draft.cancelTimer("join");
  for (const member of draft.state.members.values()) {
    if (member.joinTicket === null && member.instanceId === null) draft.drop(member.memberId);
  }

  if (draft.state.members.size > 0 && !electLeader(draft)) {
    draft.note("rebalance waits: nobody rejoined", { generation: draft.state.generation });
    draft.startJoinTimer();
    return;
  }

  draft.beginGeneration();
  const { phase, generation, members } = draft.state;
  if (phase === "Empty") {
    draft.note("group is empty", { generation });
    draft.persist({ kind: "emptied" }, null);
    return;
  }
  draft.update({ pendingSync: new Set(members.keys()) });
  for (const memberId of members.keys()) {
    draft.answerParkedJoin(memberId, draft.joinedAnswer(memberId));
    draft.startSession(memberId);
    draft.change(memberId, { isNew: false });
  }
  draft.note("generation", { generation, members: members.size, leader: draft.state.leaderId ?? "" });
  const timeoutMs = rebalanceTimeoutMs(draft.state);
  if (timeoutMs > 0) draft.startTimer("sync", timeoutMs, { kind: "syncExpired", generation });
  else syncExpired(draft, generation); // No request can come in no time.
}

function isGathering(draft: Draft): boolean {
  return draft.state.phase === "PreparingRebalance";
}

/** A leader must be there to make the assignment. False when no member has joined at all. */
function electLeader(draft: Draft): boolean {
  const { leaderId, members } = draft.state;
  if (leaderId !== null && (members.get(leaderId)?.joinTicket ?? null) !== null) return true;
  for (const member of members.values()) {
    if (member.joinTicket === null) continue;
    draft.update({ leaderId: member.memberId });
    return true;
  }
  return false;
}

/** Members of this generation had the time to ask for their assignment: those that did not are out. */
export function syncExpired(draft: Draft, generation: number): void {
  const { phase, pendingSync } = draft.state;
  if (generation !== draft.state.generation || pendingSync.size === 0) return;
  if (phase !== "CompletingRebalance" && phase !== "Stable") return;
  for (const memberId of pendingSync) {
    removeParked(draft, memberId);
    draft.drop(memberId);
  }
  prepare(draft, `${pendingSync.size} members did not ask for their assignment`);
}

export function stopWaitingForSync(draft: Draft): void {
  if (draft.state.pendingSync.size > 0) draft.update({ pendingSync: NO_IDS });
  draft.cancelTimer("sync");
}

export function resetAssignments(draft: Draft, errorCode: number): void {
  for (const memberId of draft.state.members.keys()) draft.change(memberId, { assignment: NO_BYTES });
  answerSyncs(draft, errorCode);
}

/** Answers everyone who waits for an assignment, and restarts their sessions: an expiry meanwhile was let pass. */
export function answerSyncs(draft: Draft, errorCode: number): void {
  const { protocolType, protocolName } = draft.state;
  for (const member of draft.state.members.values()) {
    const answer = errorCode === ErrorCode.NONE
      ? { errorCode, protocolType, protocolName, assignment: member.assignment }
      : { errorCode };
    if (draft.answerParkedSync(member.memberId, answer)) draft.startSession(member.memberId);
  }
}

/** Tells a member that is about to be dropped, if it waits, that it is unknown: alive, it joins anew. */
export function removeParked(draft: Draft, memberId: string): void {
  draft.answerParkedJoin(memberId, { errorCode: ErrorCode.UNKNOWN_MEMBER_ID, memberId: "" });
  draft.answerParkedSync(memberId, { errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
}

/** A session has ended: of a member that waits for an answer (then it lives), of one that does not, or of a pending one. */
export function sessionExpired(draft: Draft, memberId: string): void {
  const { pendingMembers, members } = draft.state;
  if (pendingMembers.has(memberId)) {
    draft.drop(memberId);
    if (draft.state.phase === "PreparingRebalance" && draft.hasAllJoined()) completeJoin(draft);
    return;
  }
  const member = members.get(memberId);
  if (member === undefined) return;
  // Whoever waits for us cannot heartbeat, but it lives. Not so a newcomer: it may be gone without a trace.
  if (!member.isNew && (member.joinTicket !== null || member.syncTicket !== null)) return;
  draft.note("member expired", { member: memberId, generation: draft.state.generation });
  removeMember(draft, memberId, "a member's session expired");
}

function removeMember(draft: Draft, memberId: string, reason: string): void {
  removeParked(draft, memberId);
  draft.drop(memberId);
  const { phase } = draft.state;
  if (phase === "Stable" || phase === "CompletingRebalance") prepare(draft, reason);
  else if (phase === "PreparingRebalance" && draft.hasAllJoined()) completeJoin(draft);
}
