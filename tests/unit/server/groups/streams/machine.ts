/** A streams group's state machine on a desk. */
import { streamsGroupLog } from "../../../../../protocol/embedded/streams_group_log.ts";
import { logRecord, StoredStreamsGroup } from "../../../../../server/groups/streams/records.ts";
import type {
  HeartbeatEvent,
  StreamsAnswer,
  StreamsEffect,
  StreamsEvent,
  StreamsGroupRules,
  StreamsGroupState,
  StreamsRecord,
} from "../../../../../server/groups/streams/state.ts";
import { emptyStreamsGroup, phaseOf } from "../../../../../server/groups/streams/state.ts";
import { step } from "../../../../../server/groups/streams/step.ts";
import {
  type HeldTasks,
  NO_TASKS,
  type Task,
  taskIdsOf,
  taskOf,
  type Tasks,
} from "../../../../../server/groups/streams/tasks.ts";
import type { StreamsTopology, Subtopology, TopicInfo } from "../../../../../server/groups/streams/topology.ts";
import type { StreamsWords } from "../../../../../server/groups/streams_groups.ts";
import { FakeTopics } from "../consumer/topics.ts";
import { ModernMachine, sameOrThrow } from "../modern_machine.ts";

export const rules: StreamsGroupRules = {
  sizeMax: 100,
  heartbeatIntervalMs: 5_000,
  sessionTimeoutMs: 45_000,
  assignmentIntervalMs: 0,
  initialRebalanceDelayMs: 0,
  taskOffsetIntervalMs: 60_000,
  acceptableRecoveryLag: 10_000,
  standbyReplicas: 0,
  rackAwareTags: [],
  assignor: "sticky",
};

export function topicInfo(name: string, partitions = 0): TopicInfo {
  return { name, partitions, replicationFactor: 0, topicConfigs: [] };
}

export function subtopology(subtopologyId: string, parts: Partial<Subtopology>): Subtopology {
  return {
    subtopologyId,
    sourceTopics: [],
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
    ...parts,
  };
}

/** Counts what is in `t`: one subtopology with a state store. */
export const countTopology: StreamsTopology = {
  epoch: 0,
  subtopologies: [subtopology("0", { sourceTopics: ["t"], stateChangelogTopics: [topicInfo("t-changelog")] })],
};

/** Of a heartbeat that says nothing new. */
export const plainHeartbeat = {
  endpointEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  topology: null,
  processId: null,
  endpoint: null,
  tags: null,
  taskOffsets: null,
  taskEndOffsets: null,
  isShutdownWanted: false,
  clientId: "client",
  clientHost: "/host",
} satisfies Partial<HeartbeatEvent>;

export class Machine extends ModernMachine<StreamsWords> {
  readonly stored = new StoredStreamsGroup();

  constructor(options: Partial<StreamsGroupRules> & { readonly topics?: Readonly<Record<string, number>> } = {}) {
    const { topics, ...others } = options;
    const known = new FakeTopics(topics ?? { t: 4, "t-changelog": 4 });
    super(emptyStreamsGroup("g"), { ...rules, ...others }, known);
  }

  get phase(): string {
    return phaseOf(this.state);
  }

  protected override step(event: StreamsEvent) {
    return step(this.state, event, this.context);
  }

  protected override carryOut(effect: StreamsEffect): void {
    this.carryOutCommon(effect);
  }

  /** A topic comes or grows. */
  put(name: string, partitionCount: number): void {
    this.topics.put(name, partitionCount);
    this.feed({ kind: "topicsChanged" });
  }

  /** As after a crash: what the log gives back, and timers begun anew. */
  restart(): void {
    this.state = this.stored.restore("g", this.context) ?? emptyStreamsGroup("g");
    this.timers.clear();
    this.feed({ kind: "loaded" });
  }

  // -------------------------------------------------------------------------------------------- requests

  /** A heartbeat that says nothing new. */
  heartbeat(memberId: string, memberEpoch: number, changes: Partial<HeartbeatEvent> = {}): StreamsAnswer {
    const ticket = this.newTicket();
    this.feed({
      kind: "heartbeat",
      ticket,
      apiVersion: 1,
      memberId,
      memberEpoch,
      owned: null,
      ownedSubtopologies: new Set(),
      ...plainHeartbeat,
      ...changes,
    });
    return this.answer(ticket);
  }

  /** The first heartbeat of a member, whose process is its own unless said. */
  join(memberId: string, changes: Partial<HeartbeatEvent> = {}): StreamsAnswer {
    return this.heartbeat(memberId, 0, {
      rebalanceTimeoutMs: 30_000,
      topology: countTopology,
      processId: `p-${memberId}`,
      owned: NO_TASKS,
      ...changes,
    });
  }

  // -------------------------------------------------------------------------------------------- checks

  protected override checkCounts(): void {
    checkHolders(this.state);
  }

  protected override store(part: StreamsRecord): void {
    const { key, value } = logRecord("g", part);
    const known = streamsGroupLog.decodeKey(key);
    if (known !== null) this.stored.set(known, value);
  }

  protected override restored(): StreamsGroupState | null {
    return this.stored.restore("g", this.context);
  }

  protected override asLogged(state: StreamsGroupState): unknown {
    const { groupEpoch, assignmentEpoch, assignmentTimestampMs, metadataHash, validatedTopologyEpoch } = state;
    const { assignmentConfigs, topology, members, targets } = state;
    return {
      groupEpoch,
      assignmentEpoch,
      assignmentTimestampMs,
      metadataHash,
      validatedTopologyEpoch,
      assignmentConfigs,
      topology,
      members,
      targets,
    };
  }
}

/** Who has which task is what members have and are giving up; and nobody's target is left behind. */
function checkHolders(state: StreamsGroupState): void {
  const counted = new Map<string, string[]>();
  const instances = new Map<string, string>();
  for (const { memberId, instanceId, processId, assigned, revoking } of state.members.values()) {
    if (instanceId !== null) instances.set(instanceId, memberId);
    for (const held of [assigned, revoking]) {
      for (const role of ["active", "standby", "warmup"] as const) {
        for (const task of held[role].keys()) {
          const key = `${role} ${task}`;
          counted.set(key, [...counted.get(key) ?? [], processId].sort());
        }
      }
    }
  }
  const known = new Map<string, string[]>();
  for (const [task, holders] of state.holders) {
    for (const role of ["active", "standby", "warmup"] as const) {
      if (holders[role].length > 0) known.set(`${role} ${task}`, [...holders[role]].sort());
    }
  }
  sameOrThrow("holders", counted, known);
  sameOrThrow("instances", instances, state.instances);
  for (const memberId of [...state.targets.keys(), ...state.taskOffsets.keys()]) {
    if (!state.members.has(memberId)) throw new Error(`${memberId} is known and no member`);
  }
}

/** "0:0,1 1:3" by subtopology; "-" for null. */
export function tasksText(tasks: Iterable<Task>): string {
  return taskIdsOf(tasks).map(({ subtopologyId, partitions }) => `${subtopologyId}:${partitions.join(",")}`).join(" ");
}

/** Active tasks, standby and warm-up after a bar each if there are any. */
export function heldText(held: HeldTasks | Tasks | null): string {
  if (held === null) return "-";
  const copies = held.standby.size + held.warmup.size > 0 ? ` | ${tasksText(held.standby)}` : "";
  const warmups = held.warmup.size > 0 ? ` | ${tasksText(held.warmup)}` : "";
  return `${tasksText(held.active.keys())}${copies}${warmups}`;
}

/** Of subtopology 0. */
export function tasks(
  active: readonly number[],
  standby: readonly number[] = [],
  warmup: readonly number[] = [],
): Tasks {
  const of = (partitions: readonly number[]) => new Set(partitions.map((partition) => taskOf("0", partition)));
  return { active: of(active), standby: of(standby), warmup: of(warmup) };
}

/** What a member that was given this says it has. */
export function asOwned({ active, standby, warmup }: HeldTasks): Tasks {
  return { active: new Set(active.keys()), standby, warmup };
}
