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
import { checkSize, fencedEpoch, namedMember, staticMember, unreleased } from "../modern/members.ts";
import type { Draft } from "./draft.ts";
import { isPartOf } from "./reconcile.ts";
import type { ConsumerMember, OwnedPartitions } from "./state.ts";
import { JOINING_EPOCH, newMember, STATIC_LEAVING_EPOCH } from "./state.ts";

/** @throws {ProtocolError} GROUP_MAX_SIZE_REACHED */
export function checkRoom({ state, rules }: Draft, memberId: string, instanceId: string | null): void {
  // One that replaces its former self takes no room.
  if (instanceId !== null && state.instances.has(instanceId)) return;
  checkSize("consumer", state, { memberId, sizeMax: rules.sizeMax });
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
  if (memberEpoch !== JOINING_EPOCH) {
    const member = namedMember(draft.state, claim);
    checkEpoch(member, claim);
    return member;
  }
  const existing = staticMember(draft.state, instanceId);
  if (existing === undefined) return draft.state.members.get(memberId) ?? newMember(memberId);
  if (existing.classic === null && existing.epoch !== STATIC_LEAVING_EPOCH) throw unreleased(existing, memberId);
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
  if (instanceId !== null && !isNewcomer) return namedMember(draft.state, claim);
  const existing = staticMember(draft.state, instanceId);
  if (existing === undefined) return draft.state.members.get(memberId) ?? newMember(memberId);
  return replaceStatic(draft, existing, memberId);
}

function replaceStatic(draft: Draft, old: ConsumerMember, memberId: string): ConsumerMember {
  const member = draft.replace(old, memberId);
  draft.note("static member replaced", { instance: old.instanceId ?? "", member: memberId, old: old.memberId });
  return member;
}

/** @throws {ProtocolError} FENCED_MEMBER_EPOCH */
function checkEpoch(member: ConsumerMember, { memberEpoch, owned }: Claim): void {
  if (memberEpoch === member.epoch) return;
  // The answer with the new epoch may have been lost: then the member has no more than it was given before.
  const isBehind = memberEpoch < member.epoch && memberEpoch === member.previousEpoch;
  if (!isBehind || !isPartOf(owned, member.assigned)) throw fencedEpoch("consumer", member, memberEpoch);
}
