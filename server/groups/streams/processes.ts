/** The processes of an application while tasks are being assigned: what each of their members has so far. */
import { Heap } from "./heap.ts";
import type { Task } from "./tasks.ts";

interface Assigned {
  readonly active: Set<Task>;
  readonly standby: Set<Task>;
}

interface MemberLoad {
  readonly memberId: string;
  readonly count: number;
}

export class Process {
  readonly #assigned = new Map<string, Assigned>();
  readonly #tasks = new Set<Task>();
  readonly #counts = new Map<string, number>();
  #total = 0;
  /** Members by load; null: to be made anew. */
  #byLoad: Heap<MemberLoad> | null = null;

  addMember(memberId: string): void {
    this.#assigned.set(memberId, { active: new Set(), standby: new Set() });
    this.#counts.set(memberId, 0);
  }

  /** Tasks a member. */
  get load(): number {
    return this.#total / this.#counts.size;
  }

  hasTask(task: Task): boolean {
    return this.#tasks.has(task);
  }

  countOf(memberId: string): number {
    return this.#counts.get(memberId)!;
  }

  assignedTo(memberId: string): Assigned {
    return this.#assigned.get(memberId)!;
  }

  /** @returns how many tasks the member has now */
  add(memberId: string, task: Task, role: keyof Assigned): number {
    this.#byLoad = null;
    return this.#add(memberId, task, role);
  }

  /** The same, for the member that has least. */
  addToLeastLoaded(task: Task, role: keyof Assigned): number {
    this.#byLoad ??= new Heap(
      Array.from(this.#counts, ([memberId, count]) => ({ memberId, count })),
      (one, other) => one.count - other.count,
    );
    const { memberId } = this.#byLoad.pop()!;
    const count = this.#add(memberId, task, role);
    this.#byLoad.push({ memberId, count });
    return count;
  }

  #add(memberId: string, task: Task, role: keyof Assigned): number {
    this.#total++;
    this.#tasks.add(task);
    this.#assigned.get(memberId)![role].add(task);
    const count = this.countOf(memberId) + 1;
    this.#counts.set(memberId, count);
    return count;
  }
}
