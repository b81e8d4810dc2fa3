/**
 * JoinGroup, by who asks and what the group is doing:
 *
 *     who                        Empty            PreparingRebalance   CompletingRebalance    Stable
 *     newcomer (v4+)             gets an id: MEMBER_ID_REQUIRED
 *     newcomer with its id       first rebalance  parked               rebalance              rebalance
 *     static newcomer            first rebalance  parked               rebalance              rebalance
 *     static, back without id    –                replaced, parked     replaced, rebalance    replaced, answered (or
 *                                                                                             rebalance: other protocol)
 *     member, same protocols     UNKNOWN_MEMBER   parked               answered               answered; leader: rebalance
 *     member, other protocols    UNKNOWN_MEMBER   parked               rebalance              rebalance
 */
import { ErrorCode } from "../../../protocol/errors.ts";
import { type Draft, selectProtocol } from "./draft.ts";
import { completeIfAllJoined, prepare, prepareOrComplete } from "./rebalance.ts";
import type { GroupState, JoinEvent, Member, Protocol } from "./state.ts";
import { NO_BYTES } from "./state.ts";

/** Ids handed out and not yet used cost memory until their session ends; a flood of them is refused. */
const pendingMembersMax = 100_000;

export function join(draft: Draft, event: JoinEvent): void {
  const { memberId, ticket } = event;
  if (!isAccepted(draft, memberId)) {
    draft.drop(memberId);
    draft.answerJoin(ticket, { errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED, memberId: "" });
    completeIfAllJoined(draft);
  } else if (!supportsAny(draft.state, event)) {
    draft.answerJoin(ticket, { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId });
  } else if (memberId === "") {
    joinNewcomer(draft, event);
  } else if (draft.state.pendingMembers.has(memberId)) {
    if (event.instanceId === null) add(draft, event, memberId);
    else draft.answerJoin(ticket, { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, memberId: "" });
  } else {
    rejoin(draft, event);
  }
}

function joinNewcomer(draft: Draft, event: JoinEvent): void {
  const { instanceId, newMemberId } = event;
  if (instanceId !== null) {
    const existingId = draft.state.instances.get(instanceId);
    if (existingId === undefined) add(draft, event, newMemberId);
    else replaceStatic(draft, event, existingId);
  } else if (event.isMemberIdRequired) {
    // Its next JoinGroup may never come; the session timer forgets it then (KIP-394).
    draft.addPending(newMemberId);
    draft.startSession(newMemberId, event.sessionTimeoutMs);
    draft.answerJoin(event.ticket, { errorCode: ErrorCode.MEMBER_ID_REQUIRED, memberId: newMemberId });
  } else {
    add(draft, event, newMemberId);
  }
}

function add(draft: Draft, event: JoinEvent, memberId: string): void {
  const { phase, previousPhase, members } = draft.state;
  if (phase === "PreparingRebalance" && previousPhase === "Empty") draft.update({ hasNewMember: true });
  if (members.size === 0) draft.update({ protocolType: event.protocolType });
  draft.put({
    memberId,
    instanceId: event.instanceId,
    clientId: event.clientId,
    clientHost: event.clientHost,
    rebalanceTimeoutMs: event.rebalanceTimeoutMs,
    sessionTimeoutMs: event.sessionTimeoutMs,
    protocols: event.protocols,
    assignment: NO_BYTES,
    isNew: true,
    joinTicket: event.ticket,
    syncTicket: null,
  });
  draft.startSession(memberId, draft.rules.newMemberJoinTimeoutMs);
  prepareOrComplete(draft, `member ${memberId} joined: ${event.reason}`);
}

function rejoin(draft: Draft, event: JoinEvent): void {
  const { memberId, ticket } = event;
  const errorCode = memberError(draft.state, event);
  const member = draft.state.members.get(memberId);
  if (errorCode !== ErrorCode.NONE || member === undefined) {
    draft.answerJoin(ticket, { errorCode: errorCode || ErrorCode.UNKNOWN_MEMBER_ID, memberId });
    return;
  }
  const { phase, leaderId } = draft.state;
  const isSame = isSameProtocols(member.protocols, event.protocols);
  if (phase === "CompletingRebalance" && isSame) {
    // It did not get the answer to its first JoinGroup.
    draft.answerJoin(ticket, draft.joinedAnswer(memberId));
  } else if (phase === "Stable" && isSame && memberId !== leaderId) {
    draft.answerJoin(ticket, { ...draft.joinedAnswer(memberId), members: [] });
  } else {
    // A leader that joins a stable group saw something that calls for another assignment (more partitions).
    park(draft, event, memberId);
    prepareOrComplete(draft, `member ${memberId} joined again: ${event.reason}`);
  }
}

function park(draft: Draft, event: JoinEvent, memberId: string): void {
  // A second request of the same member: the first one's sender has given up on it.
  draft.answerParkedJoin(memberId, { errorCode: ErrorCode.REBALANCE_IN_PROGRESS, memberId });
  draft.change(memberId, {
    protocols: event.protocols,
    rebalanceTimeoutMs: event.rebalanceTimeoutMs,
    sessionTimeoutMs: event.sessionTimeoutMs,
    joinTicket: event.ticket,
  });
}

/** A static member has restarted: it takes over the place of its former self, which is fenced (KIP-345). */
function replaceStatic(draft: Draft, event: JoinEvent, oldId: string): void {
  const newId = event.newMemberId;
  const previousLeaderId = draft.state.leaderId;
  draft.answerParkedJoin(oldId, { errorCode: ErrorCode.FENCED_INSTANCE_ID, memberId: oldId });
  draft.answerParkedSync(oldId, { errorCode: ErrorCode.FENCED_INSTANCE_ID });
  const previous = draft.state.members.get(oldId)!;
  rename(draft, previous, newId);
  draft.change(newId, { isNew: false });
  park(draft, event, newId);
  draft.startSession(newId);

  const { phase, protocolName, generation } = draft.state;
  if (phase === "PreparingRebalance") {
    completeIfAllJoined(draft);
  } else if (phase === "Stable" && selectProtocol(draft.state) === protocolName) {
    // Nothing changes for the others, so no rebalance. The new id must outlive us before anyone is told.
    draft.persist({
      kind: "replaced",
      instanceId: event.instanceId!,
      memberId: newId,
      previous,
      previousLeaderId,
      generation,
      canSkipAssignment: event.canSkipAssignment,
    }, null);
  } else {
    // In CompletingRebalance the leader may be assigning to the old id: the new one would get nothing.
    prepare(draft, `static member ${event.instanceId} joined again: ${event.reason}`);
  }
}

/** Gives a member another id and nothing else: not its leadership, nor its place. */
export function rename(draft: Draft, member: Member, newId: string): void {
  const isLeader = draft.state.leaderId === member.memberId;
  const isPendingSync = draft.state.pendingSync.has(member.memberId);
  draft.drop(member.memberId);
  draft.put({ ...member, memberId: newId });
  if (isLeader) draft.update({ leaderId: newId });
  if (isPendingSync) draft.update({ pendingSync: new Set(draft.state.pendingSync).add(newId) });
}

/** FENCED_INSTANCE_ID and UNKNOWN_MEMBER_ID, as every request that names a member is checked. */
export function memberError(
  state: GroupState,
  claim: { readonly memberId: string; readonly instanceId: string | null },
): number {
  if (claim.instanceId !== null) {
    const owner = state.instances.get(claim.instanceId);
    if (owner === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (owner !== claim.memberId) return ErrorCode.FENCED_INSTANCE_ID;
  }
  return state.members.has(claim.memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
}

/**
 * `group.max.size`. While a rebalance gathers members, those who have come count: so a group whose limit was lowered
 * sheds the last to rejoin.
 */
function isAccepted(draft: Draft, memberId: string): boolean {
  const { phase, members, awaitingJoinCount, pendingMembers } = draft.state;
  const { sizeMax } = draft.rules;
  if (memberId === "" && pendingMembers.size >= pendingMembersMax) return false;
  if (phase === "PreparingRebalance") {
    const member = members.get(memberId);
    return awaitingJoinCount < sizeMax || (member !== undefined && member.joinTicket !== null);
  }
  if (phase === "Empty") return true;
  return members.has(memberId) || members.size < sizeMax;
}

/** A member must have one protocol that all others have, too. */
function supportsAny(state: GroupState, event: JoinEvent): boolean {
  const { phase, members, protocolType, protocolSupport } = state;
  if (phase === "Empty") return event.protocolType !== "" && event.protocols.length > 0;
  return protocolType === event.protocolType &&
    event.protocols.some((protocol) => (protocolSupport.get(protocol.name) ?? 0) === members.size);
}

function isSameProtocols(left: readonly Protocol[], right: readonly Protocol[]): boolean {
  return left.length === right.length && left.every((protocol, index) => {
    const other = right[index]!;
    return protocol.name === other.name && isSameBytes(protocol.metadata, other.metadata);
  });
}

function isSameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
