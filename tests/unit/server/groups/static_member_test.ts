import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { Machine, protocol, text } from "./machine.ts";

/** A stable group of the static members "one" (leader, id a) and "two" (id b). */
function twoStatic(): Machine {
  const group = new Machine();
  group.join("", { newMemberId: "a", instanceId: "one" });
  group.join("", { newMemberId: "b", instanceId: "two" });
  group.advance(6_000);
  group.assign();
  return group;
}

describe("a static member", () => {
  test("needs no second JoinGroup for its id", () => {
    const group = new Machine();
    const ticket = group.join("", { instanceId: "one", isMemberIdRequired: true, newMemberId: "a" });
    group.advance(3_000);
    expect(group.joins.get(ticket)).toMatchObject({ errorCode: 0, memberId: "a" });
    expect(group.joins.get(ticket)?.members[0]?.instanceId).toBe("one");
  });

  test("that returns to a stable group keeps its assignment, under a new id, without a rebalance", () => {
    const group = twoStatic();
    const ticket = group.join("", { instanceId: "two", newMemberId: "b2" });
    expect(group.joins.has(ticket)).toBe(false); // not before the new id is in the log
    group.land();
    expect(group.joins.get(ticket)).toMatchObject({ errorCode: 0, memberId: "b2", generation: 1, leaderId: "a" });
    expect(group.state.phase).toBe("Stable");
    expect(text(group.syncs.get(group.sync("b2", { instanceId: "two" }))!.assignment)).toBe("b");
    expect(group.log.at(-1)?.members.map(({ memberId, instanceId }) => [memberId, instanceId])).toEqual([
      ["a", "one"],
      ["b2", "two"],
    ]);
  });

  test("that leads and returns is told to skip the assignment", () => {
    const group = twoStatic();
    const ticket = group.join("", { instanceId: "one", newMemberId: "a2", canSkipAssignment: true });
    group.land();
    expect(group.joins.get(ticket)).toMatchObject({
      memberId: "a2",
      leaderId: "a2",
      skipAssignment: true,
      members: { length: 2 },
    });
  });

  test("that leads and returns by an old version is not told that it leads", () => {
    const group = twoStatic();
    const ticket = group.join("", { instanceId: "one", newMemberId: "a2", canSkipAssignment: false });
    group.land();
    expect(group.joins.get(ticket)).toMatchObject({ leaderId: "a", skipAssignment: false, members: [] });
    expect(group.state.leaderId).toBe("a2");
  });

  test("that returns with other protocols so that another is chosen causes a rebalance", () => {
    const group = new Machine();
    const both = [protocol("range", 1), protocol("sticky", 1)];
    group.join("", { newMemberId: "a", instanceId: "one", protocols: both });
    group.advance(3_000);
    group.assign();
    const ticket = group.join("", { newMemberId: "a2", instanceId: "one", protocols: [both[1]!, both[0]!] });
    expect(group.joins.get(ticket)).toMatchObject({ generation: 2, protocolName: "sticky" });
  });

  test("whose new id cannot be written is as it was before", () => {
    const group = twoStatic();
    const ticket = group.join("", { instanceId: "one", newMemberId: "a2", protocols: [protocol("range", 7)] });
    group.land(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(group.joins.get(ticket)).toMatchObject({ errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId: "" });
    expect(group.state.instances.get("one")).toBe("a");
    expect(group.state.leaderId).toBe("a");
    expect(group.state.members.get("a")?.protocols[0]?.metadata[0]).toBe(1);
    expect(group.heartbeat("a", 1, "one")).toBe(ErrorCode.NONE);
    expect(group.timers.has("session:a2")).toBe(false);
  });

  test("that returns while a rebalance begins is answered by the rebalance", () => {
    const group = twoStatic();
    const ticket = group.join("", { instanceId: "two", newMemberId: "b2" });
    group.join("a", { instanceId: "one", protocols: [protocol("range", 7)] });
    expect(group.joins.get(ticket)).toMatchObject({ generation: 2, memberId: "b2" });
    group.land(); // the write of the new id lands late and does no harm
    expect(group.state.generation).toBe(2);
    expect(group.state.phase).toBe("CompletingRebalance");
  });

  test("that returns while the assignment is made causes a rebalance", () => {
    const group = new Machine();
    group.join("", { newMemberId: "a", instanceId: "one" });
    group.join("", { newMemberId: "b", instanceId: "two" });
    group.advance(6_000);
    const fenced = group.sync("b", { instanceId: "two" });
    group.join("", { instanceId: "two", newMemberId: "b2" });
    expect(group.syncs.get(fenced)?.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(group.state.phase).toBe("PreparingRebalance");
  });

  test("fences its former self in every request", () => {
    const group = twoStatic();
    group.join("", { instanceId: "two", newMemberId: "b2" });
    group.land();
    const fenced = ErrorCode.FENCED_INSTANCE_ID;
    expect(group.heartbeat("b", 1, "two")).toBe(fenced);
    expect(group.syncs.get(group.sync("b", { instanceId: "two" }))?.errorCode).toBe(fenced);
    expect(group.joins.get(group.join("b", { instanceId: "two" }))?.errorCode).toBe(fenced);
    expect(group.leave({ memberId: "b", instanceId: "two" }).members[0]?.errorCode).toBe(fenced);
  });

  test("answers the JoinGroup of its former self", () => {
    const group = new Machine();
    const first = group.join("", { newMemberId: "a", instanceId: "one" });
    const second = group.join("", { newMemberId: "a2", instanceId: "one" });
    expect(group.joins.get(first)).toMatchObject({ errorCode: ErrorCode.FENCED_INSTANCE_ID, memberId: "a" });
    group.advance(6_000);
    expect(group.joins.get(second)).toMatchObject({ memberId: "a2", generation: 1, members: { length: 1 } });
  });

  test("is removed by its instance id alone", () => {
    const group = twoStatic();
    expect(group.leave({ instanceId: "two" }).members).toEqual([
      { memberId: "", instanceId: "two", errorCode: ErrorCode.NONE },
    ]);
    expect([...group.state.instances.keys()]).toEqual(["one"]);
  });

  test("stays through a rebalance it does not join, until its session ends", () => {
    const group = new Machine();
    const patient = { sessionTimeoutMs: 200_000 };
    group.join("", { ...patient, newMemberId: "a", instanceId: "one" });
    group.join("", { ...patient, newMemberId: "b", instanceId: "two" });
    group.advance(6_000);
    group.assign();
    const ticket = group.join("a", { ...patient, instanceId: "one" });
    group.advance(30_000);
    expect(group.joins.get(ticket)).toMatchObject({ generation: 2, members: { length: 2 } });
  });

  test("alone in a group that waits for it keeps the rebalance open", () => {
    const group = twoStatic();
    group.leave({ instanceId: "one" });
    expect(group.state.phase).toBe("PreparingRebalance");
    group.feed({ kind: "joinExpired" });
    expect(group.state.phase).toBe("PreparingRebalance");
    expect(group.timers.has("join")).toBe(true);
    group.advance(10_000); // its session
    expect(group.state.phase).toBe("Empty");
  });
});
