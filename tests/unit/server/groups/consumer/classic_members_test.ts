import { describe, expect, test } from "bun:test";
import {
  decodeAssignment,
  encodeAssignment,
  encodeSubscription,
} from "../../../../../protocol/embedded/consumer_protocol.ts";
import { ErrorCode, ProtocolError } from "../../../../../protocol/errors.ts";
import type { GroupState } from "../../../../../server/groups/classic/state.ts";
import { emptyGroup } from "../../../../../server/groups/classic/state.ts";
import { fromClassic } from "../../../../../server/groups/consumer/conversion.ts";
import type { ConsumerGroupRules } from "../../../../../server/groups/consumer/state.ts";
import { Client, settle } from "./client.ts";
import { heldText, Machine } from "./machine.ts";

type Owned = readonly { readonly topic: string; readonly partitions: number[] }[];

function subscription(topics: readonly string[] = ["t"], ownedPartitions: Owned = [], version = 1): Uint8Array {
  return encodeSubscription({ topics, ownedPartitions }, version);
}

function protocols(ownedPartitions: Owned = [], names: readonly string[] = ["range"]) {
  return names.map((name) => ({ name, metadata: subscription(["t"], ownedPartitions) }));
}

function assignedText(bytes: Uint8Array): string {
  return decodeAssignment(bytes).assignedPartitions.map(({ topic, partitions }) => `${topic}:${partitions.join(",")}`)
    .join(" ");
}

/** A stable classic group. */
function classicGroup(
  members: Readonly<Record<string, readonly number[]>>,
  changes: Partial<GroupState> = {},
): GroupState {
  const state = {
    ...emptyGroup("g", 1_000_000),
    phase: "Stable" as const,
    generation: 7,
    protocolType: "consumer",
    protocolName: "range",
  };
  return {
    ...state,
    members: new Map(
      Object.entries(members).map(([memberId, partitions]) => [memberId, {
        memberId,
        instanceId: memberId.startsWith("i") ? memberId : null,
        clientId: "client",
        clientHost: "/host",
        rebalanceTimeoutMs: 30_000,
        sessionTimeoutMs: 10_000,
        protocols: protocols(),
        assignment: encodeAssignment({ assignedPartitions: [{ topic: "t", partitions: [...partitions] }] }),
        isNew: false,
        joinTicket: null,
        syncTicket: null,
      }]),
    ),
    ...changes,
  };
}

function upgraded(classic: GroupState, options: Partial<ConsumerGroupRules> = {}): Machine {
  const machine = new Machine(options);
  const [state, effects] = fromClassic(classic, machine.context);
  machine.state = state;
  machine.carryOutAll(effects);
  machine.check();
  return machine;
}

describe("a classic group becomes a consumer group", () => {
  test("whose members have what they had, in the epoch of their generation", () => {
    const group = upgraded(classicGroup({ a: [0, 1], b: [2, 3] }));
    expect(group.state).toMatchObject({ groupEpoch: 7, assignmentEpoch: 7, classicMemberCount: 2 });
    expect(heldText(group.member("b").assigned, group.topics)).toBe("t:2,3");
    expect(group.phase).toBe("Stable");
    expect(group.written[0]).toEqual({ kind: "classic", value: null });
    expect(group.classicHeartbeat("a", 7)).toBe(ErrorCode.NONE);
  });

  test("and is moved over member by member", () => {
    const group = upgraded(classicGroup({ a: [0, 1], b: [2, 3] }));
    const c = new Client(group, "c");
    expect(c.join()).toMatchObject({ memberEpoch: 8, assignment: new Map() });
    // Both classic members are told to join again; one has to give up a partition, and joins twice.
    expect(group.classicHeartbeat("b", 7)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(group.classicJoin("b", { protocols: protocols([{ topic: "t", partitions: [2, 3] }]) })).toMatchObject({
      errorCode: 0,
      generation: 7,
      leaderId: "",
      protocolName: "range",
      members: [],
    });
    expect(assignedText(group.classicSync("b", 7).assignment)).toBe("t:2");
    expect(group.classicHeartbeat("b", 7)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(group.classicJoin("b", { protocols: protocols([{ topic: "t", partitions: [2] }]) }).generation).toBe(8);
    expect(assignedText(group.classicSync("b", 8).assignment)).toBe("t:2");
    expect(group.classicHeartbeat("b", 8)).toBe(ErrorCode.NONE);
    group.classicJoin("a", { protocols: protocols([{ topic: "t", partitions: [0, 1] }]) });
    group.classicSync("a", 8);
    settle(c);
    expect([c.text, group.phase]).toEqual(["t:3", "Stable"]);
  });

  test("where a client's assignor gave a partition twice, the second gives it up", () => {
    const group = upgraded(classicGroup({ a: [0, 1], b: [1, 2] }));
    expect(heldText(group.state.targets.get("b")!, group.topics)).toBe("t:2");
    const c = new Client(group, "c");
    c.join();
    for (const [memberId, partitions] of [["a", [0, 1]], ["b", [1, 2]]] as const) {
      let owned: readonly number[] = partitions;
      for (let round = 0; round < 3; round++) {
        const joined = group.classicJoin(memberId, { protocols: protocols([{ topic: "t", partitions: [...owned] }]) });
        const { assignment } = group.classicSync(memberId, joined.generation);
        owned = decodeAssignment(assignment).assignedPartitions.flatMap((topic) => topic.partitions);
      }
    }
    settle(c);
    for (const counts of group.state.holderCounts.values()) expect([...counts].every((count) => count <= 1)).toBe(true);
  });

  const refusals: readonly (readonly [string, GroupState, Partial<ConsumerGroupRules>, string])[] = [
    ["it may not", classicGroup({ a: [0] }), { migration: "downgrade" }, "online upgrade is disabled."],
    [
      "it is of another kind",
      classicGroup({ a: [0] }, { protocolType: "connect" }),
      {},
      "the group does not use the consumer embedded protocol.",
    ],
    [
      "it has too many members",
      classicGroup({ a: [0], b: [1] }),
      { sizeMax: 1 },
      "the group size exceeds the consumer group maximum size.",
    ],
  ];
  test.each(refusals)("not where %s", (_name, classic, options, reason) => {
    try {
      upgraded(classic, options);
      throw new Error("it did");
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({
        code: ErrorCode.GROUP_ID_NOT_FOUND,
        message: `Cannot upgrade classic group g to consumer group because ${reason}`,
      });
    }
  });

  test("not where an assignor of the client's own keeps data in assignments, or what members say cannot be read", () => {
    const assignment = encodeAssignment({ assignedPartitions: [], userData: Uint8Array.of(1) });
    const [member] = classicGroup({ a: [] }).members.values();
    const strange = classicGroup({}, { members: new Map([["a", { ...member!, assignment }]]) });
    expect(() => upgraded(strange)).toThrow("an unsupported custom assignor is in use");
    const damaged = [{ name: "range", metadata: Uint8Array.of(0) }];
    const broken = classicGroup({}, { members: new Map([["a", { ...member!, protocols: damaged }]]) });
    expect(() => upgraded(broken)).toThrow("the embedded consumer protocol is malformed");
  });
});

describe("a consumer group becomes a classic group", () => {
  test("when its last member of the consumer protocol leaves, and rebalances", () => {
    const group = upgraded(classicGroup({ a: [0, 1], b: [2, 3] }));
    group.join("c");
    group.heartbeat("c", -1);
    const { classic, state } = group;
    expect(state.isDead).toBe(true);
    expect(group.timers.size).toBe(0);
    expect(classic?.rebalanceReason).toContain("for member leaving");
    expect(classic?.group).toMatchObject({ phase: "Stable", generation: 8, protocolName: "range", leaderId: "a" });
    expect([...classic!.group.members.keys()]).toEqual(["a", "b"]);
    expect(group.stored.isEmpty).toBe(true);
    expect(group.written.at(-1)).toMatchObject({ kind: "classic", value: { generation: 8 } });
  });

  test("when a classic member takes the place of the last one, and does not rebalance", () => {
    const group = upgraded(classicGroup({ a: [0, 1] }));
    const c = new Client(group, "c", { instanceId: "i" });
    c.join();
    group.classicJoin("a", { protocols: protocols([{ topic: "t", partitions: [0, 1] }]) });
    group.classicSync("a", 8);
    settle(c);
    expect(c.text).toBe("t:2,3");
    const joined = group.classicJoin("", { instanceId: "i", newMemberId: "d", protocols: protocols() });
    expect(joined).toMatchObject({ errorCode: 0, memberId: "d", generation: 8 });
    expect(group.classic?.rebalanceReason).toBe(null);
    const members = group.classic!.group.members;
    expect([...members.keys()]).toEqual(["a", "d"]);
    expect(assignedText(members.get("d")!.assignment)).toBe("t:2,3");
  });

  test("not while another is there, nor where it may not", () => {
    const group = upgraded(classicGroup({ a: [0, 1] }));
    group.join("b");
    group.join("c");
    group.heartbeat("c", -1);
    expect(group.classic).toBe(null);
    group.rules = { ...group.rules, migration: "upgrade" };
    group.heartbeat("b", -1);
    expect(group.classic).toBe(null);
    // Nobody but the classic members is left to ask for an assignment.
    expect(group.classicHeartbeat("a", 7)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(group.state.assignmentEpoch).toBe(group.state.groupEpoch);
  });
});

describe("a classic member of a consumer group", () => {
  const started = (options: Partial<ConsumerGroupRules> = {}) => {
    const group = new Machine(options);
    const a = new Client(group, "a");
    a.join();
    return { group, a };
  };

  test("that is new must come back with the id it is given", () => {
    const { group } = started();
    const newcomer = { protocols: protocols(), isMemberIdRequired: true, newMemberId: "b" };
    expect(group.classicJoin("", newcomer)).toMatchObject({
      errorCode: ErrorCode.MEMBER_ID_REQUIRED,
      memberId: "b",
    });
    expect(group.state.members.size).toBe(1);
    expect(group.classicJoin("b", newcomer)).toMatchObject({ errorCode: 0, memberId: "b", generation: 3 });
  });

  test("is not let in where no migration is wanted", () => {
    const { group } = started({ migration: "disabled" });
    expect(group.classicJoin("", { protocols: protocols() }).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  });

  test("must know a protocol that all classic members know", () => {
    const { group } = started();
    group.classicJoin("", { protocols: protocols([], ["range", "sticky"]) });
    expect(group.classicJoin("", { protocols: protocols([], ["other"]) }).errorCode).toBe(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );
    expect(group.classicJoin("", { protocols: protocols([], ["sticky"]) }).errorCode).toBe(0);
    expect(group.classicJoin("", { protocols: protocols(), protocolType: "connect" }).errorCode).toBe(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );
  });

  test("is told to join again once what it waits for is free", () => {
    const { group, a } = started();
    const { memberId, generation } = group.classicJoin("", { protocols: protocols() });
    expect(assignedText(group.classicSync(memberId, generation).assignment)).toBe("");
    expect(group.classicHeartbeat(memberId, generation)).toBe(ErrorCode.NONE);
    settle(a);
    expect(group.classicHeartbeat(memberId, generation)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    group.classicJoin(memberId, { protocols: protocols() });
    expect(assignedText(group.classicSync(memberId, generation).assignment)).toBe("t:2,3");
  });

  test("is fenced when it does not join again, or does not ask for its assignment, in time", () => {
    const { group, a } = started();
    const quick = { protocols: protocols(), rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 60_000 };
    const { memberId } = group.classicJoin("", quick);
    group.advance(5_000);
    expect(group.state.members.has(memberId)).toBe(false);
    const again = group.classicJoin("", quick);
    group.classicSync(again.memberId, again.generation);
    a.heartbeat({ topics: ["t", "u"] });
    expect(group.classicHeartbeat(again.memberId, again.generation)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    group.advance(4_000);
    expect(group.classicHeartbeat(again.memberId, again.generation)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    group.advance(1_000);
    expect(group.state.members.has(again.memberId)).toBe(false);
  });

  test("is asked who it is", () => {
    const { group } = started();
    const { memberId, generation } = group.classicJoin("", { protocols: protocols() });
    expect(group.classicHeartbeat("a", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(group.classicHeartbeat("nobody", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(group.classicHeartbeat(memberId, 9)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(group.classicSync(memberId, generation, { protocolName: "sticky" }).errorCode).toBe(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );
    expect(group.classicHeartbeat(memberId, generation, { instanceId: "x" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("leaves by LeaveGroup, as members of the other protocol do when an administrator says so", () => {
    const { group } = started();
    group.join("b", { instanceId: "i" });
    const { memberId } = group.classicJoin("", { protocols: protocols() });
    const answer = group.classicLeave(
      { memberId, instanceId: null },
      { memberId: "", instanceId: "i" },
      { memberId: "nobody", instanceId: null },
      { memberId: "", instanceId: "x" },
    );
    expect(answer.members.map(({ errorCode }) => errorCode)).toEqual([
      0,
      0,
      ErrorCode.UNKNOWN_MEMBER_ID,
      ErrorCode.UNKNOWN_MEMBER_ID,
    ]);
    expect([...group.state.members.keys()]).toEqual(["a"]);
  });
});
