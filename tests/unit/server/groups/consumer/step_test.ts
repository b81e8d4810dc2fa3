import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../../protocol/errors.ts";
import { Client, settle } from "./client.ts";
import { heldText, Machine } from "./machine.ts";

describe("a member that joins", () => {
  test("gets all there is, in the first epoch that has an assignment", () => {
    const group = new Machine({ topics: { t: 3 } });
    const answer = group.join("a");
    expect(answer).toMatchObject({ errorCode: 0, memberId: "a", memberEpoch: 2, heartbeatIntervalMs: 5_000 });
    expect(heldText(answer.assignment!, group.topics)).toBe("t:0,1,2");
    expect(group.phase).toBe("Stable");
    expect(group.written.map(({ kind }) => kind)).toEqual([
      "member",
      "group",
      "memberTarget",
      "target",
      "memberCurrent",
    ]);
  });

  test("gets an id when it has none, as in version 0", () => {
    const group = new Machine();
    expect(group.join("").memberId).toBe("new-1");
  });

  test("waits for partitions until who has them gave them up", () => {
    const group = new Machine({ topics: { t: 4 } });
    const [a, b] = [new Client(group, "a"), new Client(group, "b")];
    a.join();
    expect(b.join()).toMatchObject({ memberEpoch: 3, assignment: new Map() });
    expect(group.member("b").phase).toBe("unreleased");

    expect(heldText(a.heartbeat().assignment!, group.topics)).toBe("t:0,1");
    expect(group.member("a")).toMatchObject({ phase: "unrevoked", epoch: 2 });
    expect(b.heartbeat().assignment).toBe(null);
    expect(a.heartbeat()).toMatchObject({ memberEpoch: 3, assignment: null });
    expect(heldText(b.heartbeat().assignment!, group.topics)).toBe("t:2,3");
    expect(group.phase).toBe("Stable");
  });

  test("to nothing is a member without partitions", () => {
    const group = new Machine();
    expect(group.join("a", { topics: [] })).toMatchObject({ errorCode: 0, memberEpoch: 1, assignment: new Map() });
    expect(group.written.map(({ kind }) => kind)).toEqual(["member", "memberCurrent"]);
  });

  test("gets partitions of a topic once it is there", () => {
    const group = new Machine({ topics: {} });
    const a = new Client(group, "a");
    expect(a.join().assignment).toEqual(new Map());
    group.topics.put("t", 2);
    group.feed({ kind: "topicsChanged" });
    a.heartbeat();
    expect(a.text).toBe("t:0,1");
    group.topics.put("t", 3);
    group.feed({ kind: "topicsChanged" });
    a.heartbeat();
    expect([a.text, a.epoch]).toEqual(["t:0,1,2", 4]);
  });

  test("is refused where the group is full, but for a static member that comes back", () => {
    const group = new Machine({ sizeMax: 1 });
    const a = new Client(group, "a", { instanceId: "i" });
    a.join();
    expect(group.join("b")).toMatchObject({
      errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED,
      errorMessage: "The consumer group has reached its maximum capacity of 1 members.",
      memberId: null,
    });
    a.leave(-2);
    expect(group.join("c", { instanceId: "i" }).errorCode).toBe(0);
  });

  test("again, without what it had, is told what it had", () => {
    const group = new Machine({ topics: { t: 2 } });
    group.join("a");
    const answer = group.join("a");
    expect(answer.memberEpoch).toBe(2);
    expect(heldText(answer.assignment!, group.topics)).toBe("t:0,1");
  });
});

describe("a heartbeat", () => {
  test("that says nothing new is told nothing new, and writes nothing", () => {
    const group = new Machine();
    group.join("a");
    expect(group.heartbeat("a", 2)).toEqual({
      errorCode: 0,
      errorMessage: null,
      memberId: "a",
      memberEpoch: 2,
      heartbeatIntervalMs: 5_000,
      assignment: null,
    });
    expect(group.written).toEqual([]);
  });

  test("that says everything is told everything", () => {
    const group = new Machine();
    const a = new Client(group, "a");
    a.join();
    const full = { rebalanceTimeoutMs: 30_000, topics: ["t"], owned: a.ownedList };
    expect(heldText(a.heartbeat(full).assignment!, group.topics)).toBe("t:0,1,2,3");
  });

  const refusals: readonly (readonly [string, Parameters<Machine["heartbeat"]>, number, string])[] = [
    [
      "a stranger",
      ["b", 1],
      ErrorCode.UNKNOWN_MEMBER_ID,
      "Member b is not a member of group g.",
    ],
    [
      "an epoch to come",
      ["a", 9],
      ErrorCode.FENCED_MEMBER_EPOCH,
      "The consumer group member has a greater member epoch (9) than the one known by the group coordinator (3). " +
      "The member must abandon all its partitions and rejoin.",
    ],
    [
      "the epoch before without the partitions",
      ["a", 2],
      ErrorCode.FENCED_MEMBER_EPOCH,
      "The consumer group member has a smaller member epoch (2) than the one known by the group coordinator (3). " +
      "The member must abandon all its partitions and rejoin.",
    ],
    ["an unknown instance", ["a", 3, { instanceId: "x" }], ErrorCode.UNKNOWN_MEMBER_ID, "Instance id x is unknown."],
    [
      "a bad pattern",
      ["a", 3, { regex: "(" }],
      ErrorCode.INVALID_REGULAR_EXPRESSION,
      "SubscribedTopicRegex `(` is not a valid regular expression: missing closing ).",
    ],
  ];
  test.each(refusals)("is refused from %s, and changes nothing", (_name, parameters, errorCode, errorMessage) => {
    const group = new Machine();
    group.join("a");
    group.heartbeat("a", 2, { topics: ["t", "u"] });
    const before = group.state;
    expect(group.heartbeat(...parameters)).toMatchObject({ errorCode, errorMessage, memberEpoch: 0 });
    expect(group.state).toBe(before);
  });

  test("in the epoch before is taken from a member whose answer was lost", () => {
    const group = new Machine({ topics: { t: 2 } });
    const a = new Client(group, "a");
    a.join();
    group.heartbeat("a", 2, { topics: ["t", "u"] });
    expect(group.member("a").epoch).toBe(3);
    expect(group.heartbeat("a", 2, { owned: a.ownedList })).toMatchObject({ errorCode: 0, memberEpoch: 3 });
  });
});

describe("a member that leaves", () => {
  test("makes room at the next heartbeat of another", () => {
    const group = new Machine();
    const [a, b] = [new Client(group, "a"), new Client(group, "b")];
    a.join();
    b.join();
    settle(a, b);
    expect(b.leave()).toMatchObject({ errorCode: 0, memberId: "b", memberEpoch: -1, heartbeatIntervalMs: 0 });
    expect(group.phase).toBe("Assigning");
    a.heartbeat();
    expect([a.text, group.phase]).toEqual(["t:0,1,2,3", "Stable"]);
  });

  test("last leaves an empty group that has its assignment, and does not make the next one wait", () => {
    const group = new Machine({ assignmentIntervalMs: 1_000 });
    group.join("a");
    group.heartbeat("a", -1);
    expect(group.phase).toBe("Empty");
    expect(group.state).toMatchObject({ groupEpoch: 3, assignmentEpoch: 3, assignmentTimestampMs: 0 });
    expect(group.timers.size).toBe(0);
    expect(group.join("b").memberEpoch).toBe(4);
  });

  test("unknown is told so", () => {
    const group = new Machine();
    group.join("a");
    expect(group.heartbeat("b", -1).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(group.heartbeat("a", -2, { instanceId: "i" }).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });
});

describe("time", () => {
  test("fences who does not heartbeat within its session", () => {
    const group = new Machine();
    const [a, b] = [new Client(group, "a"), new Client(group, "b")];
    a.join();
    b.join();
    settle(a, b);
    for (let second = 0; second < 45; second++) {
      a.heartbeat();
      group.advance(1_000);
    }
    expect([...group.state.members.keys()]).toEqual(["a"]);
    expect(b.heartbeat().errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("fences who does not give up its partitions within its rebalance timeout", () => {
    const group = new Machine();
    const [a, b] = [new Client(group, "a", { rebalanceTimeoutMs: 10_000 }), new Client(group, "b")];
    a.join();
    b.join();
    for (let second = 0; second < 11; second++) {
      group.heartbeat("a", 2); // and never says what it has
      b.heartbeat();
      group.advance(1_000);
    }
    b.heartbeat();
    expect([...group.state.members.keys()]).toEqual(["b"]);
    expect(b.text).toBe("t:0,1,2,3");
  });

  test("does not fence who gave them up", () => {
    const group = new Machine();
    const [a, b] = [new Client(group, "a", { rebalanceTimeoutMs: 10_000 }), new Client(group, "b")];
    a.join();
    b.join();
    settle(a, b);
    group.advance(11_000);
    expect(group.state.members.size).toBe(2);
  });

  test("puts assignments apart: until the interval is over members go towards the last one", () => {
    const group = new Machine({ assignmentIntervalMs: 1_000, topics: { t: 4 } });
    const [a, b, c] = [new Client(group, "a"), new Client(group, "b"), new Client(group, "c")];
    a.join();
    expect(b.join()).toMatchObject({ memberEpoch: 2, assignment: new Map() });
    expect(c.join()).toMatchObject({ memberEpoch: 2, assignment: new Map() });
    expect(group.phase).toBe("Assigning");
    group.advance(1_000);
    settle(a, b, c);
    expect(group.state).toMatchObject({ groupEpoch: 4, assignmentEpoch: 4 });
    expect([a, b, c].map(({ owned }) => [...owned.values()].flat().length).sort()).toEqual([1, 1, 2]);
  });
});

describe("a static member", () => {
  test("that leaves for now keeps its partitions for its next self, and nobody else is disturbed", () => {
    const group = new Machine();
    const a = new Client(group, "a", { instanceId: "i" });
    const b = new Client(group, "b");
    a.join();
    b.join();
    settle(a, b);
    const { text } = a;
    expect(a.leave(-2)).toMatchObject({ errorCode: 0, memberId: "a", memberEpoch: -2 });
    expect(b.heartbeat()).toMatchObject({ memberEpoch: 3, assignment: null });
    const again = new Client(group, "a2", { instanceId: "i" });
    expect(again.join()).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    expect([again.text, group.phase, group.state.groupEpoch]).toEqual([text, "Stable", 3]);
    expect([...group.state.members.keys()].sort()).toEqual(["a2", "b"]);
  });

  test("does not take a place that is not left", () => {
    const group = new Machine();
    group.join("a", { instanceId: "i" });
    expect(group.join("b", { instanceId: "i" })).toMatchObject({
      errorCode: ErrorCode.UNRELEASED_INSTANCE_ID,
      errorMessage: "Static member b with instance id i cannot join the group because the instance id is owned by a " +
        "member.",
    });
  });

  test("is fenced once another has its instance id", () => {
    const group = new Machine();
    const a = new Client(group, "a", { instanceId: "i" });
    a.join();
    a.leave(-2);
    group.join("b", { instanceId: "i" });
    expect(group.heartbeat("a", 2, { instanceId: "i" })).toMatchObject({
      errorCode: ErrorCode.FENCED_INSTANCE_ID,
      errorMessage: "Static member a with instance id i was fenced by member b.",
    });
  });

  test("that does not come back within its session is out", () => {
    const group = new Machine();
    const a = new Client(group, "a", { instanceId: "i" });
    a.join();
    a.leave(-2);
    group.advance(45_000);
    expect(group.phase).toBe("Empty");
  });

  test("that leaves for good makes room", () => {
    const group = new Machine();
    const a = new Client(group, "a", { instanceId: "i" });
    a.join();
    a.leave();
    expect([group.phase, group.state.instances.size]).toEqual(["Empty", 0]);
  });
});

describe("subscriptions", () => {
  test("to other topics take effect for all", () => {
    const group = new Machine({ topics: { t: 2, u: 2 } });
    const [a, b] = [new Client(group, "a"), new Client(group, "b")];
    a.join();
    b.join();
    settle(a, b);
    b.heartbeat({ topics: ["u"] });
    settle(a, b);
    expect([a.text, b.text]).toEqual(["t:0,1", "u:0,1"]);
  });

  test("that end are given up at once, before there is another assignment", () => {
    const group = new Machine({ topics: { t: 1, u: 1 }, assignmentIntervalMs: 60_000 });
    const a = new Client(group, "a", { topics: ["t", "u"] });
    a.join();
    expect(a.text).toBe("t:0 u:0");
    const answer = a.heartbeat({ topics: ["t"], owned: null });
    expect([answer.memberEpoch, heldText(answer.assignment!, group.topics)]).toEqual([2, "t:0"]);
    expect(group.member("a").phase).toBe("unrevoked");
    a.heartbeat();
    expect(group.member("a").phase).toBe("stable");
  });

  test("that name a topic twice are as if they named it once", () => {
    const group = new Machine();
    const a = new Client(group, "a", { topics: ["t", "t"] });
    a.join();
    expect(a.text).toBe("t:0,1,2,3");
    a.heartbeat({ topics: ["t"] });
    expect(group.written).toEqual([]);
  });

  test("the assignor that most want is taken, and another one makes another assignment", () => {
    const group = new Machine({ topics: { t: 2, u: 2 } });
    const both = { topics: ["t", "u"] };
    const [a, b] = [new Client(group, "a", both), new Client(group, "b", both)];
    a.join();
    b.join();
    settle(a, b);
    const { groupEpoch } = group.state;
    a.heartbeat({ assignor: "range" });
    expect(group.state.groupEpoch).toBe(groupEpoch + 1);
    settle(a, b);
    expect([a.text, b.text]).toEqual(["t:0 u:0", "t:1 u:1"]);
  });

  test("a deleted topic is given up", () => {
    const group = new Machine({ topics: { t: 1, u: 1 } });
    const a = new Client(group, "a", { topics: ["t", "u"] });
    a.join();
    group.topics.delete("u");
    group.feed({ kind: "topicsChanged" });
    settle(a);
    expect([a.text, group.phase]).toEqual(["t:0", "Stable"]);
  });
});

describe("a pattern", () => {
  test("is matched apart from the heartbeat, and its topics come with a later one", () => {
    const group = new Machine({ topics: { "orders-1": 1, "orders-2": 1, other: 1 } });
    const a = new Client(group, "a", { topics: null, regex: "orders-.*" });
    expect(a.join()).toMatchObject({ memberEpoch: 1, assignment: new Map() });
    expect(group.resolving).toEqual(["orders-.*"]);
    group.resolve();
    a.heartbeat();
    expect(a.text).toBe("orders-1:0 orders-2:0");
  });

  test("finds topics that come later, not more often than every ten seconds", () => {
    const group = new Machine({ topics: { "orders-1": 1 } });
    const a = new Client(group, "a", { topics: null, regex: "orders-.*" });
    a.join();
    group.resolve();
    settle(a);
    group.topics.put("orders-2", 1);
    group.advance(10_000);
    a.heartbeat();
    expect(group.resolving).toBe(null);
    group.advance(1);
    a.heartbeat();
    expect(group.resolving).toEqual(["orders-.*"]);
    group.resolve();
    settle(a);
    expect(a.text).toBe("orders-1:0 orders-2:0");
  });

  test("is forgotten when its last member is gone, or wants another", () => {
    const group = new Machine({ topics: { a1: 1, b1: 1 } });
    const a = new Client(group, "a", { topics: null, regex: "a.*" });
    a.join();
    group.resolve();
    a.heartbeat();
    group.advance(10_001);
    a.heartbeat({ regex: "b.*" });
    expect([...group.state.regexes.keys()]).toEqual([]);
    group.resolve();
    settle(a);
    expect(a.text).toBe("b1:0");
    a.leave();
    expect(group.state.regexes.size).toBe(0);
  });

  test("that is known already takes effect at once", () => {
    const group = new Machine({ topics: { a1: 2 } });
    const [a, b] = [new Client(group, "a", { topics: null, regex: "a.*" }), new Client(group, "b", { topics: [] })];
    a.join();
    group.resolve();
    a.heartbeat();
    b.join();
    b.heartbeat({ regex: "a.*" });
    expect(group.resolving).toBe(null);
    settle(a, b);
    expect([a.text, b.text]).toEqual(["a1:0", "a1:1"]);
  });

  test("and names together subscribe to both", () => {
    const group = new Machine({ topics: { a1: 1, t: 1 } });
    const a = new Client(group, "a", { topics: ["t"], regex: "a.*" });
    a.join();
    expect(a.text).toBe("t:0");
    group.resolve();
    settle(a);
    expect(a.text).toBe("a1:0 t:0");
  });
});
