import { expect, test } from "bun:test";
import { Scheduler } from "../../../../runtime/memory_time.ts";
import { type Deadline, Deadlines } from "../../../../server/groups/deadlines.ts";
import { SmallMap } from "../../../../server/groups/small_map.ts";
import { RandomRun, testRandomRuns } from "../../../support/random_runs.ts";

interface Owner {
  readonly id: number;
  readonly deadlines: SmallMap<string, Deadline<string>>;
}

function desk() {
  const time = new Scheduler(0);
  const over: { readonly owner: number; readonly event: string; readonly ms: number }[] = [];
  const deadlines = new Deadlines<Owner, string>({ clock: time, timers: time }, (owner, event) => {
    over.push({ owner: owner.id, event, ms: time.monotonicMs() });
  });
  return { time, over, deadlines };
}

function owner(id: number): Owner {
  return { id, deadlines: new SmallMap() };
}

test("a deadline that is pushed back is over when it was last said to be, and once", async () => {
  const { time, over, deadlines } = desk();
  const one = owner(1);
  deadlines.set(one, "session", 100, "first");
  await time.advance(60);
  deadlines.set(one, "session", 100, "second");
  await time.advance(99);
  expect(over).toEqual([]);
  await time.advance(1_000);
  expect(over).toEqual([{ owner: 1, event: "second", ms: 160 }]);
  expect(one.deadlines.size).toBe(0);
});

test("a deadline may be moved to be sooner than the one that is waited for", async () => {
  const { time, over, deadlines } = desk();
  deadlines.set(owner(1), "session", 100, "other");
  const two = owner(2);
  deadlines.set(two, "session", 200, "late");
  deadlines.set(two, "session", 50, "soon");
  await time.advance(200);
  expect(over.map(({ event, ms }) => [event, ms])).toEqual([["soon", 50], ["other", 100]]);
});

test("a deadline that sets another without delay leaves a turn of the loop between them", async () => {
  const time = new Scheduler(0);
  let turnCount = 0;
  const timers = {
    after(delayMs: number, run: () => void) {
      return time.after(delayMs, () => {
        turnCount++;
        run();
      });
    },
    soon: (run: () => void) => time.soon(run),
  };
  let count = 0;
  const deadlines: Deadlines<Owner, string> = new Deadlines<Owner, string>({ clock: time, timers }, (each) => {
    if (++count < 100) deadlines.set(each, "again", 0, "again");
  });
  deadlines.set(owner(1), "again", 0, "again");
  await time.advance(0);
  expect([count, turnCount]).toEqual([100, 100]);
});

testRandomRuns(
  "deadlines are over in their order and at their time, whatever is set and cancelled",
  50,
  async (seed) => {
    const run = new RandomRun(seed);
    const { time, over, deadlines } = desk();
    const owners = Array.from({ length: 1 + run.below(5) }, (_, id) => owner(id));
    const due = new Map<string, number>();
    let checked = 0;
    for (let round = 0; round < 200; round++) {
      const one = run.pick(owners);
      const name = run.pick(["session", "join", "sync"]);
      const key = `${one.id}:${name}`;
      const nowMs = time.monotonicMs();
      const choice = run.below(20);
      if (choice < 10) {
        const delayMs = run.below(100);
        deadlines.set(one, name, delayMs, key);
        due.set(key, nowMs + delayMs);
      } else if (choice < 14) {
        deadlines.cancel(one, name);
        due.delete(key);
      } else if (choice === 14) {
        deadlines.cancelAll(one);
        for (const each of ["session", "join", "sync"]) due.delete(`${one.id}:${each}`);
      } else {
        const ms = run.below(40);
        await time.advance(ms);
        const expected = [...due].filter(([, dueMs]) => dueMs <= nowMs + ms);
        for (const [each] of expected) due.delete(each);
        const told = over.slice(checked);
        checked = over.length;
        expect(told.map(({ event, ms: atMs }) => [event, atMs]).sort()).toEqual(expected.sort());
        expect(told.map(({ ms: atMs }) => atMs)).toEqual(told.map(({ ms: atMs }) => atMs).sort((a, b) => a - b));
      }
      expect(deadlines.size).toBe(due.size);
      expect(owners.reduce((sum, { deadlines: own }) => sum + own.size, 0)).toBe(due.size);
    }
    for (const each of owners) deadlines.cancelAll(each);
    expect(time.nextTimerMs()).toBeNull();
  },
);
