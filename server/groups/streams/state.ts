/**
 * The words of a streams group (KIP-1071): what is known of it (`StreamsGroupState`), what can happen to it
 * (`StreamsEvent`), and what is to be done about it (`StreamsEffect`). Values only: no clock, no timers, no sockets.
 * `step.ts` is the verb. Epochs: see `../modern/state.ts`. What members share is not partitions but tasks.
 */
import type {
  ModernEffect,
  ModernGroup,
  ModernMember,
  ModernPart,
  StepContext as Context,
  Ticket,
} from "../modern/state.ts";
import { noEntries } from "../small_map.ts";
import type { ConfiguredTopology } from "./configure.ts";
import type { HeldTasks, Task, Tasks } from "./tasks.ts";
import { NONE_HELD } from "./tasks.ts";
import type { StreamsTopology } from "./topology.ts";

export type { Ticket } from "../modern/state.ts";
export { JOINING_EPOCH, LEAVING_EPOCH, STATIC_LEAVING_EPOCH } from "../modern/state.ts";

export interface StreamsGroupState extends ModernGroup<StreamsMember, Tasks> {
  /** The epoch of the topology for which all topics were found in order; -1: none. */
  readonly validatedTopologyEpoch: number;
  /** The configs that the group epoch was last raised with. */
  readonly assignmentConfigs: AssignmentConfigs;
  /** Of Kafka's plugin for descriptions of topologies, which is not here: kept as it was. */
  readonly storedDescriptionEpoch: number;
  readonly failedDescriptionEpoch: number;
  readonly topology: StreamsTopology | null;
  /** Static members: instance id to member id. */
  readonly instances: ReadonlyMap<string, string>;

  /** Which processes have a task, counted from what members have and what they are giving up. */
  readonly holders: ReadonlyMap<Task, TaskHolders>;

  // Not in the log.
  /** The topology against the cluster's topics; null: not looked at since the group was loaded. */
  readonly configured: ConfiguredTopology | null;
  /** The first assignment waits for more members. */
  readonly isDelayed: boolean;
  /** The member that wants the whole application to stop. */
  readonly shutdownBy: string | null;
  /** Grows with what members are told of each other's endpoints. */
  readonly endpointEpoch: number;
  /** How far members' tasks are, as they last said. */
  readonly taskOffsets: ReadonlyMap<string, MemberTaskOffsets>;
}

/** Process ids, one for each member that has the task in the role. */
export interface TaskHolders {
  readonly active: readonly string[];
  readonly standby: readonly string[];
  readonly warmup: readonly string[];
}

export type TaskRole = keyof TaskHolders;

/**
 *     stable       has all of its target that there is
 *     unrevoked    must give up tasks before it comes to the next epoch
 *     unreleased   is in the epoch and waits for tasks that others have not given up
 *     unknown      written by a later version; must join anew
 */
export type MemberPhase = "stable" | "unrevoked" | "unreleased" | "unknown";

export interface StreamsMember extends ModernMember {
  readonly phase: MemberPhase;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly topologyEpoch: number;
  /** The instance of the application; its threads are members of their own. */
  readonly processId: string;
  readonly endpoint: Endpoint | null;
  readonly tags: ReadonlyMap<string, string>;
  readonly assigned: HeldTasks;
  /** To be given up. */
  readonly revoking: HeldTasks;
}

/** Where the process answers queries about its state stores. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Sums over the changelogs of a task. */
export interface MemberTaskOffsets {
  readonly offsets: ReadonlyMap<Task, number>;
  readonly endOffsets: ReadonlyMap<Task, number>;
}

export const NO_OFFSETS: MemberTaskOffsets = { offsets: noEntries(), endOffsets: noEntries() };

/** By the names under which Kafka writes them to the log, in their order. */
export type AssignmentConfigs = ReadonlyMap<string, string>;

/** Before its first member. */
export const FIRST_EPOCH = 1;

export function emptyStreamsGroup(groupId: string): StreamsGroupState {
  return {
    groupId,
    groupEpoch: FIRST_EPOCH,
    assignmentEpoch: FIRST_EPOCH,
    assignmentTimestampMs: 0,
    metadataHash: 0n,
    validatedTopologyEpoch: -1,
    assignmentConfigs: noEntries(),
    storedDescriptionEpoch: -1,
    failedDescriptionEpoch: -1,
    topology: null,
    members: noEntries(),
    instances: noEntries(),
    targets: noEntries(),
    isDead: false,
    holders: noEntries(),
    configured: null,
    isRefreshDue: true,
    isDelayed: false,
    shutdownBy: null,
    endpointEpoch: 0,
    taskOffsets: noEntries(),
  };
}

export function newMember(memberId: string): StreamsMember {
  return {
    memberId,
    epoch: 0,
    previousEpoch: 0,
    phase: "stable",
    instanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    rebalanceTimeoutMs: -1,
    topologyEpoch: -1,
    processId: "",
    endpoint: null,
    tags: new Map(),
    assigned: NONE_HELD,
    revoking: NONE_HELD,
  };
}

/** What an administrator is told of it. */
export type StreamsGroupPhase = "Empty" | "NotReady" | "Assigning" | "Reconciling" | "Stable";

export function phaseOf(state: StreamsGroupState): StreamsGroupPhase {
  if (state.members.size === 0) return "Empty";
  if (state.topology?.epoch !== state.validatedTopologyEpoch) return "NotReady";
  if (state.groupEpoch > state.assignmentEpoch) return "Assigning";
  for (const member of state.members.values()) {
    if (!isReconciled(member, state.assignmentEpoch)) return "Reconciling";
  }
  return "Stable";
}

export function isReconciled(member: StreamsMember, assignmentEpoch: number): boolean {
  return member.phase === "stable" && member.epoch === assignmentEpoch;
}

// ---------------------------------------------------------------------------------------------- surroundings

export type StepContext = Context<StreamsGroupRules>;

export interface StreamsGroupRules {
  /** `group.streams.max.size` */
  readonly sizeMax: number;
  readonly heartbeatIntervalMs: number;
  readonly sessionTimeoutMs: number;
  readonly assignmentIntervalMs: number;
  readonly initialRebalanceDelayMs: number;
  readonly taskOffsetIntervalMs: number;
  readonly acceptableRecoveryLag: number;
  readonly standbyReplicas: number;
  readonly rackAwareTags: readonly string[];
  readonly assignor: string;
}

// ---------------------------------------------------------------------------------------------- events

export type StreamsEvent =
  | HeartbeatEvent
  | { readonly kind: "sessionExpired"; readonly memberId: string }
  /** A member had `rebalanceTimeoutMs` to give up what it had to in `epoch`. */
  | { readonly kind: "revocationExpired"; readonly memberId: string; readonly epoch: number }
  /** The first assignment has waited long enough. */
  | { readonly kind: "delayOver" }
  /** Topics were made, deleted or enlarged. */
  | { readonly kind: "topicsChanged" }
  /** It was read from the log; its members get their timers. */
  | { readonly kind: "loaded" }
  | { readonly kind: "closed" };

export interface HeartbeatEvent {
  readonly kind: "heartbeat";
  readonly ticket: Ticket;
  readonly apiVersion: number;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly endpointEpoch: number;
  readonly instanceId: string | null;
  /** null here and below: as before. */
  readonly rackId: string | null;
  /** -1: as before. */
  readonly rebalanceTimeoutMs: number;
  readonly topology: StreamsTopology | null;
  /** What the member has. */
  readonly owned: Tasks | null;
  /** The subtopologies that it named for that, be it without tasks of them. */
  readonly ownedSubtopologies: ReadonlySet<string>;
  readonly processId: string | null;
  readonly endpoint: Endpoint | null;
  readonly tags: ReadonlyMap<string, string> | null;
  readonly taskOffsets: readonly TaskOffset[] | null;
  readonly taskEndOffsets: readonly TaskOffset[] | null;
  readonly isShutdownWanted: boolean;
  readonly clientId: string;
  readonly clientHost: string;
}

export interface TaskOffset {
  readonly subtopologyId: string;
  readonly partition: number;
  readonly offset: number;
}

// ---------------------------------------------------------------------------------------------- effects

export type StreamsEffect = ModernEffect<StreamsEvent, StreamsRecord, StreamsAnswer, TimerName>;

export type TimerName = `${"session" | "revocation"}:${string}` | "delay";

/** What the log is told: the new value of a part of the group, or null when there is no such part any more. */
export type StreamsRecord =
  | ModernPart<StreamsMember, Tasks>
  | { readonly kind: "group"; readonly value: StoredGroupValue | null }
  | { readonly kind: "topology"; readonly value: StreamsTopology | null }
  /** Of the classic group that this one was: it is no more. */
  | { readonly kind: "classic"; readonly value: null };

export type StoredGroupValue = Pick<
  StreamsGroupState,
  | "groupEpoch"
  | "metadataHash"
  | "validatedTopologyEpoch"
  | "assignmentConfigs"
  | "storedDescriptionEpoch"
  | "failedDescriptionEpoch"
>;

export interface StreamsAnswer {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  readonly taskOffsetIntervalMs: number;
  readonly acceptableRecoveryLag: number;
  readonly status: readonly StreamsStatus[];
  /** null: as before. */
  readonly tasks: HeldTasks | null;
  readonly endpointEpoch: number;
  /** null: as before. */
  readonly endpoints: readonly EndpointPartitions[] | null;
  /** Topics that the group wants to be made. */
  readonly topicsToMake: ConfiguredTopology["topicsToMake"];
}

export interface StreamsStatus {
  readonly code: number;
  readonly detail: string;
}

/** Conditions of the group that its members are told of. */
export const StatusCode = {
  STALE_TOPOLOGY: 0,
  MISSING_SOURCE_TOPICS: 1,
  INCORRECTLY_PARTITIONED_TOPICS: 2,
  MISSING_INTERNAL_TOPICS: 3,
  SHUTDOWN_APPLICATION: 4,
  ASSIGNMENT_DELAYED: 5,
  MISSING_CLIENT_TAGS: 6,
} as const;

export interface EndpointPartitions {
  readonly endpoint: Endpoint;
  readonly active: readonly TopicPartitions[];
  readonly standby: readonly TopicPartitions[];
}

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export function refusedHeartbeat(errorCode: number, errorMessage: string | null): StreamsAnswer {
  return {
    errorCode,
    errorMessage,
    memberId: "",
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
    taskOffsetIntervalMs: 0,
    acceptableRecoveryLag: -1,
    status: [],
    tasks: null,
    endpointEpoch: 0,
    endpoints: null,
    topicsToMake: [],
  };
}
