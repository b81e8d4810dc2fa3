/**
 * How a member comes from the tasks it has to those it is to have, one step at a heartbeat, without two members ever
 * having the same task active. Phases are as in a consumer group (`../consumer/reconcile.ts`), and besides:
 *
 *  1. A member gets an active task only when nobody has it active, and nobody else of its process has a copy of it: a
 *     process has one state folder for a task. Of copies, a process has one.
 *  2. A member comes to an epoch only once it has given up all that is not its in that epoch.
 *  3. A task that only changes its role on the member is not given up first, so that the client goes on with the state
 *     it has. An active task that becomes a copy is both for a while: the group must see it released before another
 *     gets it. A copy that is to become active stays one until that is possible.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import type { StreamsMember, TaskHolders } from "./state.ts";
import { hasAny, type HeldTasks, isNone, NONE_HELD, type Task, type Tasks } from "./tasks.ts";

export interface Reconciliation {
  readonly target: Tasks;
  readonly targetEpoch: number;
  /** Who has the task now. */
  readonly holders: (task: Task) => TaskHolders;
  /** What the member says it has; null: it did not say. */
  readonly owned: Tasks | null;
}

/**
 * The member after one step; itself when there is none to take.
 * @throws {ProtocolError} FENCED_MEMBER_EPOCH when it is in a phase that only a later version knows
 */
export function reconciled(member: StreamsMember, situation: Reconciliation): StreamsMember {
  const { targetEpoch, owned } = situation;
  switch (member.phase) {
    case "stable":
      return member.epoch === targetEpoch ? member : nextAssignment(member, situation, member.epoch);
    case "unrevoked":
      if (owned === null || hasAny(owned, member.revoking)) return member;
      return nextAssignment(member, situation, Math.min(member.epoch + 1, targetEpoch));
    case "unreleased":
      return nextAssignment(member, situation, member.epoch);
    case "unknown":
      if (owned === null || !isNone(owned)) {
        throw new ProtocolError(
          ErrorCode.FENCED_MEMBER_EPOCH,
          "The streams group member is in a unknown state. The member must abandon all its tasks and rejoin.",
        );
      }
      return nextAssignment(member, situation, targetEpoch);
  }
}

/** `epoch`: that of the member while it has to give up tasks. */
function nextAssignment(member: StreamsMember, situation: Reconciliation, epoch: number): StreamsMember {
  const { target, targetEpoch, owned } = situation;
  const active = activeChange(member, situation);
  const standby = copyChange("standby", member, situation);
  const warmup = copyChange("warmup", member, situation);

  // (3) from here on
  for (const task of member.assigned.active.keys()) if (standby.given.delete(task)) standby.kept.add(task);
  for (const task of member.assigned.standby) {
    if (warmup.given.delete(task)) {
      warmup.kept.add(task);
      standby.left.delete(task);
    }
  }
  for (const task of member.assigned.warmup) {
    if (standby.given.delete(task)) {
      standby.kept.add(task);
      warmup.left.delete(task);
    }
  }
  const copies = [[member.assigned.standby, standby], [member.assigned.warmup, warmup]] as const;
  for (const [had, { left }] of copies) for (const task of had) if (target.active.has(task)) left.delete(task);
  const revoking: HeldTasks = { active: active.left, standby: standby.left, warmup: warmup.left };
  const mustRevoke = !isNone(revoking) && (owned === null || hasAny(owned, revoking));
  for (const [had, { kept }] of copies) {
    for (const task of had) {
      if (target.active.has(task) && (mustRevoke || !active.given.has(task))) kept.add(task);
    }
  }

  const kept: HeldTasks = { active: active.kept, standby: standby.kept, warmup: warmup.kept };
  if (mustRevoke) {
    return { ...member, phase: "unrevoked", epoch, previousEpoch: member.epoch, assigned: kept, revoking }; // (2)
  }
  return {
    ...member,
    phase: active.isWaiting || standby.isWaiting || warmup.isWaiting ? "unreleased" : "stable",
    epoch: targetEpoch,
    previousEpoch: member.epoch,
    assigned: {
      active: new Map([...kept.active, ...active.given]),
      standby: new Set([...kept.standby, ...standby.given]),
      warmup: new Set([...kept.warmup, ...warmup.given]),
    },
    revoking: NONE_HELD,
  };
}

function activeChange(member: StreamsMember, { target, targetEpoch, holders }: Reconciliation) {
  const kept = new Map<Task, number>();
  const left = new Map<Task, number>();
  const given = new Map<Task, number>();
  let isWaiting = false;
  for (const [task, since] of member.assigned.active) (target.active.has(task) ? kept : left).set(task, since);
  for (const task of target.active) {
    if (kept.has(task)) continue;
    const { active, standby, warmup } = holders(task);
    const isTaken = active.length > 0 || isElsewhere("standby", task, member, standby) ||
      isElsewhere("warmup", task, member, warmup); // (1)
    if (isTaken) isWaiting = true;
    else given.set(task, targetEpoch);
  }
  return { kept, left, given, isWaiting };
}

function copyChange(role: "standby" | "warmup", member: StreamsMember, { target, holders }: Reconciliation) {
  const kept = new Set<Task>();
  const left = new Set<Task>();
  const given = new Set<Task>();
  let isWaiting = false;
  const other = role === "standby" ? "warmup" : "standby";
  for (const task of member.assigned[role]) (target[role].has(task) ? kept : left).add(task);
  for (const task of target[role]) {
    if (kept.has(task)) continue;
    const held = holders(task);
    const isActiveHere = held.active.includes(member.processId) &&
      (role === "warmup" || !member.assigned.active.has(task));
    const isTaken = isActiveHere || held[role].includes(member.processId) ||
      isElsewhere(other, task, member, held[other]); // (1)
    if (isTaken) isWaiting = true;
    else given.add(task);
  }
  return { kept, left, given, isWaiting };
}

/** Another member of the process has it. */
function isElsewhere(
  role: "standby" | "warmup",
  task: Task,
  { processId, assigned }: StreamsMember,
  processIds: readonly string[],
): boolean {
  return processIds.includes(processId) && !assigned[role].has(task);
}
