/** Consumer groups behind the coordinator: what is durable before it is told, and what a restart brings back. */
import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../../protocol/errors.ts";
import type { ConsumerGroupState, HeartbeatAnswer } from "../../../../../server/groups/consumer/state.ts";
import { phaseOf } from "../../../../../server/groups/consumer/state.ts";
import { Desk } from "../desk.ts";
import { heldText } from "./machine.ts";

function assignmentOf({ assignment }: HeartbeatAnswer, desk: Desk): string | null {
  return assignment && heldText(assignment, desk.topics);
}

function described(desk: Desk, groupId = "g"): ConsumerGroupState {
  const state = desk.coordinator.describeConsumerGroup(groupId);
  if (typeof state !== "object") throw new Error(`${groupId}: ${state}`);
  return state;
}

/** A promise's answer if it has come. */
function watched<Answer>(promise: Promise<Answer>): { answer: Answer | null } {
  const watch: { answer: Answer | null } = { answer: null };
  void promise.then((answer) => watch.answer = answer);
  return watch;
}

describe("a heartbeat", () => {
  test("is answered once the log has what it changed, and others hear of it then", async () => {
    const desk = await Desk.loaded();
    let open = () => {};
    desk.topic.gate = new Promise((resolve) => open = resolve);
    const joining = watched(desk.heartbeat("a", 0));
    await desk.runtime.advance(100);
    expect(joining.answer).toBe(null);
    expect(desk.coordinator.describeConsumerGroup("g")).toBe(undefined);
    expect(desk.coordinator.listConsumerGroups()).toEqual([]);
    open();
    await desk.runtime.advance(100);
    expect(joining.answer).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(phaseOf(described(desk))).toBe("Stable");
  });

  test("waits for what another of its group changed before", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.heartbeat("a", 0));
    let open = () => {};
    desk.topic.gate = new Promise((resolve) => open = resolve);
    void desk.heartbeat("b", 0);
    const plain = watched(desk.heartbeat("a", 2));
    await desk.runtime.advance(100);
    expect(plain.answer).toBe(null);
    open();
    await desk.runtime.advance(100);
    expect(plain.answer).toMatchObject({ errorCode: 0 });
  });

  test("that cannot be written is refused, and the next one writes the whole group", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.heartbeat("a", 0));
    desk.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(await desk.until(desk.heartbeat("b", 0))).toMatchObject({
      errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
      assignment: null,
    });
    expect([...described(desk).members.keys()]).toEqual(["a"]);
    expect(await desk.until(desk.heartbeat("a", 2))).toMatchObject({ errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE });
    desk.topic.errorCode = 0;
    await desk.runtime.advance(1_000); // the assignment interval
    expect(await desk.until(desk.heartbeat("b", 0))).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    const again = await desk.restart();
    expect([...described(again).members.keys()].sort()).toEqual(["a", "b"]);
  });

  test("that removed a member and could not be written is made up for", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.heartbeat("a", 0));
    await desk.until(desk.heartbeat("b", 0));
    desk.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    await desk.until(desk.heartbeat("b", -1));
    desk.topic.errorCode = 0;
    await desk.until(desk.heartbeat("a", 2));
    const again = await desk.restart();
    expect([...described(again).members.keys()]).toEqual(["a"]);
  });

  const refusals: readonly (readonly [string, Parameters<Desk["heartbeat"]>, number, string])[] = [
    ["no member id", ["", 0], ErrorCode.INVALID_REQUEST, "MemberId can't be empty."],
    ["no group id", ["a", 0, { groupId: " " }], ErrorCode.INVALID_REQUEST, "GroupId can't be empty."],
    ["an empty instance id", ["a", 0, { instanceId: "" }], ErrorCode.INVALID_REQUEST, "InstanceId can't be empty."],
    ["an empty rack", ["a", 0, { rackId: "" }], ErrorCode.INVALID_REQUEST, "RackId can't be empty."],
    [
      "no rebalance timeout at first",
      ["a", 0, { rebalanceTimeoutMs: -1 }],
      ErrorCode.INVALID_REQUEST,
      "RebalanceTimeoutMs must be provided in first request.",
    ],
    [
      "partitions at first",
      ["a", 0, { owned: null }],
      ErrorCode.INVALID_REQUEST,
      "TopicPartitions must be empty when (re-)joining.",
    ],
    [
      "no subscription at first",
      ["a", 0, { topics: null }],
      ErrorCode.INVALID_REQUEST,
      "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
    ],
    ["an epoch there is not", ["a", -3], ErrorCode.INVALID_REQUEST, "MemberEpoch is invalid."],
    ["leaving for now without an instance", ["a", -2], ErrorCode.INVALID_REQUEST, "InstanceId can't be null."],
    [
      "an assignor there is not",
      ["a", 0, { assignor: "mine" }],
      ErrorCode.UNSUPPORTED_ASSIGNOR,
      "ServerAssignor mine is not supported. Supported assignors: uniform, range.",
    ],
    ["a group there is not", ["a", 1], ErrorCode.GROUP_ID_NOT_FOUND, "Consumer group g not found."],
    ["leaving a group there is not", ["a", -1], ErrorCode.GROUP_ID_NOT_FOUND, "Group g not found."],
  ];
  test.each(refusals)("is refused with %s", async (_name, parameters, errorCode, errorMessage) => {
    const desk = await Desk.loaded();
    expect(await desk.until(desk.heartbeat(...parameters))).toMatchObject({ errorCode, errorMessage });
    expect(desk.topic.recordCount()).toBe(0);
  });

  test("takes the configs of its group before the broker's, within the broker's bounds", async () => {
    const desk = await Desk.loaded();
    desk.topics.groupConfigs.set("g", new Map([["consumer.heartbeat.interval.ms", "20000"]]));
    expect(await desk.until(desk.heartbeat("a", 0))).toMatchObject({ heartbeatIntervalMs: 15_000 });
    expect(await desk.until(desk.heartbeat("a", 0, { groupId: "h" }))).toMatchObject({ heartbeatIntervalMs: 5_000 });
  });
});

describe("a restart", () => {
  test("brings back members, what they have, and where they stand", async () => {
    const desk = await Desk.loaded({ config: { "group.consumer.assignment.interval.ms": "0" } });
    await desk.until(desk.heartbeat("a", 0, { instanceId: "i", rackId: "r", assignor: "range" }));
    await desk.until(desk.heartbeat("b", 0));
    await desk.until(desk.heartbeat("c", 0, { groupId: "h", topics: null, regex: "t.*" }));
    await desk.runtime.advance(10);
    const before = described(desk);
    const again = await desk.restart();
    const after = described(again);
    expect(after.members).toEqual(before.members);
    expect(after.targets).toEqual(before.targets);
    expect(after.metadataHash).toBe(before.metadataHash);
    expect(described(again, "h").regexes).toEqual(described(desk, "h").regexes);
    expect(assignmentOf(await again.until(again.heartbeat("a", 2)), again)).toBe("t:0,1");
  });

  test("gives members a session anew, and those a time who are to give up partitions", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.heartbeat("a", 0));
    const again = await desk.restart();
    await again.runtime.advance(44_000);
    expect(described(again).members.size).toBe(1);
    await again.runtime.advance(2_000);
    expect(phaseOf(described(again))).toBe("Empty");
  });

  test("knows nothing of a group that was deleted", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.heartbeat("a", 0));
    expect(await desk.until(desk.coordinator.deleteGroup("g"))).toBe(ErrorCode.NON_EMPTY_GROUP);
    await desk.until(desk.heartbeat("a", -1));
    expect(await desk.until(desk.coordinator.deleteGroup("g"))).toBe(ErrorCode.NONE);
    expect(desk.coordinator.describeConsumerGroup("g")).toBe(undefined);
    expect((await desk.restart()).coordinator.listConsumerGroups()).toEqual([]);
  });
});

describe("offsets of a consumer group", () => {
  test("are committed by members, in their epoch", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.heartbeat("a", 0));
    const commit = (memberId: string, generation: number, apiVersion = 9) =>
      desk.until(desk.commit(5, { memberId, generation, apiVersion }));
    expect(await commit("a", 2)).toEqual([0]);
    expect(await commit("a", 3)).toEqual([ErrorCode.STALE_MEMBER_EPOCH]);
    expect(await commit("a", 1)).toEqual([ErrorCode.STALE_MEMBER_EPOCH]);
    expect(await commit("b", 2)).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
    expect(await commit("", -1)).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
    expect(await commit("a", 2, 8)).toEqual([ErrorCode.UNSUPPORTED_VERSION]);
  });

  test("may be committed in an earlier epoch for what the member had in it", async () => {
    const desk = await Desk.loaded({ config: { "group.consumer.assignment.interval.ms": "0" } });
    await desk.until(desk.heartbeat("a", 0));
    await desk.until(desk.heartbeat("a", 2, { topics: ["t", "u"] }));
    const { id: topicId } = desk.topics.topic("t")!;
    const commit = (partition: number) =>
      desk.until(desk.commit(0, {
        memberId: "a",
        generation: 2,
        apiVersion: 9,
        offsets: [{ topic: "t", topicId, partition, offset: 1, leaderEpoch: 0, metadata: "" }],
      }));
    expect(await commit(0)).toEqual([0]);
    expect(await commit(9)).toEqual([ErrorCode.STALE_MEMBER_EPOCH]);
  });

  test("are read by members in their epoch, and by whoever does not say who it is", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.heartbeat("a", 0));
    const read = (memberId: string | null, memberEpoch: number) =>
      desk.until(desk.coordinator.offsetsOf("g", { requireStable: true, reader: { memberId, memberEpoch } }));
    expect(typeof await read("a", 2)).toBe("object");
    expect(typeof await read(null, -1)).toBe("object");
    expect(await read("a", 1)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(await read("b", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("stay when the group is empty, and are deleted by nobody while a member subscribes to the topic", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.heartbeat("a", 0));
    await desk.until(desk.commit(5, { memberId: "a", generation: 2, apiVersion: 9 }));
    const places = [{ topic: "t", partition: 0 }];
    const remove = () => desk.until(desk.coordinator.deleteOffsets("g", places));
    expect(await remove()).toEqual([ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]);
    await desk.until(desk.heartbeat("a", -1));
    expect(await desk.offset()).toBe(5);
    expect(await remove()).toEqual([0]);
    expect(await desk.offset()).toBe(-1);
  });

  test("expire with an empty group, which goes with them", async () => {
    const desk = await Desk.loaded({ config: { "offsets.retention.minutes": "1" } });
    await desk.until(desk.heartbeat("a", 0));
    await desk.until(desk.commit(5, { memberId: "a", generation: 2, apiVersion: 9 }));
    await desk.until(desk.heartbeat("a", -1));
    await desk.runtime.advance(1_200_000);
    expect(desk.coordinator.listConsumerGroups()).toEqual([]);
    expect(await desk.offset()).toBe(-1);
  });
});

describe("from one protocol to the other", () => {
  test("a group without members changes, and keeps its offsets", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.commit(5));
    await desk.until(desk.heartbeat("a", 0));
    expect([await desk.offset(), desk.group()]).toEqual([5, undefined]);
    await desk.until(desk.heartbeat("a", -1));
    await desk.stable();
    expect([await desk.offset(), desk.group()?.phase]).toEqual([5, "Stable"]);
    expect(desk.coordinator.describeConsumerGroup("g")).toBe(undefined);
    const again = await desk.restart();
    expect([await again.offset(), again.group()?.phase]).toEqual([5, "Stable"]);
    expect(again.coordinator.listConsumerGroups()).toEqual([]);
  });

  test("a group with members is upgraded by the first of the new protocol, and downgraded by the last", async () => {
    const desk = await Desk.loaded({ config: { "group.consumer.assignment.interval.ms": "0" } });
    const joined = await desk.until(desk.join(""));
    const nothing = new Map([[joined.memberId, new Uint8Array(0)]]);
    await desk.until(desk.sync(joined.memberId, joined.generation, nothing));
    expect(await desk.until(desk.heartbeat("b", 0))).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(desk.group()).toBe(undefined);
    expect(described(desk).classicMemberCount).toBe(1);
    const again = await desk.restart();
    expect(described(again)).toMatchObject({ classicMemberCount: 1, groupEpoch: 2 });
    await again.until(again.heartbeat("b", -1));
    expect(again.group()?.phase).toBe("PreparingRebalance");
    const rejoined = await again.until(again.join(joined.memberId));
    expect(rejoined).toMatchObject({ errorCode: 0, leaderId: joined.memberId });
    const last = await again.restart();
    expect(last.coordinator.listConsumerGroups()).toEqual([]);
  });

  test("whoever waits in the classic group is told to join again", async () => {
    const desk = await Desk.loaded();
    const joined = await desk.until(desk.join(""));
    const waiting = watched(desk.sync(joined.memberId, joined.generation)); // of a leader: nothing to give
    const other = watched(desk.join("", { instanceId: "i" }));
    await desk.runtime.advance(10);
    expect(other.answer).toBe(null);
    await desk.until(desk.heartbeat("b", 0));
    expect(other.answer).toMatchObject({ errorCode: ErrorCode.REBALANCE_IN_PROGRESS });
    expect(waiting.answer).not.toBe(null);
  });
});
