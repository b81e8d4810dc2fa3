/** Streams groups behind the coordinator: what is durable before it is told, what a restart brings back, topics that are made. */
import { describe, expect, test } from "bun:test";
import { ErrorCode, ProtocolError } from "../../../../../protocol/errors.ts";
import { phaseOf, StatusCode, type StreamsGroupState } from "../../../../../server/groups/streams/state.ts";
import { FakeTopics } from "../consumer/topics.ts";
import { Desk, type DeskOptions } from "../desk.ts";
import { heldText } from "./machine.ts";

/** The first assignment does not wait, nor do later ones. */
function loaded({ config, ...options }: DeskOptions = {}): Promise<Desk> {
  const delays = { "group.streams.initial.rebalance.delay.ms": "0", "group.streams.assignment.interval.ms": "0" };
  const topics = new FakeTopics({ t: 4, "t-changelog": 4 });
  return Desk.loaded({ topics, ...options, config: { ...delays, ...config } });
}

function described(desk: Desk, groupId = "g"): StreamsGroupState {
  const state = desk.coordinator.streams.describe(groupId);
  if (typeof state !== "object") throw new Error(`${groupId}: ${state}`);
  return state;
}

describe("a heartbeat", () => {
  test("is answered once the log has what it changed, and others hear of it then", async () => {
    const desk = await loaded();
    let open = () => {};
    desk.topic.gate = new Promise((resolve) => open = resolve);
    let isAnswered = false;
    const joining = desk.streamsHeartbeat("a", 0).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await desk.runtime.advance(100);
    expect([isAnswered, desk.coordinator.streams.describe("g"), desk.coordinator.streams.list()]).toEqual([
      false,
      undefined,
      [],
    ]);
    open();
    expect(heldText((await desk.until(joining)).tasks)).toBe("0:0,1,2,3");
    expect(phaseOf(described(desk))).toBe("Stable");
  });

  test("that cannot be written is refused, and the next one writes the whole group", async () => {
    const desk = await loaded();
    await desk.until(desk.streamsHeartbeat("a", 0));
    desk.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(await desk.until(desk.streamsHeartbeat("b", 0))).toMatchObject({
      errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
      tasks: null,
    });
    expect([...described(desk).members.keys()]).toEqual(["a"]);
    desk.topic.errorCode = 0;
    await desk.until(desk.streamsHeartbeat("a", 2));
    const again = await desk.restart();
    expect([...described(again).members.keys()].sort()).toEqual(["a", "b"]);
  });

  test("that removed a member and could not be written is made up for", async () => {
    const desk = await loaded();
    await desk.until(desk.streamsHeartbeat("a", 0));
    await desk.until(desk.streamsHeartbeat("b", 0));
    desk.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    await desk.until(desk.streamsHeartbeat("b", -1));
    desk.topic.errorCode = 0;
    await desk.until(desk.streamsHeartbeat("a", 2));
    expect([...described(await desk.restart()).members.keys()]).toEqual(["a"]);
  });

  test("takes the configs of its group before the broker's, within the broker's bounds", async () => {
    const desk = await loaded();
    desk.topics.groupConfigs.set(
      "g",
      new Map([["streams.heartbeat.interval.ms", "20000"], ["streams.num.standby.replicas", "1"]]),
    );
    expect(await desk.until(desk.streamsHeartbeat("a", 0))).toMatchObject({ heartbeatIntervalMs: 15_000 });
    expect(described(desk).assignmentConfigs.get("num.standby.replicas")).toBe("1");
    expect(await desk.until(desk.streamsHeartbeat("a", 0, { groupId: "h" }))).toMatchObject({
      heartbeatIntervalMs: 5_000,
    });
  });

  test("of a member there is not, or of a group of another kind, is refused", async () => {
    const desk = await loaded();
    const refused = async (epoch: number, groupId: string) => {
      const { errorCode, errorMessage } = await desk.until(desk.streamsHeartbeat("a", epoch, { groupId }));
      return [errorCode, errorMessage];
    };
    expect(await refused(1, "g")).toEqual([ErrorCode.GROUP_ID_NOT_FOUND, "Streams group g not found."]);
    expect(await refused(-1, "g")).toEqual([ErrorCode.GROUP_ID_NOT_FOUND, "Group g not found."]);
    await desk.until(desk.heartbeat("a", 0, { groupId: "c" }));
    expect(await refused(0, "c")).toEqual([ErrorCode.GROUP_ID_NOT_FOUND, "Group c is not a streams group."]);
    await desk.stable("d");
    expect(await refused(0, "d")).toEqual([ErrorCode.GROUP_ID_NOT_FOUND, "Group d is not a streams group."]);
    await desk.until(desk.streamsHeartbeat("a", 0));
    expect(await desk.until(desk.heartbeat("a", 0))).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: "Group g is not a consumer group.",
    });
  });

  test("that describes more than the log takes is refused", async () => {
    const desk = await loaded();
    const tags = new Map([["zone", "z".repeat(1_000_001)]]);
    const { errorCode } = await desk.until(desk.streamsHeartbeat("a", 0, { tags }));
    expect([errorCode, desk.topic.recordCount()]).toEqual([ErrorCode.UNKNOWN_SERVER_ERROR, 0]);
  });
});

describe("internal topics", () => {
  test("are made by the broker, and the group goes on when they are there", async () => {
    const desk = await loaded({ topics: new FakeTopics({ t: 3 }) });
    const { status } = await desk.until(desk.streamsHeartbeat("a", 0));
    expect(status.map(({ code }) => code)).toEqual([StatusCode.MISSING_INTERNAL_TOPICS]);
    await desk.runtime.advance(1);
    expect([desk.topics.made, desk.topics.topic("t-changelog")?.partitionCount]).toEqual([["t-changelog"], 3]);
    expect(heldText((await desk.until(desk.streamsHeartbeat("a", 2))).tasks)).toBe("0:0,1,2");
    expect(desk.topics.made.length).toBe(1);
  });

  test("that cannot be made are named with the reason, and tried again after a while", async () => {
    const desk = await loaded({ topics: new FakeTopics({ t: 3 }) });
    desk.topics.creationError = new ProtocolError(ErrorCode.POLICY_VIOLATION, "No room.");
    await desk.until(desk.streamsHeartbeat("a", 0));
    await desk.runtime.advance(1);
    const detail = async () => (await desk.until(desk.streamsHeartbeat("a", 2))).status[0]?.detail;
    expect(await detail()).toBe("Internal topics are missing: t-changelog; Creation failed: t-changelog (No room.).");
    desk.topics.creationError = null;
    await desk.runtime.advance(5_000);
    await detail();
    expect(desk.topics.made).toEqual([]);
    await desk.runtime.advance(5_001);
    await desk.until(desk.streamsHeartbeat("a", 2));
    await desk.runtime.advance(1);
    expect(desk.topics.made).toEqual(["t-changelog"]);
  });
});

describe("a restart", () => {
  test("brings back members, what they have, and where they stand", async () => {
    const desk = await loaded();
    const said = { endpoint: { host: "h", port: 1 }, tags: new Map([["zone", "z"]]), rackId: "r", instanceId: "i" };
    await desk.until(desk.streamsHeartbeat("a", 0, said));
    await desk.until(desk.streamsHeartbeat("b", 0));
    await desk.until(desk.streamsHeartbeat("a", 2, { instanceId: "i" }));
    const before = described(desk);
    const again = await desk.restart();
    const { members, targets, metadataHash, topology, groupEpoch, assignmentEpoch } = described(again);
    expect({ members, targets, metadataHash, topology, groupEpoch, assignmentEpoch }).toEqual({
      members: before.members,
      targets: before.targets,
      metadataHash: before.metadataHash,
      topology: before.topology,
      groupEpoch: before.groupEpoch,
      assignmentEpoch: before.assignmentEpoch,
    });
    expect(phaseOf(described(again))).toBe("Reconciling");
    await again.runtime.advance(31_000);
    expect([...described(again).members.keys()]).toEqual(["b"]); // the other had to give up tasks, and a time to do so
  });

  test("knows nothing of a group that was deleted", async () => {
    const desk = await loaded();
    await desk.until(desk.streamsHeartbeat("a", 0));
    expect(await desk.until(desk.coordinator.deleteGroup("g"))).toBe(ErrorCode.NON_EMPTY_GROUP);
    await desk.until(desk.streamsHeartbeat("a", -1));
    expect(await desk.until(desk.coordinator.deleteGroup("g"))).toBe(ErrorCode.NONE);
    expect(desk.coordinator.streams.describe("g")).toBe(undefined);
    expect((await desk.restart()).coordinator.streams.list()).toEqual([]);
  });

  test("knows a group whose deletion was not written", async () => {
    const desk = await loaded();
    await desk.until(desk.streamsHeartbeat("a", 0));
    await desk.until(desk.streamsHeartbeat("a", -1));
    desk.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(await desk.until(desk.coordinator.deleteGroup("g"))).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    desk.topic.errorCode = 0;
    expect(await desk.until(desk.streamsHeartbeat("b", 0))).toMatchObject({ errorCode: 0 });
    expect([...described(await desk.restart()).members.keys()]).toEqual(["b"]);
  });
});

describe("offsets of a streams group", () => {
  test("are committed by members, in their epoch or for what they had before", async () => {
    const desk = await loaded();
    await desk.until(desk.streamsHeartbeat("a", 0));
    const commit = (memberId: string, generation: number, apiVersion = 9, topic = "t") =>
      desk.until(desk.commit(5, { memberId, generation, apiVersion, topic }));
    expect(await commit("a", 2)).toEqual([0]);
    expect(await commit("a", 3)).toEqual([ErrorCode.STALE_MEMBER_EPOCH]);
    expect(await commit("a", 1)).toEqual([ErrorCode.STALE_MEMBER_EPOCH]);
    expect(await commit("b", 2)).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
    expect(await commit("", -1)).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
    expect(await commit("a", 2, 8)).toEqual([ErrorCode.UNSUPPORTED_VERSION]);
    await desk.until(desk.streamsHeartbeat("a", 2, { tags: new Map([["zone", "z"]]) }));
    expect(described(desk).members.get("a")?.epoch).toBe(3);
    expect(await commit("a", 2)).toEqual([0]);
  });

  test("are read by members in their epoch, and by whoever does not say who it is", async () => {
    const desk = await loaded();
    await desk.until(desk.streamsHeartbeat("a", 0));
    const read = (memberId: string | null, memberEpoch: number) =>
      desk.until(desk.coordinator.offsetsOf("g", { requireStable: true, reader: { memberId, memberEpoch } }));
    expect([typeof await read("a", 2), typeof await read(null, -1)]).toEqual(["object", "object"]);
    expect(await read("a", 1)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(await read("b", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("stay when the group is empty, and are deleted by nobody while the topology reads the topic", async () => {
    const desk = await loaded();
    await desk.until(desk.streamsHeartbeat("a", 0));
    await desk.until(desk.commit(5, { memberId: "a", generation: 2, apiVersion: 9 }));
    const remove = () => desk.until(desk.coordinator.deleteOffsets("g", [{ topic: "t", partition: 0 }]));
    expect(await remove()).toEqual([ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]);
    await desk.until(desk.streamsHeartbeat("a", -1));
    expect(await desk.offset()).toBe(5);
    expect(await remove()).toEqual([0]);
  });

  test("expire with an empty group, which goes with them", async () => {
    const desk = await loaded({ config: { "offsets.retention.minutes": "1" } });
    await desk.until(desk.streamsHeartbeat("a", 0));
    await desk.until(desk.commit(5, { memberId: "a", generation: 2, apiVersion: 9 }));
    await desk.until(desk.streamsHeartbeat("a", -1));
    await desk.runtime.advance(1_200_000);
    expect(desk.coordinator.streams.list()).toEqual([]);
    expect(await desk.offset()).toBe(-1);
  });
});

describe("from one protocol to the other", () => {
  test("a group without members changes, and keeps its offsets", async () => {
    const desk = await loaded();
    await desk.until(desk.commit(5));
    expect(await desk.until(desk.streamsHeartbeat("a", 0))).toMatchObject({ errorCode: 0 });
    expect([await desk.offset(), desk.group()]).toEqual([5, undefined]);
    expect((await desk.until(desk.join(""))).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect((await desk.until(desk.sync("a", 2))).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    await desk.until(desk.streamsHeartbeat("a", -1));
    await desk.stable();
    expect([await desk.offset(), desk.group()?.phase]).toEqual([5, "Stable"]);
    expect(desk.coordinator.streams.describe("g")).toBe(undefined);
    const again = await desk.restart();
    expect([await again.offset(), again.group()?.phase, again.coordinator.streams.list()]).toEqual([5, "Stable", []]);
  });
});
