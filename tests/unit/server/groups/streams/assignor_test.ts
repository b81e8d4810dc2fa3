/** The sticky assignor: what it must hold to whatever the group; that it assigns as Kafka does is in `tests/golden/`. */
import { describe, expect, test } from "bun:test";
import {
  type AssigneeMember,
  assignSticky,
  type TaskAssignment,
} from "../../../../../server/groups/streams/assignor.ts";
import { Heap } from "../../../../../server/groups/streams/heap.ts";
import { taskOf } from "../../../../../server/groups/streams/tasks.ts";
import { createPrng, seedOf } from "../../../../support/prng.ts";
import { tasks, tasksText } from "./machine.ts";
import process from "node:process";

const seed = seedOf(process.env.SEED);

function member(memberId: string, parts: Partial<AssigneeMember> = {}): AssigneeMember {
  return { memberId, processId: memberId, active: [], standby: new Set(), offsets: new Map(), ...parts };
}

function activeTexts(assignment: TaskAssignment): Record<string, string> {
  const given = assignSticky(assignment);
  return Object.fromEntries([...given].map(([memberId, { active }]) => [memberId, tasksText(active)]));
}

const one = [{ subtopologyId: "0", taskCount: 4, isStateful: true }];

describe("the sticky assignor", () => {
  test("gives ranges to members that have nothing", () => {
    expect(activeTexts({ members: [member("a"), member("b")], subtopologies: one, standbyReplicas: 0 })).toEqual({
      a: "0:0,2",
      b: "0:1,3",
    });
  });

  test("leaves tasks where they are, and takes from those that have too many", () => {
    const members = [member("a", { active: tasks([0, 1, 2, 3]).active }), member("b")];
    expect(activeTexts({ members, subtopologies: one, standbyReplicas: 0 })).toEqual({ a: "0:0,1", b: "0:2,3" });
  });

  test("gives a task to the copy that is furthest", () => {
    const offsets = (offset: number) => new Map([[taskOf("0", 0), offset]]);
    const copy = { standby: tasks([], [0]).standby };
    const members = [
      member("a"),
      member("b", { ...copy, offsets: offsets(5) }),
      member("c", { ...copy, offsets: offsets(9) }),
    ];
    const subtopologies = [{ subtopologyId: "0", taskCount: 1, isStateful: true }];
    expect(activeTexts({ members, subtopologies, standbyReplicas: 0 })).toEqual({ a: "", b: "", c: "0:0" });
  });

  test("gives a task to what is left of it on a disk", () => {
    const members = [member("a"), member("b", { offsets: new Map([[taskOf("0", 0), 9]]) })];
    const subtopologies = [{ subtopologyId: "0", taskCount: 1, isStateful: true }];
    expect(activeTexts({ members, subtopologies, standbyReplicas: 0 })).toEqual({ a: "", b: "0:0" });
  });

  test("makes no copies of what has no state", () => {
    const subtopologies = [{ subtopologyId: "0", taskCount: 2, isStateful: false }];
    const given = assignSticky({ members: [member("a"), member("b")], subtopologies, standbyReplicas: 1 });
    expect([...given.values()].map(({ standby }) => standby.size)).toEqual([0, 0]);
  });

  test(`is even, whole and sticky for any group (SEED=${seed})`, () => {
    for (let run = 0; run < 300; run++) randomGroup(seed + run);
  });
});

/** Assigned, and assigned again: each task once, loads at most one apart in a process alone, and nothing moves. */
function randomGroup(runSeed: number): void {
  const random = createPrng(runSeed);
  const below = (limit: number) => Math.floor(random() * limit);
  const processCount = 1 + below(4);
  const members = Array.from(
    { length: processCount + below(5) },
    (_, index) => member(`m${index}`, { processId: `p${index < processCount ? index : below(processCount)}` }),
  );
  const subtopologies = Array.from({ length: 1 + below(3) }, (_, index) => ({
    subtopologyId: `${index}`,
    taskCount: 1 + below(6),
    isStateful: random() < 0.5,
  }));
  const standbyReplicas = below(3);
  const given = assignSticky({ members, subtopologies, standbyReplicas });
  const where = new Map(members.map(({ memberId, processId }) => [memberId, processId]));
  for (const { subtopologyId, taskCount, isStateful } of subtopologies) {
    for (let partition = 0; partition < taskCount; partition++) {
      const task = taskOf(subtopologyId, partition);
      const active = [...given].filter(([, held]) => held.active.has(task)).map(([memberId]) => where.get(memberId));
      const copies = [...given].filter(([, held]) => held.standby.has(task)).map(([memberId]) => where.get(memberId));
      expect([runSeed, task, active.length]).toEqual([runSeed, task, 1]);
      expect([runSeed, task, copies.length]).toEqual([
        runSeed,
        task,
        isStateful ? Math.min(standbyReplicas, processCount - 1) : 0,
      ]);
      expect(new Set([...active, ...copies]).size).toBe(1 + copies.length);
    }
  }
  const again = assignSticky({
    members: members.map((one) => ({ ...one, ...given.get(one.memberId)! })),
    subtopologies,
    standbyReplicas: 0,
  });
  const counts = [...given.values()].map(({ active }) => active.size);
  if (Math.max(...counts) - Math.min(...counts) > 1) return; // processes of different sizes: it evens out by process first
  for (const [memberId, { active }] of again) {
    expect([runSeed, memberId, tasksText(active)]).toEqual([runSeed, memberId, tasksText(given.get(memberId)!.active)]);
  }
}

test(`a heap gives the least first (SEED=${seed})`, () => {
  const random = createPrng(seed);
  const values = Array.from({ length: 200 }, () => Math.floor(random() * 50));
  const heap = new Heap(values, (left, right) => left - right);
  expect(Array.from(values, () => heap.pop())).toEqual([...values].sort((left, right) => left - right));
  expect([heap.pop(), heap.size]).toEqual([undefined, 0]);
});
