/**
 * Members of a consumer group that still speak the classic protocol, so that a group can be moved over member by member:
 *
 *     JoinGroup    what a heartbeat that says everything is to others; answered at once, nobody leads
 *     SyncGroup    gives what the member has by now
 *     Heartbeat    REBALANCE_IN_PROGRESS when joining again would bring the member a step further
 *     LeaveGroup   also by an administrator, and of members of either protocol
 *
 * A member that is told to join again, or has joined and not asked for its assignment, has its rebalance timeout to do so.
 */
import { type ConsumerProtocolSubscription, decodeSubscription } from "../../../protocol/embedded/consumer_protocol.ts";
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { MalformedFrame } from "../../../protocol/wire.ts";
import type { JoinAnswer, SyncAnswer } from "../classic/state.ts";
import { NO_BYTES } from "../classic/state.ts";
import { checkNotFenced, knownStatic, memberOf, namedMember, staticMember } from "../modern/members.ts";
import { subscription } from "../modern/subscription.ts";
import { updateTarget } from "./assign.ts";
import { assignmentBytes, becomeClassic, mayBecomeClassicBy } from "./conversion.ts";
import type { Draft } from "./draft.ts";
import { fence } from "./fence.ts";
import { checkRoom, claimClassicMember } from "./members.ts";
import { refreshTopics } from "./subscriptions.ts";
import type {
  ClassicHeartbeatEvent,
  ClassicJoinEvent,
  ClassicLeaveEvent,
  ClassicSyncEvent,
  ConsumerMember,
  GroupTopics,
  OwnedPartitions,
} from "./state.ts";
import { reconcileMember, subscribe } from "./update.ts";

const PROTOCOL_TYPE = "consumer";

export function classicJoin(draft: Draft, event: ClassicJoinEvent): void {
  const { ticket, instanceId, protocols, sessionTimeoutMs, rebalanceTimeoutMs } = event;
  const isNewcomer = event.memberId === "";
  const memberId = isNewcomer ? event.newMemberId : event.memberId;
  if (draft.rules.migration === "disabled") {
    throw new ProtocolError(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
      `Cannot join the consumer group ${draft.state.groupId} with the classic protocol because the group migration is ` +
        "disabled.",
    );
  }
  checkRoom(draft, memberId, instanceId);
  checkProtocols(draft, memberId, event);
  if (isNewcomer && instanceId === null && event.isMemberIdRequired) {
    draft.answer(ticket, { ...refusedJoin, errorCode: ErrorCode.MEMBER_ID_REQUIRED, memberId });
    return;
  }
  const replaced = staticMember(draft.state, instanceId);
  const member = claimClassicMember(draft, { memberId, instanceId, isNewcomer });
  const said = readSubscription(protocols[0]!.metadata);
  const wanted: ConsumerMember = {
    ...member,
    instanceId: instanceId ?? member.instanceId,
    rackId: said.rackId || member.rackId,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    topics: subscription(said.topics, member.topics),
    regex: "",
    clientId: event.clientId,
    clientHost: event.clientHost,
    classic: { sessionTimeoutMs, protocols },
  };
  const { hasSubscriptionChanged } = subscribe(draft, member, wanted);
  if (hasSubscriptionChanged || draft.state.isRefreshDue) refreshTopics(draft, hasSubscriptionChanged);
  const progress = { hasSubscriptionChanged, owned: ownedPartitions(said, draft.topics) };

  const isLastToGoBack = replaced !== undefined && mayBecomeClassicBy(draft, replaced);
  if (isLastToGoBack) {
    const isStale = draft.state.assignmentEpoch < draft.state.groupEpoch;
    const joining = isStale ? draft.state.members.get(memberId)! : reconcileMember(draft, memberId, progress);
    answerJoin(draft, ticket, joining);
    becomeClassic(draft, {
      leaving: [],
      joining,
      rebalanceReason: isStale
        ? `Downgrade group ${draft.state.groupId} from consumer to classic with stale assignment.`
        : null,
    });
    return;
  }
  updateTarget(draft);
  answerJoin(draft, ticket, reconcileMember(draft, memberId, progress));
  draft.cancelTimer(`join:${memberId}`);
  draft.startTimer(`session:${memberId}`, sessionTimeoutMs, { kind: "sessionExpired", memberId });
  draft.startTimer(`sync:${memberId}`, rebalanceTimeoutMs, { kind: "syncExpired", memberId });
}

function answerJoin(draft: Draft, ticket: number, { memberId, epoch, classic }: ConsumerMember): void {
  const protocolName = classic?.protocols[0]?.name ?? null;
  draft.answer(ticket, { ...refusedJoin, memberId, generation: epoch, protocolType: PROTOCOL_TYPE, protocolName });
}

export const refusedJoin: Omit<JoinAnswer, "memberId"> = {
  errorCode: ErrorCode.NONE,
  generation: -1,
  protocolType: null,
  protocolName: null,
  leaderId: "",
  skipAssignment: false,
  members: [],
};

/** A protocol must be one that all classic members of the group know. */
function checkProtocols({ state }: Draft, memberId: string, { protocolType, protocols }: ClassicJoinEvent): void {
  const { classicProtocolSupport, classicMemberCount } = state;
  const isSupported = protocolType === PROTOCOL_TYPE &&
    protocols.some(({ name }) => (classicProtocolSupport.get(name) ?? 0) === classicMemberCount);
  if (isSupported) return;
  throw new ProtocolError(
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    `Member ${memberId}'s protocols are not supported.`,
  );
}

function readSubscription(metadata: Uint8Array): ConsumerProtocolSubscription {
  try {
    return decodeSubscription(metadata);
  } catch (cause) {
    if (!(cause instanceof MalformedFrame)) throw cause;
    const message = "Malformed embedded consumer protocol in subscription deserialization.";
    throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, message, { cause });
  }
}

function ownedPartitions(said: ConsumerProtocolSubscription, topics: GroupTopics): OwnedPartitions[] {
  return said.ownedPartitions.flatMap(({ topic, partitions }) => {
    const topicId = topics.topic(topic)?.id;
    return topicId === undefined ? [] : [{ topicId, partitions }];
  });
}

// ---------------------------------------------------------------------------------------------- sync, heartbeat, leave

export function classicSync(draft: Draft, event: ClassicSyncEvent): void {
  const { ticket, memberId, protocolType, protocolName } = event;
  const member = classicMember(draft, event);
  const { classic, phase, epoch } = member;
  const chosen = classic?.protocols[0]?.name ?? "";
  const isOther = (protocolType !== null && protocolType !== PROTOCOL_TYPE) ||
    (protocolName !== null && protocolName !== chosen);
  if (isOther) throw new ProtocolError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  // One that is to give up partitions has joined already: it does that first, and then joins again by itself.
  if (draft.state.assignmentEpoch > epoch && phase !== "unrevoked") {
    expectJoin(draft, member);
    draft.answer(ticket, refusedSync(ErrorCode.REBALANCE_IN_PROGRESS));
    return;
  }
  draft.cancelTimer(`sync:${memberId}`);
  startClassicSession(draft, member);
  const metadata = classic?.protocols[0]?.metadata ?? NO_BYTES;
  const assigned = [...member.assigned].map(([topicId, partitions]) => [topicId, [...partitions.keys()]] as const);
  draft.answer(ticket, {
    errorCode: ErrorCode.NONE,
    protocolType,
    protocolName,
    assignment: assignmentBytes(new Map(assigned), draft.topics, metadata),
  });
}

export function refusedSync(errorCode: number): SyncAnswer {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_BYTES };
}

export function classicHeartbeat(draft: Draft, event: ClassicHeartbeatEvent): void {
  const member = classicMember(draft, event);
  startClassicSession(draft, member);
  // Where nobody speaks the new protocol any more, and the group may not go back, nobody else would.
  if (draft.state.isRefreshDue) refreshTopics(draft, false);
  updateTarget(draft);
  const isJoinWanted = member.epoch < draft.state.assignmentEpoch || member.phase === "unrevoked" ||
    (member.phase === "unreleased" && !isWaitingForOthers(draft, member));
  if (isJoinWanted) expectJoin(draft, member);
  draft.answer(event.ticket, isJoinWanted ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE);
}

/** Others hold some of what the member is to have. */
function isWaitingForOthers(draft: Draft, member: ConsumerMember): boolean {
  for (const [topicId, partitions] of draft.targetOf(member.memberId)) {
    const counts = draft.state.holderCounts.get(topicId);
    const held = member.assigned.get(topicId);
    if (partitions.some((partition) => !held?.has(partition) && (counts?.[partition] ?? 0) > 0)) return true;
  }
  return false;
}

export function classicLeave(draft: Draft, { ticket, members }: ClassicLeaveEvent): void {
  const leaving = new Set<ConsumerMember>();
  const answers = members.map(({ memberId, instanceId, reason }) => {
    try {
      leaving.add(leavingMember(draft, memberId, instanceId));
      draft.note("member left", { member: memberId, instance: instanceId ?? "", reason });
      return { memberId, instanceId, errorCode: ErrorCode.NONE };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { memberId, instanceId, errorCode: error.code };
    }
  });
  fence(draft, [...leaving]);
  draft.answer(ticket, { errorCode: ErrorCode.NONE, members: answers });
}

function leavingMember(draft: Draft, memberId: string, instanceId: string | null): ConsumerMember {
  if (instanceId === null) return memberOf(draft.state, memberId);
  const member = knownStatic(draft.state, instanceId);
  // An administrator removes a static member: the instance id is enough (KIP-345).
  if (memberId !== "") checkNotFenced(member, memberId);
  return member;
}

/** @throws {ProtocolError} UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION */
function classicMember(
  draft: Draft,
  claim: { readonly memberId: string; readonly instanceId: string | null; readonly generation: number },
): ConsumerMember {
  const { memberId, generation } = claim;
  const member = namedMember(draft.state, claim);
  if (member.classic === null) {
    throw new ProtocolError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} does not use the classic protocol.`);
  }
  if (generation !== member.epoch) throw new ProtocolError(ErrorCode.ILLEGAL_GENERATION);
  return member;
}

function startClassicSession(draft: Draft, { memberId, classic }: ConsumerMember): void {
  const timeoutMs = classic?.sessionTimeoutMs ?? draft.rules.sessionTimeoutMs;
  draft.startTimer(`session:${memberId}`, timeoutMs, { kind: "sessionExpired", memberId });
}

function expectJoin(draft: Draft, { memberId, rebalanceTimeoutMs }: ConsumerMember): void {
  draft.startTimer(`join:${memberId}`, rebalanceTimeoutMs, { kind: "joinExpired", memberId }, true);
}
