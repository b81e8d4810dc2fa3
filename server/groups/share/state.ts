/**
 * The words of a share group (KIP-932): what is known of it, what can happen to it, and what is to be done about it. Values
 * only; `step.ts` is the verb. What its members do with records is not here: see `server/share/`.
 *
 * Epochs: see `../modern/state.ts`. Several members may have the same partition, so none waits for another: a member has its target with its next heartbeat.
 */
import type { TopicPartitions } from "../modern/partitions.ts";
import type { ModernEffect, ModernGroup, ModernMember, ModernPart, StepContext, Ticket } from "../modern/state.ts";
import { noEntries } from "../small_map.ts";

export type { TopicPartitions } from "../modern/partitions.ts";
export type { GroupTopics, Ticket } from "../modern/state.ts";
export { JOINING_EPOCH, LEAVING_EPOCH } from "../modern/state.ts";

export interface ShareGroupState extends ModernGroup<ShareMember, TopicPartitions> {
  readonly statePartitions: StatePartitions;

  // Not in the log.
  /** When the share coordinator was asked to begin with a topic, by topic id. */
  readonly initializedAtMs: ReadonlyMap<string, number>;
}

export interface ShareMember extends ModernMember {
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Each once, ascending. */
  readonly topics: readonly string[];
  readonly assigned: TopicPartitions;
}

/** Of which partitions the share coordinator keeps the state, by topic id. Only such partitions are assigned. */
export interface StatePartitions {
  readonly initializing: NamedPartitions;
  readonly initialized: NamedPartitions;
  /** With their names. */
  readonly deleting: ReadonlyMap<string, string>;
}

export type NamedPartitions = ReadonlyMap<string, { readonly name: string; readonly partitions: readonly number[] }>;

/** Of a group that nobody has joined. */
export const FIRST_GROUP_EPOCH = 1;

export function emptyShareGroup(groupId: string): ShareGroupState {
  return {
    groupId,
    groupEpoch: FIRST_GROUP_EPOCH,
    assignmentEpoch: FIRST_GROUP_EPOCH,
    assignmentTimestampMs: 0,
    metadataHash: 0n,
    members: noEntries(),
    targets: noEntries(),
    statePartitions: { initializing: noEntries(), initialized: noEntries(), deleting: noEntries() },
    isDead: false,
    isRefreshDue: true,
    initializedAtMs: noEntries(),
  };
}

export function newShareMember(memberId: string): ShareMember {
  return {
    memberId,
    epoch: 0,
    previousEpoch: -1,
    rackId: null,
    clientId: "",
    clientHost: "",
    topics: [],
    assigned: noEntries(),
  };
}

/** What an administrator is told of it. */
export type ShareGroupPhase = "Empty" | "Stable";

export function sharePhaseOf({ members }: ShareGroupState): ShareGroupPhase {
  return members.size === 0 ? "Empty" : "Stable";
}

/** The names that some member subscribes to, ascending. */
export function subscribedNames({ members }: Pick<ShareGroupState, "members">): string[] {
  const names = new Set<string>();
  for (const { topics } of members.values()) for (const topic of topics) names.add(topic);
  return [...names].sort();
}

export type ShareStepContext = StepContext<ShareGroupRules>;

export interface ShareGroupRules {
  /** `group.share.max.size` */
  readonly sizeMax: number;
  readonly heartbeatIntervalMs: number;
  readonly sessionTimeoutMs: number;
  readonly assignmentIntervalMs: number;
  readonly initializeRetryIntervalMs: number;
}

// ---------------------------------------------------------------------------------------------- events

export type ShareGroupEvent =
  | ShareHeartbeatEvent
  | { readonly kind: "sessionExpired"; readonly memberId: string }
  /** Topics were made, deleted or enlarged. */
  | { readonly kind: "topicsChanged" }
  | { readonly kind: "topicsDeleted"; readonly topicIds: ReadonlySet<string> }
  /** What the share coordinator said when it was asked to begin with these. */
  | { readonly kind: "initialized"; readonly partitions: TopicPartitions; readonly isInitialized: boolean }
  /** An administrator puts the group elsewhere: nobody may be in it. */
  | { readonly kind: "alterOffsets"; readonly topics: readonly InitialTopic[] }
  /** The share coordinator is about to forget these topics, or all; or has done so. */
  | { readonly kind: "deleteState"; readonly topicIds: readonly string[] | null }
  | { readonly kind: "stateDeleted"; readonly topicIds: readonly string[] }
  /** It was read from the log; its members get their timers. */
  | { readonly kind: "loaded" }
  | { readonly kind: "closed" };

export interface ShareHeartbeatEvent {
  readonly kind: "heartbeat";
  readonly ticket: Ticket;
  readonly memberId: string;
  readonly memberEpoch: number;
  /** null here and below: as before. */
  readonly rackId: string | null;
  readonly topics: readonly string[] | null;
  readonly clientId: string;
  readonly clientHost: string;
}

/** A topic of which the share coordinator is to begin with partitions anew. */
export interface InitialTopic {
  readonly topicId: string;
  readonly name: string;
  readonly partitions: readonly { readonly partition: number; readonly startOffset: number }[];
}

// ---------------------------------------------------------------------------------------------- effects

export type ShareGroupEffect =
  | ModernEffect<ShareGroupEvent, ShareGroupRecord, ShareHeartbeatAnswer, string>
  /** Once the log has it all: asks the share coordinator to begin with these, then feeds back `initialized`. */
  | { readonly kind: "initialize"; readonly stateEpoch: number; readonly topics: readonly InitialTopic[] };

/** What the log is told: the new value of a part of the group, or null when there is no such part any more. */
export type ShareGroupRecord =
  | ModernPart<ShareMember, TopicPartitions>
  | { readonly kind: "group"; readonly value: { readonly epoch: number; readonly metadataHash: bigint } | null }
  | { readonly kind: "statePartitions"; readonly value: StatePartitions | null };

export interface ShareHeartbeatAnswer {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** null: as before. */
  readonly assignment: TopicPartitions | null;
}

export function refusedShareHeartbeat(errorCode: number, errorMessage: string | null): ShareHeartbeatAnswer {
  return { errorCode, errorMessage, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null };
}
