import { describe, expect, test } from "bun:test";
import type { AssigneeMember, Assignor } from "../../../../../server/groups/consumer/assignors/assignor.ts";
import { assignRanges } from "../../../../../server/groups/consumer/assignors/range.ts";
import { orderKey, sortedTopicIds } from "../../../../../server/groups/consumer/assignors/topic_order.ts";
import { assignUniformly } from "../../../../../server/groups/consumer/assignors/uniform.ts";
import type { TopicPartitions } from "../../../../../server/groups/consumer/state.ts";
import { Reader } from "../../../../../protocol/wire.ts";
import { createPrng, seedOf } from "../../../../support/prng.ts";
import { heldText } from "./machine.ts";
import { FakeTopics } from "./topics.ts";

/** What each member subscribes to, as "a: t u", and what it has, as "a: t:0,1". */
function assign(
  assignor: Assignor,
  topics: FakeTopics,
  subscriptions: Readonly<Record<string, readonly string[]>>,
  had: ReadonlyMap<string, TopicPartitions> = new Map(),
  instances: Readonly<Record<string, string>> = {},
): Map<string, TopicPartitions> {
  const members: AssigneeMember[] = Object.entries(subscriptions).sort(([one], [other]) => one < other ? -1 : 1).map(
    ([memberId, names]) => ({
      memberId,
      instanceId: instances[memberId] ?? null,
      topicIds: sortedTopicIds(names.map((name) => topics.topic(name)!.id)),
      target: had.get(memberId) ?? new Map(),
    }),
  );
  const [first] = Object.values(subscriptions);
  const isUniform = Object.values(subscriptions).every((names) =>
    [...names].sort().join() === [...first!].sort().join()
  );
  const partitionCount = (topicId: string) => topics.topicById(topicId)!.partitionCount;
  return new Map(assignor({ members, isUniform, partitionCount }));
}

function texts(assignment: ReadonlyMap<string, TopicPartitions>, topics: FakeTopics): Record<string, string> {
  return Object.fromEntries([...assignment].map(([memberId, held]) => [memberId, heldText(held, topics)]));
}

describe("the uniform assignor", () => {
  test("gives everybody the same, and the remainder to the last", () => {
    const topics = new FakeTopics({ t: 4, u: 3 });
    const both = ["t", "u"];
    const assignment = assign(assignUniformly, topics, { a: both, b: both, c: both });
    expect(texts(assignment, topics)).toEqual({ a: "t:0,1", b: "t:2,3", c: "u:0,1,2" });
  });

  test("moves no more than it must when a member comes and when one goes", () => {
    const topics = new FakeTopics({ t: 6 });
    const two = assign(assignUniformly, topics, { a: ["t"], b: ["t"] });
    expect(texts(two, topics)).toEqual({ a: "t:0,1,2", b: "t:3,4,5" });
    const three = assign(assignUniformly, topics, { a: ["t"], b: ["t"], c: ["t"] }, two);
    expect(texts(three, topics)).toEqual({ a: "t:0,1", b: "t:3,4", c: "t:2,5" });
    three.delete("a");
    const again = assign(assignUniformly, topics, { b: ["t"], c: ["t"] }, three);
    expect(texts(again, topics)).toEqual({ b: "t:0,3,4", c: "t:1,2,5" });
  });

  test("leaves who has one more with it", () => {
    const topics = new FakeTopics({ t: 3 });
    const had = new Map([["b", new Map([[topics.topic("t")!.id, [0, 1]]])]]);
    expect(texts(assign(assignUniformly, topics, { a: ["t"], b: ["t"] }, had), topics)).toEqual({
      a: "t:2",
      b: "t:0,1",
    });
  });

  test("with more members than partitions leaves some with nothing", () => {
    const topics = new FakeTopics({ t: 2 });
    const assignment = assign(assignUniformly, topics, { a: ["t"], b: ["t"], c: ["t"] });
    expect(texts(assignment, topics)).toEqual({ a: "", b: "t:0", c: "t:1" });
  });

  test("balances over different subscriptions", () => {
    const topics = new FakeTopics({ t: 4, u: 4 });
    const assignment = assign(assignUniformly, topics, { a: ["t", "u"], b: ["u"], c: ["t"] });
    expect([...assignment.values()].map((held) => [...held.values()].flat().length).sort()).toEqual([2, 3, 3]);
  });

  test("takes from who has most when another joins", () => {
    const topics = new FakeTopics({ t: 6, u: 2 });
    const one = assign(assignUniformly, topics, { a: ["t", "u"] });
    const two = assign(assignUniformly, topics, { a: ["t", "u"], b: ["t"] }, one);
    expect(texts(two, topics)).toEqual({ a: "t:0,1 u:0,1", b: "t:2,3,4,5" });
  });

  const seed = seedOf(undefined);
  test(`gives each partition to one subscriber, evenly where it can (seed ${seed})`, () => {
    const random = createPrng(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    for (let run = 0; run < 200; run++) {
      const topics = new FakeTopics();
      const names = Array.from({ length: 1 + below(5) }, (_, index) => `t${index}`);
      for (const name of names) topics.put(name, 1 + below(12));
      const isMixed = random() < 0.6;
      let had: Map<string, TopicPartitions> = new Map();
      for (let round = 0; round < 4; round++) {
        const subscriptions: Record<string, readonly string[]> = {};
        for (let index = 0; index < 8; index++) {
          if (random() < 0.3) continue;
          subscriptions[`m${index}`] = isMixed ? names.filter(() => random() < 0.6) : names;
        }
        if (Object.keys(subscriptions).length === 0) continue;
        const assignment = assign(assignUniformly, topics, subscriptions, had);
        checkWhole(assignment, subscriptions, topics, isMixed);
        had = assignment;
      }
    }
  });
});

function checkWhole(
  assignment: ReadonlyMap<string, TopicPartitions>,
  subscriptions: Readonly<Record<string, readonly string[]>>,
  topics: FakeTopics,
  isMixed: boolean,
): void {
  const owners = new Map<string, string>();
  for (const [memberId, held] of assignment) {
    for (const [topicId, partitions] of held) {
      const { name } = topics.topicById(topicId)!;
      expect(subscriptions[memberId]).toContain(name);
      for (const partition of partitions) {
        expect(owners.has(`${name} ${partition}`)).toBe(false);
        owners.set(`${name} ${partition}`, memberId);
      }
    }
  }
  const wanted = new Set(Object.values(subscriptions).flat());
  const count = [...wanted].reduce((sum, name) => sum + topics.topic(name)!.partitionCount, 0);
  expect(owners.size).toBe(count);
  if (isMixed) return;
  const sizes = [...assignment.values()].map((held) => [...held.values()].flat().length);
  expect(Math.max(...sizes) - Math.min(...sizes) <= 1).toBe(true);
}

describe("the range assignor", () => {
  test("gives neighbouring partitions, of all topics alike", () => {
    const topics = new FakeTopics({ t: 3, u: 3 });
    const both = ["t", "u"];
    expect(texts(assign(assignRanges, topics, { a: both, b: both }), topics)).toEqual({
      a: "t:0,1 u:0,1",
      b: "t:2 u:2",
    });
  });

  test("divides each topic among its own subscribers", () => {
    const topics = new FakeTopics({ t: 4, u: 2 });
    const assignment = assign(assignRanges, topics, { a: ["t"], b: ["t", "u"], c: ["u"] });
    expect(texts(assignment, topics)).toEqual({ a: "t:0,1", b: "t:2,3 u:0", c: "u:1" });
  });

  test("puts static members first, by their instance ids", () => {
    const topics = new FakeTopics({ t: 3 });
    const all = { a: ["t"], b: ["t"], c: ["t"] };
    const assignment = assign(assignRanges, topics, all, new Map(), { c: "1", b: "2" });
    expect(texts(assignment, topics)).toEqual({ c: "t:0", b: "t:1", a: "t:2" });
  });
});

test("topic ids are in the order of two signed numbers", () => {
  const idOf = (first: number, ninth: number) => {
    const bytes = new Uint8Array(16);
    bytes[0] = first;
    bytes[8] = ninth;
    return new Reader(bytes).uuid();
  };
  const ids = [idOf(0x80, 0), idOf(0, 0x80), idOf(0, 0), idOf(0, 1), idOf(1, 0)];
  expect(sortedTopicIds([...ids].reverse())).toEqual(ids);
  expect(orderKey(ids[0]!) < orderKey(ids[1]!)).toBe(true);
});
