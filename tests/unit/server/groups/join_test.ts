import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { Machine, protocol, text } from "./machine.ts";

describe("a newcomer", () => {
  test("is given an id and must come back with it", () => {
    const group = new Machine();
    const asked = group.join("", { isMemberIdRequired: true, newMemberId: "m1" });
    expect(group.joins.get(asked)).toEqual({
      errorCode: ErrorCode.MEMBER_ID_REQUIRED,
      memberId: "m1",
      generation: -1,
      protocolType: null,
      protocolName: null,
      leaderId: "",
      skipAssignment: false,
      members: [],
    });
    expect(group.state.phase).toBe("Empty");
    const joined = group.join("m1", { isMemberIdRequired: true });
    expect(group.state.phase).toBe("PreparingRebalance");
    group.advance(3_000);
    expect(group.joins.get(joined)?.memberId).toBe("m1");
    expect(group.state.pendingMembers.size).toBe(0);
  });

  test("is forgotten when it does not come back within its session", () => {
    const group = new Machine();
    group.join("", { isMemberIdRequired: true, newMemberId: "m1", sessionTimeoutMs: 6_000 });
    group.advance(5_999);
    expect(group.state.pendingMembers.size).toBe(1);
    group.advance(1);
    expect(group.state.pendingMembers.size).toBe(0);
    expect(group.timers.size).toBe(0);
    const late = group.join("m1");
    expect(group.joins.get(late)?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("that is pending holds up a rebalance until its session ends", () => {
    const group = Machine.stable(["a"]);
    group.join("", { isMemberIdRequired: true, newMemberId: "b", sessionTimeoutMs: 6_000 });
    expect(group.state.phase).toBe("Stable");
    const again = group.join("a");
    expect(group.joins.has(again)).toBe(false);
    group.advance(6_000);
    expect(group.joins.get(again)?.generation).toBe(2);
  });

  test("alone leads generation 1 and is told of itself", () => {
    const group = new Machine();
    const ticket = group.join("", { newMemberId: "a" });
    group.advance(3_000);
    expect(group.joins.get(ticket)).toEqual({
      errorCode: ErrorCode.NONE,
      memberId: "a",
      generation: 1,
      protocolType: "consumer",
      protocolName: "range",
      leaderId: "a",
      skipAssignment: false,
      members: [{ memberId: "a", instanceId: null, metadata: Uint8Array.of(1) }],
    });
    expect(group.state.phase).toBe("CompletingRebalance");
  });

  test("alone that gives no time to ask for assignments is out once it has joined", () => {
    for (const rebalanceTimeoutMs of [0, -1]) {
      const group = new Machine();
      const ticket = group.join("", { newMemberId: "a", rebalanceTimeoutMs });
      group.advance(3_000);
      expect(group.joins.get(ticket)).toMatchObject({ errorCode: ErrorCode.NONE, generation: 1 });
      expect([group.state.phase, group.state.generation, group.state.members.size]).toEqual(["Empty", 2, 0]);
      expect([...group.timers.keys()]).toEqual([]);
    }
  });

  test("without protocols, or without a type, is refused", () => {
    const group = new Machine();
    for (const changes of [{ protocols: [] }, { protocolType: "" }]) {
      const ticket = group.join("", changes);
      expect(group.joins.get(ticket)?.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    expect(group.state.phase).toBe("Empty");
  });

  test("of another type, or with no protocol that all have, is refused", () => {
    const group = Machine.stable(["a"]);
    for (const changes of [{ protocolType: "connect" }, { protocols: [protocol("other", 1)] }]) {
      const ticket = group.join("", changes);
      expect(group.joins.get(ticket)?.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    expect(group.state.phase).toBe("Stable");
  });

  test("that is gone while its JoinGroup waits is dropped after five minutes", () => {
    const group = Machine.stable(["a"], {}, { rebalanceTimeoutMs: 600_000, sessionTimeoutMs: 600_000 });
    const lost = group.join("", { newMemberId: "b" });
    group.advance(299_999);
    expect(group.state.members.has("b")).toBe(true);
    group.advance(1);
    expect(group.state.members.has("b")).toBe(false);
    expect(group.joins.get(lost)?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });
});

describe("the first rebalance", () => {
  test("waits the initial delay, and again while newcomers come, up to the rebalance timeout", () => {
    const group = new Machine({ initialRebalanceDelayMs: 3_000 });
    const tickets = [group.join("", { rebalanceTimeoutMs: 8_000 })];
    for (let second = 0; second < 7; second++) {
      group.advance(1_000);
      tickets.push(group.join("", { rebalanceTimeoutMs: 8_000 }));
      expect(group.state.phase).toBe("PreparingRebalance");
    }
    group.advance(1_000); // 3 + 3 + 2
    expect(group.state.phase).toBe("CompletingRebalance");
    expect(tickets.map((ticket) => group.joins.get(ticket)?.generation)).toEqual(tickets.map(() => 1));
  });

  test("ends after one delay when nobody else comes", () => {
    const group = new Machine();
    group.join("");
    group.advance(2_999);
    expect(group.state.phase).toBe("PreparingRebalance");
    group.advance(1);
    expect(group.state.phase).toBe("CompletingRebalance");
  });

  test("ends in an empty group when all leave before it does", () => {
    const group = new Machine();
    const ticket = group.join("", { newMemberId: "a" });
    group.leave({ memberId: "a" });
    expect(group.joins.get(ticket)?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    group.advance(3_000);
    expect(group.state.phase).toBe("Empty");
    expect(group.state.generation).toBe(1);
    group.landAll();
    expect(group.log.at(-1)?.members).toEqual([]);
    expect(group.timers.size).toBe(0);
  });
});

describe("a member", () => {
  test("that joins a stable group with the same protocols is answered, and nothing changes", () => {
    const group = Machine.stable(["a", "b"]);
    const ticket = group.join("b");
    expect(group.joins.get(ticket)).toMatchObject({ errorCode: 0, generation: 1, leaderId: "a", members: [] });
    expect(group.state.phase).toBe("Stable");
  });

  test("that joins with other protocols causes a rebalance", () => {
    const group = Machine.stable(["a", "b"]);
    const ticket = group.join("b", { protocols: [protocol("range", 2)] });
    expect(group.state.phase).toBe("PreparingRebalance");
    const leader = group.join("a");
    expect(group.joins.get(ticket)?.generation).toBe(2);
    expect(group.joins.get(leader)?.members.map(({ memberId, metadata }) => [memberId, metadata[0]])).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
  });

  test("that leads causes a rebalance by joining, whatever it says", () => {
    const group = Machine.stable(["a", "b"]);
    group.join("a");
    expect(group.state.phase).toBe("PreparingRebalance");
    expect(group.heartbeat("b")).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });

  test("that lost its first answer gets it again while the assignment is made", () => {
    const group = new Machine();
    group.gather(["a", "b"]);
    expect(group.joins.get(group.join("a"))).toMatchObject({ generation: 1, leaderId: "a", members: { length: 2 } });
    expect(group.joins.get(group.join("b"))).toMatchObject({ generation: 1, leaderId: "a", members: [] });
    expect(group.state.phase).toBe("CompletingRebalance");
  });

  test("that asks twice gets the second request answered by the rebalance, the first at once", () => {
    const group = Machine.stable(["a", "b"]);
    const first = group.join("a");
    const second = group.join("a");
    expect(group.joins.get(first)?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    group.join("b");
    expect(group.joins.get(second)?.generation).toBe(2);
  });

  test("unknown to an empty group is told so", () => {
    const group = new Machine();
    const ticket = group.join("nobody");
    expect(group.joins.get(ticket)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID, memberId: "nobody" });
  });

  test("that does not rejoin within the rebalance timeout is out", () => {
    const group = Machine.stable(["a", "b"], {}, { sessionTimeoutMs: 100_000 });
    const leader = group.join("a", { sessionTimeoutMs: 100_000 });
    group.advance(29_999);
    expect(group.joins.has(leader)).toBe(false);
    group.advance(1);
    expect(group.joins.get(leader)).toMatchObject({ generation: 2, members: { length: 1 } });
    expect(group.heartbeat("b", 1)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("takes over the lead when the leader does not rejoin", () => {
    const slow = { sessionTimeoutMs: 100_000 };
    const group = Machine.stable(["a", "b", "c"], {}, slow);
    group.join("c", { ...slow, protocols: [protocol("range", 3)] });
    group.join("b", slow);
    group.advance(30_000);
    expect([...group.state.members.keys()].sort()).toEqual(["b", "c"]);
    expect(group.state.leaderId).toBe("b");
  });
});

describe("group.max.size", () => {
  test("refuses one too many in a stable group", () => {
    const group = Machine.stable(["a", "b"], { sizeMax: 2 });
    const ticket = group.join("");
    expect(group.joins.get(ticket)).toMatchObject({ errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED, memberId: "" });
    expect(group.state.phase).toBe("Stable");
  });

  test("lets the first to come in while a rebalance gathers", () => {
    const group = Machine.stable(["a", "b", "c"], { sizeMax: 3 });
    group.rules = { ...group.rules, sizeMax: 2 };
    group.join("a");
    const second = group.join("b");
    const third = group.join("c");
    expect(group.joins.get(third)?.errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(group.joins.get(second)?.generation).toBe(2);
    expect(group.state.members.size).toBe(2);
  });

  test("is enforced by a rebalance on a group that was loaded with more", () => {
    const group = Machine.stable(["a", "b", "c"]);
    group.rules = { ...group.rules, sizeMax: 2 };
    group.feed({ kind: "loaded" });
    expect(group.state.phase).toBe("PreparingRebalance");
  });
});

describe("the protocol of a generation", () => {
  const lists: readonly (readonly [string, readonly (readonly string[])[], string])[] = [
    ["is the one all have", [["range", "sticky"], ["sticky"]], "sticky"],
    ["is the one most prefer", [["range", "sticky"], ["sticky", "range"], ["sticky", "range"]], "sticky"],
    ["is the first voted for in a tie", [["range", "sticky"], ["sticky", "range"]], "range"],
    ["ignores what only some prefer", [["new", "range"], ["new", "range"], ["range"]], "range"],
  ];
  test.each(lists)("%s", (_name, lists, expected) => {
    const group = new Machine();
    for (const list of lists) group.join("", { protocols: list.map((name) => protocol(name, 1)) });
    group.advance(6_000);
    expect(group.state.protocolName).toBe(expected);
  });
});

test("a cooperative rebalance keeps members' sessions and gives each what the leader says, round by round", () => {
  const group = Machine.stable(["a"]);
  const newcomer = group.join("", { newMemberId: "b" });
  expect(group.heartbeat("a", 1)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  group.join("a"); // keeps its partitions, says so in its metadata: opaque here
  expect(group.joins.get(newcomer)?.generation).toBe(2);
  group.assign();
  const again = group.join("a", { protocols: [protocol("range", 9)] }); // gave up what b is to have
  group.join("b");
  expect(group.joins.get(again)?.generation).toBe(3);
  group.assign();
  expect(text(group.state.members.get("b")!.assignment)).toBe("b");
});
