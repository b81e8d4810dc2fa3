/**
 * The words of a classic group: what is known of it (`GroupState`), what can happen to it (`GroupEvent`), and what is to
 * be done about it (`Effect`). Values only: no clock, no timers, no sockets. `step.ts` is the verb.
 *
 * A request that cannot be answered at once is parked under its ticket, a number the caller chose; the effect that
 * answers it names the ticket.
 */
import { noEntries } from "../small_map.ts";

export type Phase = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable" | "Dead";

export type Ticket = number;

export interface GroupState {
  readonly groupId: string;
  readonly phase: Phase;
  /** Where it came from: a rebalance out of Empty is the first one, and waits for more members. */
  readonly previousPhase: Phase;
  /** When it entered the phase; -1 when the log does not say. */
  readonly phaseSinceMs: number;
  readonly generation: number;
  /** "consumer", "connect", …; null for a group that only stores offsets. */
  readonly protocolType: string | null;
  /** The assignor of this generation. */
  readonly protocolName: string | null;
  readonly leaderId: string | null;
  readonly members: ReadonlyMap<string, Member>;
  /** Static members: `group.instance.id` to member id. */
  readonly instances: ReadonlyMap<string, string>;
  /** Member ids handed out with MEMBER_ID_REQUIRED whose owners have not come back yet (KIP-394). */
  readonly pendingMembers: ReadonlySet<string>;
  /** Members of this generation that have not asked for their assignment yet. */
  readonly pendingSync: ReadonlySet<string>;
  /** Someone joined while the first rebalance waited, so it may wait longer. */
  readonly hasNewMember: boolean;
  /** How many members list each protocol. */
  readonly protocolSupport: ReadonlyMap<string, number>;
  readonly awaitingJoinCount: number;
  /** What the members of a "consumer" group subscribe to; null when it cannot be told. */
  readonly subscribedTopics: ReadonlySet<string> | null;
}

export interface Member {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** In the member's order of preference. */
  readonly protocols: readonly Protocol[];
  readonly assignment: Uint8Array;
  /** It has never had an answer to a JoinGroup, so it cannot heartbeat yet. */
  readonly isNew: boolean;
  readonly joinTicket: Ticket | null;
  readonly syncTicket: Ticket | null;
}

export interface Protocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** What of a group is written to the log, and read back. */
export interface PersistedGroup {
  readonly protocolType: string;
  readonly generation: number;
  readonly protocolName: string | null;
  readonly leaderId: string | null;
  readonly phaseSinceMs: number;
  readonly members: readonly PersistedMember[];
}

export interface PersistedMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly subscription: Uint8Array;
  readonly assignment: Uint8Array;
}

// ---------------------------------------------------------------------------------------------- events

export type GroupEvent =
  | JoinEvent
  | SyncEvent
  | HeartbeatEvent
  | LeaveEvent
  /** A member committed offsets, which keeps its session alive. */
  | { readonly kind: "committed"; readonly memberId: string }
  | { readonly kind: "sessionExpired"; readonly memberId: string }
  /** The first rebalance of a group has waited `delayMs`; it may wait for `remainingMs` more. */
  | { readonly kind: "initialDelayPassed"; readonly delayMs: number; readonly remainingMs: number }
  /** Members had `rebalanceTimeoutMs` to rejoin. */
  | { readonly kind: "joinExpired" }
  /** Members had `rebalanceTimeoutMs` to ask for their assignment. */
  | { readonly kind: "syncExpired"; readonly generation: number }
  /** A `persist` effect has come to its end. */
  | { readonly kind: "persisted"; readonly purpose: PersistPurpose; readonly errorCode: number }
  /** It was read from the log; its members get their session timers. */
  | { readonly kind: "loaded" }
  /** It was a consumer group until now, and rebalances if there is a reason to. */
  | { readonly kind: "converted"; readonly rebalanceReason: string | null }
  /** The group is deleted, or this broker no longer coordinates it: who waits is told `errorCode`. */
  | { readonly kind: "closed"; readonly errorCode: number };

export interface JoinEvent {
  readonly kind: "join";
  readonly ticket: Ticket;
  /** "" for a newcomer. */
  readonly memberId: string;
  /** The id it gets if it is one. */
  readonly newMemberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly Protocol[];
  readonly reason: string;
  /** JoinGroup v4+: a newcomer must come back with the id it is given (KIP-394). */
  readonly isMemberIdRequired: boolean;
  /** JoinGroup v9+: a returning static leader can be told to skip the assignment (KIP-814). */
  readonly canSkipAssignment: boolean;
}

export interface SyncEvent {
  readonly kind: "sync";
  readonly ticket: Ticket;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignments: ReadonlyMap<string, Uint8Array>;
}

export interface HeartbeatEvent {
  readonly kind: "heartbeat";
  readonly ticket: Ticket;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
}

export interface LeaveEvent {
  readonly kind: "leave";
  readonly ticket: Ticket;
  readonly members: readonly LeavingMember[];
}

export interface LeavingMember {
  /** "" when an administrator removes a static member by its instance id. */
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly reason: string;
}

// ---------------------------------------------------------------------------------------------- effects

export type Effect =
  | { readonly kind: "answerJoin"; readonly ticket: Ticket; readonly answer: JoinAnswer }
  | { readonly kind: "answerSync"; readonly ticket: Ticket; readonly answer: SyncAnswer }
  | { readonly kind: "answerHeartbeat"; readonly ticket: Ticket; readonly errorCode: number }
  | { readonly kind: "answerLeave"; readonly ticket: Ticket; readonly answer: LeaveAnswer }
  /** Feeds `event` back after `delayMs`, unless the timer of that name is started again or cancelled before. */
  | { readonly kind: "startTimer"; readonly timer: TimerName; readonly delayMs: number; readonly event: GroupEvent }
  | { readonly kind: "cancelTimer"; readonly timer: TimerName }
  /** Writes the group to the log, then feeds back `persisted` with `purpose`. */
  | { readonly kind: "persist"; readonly group: PersistedGroup; readonly purpose: PersistPurpose }
  /** Something an operator wants to read. */
  | { readonly kind: "note"; readonly event: string; readonly facts: Readonly<Record<string, string | number>> };

/** One timer for the rebalance, one for the assignment, one a member for its session. */
export type TimerName = "join" | "sync" | `session:${string}`;

export type PersistPurpose =
  /** The group is new, or has become empty: nobody waits for it. */
  | { readonly kind: "emptied" }
  /** The leader's assignment of `generation`, which members get once it is safe. */
  | {
    readonly kind: "assigned";
    readonly generation: number;
    readonly assignments: ReadonlyMap<string, Uint8Array>;
  }
  /** A static member came back under a new id while the group was Stable. */
  | {
    readonly kind: "replaced";
    readonly instanceId: string;
    readonly memberId: string;
    /** As it was before, to be put back when the write fails. */
    readonly previous: Member;
    readonly previousLeaderId: string | null;
    readonly generation: number;
    readonly canSkipAssignment: boolean;
  };

export interface JoinAnswer {
  readonly errorCode: number;
  readonly memberId: string;
  readonly generation: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leaderId: string;
  readonly skipAssignment: boolean;
  /** For the leader: everyone, with what they sent for the chosen protocol. */
  readonly members: readonly JoinedMember[];
}

export interface JoinedMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly metadata: Uint8Array;
}

export interface SyncAnswer {
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Uint8Array;
}

export interface LeaveAnswer {
  readonly errorCode: number;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | null;
    readonly errorCode: number;
  }[];
}

// ---------------------------------------------------------------------------------------------- surroundings

/** What a step may know besides the state and the event. */
export interface StepContext {
  readonly nowMs: number;
  readonly rules: GroupRules;
}

export interface GroupRules {
  /** `group.initial.rebalance.delay.ms` */
  readonly initialRebalanceDelayMs: number;
  /** `group.max.size` */
  readonly sizeMax: number;
  /** How long the JoinGroup of a newcomer may stay parked: it cannot heartbeat, so this is how its death shows. */
  readonly newMemberJoinTimeoutMs: number;
}

export const NO_BYTES: Uint8Array = new Uint8Array(0);
export const NO_IDS: ReadonlySet<string> = new Set();

/** A group that nobody has joined. */
export function emptyGroup(groupId: string, nowMs: number): GroupState {
  return {
    groupId,
    phase: "Empty",
    previousPhase: "Dead",
    phaseSinceMs: nowMs,
    generation: 0,
    protocolType: null,
    protocolName: null,
    leaderId: null,
    members: noEntries(),
    instances: noEntries(),
    pendingMembers: NO_IDS,
    pendingSync: NO_IDS,
    hasNewMember: false,
    protocolSupport: noEntries(),
    awaitingJoinCount: 0,
    subscribedTopics: null,
  };
}

/** The member's bytes for a protocol; none when it does not list it. */
export function metadataOf(member: Member, protocolName: string | null): Uint8Array {
  return member.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? NO_BYTES;
}

/** The longest time any member asked for, so that the slowest can rejoin. */
export function rebalanceTimeoutMs(state: Pick<GroupState, "members">): number {
  let longest = 0;
  for (const member of state.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs);
  return longest;
}

/** A group before its first generation, as Kafka writes it. */
export function noMembers({ phaseSinceMs }: GroupState): PersistedGroup {
  return { protocolType: "", generation: 0, protocolName: null, leaderId: null, phaseSinceMs, members: [] };
}
