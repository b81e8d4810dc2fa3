/** The life of a streams group, step by step. */
import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../../protocol/errors.ts";
import { StatusCode } from "../../../../../server/groups/streams/state.ts";
import { asOwned, countTopology, heldText, Machine, subtopology, tasks } from "./machine.ts";

/** Heartbeats of all until nothing changes; each says what it was given. */
function settle(group: Machine): void {
  for (let round = 0; round < 10; round++) {
    for (const { memberId, epoch, assigned, instanceId } of [...group.state.members.values()]) {
      group.heartbeat(memberId, epoch, { owned: asOwned(assigned), instanceId });
    }
  }
}

const held = (group: Machine, memberId: string) => heldText(group.member(memberId).assigned);

describe("a member", () => {
  test("that is the first gets all tasks, and is told once", () => {
    const group = new Machine();
    const answer = group.join("a");
    expect(answer).toMatchObject({
      errorCode: 0,
      memberId: "a",
      memberEpoch: 2,
      status: [],
      heartbeatIntervalMs: 5_000,
    });
    expect(heldText(answer.tasks)).toBe("0:0,1,2,3");
    expect(group.heartbeat("a", 2).tasks).toBe(null);
    expect(group.phase).toBe("Stable");
  });

  test("gets what another gives up, and not before", () => {
    const group = new Machine();
    group.join("a");
    expect(heldText(group.join("b").tasks)).toBe("");
    expect(group.phase).toBe("Reconciling");
    const revoking = group.heartbeat("a", 2);
    expect([revoking.memberEpoch, heldText(revoking.tasks)]).toEqual([2, "0:0,1"]);
    expect(heldText(group.heartbeat("b", 3).tasks)).toBe("-");
    expect(group.heartbeat("a", 2, { owned: tasks([0, 1, 2, 3]) }).memberEpoch).toBe(2);
    expect(group.heartbeat("a", 2, { owned: tasks([0, 1]) }).memberEpoch).toBe(3);
    expect(heldText(group.heartbeat("b", 3).tasks)).toBe("0:2,3");
    expect(group.phase).toBe("Stable");
  });

  test("that goes leaves its tasks to the others", () => {
    const group = new Machine();
    group.join("a");
    group.join("b");
    settle(group);
    expect(group.heartbeat("b", -1)).toMatchObject({ errorCode: 0, memberEpoch: -1, status: [] });
    settle(group);
    expect(held(group, "a")).toBe("0:0,1,2,3");
    group.heartbeat("a", -1);
    expect([group.phase, group.state.assignmentEpoch === group.state.groupEpoch]).toEqual(["Empty", true]);
  });

  test("that says nothing for a session is out", () => {
    const group = new Machine();
    group.join("a");
    group.advance(44_000);
    group.heartbeat("a", 2);
    group.advance(44_000);
    expect(group.phase).toBe("Stable");
    group.advance(2_000);
    expect(group.phase).toBe("Empty");
  });

  test("that does not give up what it must in time is out", () => {
    const group = new Machine();
    group.join("a");
    group.join("b");
    group.heartbeat("a", 2);
    group.advance(29_000);
    group.heartbeat("a", 2);
    group.advance(2_000);
    expect([...group.state.members.keys()]).toEqual(["b"]);
  });

  test("with another epoch than the group's is fenced, unless an answer may have been lost", () => {
    const group = new Machine();
    group.join("a");
    group.join("b");
    expect(group.heartbeat("a", 7)).toMatchObject({
      errorCode: ErrorCode.FENCED_MEMBER_EPOCH,
      errorMessage: "The streams group member has a greater member epoch (7) than the one known by the group " +
        "coordinator (2). The member must abandon all its partitions and rejoin.",
    });
    expect(group.heartbeat("a", 1).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    group.heartbeat("a", 2, { owned: tasks([0, 1]) });
    expect(group.member("a").epoch).toBe(3);
    expect(group.heartbeat("a", 2, { owned: tasks([0]) })).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    expect(group.heartbeat("a", 2, { owned: tasks([3]) }).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
  });

  test("that the group does not know, or has no room for, is refused", () => {
    const group = new Machine({ sizeMax: 1 });
    group.join("a");
    expect(group.heartbeat("b", 2)).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_MEMBER_ID,
      errorMessage: "Member b is not a member of group g.",
    });
    expect(group.join("b")).toMatchObject({
      errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED,
      errorMessage: "The streams group has reached its maximum capacity of 1 members.",
    });
    expect(group.join("a").errorCode).toBe(0);
  });

  test("may only have tasks that there are", () => {
    const group = new Machine();
    group.join("a");
    expect(group.heartbeat("a", 2, { owned: tasks([4]) })).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "Task 4 for subtopology 0 is invalid. Number of tasks for this subtopology: 4",
    });
    expect(group.heartbeat("a", 2, { owned: tasks([]), ownedSubtopologies: new Set(["7"]) })).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "Subtopology 7 does not exist in the topology.",
    });
  });

  test("that wants the application to stop has all members told so, until the group is empty", () => {
    const group = new Machine();
    group.join("a");
    group.join("b");
    group.heartbeat("a", 2, { isShutdownWanted: true });
    const { status } = group.heartbeat("b", 3);
    expect(status.map(({ code }) => code)).toEqual([StatusCode.SHUTDOWN_APPLICATION]);
    group.heartbeat("a", -1);
    group.heartbeat("b", -1);
    expect(group.join("c").status).toEqual([]);
  });
});

describe("a static member", () => {
  test("that comes back has what it had, and the group does not rebalance", () => {
    const group = new Machine();
    group.join("a", { instanceId: "i" });
    group.join("b");
    settle(group);
    const epoch = group.state.groupEpoch;
    expect(group.heartbeat("a", -2, { instanceId: "i" })).toMatchObject({ errorCode: 0, memberEpoch: -2 });
    const answer = group.join("a2", { instanceId: "i", processId: "p-a" });
    expect([answer.memberEpoch, heldText(answer.tasks), group.state.groupEpoch]).toEqual([epoch, "0:0,1", epoch]);
    expect([...group.state.members.keys()].sort()).toEqual(["a2", "b"]);
  });

  test("is only replaced once it has left, and is fenced then", () => {
    const group = new Machine();
    group.join("a", { instanceId: "i" });
    expect(group.join("a2", { instanceId: "i" }).errorCode).toBe(ErrorCode.UNRELEASED_INSTANCE_ID);
    group.heartbeat("a", -2, { instanceId: "i" });
    group.join("a2", { instanceId: "i" });
    expect(group.heartbeat("a", 2, { instanceId: "i" }).errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(group.heartbeat("a", 2, { instanceId: "j" }).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("that does not come back in its session is out", () => {
    const group = new Machine();
    group.join("a", { instanceId: "i" });
    group.heartbeat("a", -2, { instanceId: "i" });
    group.advance(46_000);
    expect(group.phase).toBe("Empty");
  });
});

describe("the topology", () => {
  test("waits for its source topics", () => {
    const group = new Machine({ topics: {} });
    const { status, tasks: given } = group.join("a");
    expect(status).toEqual([{ code: StatusCode.MISSING_SOURCE_TOPICS, detail: "Source topics t are missing." }]);
    expect([heldText(given), group.phase]).toEqual(["", "NotReady"]);
    group.put("t", 2);
    group.put("t-changelog", 2);
    expect(heldText(group.heartbeat("a", 2).tasks)).toBe("0:0,1");
    expect(group.phase).toBe("Stable");
  });

  test("has its internal topics made, and waits for them", () => {
    const group = new Machine({ topics: { t: 3 } });
    const { status, topicsToMake } = group.join("a");
    expect(status).toEqual([
      { code: StatusCode.MISSING_INTERNAL_TOPICS, detail: "Internal topics are missing: t-changelog" },
    ]);
    expect(topicsToMake).toEqual([
      { name: "t-changelog", partitionCount: 3, replicationFactor: 0, configs: new Map() },
    ]);
    expect(group.heartbeat("a", 2).topicsToMake.length).toBe(1);
    group.put("t-changelog", 3);
    expect(group.heartbeat("a", 2)).toMatchObject({ status: [], topicsToMake: [] });
    expect(held(group, "a")).toBe("0:0,1,2");
  });

  test("does not go on with a changelog of another size", () => {
    const group = new Machine({ topics: { t: 3, "t-changelog": 2 } });
    expect(group.join("a").status).toEqual([{
      code: StatusCode.INCORRECTLY_PARTITIONED_TOPICS,
      detail: "Existing topic t-changelog has different number of partitions: expected 3, found 2",
    }]);
    expect(group.phase).toBe("NotReady");
  });

  test("is the first member's, and others must agree with it, or be behind", () => {
    const group = new Machine();
    const topology = { ...countTopology, epoch: 1 };
    group.join("a", { topology });
    expect(group.join("b", { topology: { ...topology, epoch: 2 } })).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "Topology updates are not supported yet.",
    });
    expect(group.join("b", { topology: { epoch: 1, subtopologies: [] } }).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect(group.join("b", { topology: { epoch: 0, subtopologies: [] } }).status).toEqual([
      {
        code: StatusCode.STALE_TOPOLOGY,
        detail: "The member's topology epoch 0 is behind the group's topology epoch 1.",
      },
    ]);
  });

  test("that grows with its topic is distributed anew", () => {
    const group = new Machine({ topics: { u: 1 } });
    const topology = { epoch: 0, subtopologies: [subtopology("0", { sourceTopics: ["u"] })] };
    group.join("a", { topology });
    expect(held(group, "a")).toBe("0:0");
    group.put("u", 3);
    group.heartbeat("a", 2);
    expect(held(group, "a")).toBe("0:0,1,2");
  });

  test("of a group that is loaded again is looked at again, and nothing changes", () => {
    const group = new Machine();
    group.join("a");
    const { groupEpoch } = group.state;
    group.restart();
    expect(group.heartbeat("a", 2)).toMatchObject({ errorCode: 0, memberEpoch: 2, tasks: null });
    expect([group.state.groupEpoch, group.phase]).toEqual([groupEpoch, "Stable"]);
  });
});

describe("the assignment", () => {
  test("of a new group waits for more members", () => {
    const group = new Machine({ initialRebalanceDelayMs: 3_000 });
    const delayed = [{
      code: StatusCode.ASSIGNMENT_DELAYED,
      detail: "Assignment delayed due to the configured initial rebalance delay.",
    }];
    expect(group.join("a")).toMatchObject({ memberEpoch: 1, status: delayed });
    group.advance(1_000);
    expect(group.join("b").status).toEqual(delayed);
    group.advance(2_000);
    settle(group);
    expect([held(group, "a"), held(group, "b")]).toEqual(["0:0,2", "0:1,3"]);
  });

  test("is not made anew before its interval is over", () => {
    const group = new Machine({ assignmentIntervalMs: 1_000 });
    group.join("a");
    expect(group.join("b").status).toEqual([{
      code: StatusCode.ASSIGNMENT_DELAYED,
      detail: "Assignment delayed due to the configured assignment interval.",
    }]);
    expect(group.phase).toBe("Assigning");
    group.advance(1_000);
    settle(group);
    expect([held(group, "a"), held(group, "b")]).toEqual(["0:0,1", "0:2,3"]);
  });

  test("has standby tasks where they are wanted, in other processes", () => {
    const group = new Machine({ standbyReplicas: 1 });
    group.join("a");
    group.join("b");
    settle(group);
    expect([held(group, "a"), held(group, "b")]).toEqual(["0:0,1 | 0:2,3", "0:2,3 | 0:0,1"]);
    group.rules = { ...group.rules, standbyReplicas: 0 };
    settle(group);
    expect([held(group, "a"), held(group, "b")]).toEqual(["0:0,1", "0:2,3"]);
  });

  test("lets a copy take over when the active one goes", () => {
    const group = new Machine({ standbyReplicas: 1 });
    group.join("a");
    group.join("b");
    settle(group);
    group.heartbeat("b", -1);
    settle(group);
    expect([held(group, "a"), group.phase]).toEqual(["0:0,1,2,3", "Stable"]);
  });

  test("gives a process no copy of what it runs", () => {
    const group = new Machine({ standbyReplicas: 1 });
    for (const memberId of ["a", "b"]) group.join(memberId, { processId: "one" });
    settle(group);
    expect([held(group, "a"), held(group, "b")]).toEqual(["0:0,1", "0:2,3"]);
  });

  test("names tags that members should have", () => {
    const group = new Machine({ rackAwareTags: ["zone", "rack"] });
    const { status } = group.join("a", { tags: new Map([["rack", "r"]]) });
    expect(status).toEqual([{
      code: StatusCode.MISSING_CLIENT_TAGS,
      detail: "Missing required client tags for rack-aware standby assignment: [zone]. Configure them via " +
        "'client.tag.<tagKey>' in your Streams config.",
    }]);
    expect(group.heartbeat("a", 2, { apiVersion: 0 }).status).toEqual([]);
  });
});

describe("endpoints", () => {
  const endpoint = { host: "h", port: 1 };

  test("are told with the partitions behind them, whenever they have changed", () => {
    const group = new Machine();
    const first = group.join("a", { endpoint });
    expect([first.endpointEpoch, first.endpoints]).toEqual([0, [{
      endpoint,
      active: [{ topic: "t", partitions: [0, 1, 2, 3] }],
      standby: [],
    }]]);
    expect(group.heartbeat("a", 2, { endpointEpoch: 0 })).toMatchObject({ endpointEpoch: 0, endpoints: null });
    const second = group.join("b", { endpoint: { host: "i", port: 2 } });
    expect([second.endpointEpoch, second.endpoints?.length]).toEqual([1, 2]);
    expect(group.heartbeat("a", 2, { endpointEpoch: 0 }).endpoints?.map(({ active }) => active)).toEqual([
      [],
      [{ topic: "t", partitions: [0, 1] }],
    ]);
  });

  test("of members without one are none", () => {
    const group = new Machine();
    group.join("a");
    expect(group.join("b", { endpointEpoch: 5 }).endpoints).toEqual([]);
  });
});

test("task offsets are kept as they were last said, and go with the member", () => {
  const group = new Machine();
  const offset = (partition: number, value: number) => ({ subtopologyId: "0", partition, offset: value });
  group.join("a", { taskOffsets: [offset(0, 4)] });
  expect(group.state.taskOffsets.size).toBe(0); // the first heartbeat of all makes the group, and no more, as in Kafka
  group.heartbeat("a", 2, { taskOffsets: [offset(0, 5)] });
  group.heartbeat("a", 2, { taskEndOffsets: [offset(0, 9)] });
  expect(group.state.taskOffsets.get("a")).toEqual({
    offsets: new Map([["0:0", 5]]),
    endOffsets: new Map([["0:0", 9]]),
  });
  expect(group.heartbeat("a", 2, { taskOffsets: [offset(0, 1), offset(0, 2)] })).toMatchObject({
    errorCode: ErrorCode.INVALID_REQUEST,
    errorMessage: "Task offsets contain a duplicate entry for subtopology 0 and partition 0.",
  });
  group.heartbeat("a", -1);
  expect(group.state.taskOffsets.size).toBe(0);
});

test("a request that is refused writes nothing", () => {
  const group = new Machine();
  group.join("a");
  group.heartbeat("a", 9);
  expect(group.written).toEqual([]);
  group.feed({ kind: "closed" });
  expect(group.heartbeat("a", 2).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
});
