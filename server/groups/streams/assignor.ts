/**
 * The sticky assignor: tasks stay where they are as far as members then have about equally many, and go first to where
 * their state is. As Kafka's of the same name, ties included; members and processes are taken in the order of their ids.
 *
 *     active    1 to the member that has the task active, up to its share
 *               2 to one of those that have a copy of it, up to its share
 *               3 one after the other to the least loaded process, and there to the least loaded member
 *     standby   to a process that has not got the task: 1, 2 and 3 in the same way
 *
 * Warm-up tasks are not assigned: Kafka 4.4 knows them in its protocol and moves tasks without.
 */
import { Heap } from "./heap.ts";
import { Process } from "./processes.ts";
import type { MemberTaskOffsets } from "./state.ts";
import { partsOf, type Task, taskOf, type Tasks } from "./tasks.ts";

export interface AssigneeMember {
  readonly memberId: string;
  readonly processId: string;
  /** What it has now. */
  readonly active: Iterable<Task>;
  readonly standby: ReadonlySet<Task>;
  readonly offsets: MemberTaskOffsets["offsets"];
}

export interface AssignedSubtopology {
  readonly subtopologyId: string;
  readonly taskCount: number;
  readonly isStateful: boolean;
}

export interface TaskAssignment {
  /** In the order of their ids. */
  readonly members: readonly AssigneeMember[];
  readonly subtopologies: readonly AssignedSubtopology[];
  readonly standbyReplicas: number;
}

/** @returns for each member what it is to have */
export function assignSticky(assignment: TaskAssignment): ReadonlyMap<string, Tasks> {
  if (assignment.members.length === 0) return new Map();
  return new StickyAssignor(assignment).assign();
}

/** A place for a task: a member of a process. */
interface Place {
  readonly memberId: string;
  readonly client: Process;
}

/** Counts down what is left to be shared out, and among how many: its quotient is a member's share. */
class Share {
  #tasks: number;
  #members: number;

  constructor(tasks: number, members: number) {
    this.#tasks = tasks;
    this.#members = members;
  }

  get perMember(): number {
    return this.#members === 0 ? 0 : Math.ceil(this.#tasks / this.#members);
  }

  /** A member has `count` tasks now; once that is its share, it is out. */
  took(count: number): void {
    if (count !== this.perMember) return;
    this.#members--;
    this.#tasks -= count;
  }
}

class StickyAssignor {
  readonly #input: TaskAssignment;
  readonly #processes = new Map<string, Process>();
  /** Where a task was active. */
  readonly #lastActive = new Map<Task, Place>();
  /** Where there are copies of it, the best first. */
  readonly #copies = new Map<Task, Place[]>();
  readonly #activeShare: Share;
  readonly #share: Share;

  constructor(input: TaskAssignment) {
    this.#input = input;
    const { members, subtopologies, standbyReplicas } = input;
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
    const activeCount = sum(subtopologies.map(({ taskCount }) => taskCount));
    const standbyCount = sum(
      subtopologies.map(({ taskCount, isStateful }) => isStateful ? taskCount * standbyReplicas : 0),
    );
    this.#activeShare = new Share(activeCount, members.length);
    this.#share = new Share(activeCount + standbyCount, members.length);
    for (const processId of new Set(members.map((member) => member.processId).sort())) {
      this.#processes.set(processId, new Process());
    }
    this.#readMembers();
  }

  assign(): ReadonlyMap<string, Tasks> {
    this.#assignActive();
    if (this.#input.standbyReplicas > 0) this.#assignStandby();
    return new Map(this.#input.members.map(({ memberId, processId }) => {
      const { active, standby } = this.#processes.get(processId)!.assignedTo(memberId);
      return [memberId, { active, standby, warmup: new Set<Task>() }] as const;
    }));
  }

  #readMembers(): void {
    const candidates = new Map<Task, { readonly place: Place; readonly hasCopy: boolean; readonly offset: number }[]>();
    const note = (task: Task, place: Place, hasCopy: boolean, offset: number) =>
      candidates.set(task, [...candidates.get(task) ?? [], { place, hasCopy, offset }]);
    for (const { memberId, processId, active, standby, offsets } of this.#input.members) {
      const client = this.#processes.get(processId)!;
      client.addMember(memberId);
      const place = { memberId, client };
      for (const task of active) this.#lastActive.set(task, place);
      for (const task of standby) note(task, place, true, offsets.get(task) ?? 0);
      // State that is left on its disk, though it has not got the task now.
      for (const [task, offset] of offsets) if (!standby.has(task)) note(task, place, false, offset);
    }
    for (const [task, list] of candidates) {
      list.sort((one, other) => Number(other.hasCopy) - Number(one.hasCopy) || other.offset - one.offset);
      this.#copies.set(task, list.map(({ place }) => place));
    }
  }

  #tasks(isWanted: (subtopology: AssignedSubtopology) => boolean): Task[] {
    return this.#input.subtopologies.filter(isWanted).flatMap(({ subtopologyId, taskCount }) =>
      Array.from({ length: taskCount }, (_, partition) => taskOf(subtopologyId, partition))
    );
  }

  // -------------------------------------------------------------------------------------------- active

  #assignActive(): void {
    const all = this.#tasks(() => true).sort(byPartition);
    const notKept = all.filter((task) => !this.#assignActiveTo(task, this.#lastActive.get(task))); // 1
    const left = notKept.filter((task) => !this.#assignActiveTo(task, this.#leastLoaded(this.#copies.get(task)))); // 2
    const byLoad = new Heap(this.#processes.values(), (one, other) => one.load - other.load);
    for (const task of left.sort(bySubtopology)) { // 3
      const client = byLoad.pop()!;
      this.#took(client.addToLeastLoaded(task, "active"));
      byLoad.push(client);
    }
  }

  #assignActiveTo(task: Task, place: Place | undefined): boolean {
    if (place === undefined || place.client.countOf(place.memberId) >= this.#activeShare.perMember) return false;
    this.#took(place.client.add(place.memberId, task, "active"));
    return true;
  }

  #took(count: number): void {
    this.#activeShare.took(count);
    this.#share.took(count);
  }

  // -------------------------------------------------------------------------------------------- standby

  #assignStandby(): void {
    const { standbyReplicas } = this.#input;
    const left: { readonly task: Task; readonly count: number }[] = [];
    for (const task of this.#tasks(({ isStateful }) => isStateful).sort((one, other) => byPartition(other, one))) {
      for (let index = 0; index < standbyReplicas; index++) {
        const isPlaced = this.#assignStandbyTo(task, this.#lastActive.get(task)) || // 1
          this.#assignStandbyTo(task, this.#leastLoaded(this.#copies.get(task), task)); // 2
        if (isPlaced) continue;
        left.push({ task, count: standbyReplicas - index });
        break;
      }
    }
    const byLoad = new Heap(this.#processes.values(), (one, other) => one.load - other.load);
    for (const { task, count } of left.sort((one, other) => bySubtopology(other.task, one.task))) { // 3
      for (let index = 0; index < count; index++) if (!this.#assignStandbyToLeastLoaded(task, byLoad)) break;
    }
  }

  #assignStandbyTo(task: Task, place: Place | null | undefined): boolean {
    if (!place || place.client.hasTask(task)) return false;
    if (place.client.countOf(place.memberId) >= this.#share.perMember) return false;
    this.#share.took(place.client.add(place.memberId, task, "standby"));
    return true;
  }

  #assignStandbyToLeastLoaded(task: Task, byLoad: Heap<Process>): boolean {
    const passed: Process[] = [];
    let client = byLoad.pop();
    while (client?.hasTask(task)) {
      passed.push(client);
      client = byLoad.pop();
    }
    if (client !== undefined) {
      this.#share.took(client.addToLeastLoaded(task, "standby"));
      byLoad.push(client);
    }
    for (const one of passed.reverse()) byLoad.push(one);
    return client !== undefined;
  }

  /** Of those whose process has not got `without`. The first, unless another is less loaded in both ways. */
  #leastLoaded(places: readonly Place[] | undefined, without?: Task): Place | undefined {
    let best: Place | undefined;
    for (const place of places ?? []) {
      const { client, memberId } = place;
      if (without !== undefined && client.hasTask(without)) continue;
      const isBetter = best === undefined ||
        client.load < best.client.load && client.countOf(memberId) < best.client.countOf(best.memberId);
      if (isBetter) best = place;
    }
    return best;
  }
}

function byPartition(one: Task, other: Task): number {
  const [first, second] = [partsOf(one), partsOf(other)];
  return first.partition - second.partition || compareTexts(first.subtopologyId, second.subtopologyId);
}

function bySubtopology(one: Task, other: Task): number {
  const [first, second] = [partsOf(one), partsOf(other)];
  return compareTexts(first.subtopologyId, second.subtopologyId) || first.partition - second.partition;
}

function compareTexts(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
