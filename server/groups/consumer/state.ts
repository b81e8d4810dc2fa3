/**
 * The words of a consumer group (KIP-848): what is known of it (`ConsumerGroupState`), what can happen to it
 * (`ConsumerEvent`), and what is to be done about it (`ConsumerEffect`). Values only: no clock, no timers, no sockets.
 * `step.ts` is the verb. Epochs: see `../modern/state.ts`.
 */
import type {
  GroupState,
  JoinAnswer,
  LeaveAnswer,
  LeavingMember,
  PersistedGroup,
  SyncAnswer,
} from "../classic/state.ts";
import type { TopicPartitions } from "../modern/partitions.ts";
import type {
  ModernEffect,
  ModernGroup,
  ModernMember,
  ModernPart,
  StepContext as Context,
  Ticket,
} from "../modern/state.ts";
import { noEntries } from "../small_map.ts";

export type { TopicPartitions } from "../modern/partitions.ts";
export { NO_PARTITIONS } from "../modern/partitions.ts";
export type { GroupTopic, GroupTopics, Ticket } from "../modern/state.ts";
export { JOINING_EPOCH, LEAVING_EPOCH, STATIC_LEAVING_EPOCH } from "../modern/state.ts";

/** Topic id to partition to the epoch in which the member got it (KIP-1251). */
export type HeldPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>;

export const NONE_HELD: HeldPartitions = noEntries();

export interface ConsumerGroupState extends ModernGroup<ConsumerMember, TopicPartitions> {
  /** Static members: instance id to member id. */
  readonly instances: ReadonlyMap<string, string>;
  readonly regexes: ReadonlyMap<string, ResolvedRegex>;

  // Counted from the members and regexes, so as not to look at all of them each time.
  readonly topicSubscribers: ReadonlyMap<string, TopicSubscribers>;
  readonly regexSubscribers: ReadonlyMap<string, number>;
  readonly assignorVotes: ReadonlyMap<string, number>;
  readonly classicMemberCount: number;
  /** How many classic members list each protocol. */
  readonly classicProtocolSupport: ReadonlyMap<string, number>;
  /** Topic id to the number of members that hold each partition, or are giving it up: 0 or 1. */
  readonly holderCounts: ReadonlyMap<string, Uint16Array>;

  // Not in the log.
  /** Regular expressions are being matched with the topics. */
  readonly isResolving: boolean;
  /** The log has a record about partition counts, as Kafka wrote them up to 4.0. */
  readonly hasPartitionMetadata: boolean;
}

/** Members that subscribe to a topic by its name, and regular expressions that match it. */
export interface TopicSubscribers {
  readonly byName: number;
  readonly byRegex: number;
}

/**
 *     stable       has all of its target that there is
 *     unrevoked    must give up partitions before it comes to the next epoch
 *     unreleased   is in the epoch and waits for partitions that others have not given up
 *     unknown      written by a later version; must join anew
 */
export type MemberPhase = "stable" | "unrevoked" | "unreleased" | "unknown";

export interface ConsumerMember extends ModernMember {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly clientId: string;
  readonly clientHost: string;
  /** Each once, ascending. */
  readonly topics: readonly string[];
  /** "": none. */
  readonly regex: string;
  readonly assignor: string | null;
  readonly phase: MemberPhase;
  readonly assigned: HeldPartitions;
  /** To be given up. */
  readonly revoking: HeldPartitions;
  /** null: it speaks the consumer protocol. */
  readonly classic: ClassicSide | null;
}

/** What a member that speaks the classic protocol has said of it. */
export interface ClassicSide {
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[];
}

/** The topics that match a regular expression, at a version of the metadata. */
export interface ResolvedRegex {
  /** Ascending. */
  readonly topics: readonly string[];
  readonly version: number;
  readonly timestampMs: number;
}

/** A group that nobody has joined. Its first assignment is that of epoch 2, so that members may wait for it in 1. */
export function emptyConsumerGroup(groupId: string): ConsumerGroupState {
  return {
    groupId,
    groupEpoch: 1,
    assignmentEpoch: 1,
    assignmentTimestampMs: 0,
    metadataHash: 0n,
    members: noEntries(),
    instances: noEntries(),
    targets: noEntries(),
    regexes: noEntries(),
    isDead: false,
    topicSubscribers: noEntries(),
    regexSubscribers: noEntries(),
    assignorVotes: noEntries(),
    classicMemberCount: 0,
    classicProtocolSupport: noEntries(),
    holderCounts: noEntries(),
    isRefreshDue: true,
    isResolving: false,
    hasPartitionMetadata: false,
  };
}

export function newMember(memberId: string): ConsumerMember {
  return {
    memberId,
    epoch: 0,
    previousEpoch: -1,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    clientId: "",
    clientHost: "",
    topics: [],
    regex: "",
    assignor: null,
    phase: "stable",
    assigned: NONE_HELD,
    revoking: NONE_HELD,
    classic: null,
  };
}

/** What an administrator is told of it. */
export type ConsumerGroupPhase = "Empty" | "Assigning" | "Reconciling" | "Stable";

export function phaseOf(state: ConsumerGroupState): ConsumerGroupPhase {
  if (state.members.size === 0) return "Empty";
  if (state.groupEpoch > state.assignmentEpoch) return "Assigning";
  for (const member of state.members.values()) {
    if (!isReconciled(member, state.assignmentEpoch)) return "Reconciling";
  }
  return "Stable";
}

export function isReconciled(member: ConsumerMember, assignmentEpoch: number): boolean {
  return member.phase === "stable" && member.epoch === assignmentEpoch;
}

/** The topics that some member is subscribed to, by name or by pattern. */
export function isTopicSubscribed(state: ConsumerGroupState, topic: string): boolean {
  return state.topicSubscribers.has(topic);
}

// ---------------------------------------------------------------------------------------------- surroundings

export type StepContext = Context<ConsumerGroupRules>;

export interface ConsumerGroupRules {
  /** `group.consumer.max.size` */
  readonly sizeMax: number;
  /** `group.max.size`: of the classic group that this one may become. */
  readonly classicSizeMax: number;
  readonly heartbeatIntervalMs: number;
  readonly sessionTimeoutMs: number;
  readonly assignmentIntervalMs: number;
  readonly regexRefreshIntervalMs: number;
  /** The first is the default. */
  readonly assignors: readonly string[];
  readonly migration: MigrationPolicy;
}

/** `group.consumer.migration.policy`: what a group with members may become. */
export type MigrationPolicy = "disabled" | "upgrade" | "downgrade" | "bidirectional";

// ---------------------------------------------------------------------------------------------- events

export type ConsumerEvent =
  | HeartbeatEvent
  | ClassicJoinEvent
  | ClassicSyncEvent
  | ClassicHeartbeatEvent
  | ClassicLeaveEvent
  | { readonly kind: "sessionExpired"; readonly memberId: string }
  /** A member had `rebalanceTimeoutMs` to give up what it had to in `epoch`. */
  | { readonly kind: "revocationExpired"; readonly memberId: string; readonly epoch: number }
  /** A classic member that was told to join again had the time to. */
  | { readonly kind: "joinExpired"; readonly memberId: string }
  /** A classic member had the time to ask for its assignment. */
  | { readonly kind: "syncExpired"; readonly memberId: string }
  | RegexesResolvedEvent
  /** Topics were made, deleted or enlarged. */
  | { readonly kind: "topicsChanged" }
  /** It was read from the log; its members get their timers. */
  | { readonly kind: "loaded" }
  | { readonly kind: "closed" };

export interface HeartbeatEvent {
  readonly kind: "heartbeat";
  readonly ticket: Ticket;
  /** "" of a newcomer that has made up none (v0). */
  readonly memberId: string;
  /** The id it gets then. */
  readonly newMemberId: string;
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  /** null here and below: as before. */
  readonly rackId: string | null;
  /** -1: as before. */
  readonly rebalanceTimeoutMs: number;
  readonly topics: readonly string[] | null;
  readonly regex: string | null;
  readonly assignor: string | null;
  /** What the member has. */
  readonly owned: readonly OwnedPartitions[] | null;
  readonly clientId: string;
  readonly clientHost: string;
}

export interface OwnedPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export interface ClassicJoinEvent {
  readonly kind: "classicJoin";
  readonly ticket: Ticket;
  readonly memberId: string;
  readonly newMemberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[];
  readonly isMemberIdRequired: boolean;
}

export interface ClassicSyncEvent {
  readonly kind: "classicSync";
  readonly ticket: Ticket;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
}

export interface ClassicHeartbeatEvent {
  readonly kind: "classicHeartbeat";
  readonly ticket: Ticket;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
}

export interface ClassicLeaveEvent {
  readonly kind: "classicLeave";
  readonly ticket: Ticket;
  readonly members: readonly LeavingMember[];
}

export interface RegexesResolvedEvent {
  readonly kind: "regexesResolved";
  /** Each with the topics that match it, ascending. */
  readonly matches: ReadonlyMap<string, readonly string[]>;
  readonly version: number;
  readonly timestampMs: number;
}

// ---------------------------------------------------------------------------------------------- effects

export type ConsumerEffect =
  | ModernEffect<ConsumerEvent, GroupRecord, ConsumerAnswer, TimerName>
  /** Matches the expressions with the topics, then feeds back `regexesResolved`. */
  | { readonly kind: "resolve"; readonly regexes: readonly string[] }
  /** From here on it is this classic group, which rebalances if there is a reason to. */
  | { readonly kind: "becomeClassic"; readonly group: GroupState; readonly rebalanceReason: string | null };

export type TimerName = `${"session" | "revocation" | "join" | "sync"}:${string}`;

/** What the log is told: the new value of a part of the group, or null when there is no such part any more. */
export type GroupRecord =
  | ModernPart<ConsumerMember, TopicPartitions>
  | { readonly kind: "group"; readonly value: { readonly epoch: number; readonly metadataHash: bigint } | null }
  | { readonly kind: "partitionMetadata"; readonly value: null }
  | { readonly kind: "regex"; readonly regex: string; readonly value: ResolvedRegex | null }
  /** Of the classic group that this one was or becomes. */
  | { readonly kind: "classic"; readonly value: PersistedGroup | null };

export type ConsumerAnswer = HeartbeatAnswer | JoinAnswer | SyncAnswer | LeaveAnswer | number;

export interface HeartbeatAnswer {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** null: as before. */
  readonly assignment: TopicPartitions | null;
}

export function refusedHeartbeat(errorCode: number, errorMessage: string | null): HeartbeatAnswer {
  return { errorCode, errorMessage, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null };
}
