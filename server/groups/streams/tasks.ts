/**
 * Tasks of a Streams application: a subtopology, and a partition of its input. One is named by both at once, so that sets
 * of tasks are sets of texts.
 */
export type Task = `${number}:${string}`;

/** Tasks by the role in which a member has them. */
export interface Tasks {
  readonly active: ReadonlySet<Task>;
  /** Copies of state stores, kept up to date by following the changelog. */
  readonly standby: ReadonlySet<Task>;
  /** Standby tasks that are to become active once they have caught up. */
  readonly warmup: ReadonlySet<Task>;
}

/** What a member has: of active tasks, in which epoch it got them. */
export interface HeldTasks {
  readonly active: ReadonlyMap<Task, number>;
  readonly standby: ReadonlySet<Task>;
  readonly warmup: ReadonlySet<Task>;
}

/** On the wire and in the log: by subtopology. */
export interface TaskIds {
  readonly subtopologyId: string;
  readonly partitions: readonly number[];
}

export const NO_TASKS: Tasks = { active: new Set(), standby: new Set(), warmup: new Set() };
export const NONE_HELD: HeldTasks = { active: new Map(), standby: new Set(), warmup: new Set() };

export function taskOf(subtopologyId: string, partition: number): Task {
  return `${partition}:${subtopologyId}`;
}

export function partsOf(task: Task): { readonly subtopologyId: string; readonly partition: number } {
  const at = task.indexOf(":");
  return { subtopologyId: task.slice(at + 1), partition: Number(task.slice(0, at)) };
}

/** Subtopologies in the order of their names, partitions ascending. */
export function taskIdsOf(tasks: Iterable<Task>): { subtopologyId: string; partitions: number[] }[] {
  const bySubtopology = new Map<string, number[]>();
  for (const task of tasks) {
    const { subtopologyId, partition } = partsOf(task);
    const partitions = bySubtopology.get(subtopologyId);
    if (partitions === undefined) bySubtopology.set(subtopologyId, [partition]);
    else partitions.push(partition);
  }
  return [...bySubtopology].sort(([one], [other]) => one < other ? -1 : 1).map(([subtopologyId, partitions]) => ({
    subtopologyId,
    partitions: partitions.sort((one, other) => one - other),
  }));
}

export function tasksOf(ids: readonly TaskIds[]): Set<Task> {
  const tasks = new Set<Task>();
  for (const { subtopologyId, partitions } of ids) {
    for (const partition of partitions) tasks.add(taskOf(subtopologyId, partition));
  }
  return tasks;
}

export function isSameSet(one: ReadonlySet<Task>, other: ReadonlySet<Task>): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const task of one) if (!other.has(task)) return false;
  return true;
}

export function isSameTasks(one: Tasks, other: Tasks): boolean {
  return isSameSet(one.active, other.active) && isSameSet(one.standby, other.standby) &&
    isSameSet(one.warmup, other.warmup);
}

/** The same tasks, the active ones of the same epochs. */
export function isSameHeld(one: HeldTasks, other: HeldTasks): boolean {
  if (one === other) return true;
  if (one.active.size !== other.active.size) return false;
  for (const [task, epoch] of one.active) if (other.active.get(task) !== epoch) return false;
  return isSameSet(one.standby, other.standby) && isSameSet(one.warmup, other.warmup);
}

export function isNone({ active, standby, warmup }: Tasks | HeldTasks): boolean {
  return active.size === 0 && standby.size === 0 && warmup.size === 0;
}

/** Whether `owned` has any of `held`, each in its role. */
export function hasAny(owned: Tasks, held: HeldTasks): boolean {
  for (const task of held.active.keys()) if (owned.active.has(task)) return true;
  for (const task of held.standby) if (owned.standby.has(task)) return true;
  for (const task of held.warmup) if (owned.warmup.has(task)) return true;
  return false;
}

/** Whether all that a member says it has is part of what it was given. */
export function isPartOf(owned: Tasks, held: HeldTasks): boolean {
  for (const task of owned.active) if (!held.active.has(task)) return false;
  for (const task of owned.standby) if (!held.standby.has(task)) return false;
  for (const task of owned.warmup) if (!held.warmup.has(task)) return false;
  return true;
}
