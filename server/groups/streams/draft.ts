/**
 * A step's working copy of a group: what the step changes it copies first, so the state that it was given stays as it
 * was; what is to be written, and done, is gathered on the way.
 *
 *  1. Members change by `put` and `drop` only, which keep in step who has which task.
 *  2. What changes a part that the log keeps writes the record with it: memory and log say the same.
 *  3. A step refuses by throwing a `ProtocolError`, and then it has not happened.
 */
import type { GroupTopics } from "../consumer/state.ts";
import type {
  HeartbeatEvent,
  MemberTaskOffsets,
  StepContext,
  StoredGroupValue,
  StreamsAnswer,
  StreamsEffect,
  StreamsEvent,
  StreamsGroupRules,
  StreamsGroupState,
  StreamsMember,
  StreamsRecord,
  TaskHolders,
  TaskRole,
  TimerName,
} from "./state.ts";
import { NO_TASKS, type Task, type Tasks } from "./tasks.ts";
import type { StreamsTopology } from "./topology.ts";

const NO_HOLDERS: TaskHolders = { active: [], standby: [], warmup: [] };
const roles = ["active", "standby", "warmup"] as const satisfies readonly TaskRole[];

export class Draft {
  readonly nowMs: number;
  readonly rules: StreamsGroupRules;
  readonly topics: GroupTopics;
  /** The state that the step was given. */
  readonly before: StreamsGroupState;
  readonly #effects: StreamsEffect[] = [];
  readonly #records: StreamsRecord[] = [];
  #state: StreamsGroupState;

  constructor(state: StreamsGroupState, context: StepContext) {
    this.before = state;
    this.#state = state;
    this.nowMs = context.nowMs;
    this.rules = context.rules;
    this.topics = context.topics;
  }

  get state(): StreamsGroupState {
    return this.#state;
  }

  /** What is to be written comes before what waits for it. */
  get effects(): readonly StreamsEffect[] {
    if (this.#records.length === 0) return this.#effects;
    return [{ kind: "persist", records: this.#records }, ...this.#effects];
  }

  update(changes: Partial<StreamsGroupState>): void {
    this.#state = { ...this.#state, ...changes };
  }

  write(record: StreamsRecord): void {
    this.#records.push(record);
  }

  answer({ ticket }: HeartbeatEvent, answer: StreamsAnswer): void {
    this.#effects.push({ kind: "answer", ticket, answer });
  }

  note(event: string, facts: Record<string, string | number>): void {
    this.#effects.push({ kind: "note", event, facts: { group: this.#state.groupId, ...facts } });
  }

  startTimer(timer: TimerName, delayMs: number, event: StreamsEvent): void {
    this.#effects.push({ kind: "startTimer", timer, delayMs, event });
  }

  cancelTimer(timer: TimerName): void {
    this.#effects.push({ kind: "cancelTimer", timer });
  }

  cancelTimersOf(memberId: string): void {
    this.cancelTimer(`session:${memberId}`);
    this.cancelTimer(`revocation:${memberId}`);
  }

  // -------------------------------------------------------------------------------------------- members

  /** Adds the member, or puts it in place of what it was. Whoever calls writes what of it has changed. */
  put(member: StreamsMember): void {
    const old = this.#state.members.get(member.memberId);
    this.#ownMembers().set(member.memberId, member);
    this.#recount(old, member);
    if (old !== undefined && old.instanceId === member.instanceId) return;
    const instances = new Map(this.#state.instances);
    if (old !== undefined && old.instanceId !== null) instances.delete(old.instanceId);
    if (member.instanceId !== null) instances.set(member.instanceId, member.memberId);
    this.update({ instances });
  }

  /** Takes the member out, with its target and what it said of its tasks. */
  drop(memberId: string): void {
    const old = this.#state.members.get(memberId);
    if (old === undefined) return;
    this.#ownMembers().delete(memberId);
    this.#recount(old, undefined);
    if (old.instanceId !== null && this.#state.instances.get(old.instanceId) === memberId) {
      const instances = new Map(this.#state.instances);
      instances.delete(old.instanceId);
      this.update({ instances });
    }
    if (this.#state.targets.has(memberId)) this.#ownTargets().delete(memberId);
    if (this.#state.taskOffsets.has(memberId)) {
      const taskOffsets = new Map(this.#state.taskOffsets);
      taskOffsets.delete(memberId);
      this.update({ taskOffsets });
    }
    if (this.#state.members.size === 0) this.update({ shutdownBy: null });
    // In this order, as Kafka wants to read them: what a member has, its target, the member.
    this.write({ kind: "memberCurrent", memberId, value: null });
    this.write({ kind: "memberTarget", memberId, value: null });
    this.write({ kind: "member", memberId, value: null });
  }

  setTaskOffsets(memberId: string, offsets: MemberTaskOffsets): void {
    this.update({ taskOffsets: new Map(this.#state.taskOffsets).set(memberId, offsets) });
  }

  // -------------------------------------------------------------------------------------------- the group

  setTopology(topology: StreamsTopology): void {
    this.update({ topology });
    this.write({ kind: "topology", value: topology });
  }

  /** Raises the group epoch. */
  raise(changes: Partial<StoredGroupValue>): void {
    this.update({ ...changes, groupEpoch: this.#state.groupEpoch + 1 });
    this.write({ kind: "group", value: storedValue(this.#state) });
  }

  setAssignmentEpoch(epoch: number, timestampMs: number): void {
    this.update({ assignmentEpoch: epoch, assignmentTimestampMs: timestampMs });
    this.write({ kind: "target", value: { epoch, timestampMs } });
  }

  targetOf(memberId: string): Tasks {
    return this.#state.targets.get(memberId) ?? NO_TASKS;
  }

  setTarget(memberId: string, value: Tasks): void {
    this.#ownTargets().set(memberId, value);
    this.write({ kind: "memberTarget", memberId, value });
  }

  holdersOf(task: Task): TaskHolders {
    return this.#state.holders.get(task) ?? NO_HOLDERS;
  }

  // -------------------------------------------------------------------------------------------- below: how

  #ownMembers(): Map<string, StreamsMember> {
    if (this.#state.members === this.before.members) this.update({ members: new Map(this.before.members) });
    return this.#state.members as Map<string, StreamsMember>;
  }

  #ownTargets(): Map<string, Tasks> {
    if (this.#state.targets === this.before.targets) this.update({ targets: new Map(this.before.targets) });
    return this.#state.targets as Map<string, Tasks>;
  }

  #recount(old: StreamsMember | undefined, member: StreamsMember | undefined): void {
    const isSame = old?.assigned === member?.assigned && old?.revoking === member?.revoking &&
      old?.processId === member?.processId;
    if (isSame) return;
    const holders = new Map(this.#state.holders);
    for (const [role, task, processId] of holdingsOf(old)) {
      const held = holders.get(task)!;
      const at = held[role].indexOf(processId);
      const left = { ...held, [role]: held[role].filter((_, index) => index !== at) };
      if (left.active.length + left.standby.length + left.warmup.length === 0) holders.delete(task);
      else holders.set(task, left);
    }
    for (const [role, task, processId] of holdingsOf(member)) {
      const held = holders.get(task) ?? NO_HOLDERS;
      holders.set(task, { ...held, [role]: [...held[role], processId] });
    }
    this.update({ holders });
  }
}

export function storedValue(state: StreamsGroupState): StoredGroupValue {
  const { groupEpoch, metadataHash, validatedTopologyEpoch, assignmentConfigs } = state;
  const { storedDescriptionEpoch, failedDescriptionEpoch } = state;
  return {
    groupEpoch,
    metadataHash,
    validatedTopologyEpoch,
    assignmentConfigs,
    storedDescriptionEpoch,
    failedDescriptionEpoch,
  };
}

/** What it has and what it is giving up. */
function* holdingsOf(member: StreamsMember | undefined): Iterable<readonly [TaskRole, Task, string]> {
  if (member === undefined) return;
  for (const held of [member.assigned, member.revoking]) {
    for (const role of roles) for (const task of held[role].keys()) yield [role, task, member.processId];
  }
}
