/**
 * Who a request comes from, as far as the newer protocols agree: members by their ids, static members by their instances.
 * Sentences are Kafka's, for clients log them and people search for them.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import type { GroupKind, ModernMember } from "./state.ts";

interface StaticMember extends ModernMember {
  readonly instanceId: string | null;
}

/** A group, as far as it takes to find a member. */
interface Members<Member> {
  readonly groupId: string;
  readonly members: ReadonlyMap<string, Member>;
}

/** The same with static members, by their instances. */
interface StaticMembers<Member> extends Members<Member> {
  readonly instances: ReadonlyMap<string, string>;
}

/** @throws {ProtocolError} GROUP_MAX_SIZE_REACHED */
export function checkSize(
  kind: GroupKind,
  { members }: Members<unknown>,
  { memberId, sizeMax }: { readonly memberId: string; readonly sizeMax: number },
): void {
  if (members.size < sizeMax || members.has(memberId)) return;
  throw new ProtocolError(
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    `The ${kind} group has reached its maximum capacity of ${sizeMax} members.`,
  );
}

/** @throws {ProtocolError} UNKNOWN_MEMBER_ID */
export function memberOf<Member>({ groupId, members }: Members<Member>, memberId: string): Member {
  const member = members.get(memberId);
  if (member !== undefined) return member;
  throw new ProtocolError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`);
}

export function staticMember<Member>(
  { instances, members }: StaticMembers<Member>,
  instanceId: string | null,
): Member | undefined {
  const memberId = instanceId === null ? undefined : instances.get(instanceId);
  return memberId === undefined ? undefined : members.get(memberId);
}

/** @throws {ProtocolError} UNKNOWN_MEMBER_ID */
export function knownStatic<Member>(group: StaticMembers<Member>, instanceId: string): Member {
  const member = staticMember(group, instanceId);
  if (member !== undefined) return member;
  throw new ProtocolError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
}

/** @throws {ProtocolError} FENCED_INSTANCE_ID */
export function checkNotFenced(member: StaticMember, memberId: string): void {
  if (member.memberId === memberId) return;
  throw new ProtocolError(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${member.instanceId} was fenced by member ${member.memberId}.`,
  );
}

/**
 * The member that a request names: a static one by both its ids.
 * @throws {ProtocolError} UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID
 */
export function namedMember<Member extends StaticMember>(
  group: StaticMembers<Member>,
  { memberId, instanceId }: { readonly memberId: string; readonly instanceId: string | null },
): Member {
  if (instanceId === null) return memberOf(group, memberId);
  const member = knownStatic(group, instanceId);
  checkNotFenced(member, memberId);
  return member;
}

/** The static member is still there: nobody takes its place. */
export function unreleased(member: StaticMember, memberId: string): ProtocolError {
  return new ProtocolError(
    ErrorCode.UNRELEASED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${member.instanceId} cannot join the group because the instance id is ` +
      `owned by ${member.memberId} member.`,
  );
}

/** @param more what else is said of the epoch that is known */
export function fencedEpoch(kind: GroupKind, { epoch }: ModernMember, memberEpoch: number, more = ""): ProtocolError {
  return new ProtocolError(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The ${kind} group member has a ${
      memberEpoch > epoch ? "greater" : "smaller"
    } member epoch (${memberEpoch}) than ` +
      `the one known by the group coordinator (${epoch})${more}. The member must abandon all its partitions and rejoin.`,
  );
}
