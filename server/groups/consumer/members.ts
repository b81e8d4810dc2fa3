/**
 * Who a request comes from: a member, a newcomer, or a static member that takes the place of its former self.
 *
 *     request names              found                                   is
 *     ────────────────────────   ─────────────────────────────────────   ──────────────────────────────────────────
 *     no instance, epoch 0       –                                       a newcomer
 *                                a member of that id                     that member, who has lost what it had
 *     no instance, epoch > 0     a member of that id and epoch, or of    that member
 *                                the epoch before, if its answer may
 *                                have been lost; else fenced
 *     an instance, epoch 0       nobody                                  a newcomer
 *                                one that has left with -2, or that      replaced: its id changes, what it is to have
 *                                speaks the other protocol               and what it had is passed on
 *                                another                                 refused: UNRELEASED_INSTANCE_ID
 *     an instance, epoch > 0     its member, by id and epoch             that member; else fenced
 *
 * Sentences are Kafka's, for clients log them and people search for them.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import type { Draft } from "./draft.ts";
import { isPartOf } from "./reconcile.ts";
import type { ConsumerGroupState, ConsumerMember, OwnedPartitions } from "./state.ts";
import { JOINING_EPOCH, newMember, NO_PARTITIONS, STATIC_LEAVING_EPOCH, staticMember } from "./state.ts";

/** @throws {ProtocolError} GROUP_MAX_SIZE_REACHED */
export function checkRoom({ state, rules }: Draft, memberId: string, instanceId: string | null): void {
  // One that replaces its former self takes no room.
  if (instanceId !== null && state.instances.has(instanceId)) return;
  if (state.members.size < rules.sizeMax || state.members.has(memberId)) return;
  throw new ProtocolError(
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    `The consumer group has reached its maximum capacity of ${rules.sizeMax} members.`,
  );
}

/** @throws {ProtocolError} UNKNOWN_MEMBER_ID */
export function memberOf(state: ConsumerGroupState, memberId: string): ConsumerMember {
  const member = state.members.get(memberId);
  if (member !== undefined) return member;
  throw new ProtocolError(
    ErrorCode.UNKNOWN_MEMBER_ID,
    `Member ${memberId} is not a member of group ${state.groupId}.`,
  );
}

export interface Claim {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly owned: readonly OwnedPartitions[] | null;
}

/**
 * The member that a heartbeat comes from; a newcomer is not yet in the group.
 * @throws {ProtocolError}
 */
export function claimMember(draft: Draft, claim: Claim): ConsumerMember {
  const { memberId, memberEpoch, instanceId } = claim;
  const isJoining = memberEpoch === JOINING_EPOCH;
  if (instanceId === null) {
    if (isJoining) return draft.state.members.get(memberId) ?? newMember(memberId);
    const member = memberOf(draft.state, memberId);
    checkEpoch(member, claim);
    return member;
  }
  const existing = staticMember(draft.state, instanceId);
  if (!isJoining) {
    const member = knownStatic(existing, instanceId);
    checkNotFenced(member, memberId, instanceId);
    checkEpoch(member, claim);
    return member;
  }
  if (existing === undefined) return draft.state.members.get(memberId) ?? newMember(memberId);
  if (existing.classic === null) checkReleased(existing, memberId, instanceId);
  return replaceStatic(draft, existing, memberId);
}

/**
 * The member that a JoinGroup comes from. Classic members have no epoch, and do not ask before they take a place.
 * @throws {ProtocolError}
 */
export function claimClassicMember(
  draft: Draft,
  claim: { readonly memberId: string; readonly instanceId: string | null; readonly isNewcomer: boolean },
): ConsumerMember {
  const { memberId, instanceId, isNewcomer } = claim;
  if (instanceId === null) return draft.state.members.get(memberId) ?? newMember(memberId);
  const existing = staticMember(draft.state, instanceId);
  if (!isNewcomer) {
    const member = knownStatic(existing, instanceId);
    checkNotFenced(member, memberId, instanceId);
    return member;
  }
  if (existing === undefined) return draft.state.members.get(memberId) ?? newMember(memberId);
  return replaceStatic(draft, existing, memberId);
}

/** Gives the member's place, its target and what it has to another id. */
function replaceStatic(draft: Draft, old: ConsumerMember, memberId: string): ConsumerMember {
  const member = { ...old, memberId, epoch: 0, previousEpoch: 0 };
  const target = draft.state.targets.get(old.memberId) ?? NO_PARTITIONS;
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
function checkEpoch(member: ConsumerMember, { memberEpoch, owned }: Claim): void {
  if (memberEpoch === member.epoch) return;
  const isAhead = memberEpoch > member.epoch;
  // The answer with the new epoch may have been lost: then the member has no more than it was given before.
  if (!isAhead && memberEpoch === member.previousEpoch && isPartOf(owned, member.assigned)) return;
  throw new ProtocolError(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The consumer group member has a ${isAhead ? "greater" : "smaller"} member epoch (${memberEpoch}) than the one ` +
      `known by the group coordinator (${member.epoch}). The member must abandon all its partitions and rejoin.`,
  );
}

/** @throws {ProtocolError} UNKNOWN_MEMBER_ID */
export function knownStatic(member: ConsumerMember | undefined, instanceId: string): ConsumerMember {
  if (member !== undefined) return member;
  throw new ProtocolError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
}

/** @throws {ProtocolError} FENCED_INSTANCE_ID */
export function checkNotFenced(member: ConsumerMember, memberId: string, instanceId: string): void {
  if (member.memberId === memberId) return;
  throw new ProtocolError(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`,
  );
}

/** @throws {ProtocolError} UNRELEASED_INSTANCE_ID */
function checkReleased(member: ConsumerMember, memberId: string, instanceId: string): void {
  if (member.epoch === STATIC_LEAVING_EPOCH) return;
  throw new ProtocolError(
    ErrorCode.UNRELEASED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned ` +
      `by ${member.memberId} member.`,
  );
}
