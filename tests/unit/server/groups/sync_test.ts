import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { Machine, protocol, text } from "./machine.ts";

const encode = (value: string) => new TextEncoder().encode(value);

describe("SyncGroup", () => {
  test("is answered to all once the leader's assignment is in the log, and not before", () => {
    const group = new Machine();
    group.gather(["a", "b"]);
    const follower = group.sync("b");
    const leader = group.sync("a", { assignments: new Map([["a", encode("0")], ["b", encode("1")]]) });
    expect(group.syncs.size).toBe(0);
    expect(group.state.phase).toBe("CompletingRebalance");
    group.land();
    expect(group.state.phase).toBe("Stable");
    expect(text(group.syncs.get(leader)!.assignment)).toBe("0");
    expect(text(group.syncs.get(follower)!.assignment)).toBe("1");
    expect(group.syncs.get(follower)).toMatchObject({ errorCode: 0, protocolType: "consumer", protocolName: "range" });
    expect(group.log.at(-1)?.members.map(({ assignment }) => text(assignment))).toEqual(["0", "1"]);
  });

  test("gives nothing to a member the leader left out", () => {
    const group = new Machine();
    group.gather(["a", "b"]);
    const follower = group.sync("b");
    group.sync("a", { assignments: new Map([["a", encode("all")], ["stranger", encode("x")]]) });
    group.land();
    expect(group.syncs.get(follower)).toMatchObject({ errorCode: 0, assignment: new Uint8Array(0) });
  });

  test("is answered at once in a stable group", () => {
    const group = Machine.stable(["a", "b"]);
    const ticket = group.sync("b");
    expect(text(group.syncs.get(ticket)!.assignment)).toBe("b");
  });

  test("answers the member that waits twice by its second request", () => {
    const group = new Machine();
    group.gather(["a", "b"]);
    const first = group.sync("b");
    const second = group.sync("b");
    expect(group.syncs.get(first)?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    group.sync("a", { assignments: new Map([["b", encode("1")]]) });
    group.land();
    expect(text(group.syncs.get(second)!.assignment)).toBe("1");
  });

  const refusals: readonly (readonly [string, Parameters<Machine["sync"]>, number])[] = [
    ["an unknown member", ["nobody"], ErrorCode.UNKNOWN_MEMBER_ID],
    ["another generation", ["a", { generation: 7 }], ErrorCode.ILLEGAL_GENERATION],
    ["another protocol type", ["a", { protocolType: "connect" }], ErrorCode.INCONSISTENT_GROUP_PROTOCOL],
    ["another protocol", ["a", { protocolName: "sticky" }], ErrorCode.INCONSISTENT_GROUP_PROTOCOL],
    ["an instance nobody has", ["a", { instanceId: "i" }], ErrorCode.UNKNOWN_MEMBER_ID],
  ];
  test.each(refusals)("refuses %s", (_name, parameters, errorCode) => {
    const group = Machine.stable(["a"]);
    expect(group.syncs.get(group.sync(...parameters))?.errorCode).toBe(errorCode);
  });

  test("during a rebalance says so", () => {
    const group = Machine.stable(["a", "b"]);
    group.join("a");
    expect(group.syncs.get(group.sync("b"))?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });

  test("that waits is told of a rebalance which begins meanwhile", () => {
    const group = new Machine();
    group.gather(["a", "b"]);
    const waiting = group.sync("b");
    group.join("", { newMemberId: "c" });
    expect(group.syncs.get(waiting)?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(group.state.phase).toBe("PreparingRebalance");
  });

  test("whose write fails sends everyone back to join", () => {
    const group = new Machine();
    group.gather(["a", "b"]);
    const follower = group.sync("b");
    const leader = group.sync("a");
    group.land(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(group.syncs.get(leader)?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(group.syncs.get(follower)?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(group.state.phase).toBe("PreparingRebalance");
  });

  test("whose write lands after another rebalance has begun changes nothing", () => {
    const group = new Machine();
    group.gather(["a", "b"]);
    group.sync("a", { assignments: new Map([["a", encode("0")]]) });
    group.leave({ memberId: "b" });
    group.join("a");
    expect(group.state.generation).toBe(2);
    group.land();
    expect(group.state.phase).toBe("CompletingRebalance");
    expect(group.state.members.get("a")?.assignment.length).toBe(0);
  });
});

describe("members that do not ask for their assignment in time", () => {
  test("are out, and the others join again", () => {
    const group = new Machine();
    group.gather(["a", "b", "c"], { sessionTimeoutMs: 100_000 });
    const waiting = group.sync("b");
    group.advance(30_000);
    expect(group.syncs.get(waiting)?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect([...group.state.members.keys()]).toEqual(["b"]);
    expect(group.state.phase).toBe("PreparingRebalance");
    expect(group.state.leaderId).toBe("b");
  });

  test("are out of a stable group, too", () => {
    const group = new Machine();
    group.gather(["a", "b"], { sessionTimeoutMs: 100_000 });
    group.sync("a", { assignments: new Map([["a", encode("0")]]) });
    group.land();
    expect(group.state.phase).toBe("Stable");
    group.advance(30_000);
    expect([...group.state.members.keys()]).toEqual(["a"]);
    expect(group.state.phase).toBe("PreparingRebalance");
  });

  test("are not waited for once all have asked", () => {
    const group = Machine.stable(["a", "b"]);
    expect(group.timers.has("sync")).toBe(false);
  });
});

describe("a session", () => {
  test("ends without heartbeats, and the others rebalance", () => {
    const group = Machine.stable(["a", "b"]);
    group.advance(6_000);
    expect(group.heartbeat("a")).toBe(ErrorCode.NONE);
    group.advance(4_000);
    expect([...group.state.members.keys()]).toEqual(["a"]);
    expect(group.state.phase).toBe("PreparingRebalance");
    expect(group.heartbeat("a")).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(group.heartbeat("b")).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("is kept alive by commits while the group is stable", () => {
    const group = Machine.stable(["a"]);
    for (let round = 0; round < 4; round++) {
      group.advance(8_000);
      group.feed({ kind: "committed", memberId: "a" });
    }
    expect(group.state.members.size).toBe(1);
  });

  test("does not end while the member waits for an answer, and begins anew with it", () => {
    const group = Machine.stable(["a", "b"], {}, { rebalanceTimeoutMs: 100_000, sessionTimeoutMs: 10_000 });
    const waiting = group.join("a", { rebalanceTimeoutMs: 100_000 });
    for (let round = 0; round < 6; round++) {
      group.advance(9_000);
      group.heartbeat("b");
    }
    expect(group.state.members.has("a")).toBe(true);
    group.join("b");
    expect(group.joins.get(waiting)?.generation).toBe(2);
    group.advance(9_999);
    expect(group.state.members.size).toBe(2);
    group.advance(1);
    expect(group.state.members.size).toBe(0);
  });

  test("of the last member ends in an empty group with the next generation, in the log", () => {
    const group = Machine.stable(["a"]);
    group.advance(10_000);
    expect(group.state.phase).toBe("Empty");
    expect(group.state.generation).toBe(2);
    group.landAll();
    expect(group.log.at(-1)).toMatchObject({
      protocolType: "consumer",
      generation: 2,
      protocolName: null,
      leaderId: null,
      members: [],
    });
    expect(group.timers.size).toBe(0);
  });
});

describe("Heartbeat", () => {
  test("of another generation is refused", () => {
    const group = Machine.stable(["a"]);
    expect(group.heartbeat("a", 0)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(group.heartbeat("a", 2)).toBe(ErrorCode.ILLEGAL_GENERATION);
  });

  test("counts while the assignment is made", () => {
    const group = new Machine();
    group.gather(["a"]);
    group.advance(6_000);
    expect(group.heartbeat("a")).toBe(ErrorCode.NONE);
    group.advance(9_999);
    expect(group.state.members.size).toBe(1);
  });
});

describe("LeaveGroup", () => {
  test("answers each member by itself", () => {
    const group = Machine.stable(["a", "b"]);
    expect(group.leave({ memberId: "b" }, { memberId: "nobody" }, { instanceId: "none" })).toEqual({
      errorCode: ErrorCode.NONE,
      members: [
        { memberId: "b", instanceId: null, errorCode: ErrorCode.NONE },
        { memberId: "nobody", instanceId: null, errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
        { memberId: "", instanceId: "none", errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
      ],
    });
    expect(group.state.phase).toBe("PreparingRebalance");
  });

  test("of all empties the group at once", () => {
    const group = Machine.stable(["a", "b"]);
    group.leave({ memberId: "a" }, { memberId: "b" });
    expect(group.state.phase).toBe("Empty");
    expect(group.timers.size).toBe(0);
  });

  test("of strangers changes nothing", () => {
    const group = Machine.stable(["a"]);
    group.leave({ memberId: "nobody" });
    expect(group.state.phase).toBe("Stable");
  });

  test("of the one that is waited for ends the rebalance", () => {
    const group = Machine.stable(["a", "b"]);
    const ticket = group.join("a");
    group.leave({ memberId: "b" });
    expect(group.joins.get(ticket)).toMatchObject({ generation: 2, members: { length: 1 } });
  });

  test("of a pending member takes its id back", () => {
    const group = Machine.stable(["a"]);
    group.join("", { isMemberIdRequired: true, newMemberId: "p" });
    expect(group.leave({ memberId: "p" }).members[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(group.state.pendingMembers.size).toBe(0);
    expect(group.timers.has("session:p")).toBe(false);
  });

  test("answers what the member has parked", () => {
    const group = new Machine();
    group.gather(["a", "b"]);
    const waiting = group.sync("b");
    group.leave({ memberId: "b" });
    expect(group.syncs.get(waiting)?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });
});

describe("closing", () => {
  test("tells everyone who waits, and stops all timers", () => {
    const group = Machine.stable(["a", "b"]);
    const waiting = group.join("a", { protocols: [protocol("range", 5)] });
    group.join("", { isMemberIdRequired: true });
    group.feed({ kind: "closed", errorCode: ErrorCode.NOT_COORDINATOR });
    expect(group.joins.get(waiting)?.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(group.state.phase).toBe("Dead");
    expect(group.timers.size).toBe(0);
    expect(group.joins.get(group.join("a"))?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(group.syncs.get(group.sync("a"))?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(group.heartbeat("a")).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(group.leave({ memberId: "a" }).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });
});
