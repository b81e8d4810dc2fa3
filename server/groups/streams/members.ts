/**
 * Who a heartbeat comes from: a member, a newcomer, or a static member that takes the place of its former self. The cases
 * are those of a consumer group (`../consumer/members.ts`). Sentences are Kafka's, for clients log them.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import type { Draft } from "./draft.ts";
import type { HeartbeatEvent, StreamsGroupState, StreamsMember } from "./state.ts";
import { JOINING_EPOCH, newMember, STATIC_LEAVING_EPOCH, staticMember } from "./state.ts";
import { isPartOf } from "./tasks.ts";

/** @throws {ProtocolError} GROUP_MAX_SIZE_REACHED */
export function checkRoom({ state, rules }: Draft, { memberId, instanceId }: HeartbeatEvent): void {
  // One that replaces its former self takes no room.
  if (instanceId !== null && state.instances.has(instanceId)) return;
  if (state.members.size < rules.sizeMax || state.members.has(memberId)) return;
  throw new ProtocolError(
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    `The streams group has reached its maximum capacity of ${rules.sizeMax} members.`,
  );
}

/** @throws {ProtocolError} UNKNOWN_MEMBER_ID */
export function memberOf(state: StreamsGroupState, memberId: string): StreamsMember {
  const member = state.members.get(memberId);
  if (member !== undefined) return member;
  throw new ProtocolError(
    ErrorCode.UNKNOWN_MEMBER_ID,
    `Member ${memberId} is not a member of group ${state.groupId}.`,
  );
}

/**
 * The member that a heartbeat comes from; a newcomer is not yet in the group.
 * @throws {ProtocolError}
 */
export function claimMember(draft: Draft, event: HeartbeatEvent): StreamsMember {
  const { memberId, memberEpoch, instanceId } = event;
  const isJoining = memberEpoch === JOINING_EPOCH;
  if (instanceId === null) {
    if (isJoining) return draft.state.members.get(memberId) ?? newMember(memberId);
    const member = memberOf(draft.state, memberId);
    checkEpoch(member, event);
    return member;
  }
  const existing = staticMember(draft.state, instanceId);
  if (!isJoining) {
    const member = knownStatic(existing, instanceId);
    checkNotFenced(member, memberId, instanceId);
    checkEpoch(member, event);
    return member;
  }
  if (existing === undefined) return draft.state.members.get(memberId) ?? newMember(memberId);
  if (existing.epoch !== STATIC_LEAVING_EPOCH) {
    throw new ProtocolError(
      ErrorCode.UNRELEASED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is ` +
        `owned by ${existing.memberId} member.`,
    );
  }
  return replaceStatic(draft, existing, memberId);
}

/** Gives the member's place, its target and what it has to another id. */
function replaceStatic(draft: Draft, old: StreamsMember, memberId: string): StreamsMember {
  const member = { ...old, memberId, epoch: 0, previousEpoch: 0 };
  const target = draft.targetOf(old.memberId);
  draft.drop(old.memberId);
  draft.cancelTimersOf(old.memberId);
  draft.put(member);
  draft.write({ kind: "member", memberId, value: member });
  draft.setTarget(memberId, target);
  draft.write({ kind: "memberCurrent", memberId, value: member });
  draft.note("static member replaced", { instance: old.instanceId ?? "", member: memberId, old: old.memberId });
  return member;
}

/** @throws {ProtocolError} FENCED_MEMBER_EPOCH */
function checkEpoch(member: StreamsMember, { memberEpoch, owned }: HeartbeatEvent): void {
  if (memberEpoch === member.epoch) return;
  const isAhead = memberEpoch > member.epoch;
  // The answer with the new epoch may have been lost: then the member has no more than it was given before.
  const isBehind = memberEpoch === member.previousEpoch && owned !== null && isPartOf(owned, member.assigned);
  if (!isAhead && isBehind) return;
  throw new ProtocolError(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The streams group member has a ${isAhead ? "greater" : "smaller"} member epoch (${memberEpoch}) than the one ` +
      `known by the group coordinator (${member.epoch}). The member must abandon all its partitions and rejoin.`,
  );
}

/** @throws {ProtocolError} UNKNOWN_MEMBER_ID */
export function knownStatic(member: StreamsMember | undefined, instanceId: string): StreamsMember {
  if (member !== undefined) return member;
  throw new ProtocolError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
}

/** @throws {ProtocolError} FENCED_INSTANCE_ID */
export function checkNotFenced(member: StreamsMember, memberId: string, instanceId: string): void {
  if (member.memberId === memberId) return;
  throw new ProtocolError(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`,
  );
}
