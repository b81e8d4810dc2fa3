/**
 * Who a heartbeat comes from: a member, a newcomer, or a static member that takes the place of its former self. The cases
 * are those of a consumer group (`../consumer/members.ts`). Sentences are Kafka's, for clients log them.
 */
import { checkSize, fencedEpoch, namedMember, staticMember, unreleased } from "../modern/members.ts";
import type { Draft } from "./draft.ts";
import type { HeartbeatEvent, StreamsMember } from "./state.ts";
import { JOINING_EPOCH, newMember, STATIC_LEAVING_EPOCH } from "./state.ts";
import { isPartOf } from "./tasks.ts";

/** @throws {ProtocolError} GROUP_MAX_SIZE_REACHED */
export function checkRoom({ state, rules }: Draft, { memberId, instanceId }: HeartbeatEvent): void {
  // One that replaces its former self takes no room.
  if (instanceId !== null && state.instances.has(instanceId)) return;
  checkSize("streams", state, { memberId, sizeMax: rules.sizeMax });
}

/**
 * The member that a heartbeat comes from; a newcomer is not yet in the group.
 * @throws {ProtocolError}
 */
export function claimMember(draft: Draft, event: HeartbeatEvent): StreamsMember {
  const { memberId, memberEpoch, instanceId } = event;
  if (memberEpoch !== JOINING_EPOCH) {
    const member = namedMember(draft.state, event);
    checkEpoch(member, event);
    return member;
  }
  const existing = staticMember(draft.state, instanceId);
  if (existing === undefined) return draft.state.members.get(memberId) ?? newMember(memberId);
  if (existing.epoch !== STATIC_LEAVING_EPOCH) throw unreleased(existing, memberId);
  draft.note("static member replaced", { instance: instanceId ?? "", member: memberId, old: existing.memberId });
  return draft.replace(existing, memberId);
}

/** @throws {ProtocolError} FENCED_MEMBER_EPOCH */
function checkEpoch(member: StreamsMember, { memberEpoch, owned }: HeartbeatEvent): void {
  if (memberEpoch === member.epoch) return;
  // The answer with the new epoch may have been lost: then the member has no more than it was given before.
  const isBehind = memberEpoch < member.epoch && memberEpoch === member.previousEpoch;
  if (!isBehind || owned === null || !isPartOf(owned, member.assigned)) {
    throw fencedEpoch("streams", member, memberEpoch);
  }
}
