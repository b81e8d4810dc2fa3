/**
 * A group changes its protocol while it has members (KIP-848), as `group.consumer.migration.policy` allows:
 *
 *     classic  ──  its first member that speaks the consumer protocol joins  ──►  consumer
 *     consumer ──  its last member that does leaves, or is replaced by a     ──►  classic
 *                  classic one
 *
 * In both directions members keep what they have, their ids and their sessions, and offsets are not touched. The log
 * forgets the group in its old form and learns it in its new one in the same write.
 */
import {
  type ConsumerProtocolAssignment,
  type ConsumerProtocolSubscription,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
} from "../../../protocol/embedded/consumer_protocol.ts";
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { MalformedFrame } from "../../../protocol/wire.ts";
import { persisted, selectProtocol } from "../classic/draft.ts";
import type { GroupState, Member } from "../classic/state.ts";
import { emptyGroup, NO_BYTES } from "../classic/state.ts";
import { subscribedTopics } from "../subscription.ts";
import { forgottenParts, wholeParts } from "../modern/parts.ts";
import { SmallMap } from "../small_map.ts";
import { Draft } from "./draft.ts";
import { metadataHash } from "./subscriptions.ts";
import type {
  ConsumerEffect,
  ConsumerGroupState,
  ConsumerMember,
  GroupRecord,
  GroupTopics,
  HeldPartitions,
  StepContext,
  TopicPartitions,
} from "./state.ts";
import { emptyConsumerGroup, newMember, NO_PARTITIONS } from "./state.ts";

const PROTOCOL_TYPE = "consumer";
const assignmentVersionMax = 3;

// ---------------------------------------------------------------------------------------------- classic → consumer

/**
 * The classic group as a consumer group whose members all speak the classic protocol.
 * @throws {ProtocolError} GROUP_ID_NOT_FOUND when it may not become one
 */
export function fromClassic(
  group: GroupState,
  context: StepContext,
): [ConsumerGroupState, readonly ConsumerEffect[]] {
  checkUpgrade(group, context);
  // Members of a group whose first generation is still gathering have none.
  const epoch = Math.max(group.generation, 1);
  const draft = new Draft(emptyConsumerGroup(group.groupId), context);
  const targets = new SmallMap<string, TopicPartitions>();
  const taken = new Set<string>();
  for (const member of group.members.values()) {
    const { subscription, assigned } = readMember(group, member, context.topics);
    draft.put({
      ...newMember(member.memberId),
      epoch,
      previousEpoch: epoch,
      instanceId: member.instanceId,
      rackId: subscription.rackId || null,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      clientId: member.clientId,
      clientHost: member.clientHost,
      topics: [...new Set(subscription.topics)].sort(),
      assigned: held(assigned, epoch),
      classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols },
    });
    targets.set(member.memberId, untaken(assigned, taken));
  }
  draft.update({ groupEpoch: epoch, assignmentEpoch: epoch, targets });
  draft.update({ metadataHash: metadataHash(draft.state, context.topics) });

  const effects: ConsumerEffect[] = [
    { kind: "persist", records: [{ kind: "classic", value: null }, ...wholeGroup(draft.state)] },
  ];
  for (const { memberId, sessionTimeoutMs } of group.members.values()) {
    const event = { kind: "sessionExpired", memberId } as const;
    effects.push({
      kind: "startTimer",
      timer: `session:${memberId}`,
      delayMs: sessionTimeoutMs,
      event,
      isKept: false,
    });
  }
  return [draft.state, effects];
}

function checkUpgrade({ groupId, protocolType, members }: GroupState, { rules }: StepContext): void {
  if (rules.migration !== "upgrade" && rules.migration !== "bidirectional") {
    throw notUpgraded(groupId, "online upgrade is disabled.");
  }
  if (protocolType !== PROTOCOL_TYPE) {
    throw notUpgraded(groupId, "the group does not use the consumer embedded protocol.");
  }
  if (members.size > rules.sizeMax) {
    throw notUpgraded(groupId, "the group size exceeds the consumer group maximum size.");
  }
}

function notUpgraded(groupId: string, reason: string, options?: ErrorOptions): ProtocolError {
  const message = `Cannot upgrade classic group ${groupId} to consumer group because ${reason}`;
  return new ProtocolError(ErrorCode.GROUP_ID_NOT_FOUND, message, options);
}

function readMember(
  { groupId, protocolName }: GroupState,
  member: Member,
  topics: GroupTopics,
): { readonly subscription: ConsumerProtocolSubscription; readonly assigned: TopicPartitions } {
  // All its protocols say the same subscription; one that gathers for its first generation has none chosen.
  const protocol = member.protocols.find(({ name }) => name === protocolName) ?? member.protocols[0];
  try {
    const subscription = decodeSubscription(protocol?.metadata ?? NO_BYTES);
    const assignment = decodeAssignment(member.assignment);
    if ((assignment.userData?.length ?? 0) > 0) {
      throw notUpgraded(
        groupId,
        "an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor " +
          "before re-attempting the upgrade.",
      );
    }
    return { subscription, assigned: knownPartitions(assignment, topics) };
  } catch (cause) {
    if (!(cause instanceof MalformedFrame)) throw cause;
    throw notUpgraded(groupId, "the embedded consumer protocol is malformed.", { cause });
  }
}

/** Those that are there: an assignor of a client may name any. */
function knownPartitions({ assignedPartitions }: ConsumerProtocolAssignment, topics: GroupTopics): TopicPartitions {
  const known = new SmallMap<string, readonly number[]>();
  for (const { topic: name, partitions } of assignedPartitions) {
    const topic = topics.topic(name);
    if (topic === undefined) continue;
    const there = partitions.filter((partition) => partition >= 0 && partition < topic.partitionCount);
    if (there.length > 0) known.set(topic.id, [...new Set(there)].sort((one, other) => one - other));
  }
  return known;
}

/** A client's assignor may have given a partition to two members. The first is to keep it; the other gives it up. */
function untaken(assigned: TopicPartitions, taken: Set<string>): TopicPartitions {
  const target = new SmallMap<string, readonly number[]>();
  for (const [topicId, partitions] of assigned) {
    const free = partitions.filter((partition) => !taken.has(`${topicId}-${partition}`));
    for (const partition of free) taken.add(`${topicId}-${partition}`);
    if (free.length > 0) target.set(topicId, free);
  }
  return target;
}

function held(partitions: TopicPartitions, epoch: number): HeldPartitions {
  return new SmallMap(
    [...partitions].map(([topicId, list]) =>
      [topicId, new SmallMap(list.map((partition) => [partition, epoch]))] as const
    ),
  );
}

/** All that the log is to know of a group. */
export function wholeGroup(state: ConsumerGroupState): GroupRecord[] {
  const { members, targets, currents } = wholeParts(state);
  return [
    ...members,
    ...Array.from(state.regexes, ([regex, value]): GroupRecord => ({ kind: "regex", regex, value })),
    { kind: "group", value: { epoch: state.groupEpoch, metadataHash: state.metadataHash } },
    ...targets,
    ...currents,
  ];
}

/** What makes the log forget a group. */
export function forgottenGroup(state: ConsumerGroupState): GroupRecord[] {
  return [
    ...forgottenParts(state),
    ...Array.from(state.regexes.keys(), (regex): GroupRecord => ({ kind: "regex", regex, value: null })),
    { kind: "partitionMetadata", value: null },
    { kind: "group", value: null },
  ];
}

// ---------------------------------------------------------------------------------------------- consumer → classic

/** May the group become a classic one when these members leave? */
export function mayBecomeClassicWithout({ state, rules }: Draft, leaving: readonly ConsumerMember[]): boolean {
  const { members, classicMemberCount } = state;
  const leftCount = members.size - leaving.length;
  const classicCount = classicMemberCount - leaving.filter(({ classic }) => classic !== null).length;
  return classicCount === leftCount && leftCount > 0 && isDowngradeAllowed(rules.migration) &&
    leftCount <= rules.classicSizeMax;
}

/** May it when a classic member has taken the place of `replaced`, the last of the others? */
export function mayBecomeClassicBy({ before, rules }: Draft, replaced: ConsumerMember): boolean {
  const { members, classicMemberCount } = before;
  return replaced.classic === null && classicMemberCount === members.size - 1 &&
    isDowngradeAllowed(rules.migration) && members.size <= rules.classicSizeMax;
}

function isDowngradeAllowed(migration: string): boolean {
  return migration === "downgrade" || migration === "bidirectional";
}

export interface Downgrade {
  readonly leaving: readonly ConsumerMember[];
  /** The one whose joining made all members classic; already in the group. */
  readonly joining: ConsumerMember | null;
  readonly rebalanceReason: string | null;
}

export function becomeClassic(draft: Draft, { leaving, joining, rebalanceReason }: Downgrade): void {
  const { state, before } = draft;
  for (const memberId of state.members.keys()) draft.cancelTimersOf(memberId);
  for (const record of forgottenGroup(state)) draft.write(record);

  const left = [...state.members.values()].filter((member) => !leaving.includes(member) && member !== joining);
  if (joining !== null) left.push(joining);
  const group = classicGroup(draft, left, before.groupEpoch);
  draft.write({ kind: "classic", value: persisted(group, null) });
  draft.update({ isDead: true });
  draft.do({ kind: "becomeClassic", group, rebalanceReason });
  draft.note("group is classic again", { generation: group.generation, members: group.members.size });
}

function classicGroup(draft: Draft, members: readonly ConsumerMember[], generation: number): GroupState {
  const { state: { groupId }, topics, nowMs } = draft;
  const protocolSupport = new SmallMap<string, number>();
  const instances = new SmallMap<string, string>();
  const classicMembers = new SmallMap<string, Member>();
  for (const member of members) {
    const { memberId, instanceId, clientId, clientHost, rebalanceTimeoutMs, classic } = member;
    const { protocols, sessionTimeoutMs } = classic ?? { protocols: [], sessionTimeoutMs: 0 };
    for (const { name } of protocols) protocolSupport.set(name, (protocolSupport.get(name) ?? 0) + 1);
    if (instanceId !== null) instances.set(instanceId, memberId);
    classicMembers.set(memberId, {
      memberId,
      instanceId,
      clientId,
      clientHost,
      rebalanceTimeoutMs,
      sessionTimeoutMs,
      protocols,
      assignment: NO_BYTES,
      isNew: false,
      joinTicket: null,
      syncTicket: null,
    });
  }
  const protocolName = selectProtocol({ members: classicMembers, protocolSupport });
  for (const [memberId, member] of classicMembers) {
    const metadata = member.protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_BYTES;
    const assignment = assignmentBytes(draft.state.targets.get(memberId) ?? NO_PARTITIONS, topics, metadata);
    classicMembers.set(memberId, { ...member, assignment });
  }
  const group: GroupState = {
    ...emptyGroup(groupId, nowMs),
    phase: "Stable",
    generation,
    protocolType: PROTOCOL_TYPE,
    protocolName,
    leaderId: members[0]?.memberId ?? null,
    members: classicMembers,
    instances,
    protocolSupport,
  };
  return { ...group, subscribedTopics: subscribedTopics(group) };
}

/** As a classic member reads it: in the version of its own subscription. */
export function assignmentBytes(partitions: TopicPartitions, topics: GroupTopics, metadata: Uint8Array): Uint8Array {
  const assignedPartitions = [...partitions].flatMap(([topicId, list]) => {
    const topic = topics.topicById(topicId)?.name;
    return topic === undefined ? [] : [{ topic, partitions: [...list].sort((one, other) => one - other) }];
  });
  const version = metadata.length < 2 ? 0 : metadata[0]! << 8 | metadata[1]!;
  return encodeAssignment({ assignedPartitions }, Math.min(version, assignmentVersionMax));
}
