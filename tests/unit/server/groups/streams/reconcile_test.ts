/** From the tasks a member has to those it is to have, role by role; warm-up tasks too, which no assignor of Kafka 4.4 gives. */
import { describe, expect, test } from "bun:test";
import { reconciled } from "../../../../../server/groups/streams/reconcile.ts";
import { newMember, type StreamsMember, type TaskHolders } from "../../../../../server/groups/streams/state.ts";
import { type HeldTasks, NONE_HELD, taskOf, type Tasks } from "../../../../../server/groups/streams/tasks.ts";
import { heldText, tasks } from "./machine.ts";

const nobody: TaskHolders = { active: [], standby: [], warmup: [] };

function heldOf({ active, standby, warmup }: Tasks, epoch = 2): HeldTasks {
  return { active: new Map([...active].map((task) => [task, epoch])), standby, warmup };
}

interface Situation {
  readonly has: Tasks;
  readonly target: Tasks;
  readonly owned?: Tasks | null;
  readonly others?: Readonly<Record<number, Partial<TaskHolders>>>;
  readonly revoking?: Tasks;
}

/** The member in process "p" and epoch 2, one step on its way to epoch 3. */
function next({ has, target, owned = null, others = {}, revoking }: Situation): StreamsMember {
  const member: StreamsMember = {
    ...newMember("m"),
    processId: "p",
    epoch: 2,
    previousEpoch: 2,
    phase: revoking === undefined ? "stable" : "unrevoked",
    assigned: heldOf(has),
    revoking: revoking === undefined ? NONE_HELD : heldOf(revoking),
  };
  return reconciled(member, {
    target,
    targetEpoch: 3,
    owned,
    holders: (task) => {
      const partition = Number(task.split(":")[0]);
      const own = (role: keyof TaskHolders) => [member.assigned, member.revoking].some((held) => held[role].has(task));
      const at = (role: keyof TaskHolders) => [...own(role) ? ["p"] : [], ...others[partition]?.[role] ?? []];
      return { ...nobody, active: at("active"), standby: at("standby"), warmup: at("warmup") };
    },
  });
}

const text = ({ phase, epoch, assigned, revoking }: StreamsMember) =>
  `${phase} ${epoch}: ${heldText(assigned)}${revoking === NONE_HELD ? "" : ` revoking ${heldText(revoking)}`}`;

describe("a member", () => {
  const cases: readonly (readonly [string, Situation, string])[] = [
    ["gets what is free", { has: tasks([0]), target: tasks([0, 1], [2]) }, "stable 3: 0:0,1 | 0:2"],
    [
      "gives up before it gets anything",
      { has: tasks([0, 1], [3]), target: tasks([1, 2]), owned: tasks([0, 1], [3]) },
      "unrevoked 2: 0:1 revoking 0:0 | 0:3",
    ],
    [
      "need not give up what it has not got",
      { has: tasks([0]), target: tasks([1]), owned: tasks([]) },
      "stable 3: 0:1",
    ],
    [
      "waits for what another has active",
      { has: tasks([0]), target: tasks([0, 1, 2]), others: { 1: { active: ["q"] } } },
      "unreleased 3: 0:0,2",
    ],
    [
      "gets a task that other processes have copies of",
      {
        has: tasks([]),
        target: tasks([1], [2]),
        others: { 1: { standby: ["q"] }, 2: { active: ["q"], standby: ["r"] } },
      },
      "stable 3: 0:1 | 0:2",
    ],
    [
      "waits for the copy that another member of its process gives up",
      { has: tasks([]), target: tasks([1], [2]), others: { 1: { standby: ["p"] }, 2: { active: ["p"] } } },
      "unreleased 3: ",
    ],
    [
      "keeps its copy until it can be active, and is not to give it up",
      { has: tasks([], [1]), target: tasks([1]), others: { 1: { active: ["q"] } } },
      "unreleased 3:  | 0:1",
    ],
    ["goes from copy to active in one step", { has: tasks([], [1]), target: tasks([1]) }, "stable 3: 0:1"],
    ["goes from warm-up to active in one step", { has: tasks([], [], [1]), target: tasks([1]) }, "stable 3: 0:1"],
    [
      "has an active task that becomes a copy as both, until it is released",
      { has: tasks([1]), target: tasks([], [1]), owned: tasks([1]) },
      "unrevoked 2:  | 0:1 revoking 0:1",
    ],
    ["goes from copy to warm-up", { has: tasks([], [1]), target: tasks([], [], [1]) }, "stable 3:  |  | 0:1"],
    ["goes from warm-up to copy", { has: tasks([], [], [1]), target: tasks([], [1]) }, "stable 3:  | 0:1"],
    [
      "that has given up goes on",
      { has: tasks([1]), revoking: tasks([0]), target: tasks([1, 2]), owned: tasks([1]) },
      "stable 3: 0:1,2",
    ],
    [
      "that has not, or does not say, stays",
      { has: tasks([1]), revoking: tasks([0]), target: tasks([1, 2]), owned: tasks([0, 1]) },
      "unrevoked 2: 0:1 revoking 0:0",
    ],
  ];
  test.each(cases)("%s", (_name, situation, expected) => {
    expect(text(next(situation))).toBe(expected);
  });

  test("keeps the epoch in which it got a task", () => {
    const { active } = next({ has: tasks([0]), target: tasks([0, 1]) }).assigned;
    expect([active.get(taskOf("0", 0)), active.get(taskOf("0", 1))]).toEqual([2, 3]);
  });
});
