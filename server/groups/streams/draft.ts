/** A step's working copy of a streams group (`../modern/draft.ts`). */
import { ModernDraft, withInstanceOf } from "../modern/draft.ts";
import type {
  HeartbeatEvent,
  MemberTaskOffsets,
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

export class Draft extends ModernDraft<
  StreamsMember,
  Tasks,
  StreamsGroupState,
  StreamsGroupRules,
  StreamsRecord,
  StreamsEffect
> {
  answer({ ticket }: HeartbeatEvent, answer: StreamsAnswer): void {
    this.do({ kind: "answer", ticket, answer });
  }

  startTimer(timer: TimerName, delayMs: number, event: StreamsEvent): void {
    this.do({ kind: "startTimer", timer, delayMs, event });
  }

  cancelTimer(timer: TimerName): void {
    this.do({ kind: "cancelTimer", timer });
  }

  override cancelTimersOf(memberId: string): void {
    this.cancelTimer(`session:${memberId}`);
    this.cancelTimer(`revocation:${memberId}`);
  }

  // -------------------------------------------------------------------------------------------- members

  /** What it said of its tasks goes with it. */
  override drop(memberId: string): void {
    super.drop(memberId);
    if (this.state.taskOffsets.has(memberId)) {
      const taskOffsets = new Map(this.state.taskOffsets);
      taskOffsets.delete(memberId);
      this.update({ taskOffsets });
    }
    if (this.state.members.size === 0) this.update({ shutdownBy: null });
  }

  setTaskOffsets(memberId: string, offsets: MemberTaskOffsets): void {
    this.update({ taskOffsets: new Map(this.state.taskOffsets).set(memberId, offsets) });
  }

  // -------------------------------------------------------------------------------------------- the group

  setTopology(topology: StreamsTopology): void {
    this.update({ topology });
    this.write({ kind: "topology", value: topology });
  }

  /** Raises the group epoch. */
  raise(changes: Partial<StoredGroupValue>): void {
    this.update({ ...changes, groupEpoch: this.state.groupEpoch + 1 });
    this.write({ kind: "group", value: storedValue(this.state) });
  }

  override targetOf(memberId: string): Tasks {
    return this.state.targets.get(memberId) ?? NO_TASKS;
  }

  holdersOf(task: Task): TaskHolders {
    return this.state.holders.get(task) ?? NO_HOLDERS;
  }

  // -------------------------------------------------------------------------------------------- below: how

  protected override recount(old: StreamsMember | undefined, member: StreamsMember | undefined): void {
    this.update({ instances: withInstanceOf(this.state.instances, old, member) });
    const isSame = old?.assigned === member?.assigned && old?.revoking === member?.revoking &&
      old?.processId === member?.processId;
    if (isSame) return;
    const holders = new Map(this.state.holders);
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
