import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { Desk, MemoryOffsetsTopic } from "./desk.ts";

describe("group coordinator", () => {
  test("answers NOT_COORDINATOR until the offsets topic is there, and makes it when asked", async () => {
    const desk = new Desk({ topic: new MemoryOffsetsTopic() });
    expect((await desk.join("")).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(await desk.commit(1)).toEqual([ErrorCode.NOT_COORDINATOR]);
    expect(desk.coordinator.listGroups()).toEqual([]);
    expect(await Promise.all([desk.coordinator.prepare(), desk.coordinator.prepare()])).toEqual([0, 0]);
    expect(await desk.until(desk.commit(1))).toEqual([ErrorCode.NONE]);
  });

  test("answers COORDINATOR_LOAD_IN_PROGRESS until a group's shard is loaded", async () => {
    const topic = new MemoryOffsetsTopic();
    topic.create(1);
    let open = () => {};
    topic.gate = new Promise((resolve) => open = resolve);
    const desk = new Desk({ topic });
    const loading = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    expect((await desk.join("")).errorCode).toBe(loading);
    expect((await desk.sync("a", 1)).errorCode).toBe(loading);
    expect(await desk.commit(1)).toEqual([loading]);
    expect(desk.coordinator.describeGroup("g")).toBe(loading);
    expect(desk.coordinator.listGroups()).toBe(loading);
    expect(await desk.coordinator.deleteGroup("g")).toBe(loading);
    // A heartbeat is as good as unseen: the member lives until its shard says otherwise.
    const claim = { groupId: "g", memberId: "a", instanceId: null, generation: 1 };
    expect(await desk.coordinator.heartbeat(claim)).toBe(ErrorCode.NONE);
    topic.gate = null;
    open();
    await desk.until(desk.coordinator.loaded);
    expect(await desk.coordinator.heartbeat(claim)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("bounds session timeouts and refuses an empty group id", async () => {
    const desk = await Desk.loaded();
    expect((await desk.join("", { sessionTimeoutMs: 5_999 })).errorCode).toBe(ErrorCode.INVALID_SESSION_TIMEOUT);
    expect((await desk.join("", { sessionTimeoutMs: 1_800_001 })).errorCode).toBe(ErrorCode.INVALID_SESSION_TIMEOUT);
    expect((await desk.join("", { groupId: "" })).errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
    expect(await desk.coordinator.deleteOffsets("", [])).toBe(ErrorCode.INVALID_GROUP_ID);
  });

  test("makes a group for a newcomer, also for one that it refuses, and none for who claims to be a member", async () => {
    const desk = await Desk.loaded();
    expect((await desk.join("stranger", { protocols: [] })).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(desk.coordinator.listGroups()).toEqual([]);
    expect((await desk.join("", { protocols: [] })).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(desk.coordinator.describeGroup("g")).toMatchObject({ phase: "Empty", generation: 0 });
    await desk.until(desk.coordinator.stop());
    expect((await desk.restart()).coordinator.describeGroup("g")).toMatchObject({ phase: "Empty", generation: 0 });
  });

  test("answers for members of a group that is not there", async () => {
    const desk = await Desk.loaded();
    const claim = { groupId: "g", memberId: "a", instanceId: null, generation: 1 };
    expect(await desk.coordinator.heartbeat(claim)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect((await desk.sync("a", 1)).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(await desk.coordinator.leaveGroup("g", [{ memberId: "a", instanceId: null, reason: "" }])).toEqual({
      errorCode: ErrorCode.NONE,
      members: [{ memberId: "a", instanceId: null, errorCode: ErrorCode.UNKNOWN_MEMBER_ID }],
    });
    expect(await desk.commit(1, { generation: 4, memberId: "a", apiVersion: 8 })).toEqual([
      ErrorCode.ILLEGAL_GENERATION,
    ]);
    expect(await desk.commit(1, { generation: 4, memberId: "a", apiVersion: 9 })).toEqual([
      ErrorCode.GROUP_ID_NOT_FOUND,
    ]);
  });

  test("makes member ids of the client's name and a random UUID", async () => {
    const desk = await Desk.loaded();
    const { memberId } = await desk.stable();
    expect(/^client-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(memberId)).toBe(true);
  });

  test("keeps its own copy of what members send", async () => {
    const desk = await Desk.loaded();
    const frame = Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 1, 116, 0, 0, 0, 0);
    const joined = await desk.until(desk.join("", { protocols: [{ name: "range", metadata: frame }] }));
    const assignment = Uint8Array.of(7);
    const syncing = desk.sync(joined.memberId, 1, new Map([[joined.memberId, assignment]]));
    frame.fill(255);
    assignment.fill(255);
    expect((await desk.until(syncing)).assignment).toEqual(Uint8Array.of(7));
    expect(desk.group()?.members.get(joined.memberId)?.protocols[0]?.metadata[8]).toBe(116);
  });

  test("tells who waits to go elsewhere when it stops, and leaves no timer", async () => {
    const desk = await Desk.loaded({ config: { "group.initial.rebalance.delay.ms": "3000" } });
    const waiting = desk.join("");
    await desk.until(desk.coordinator.stop());
    expect((await waiting).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect((await desk.join("")).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(await desk.coordinator.prepare()).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    // Nothing is due any more.
    expect(desk.runtime.until(new Promise(() => {}))).rejects.toThrow("no timer is left");
  });
});

describe("a commit", () => {
  test("is answered, and seen, when it is safe", async () => {
    const desk = await Desk.loaded();
    let open = () => {};
    desk.topic.gate = new Promise((resolve) => open = resolve);
    const committing = desk.commit(42);
    await desk.runtime.settle();
    const unstable = await desk.coordinator.offsetsOf("g", { requireStable: false });
    expect(typeof unstable === "object" && unstable.get("g", "t", 0)).toBe(null);
    open();
    expect(await desk.until(committing)).toEqual([ErrorCode.NONE]);
    expect(await desk.offset()).toBe(42);
  });

  test("shares a write with those that come while one is on its way", async () => {
    const desk = await Desk.loaded({ partitionCount: 1 });
    const commits = Array.from({ length: 100 }, (_, index) => desk.commit(index, { groupId: `g${index}` }));
    await desk.until(Promise.all(commits));
    expect(desk.topic.writeCount).toBe(1);
    expect(desk.topic.recordCount()).toBe(100);
  });

  test("with metadata that is too long is refused by itself", async () => {
    const desk = await Desk.loaded({ config: { "offset.metadata.max.bytes": "4" } });
    const offset = { topic: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAA", offset: 1, leaderEpoch: -1 };
    const offsets = [
      { ...offset, partition: 0, metadata: "12345" },
      { ...offset, partition: 1, metadata: "1234" },
      { ...offset, partition: 2, metadata: null },
    ];
    expect(await desk.until(desk.commit(0, { offsets }))).toEqual([ErrorCode.OFFSET_METADATA_TOO_LARGE, 0, 0]);
  });

  test("that the log refuses is answered with its error, and never seen", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.commit(1));
    desk.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(await desk.until(desk.commit(2))).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE]);
    expect(await desk.offset()).toBe(1);
    desk.topic.errorCode = 0;
    expect(await desk.until(desk.commit(3))).toEqual([ErrorCode.NONE]);
    expect(await desk.offset()).toBe(3);
  });

  test("waits for a slow log no longer than offsets.commit.timeout.ms", async () => {
    const desk = await Desk.loaded({ config: { "offsets.commit.timeout.ms": "5000" } });
    let open = () => {};
    desk.topic.gate = new Promise((resolve) => open = resolve);
    const first = desk.commit(1);
    await desk.runtime.advance(1_000);
    const second = desk.commit(2);
    await desk.runtime.advance(5_000);
    expect(await first).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE]);
    expect(await second).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE]);
    open();
    desk.topic.gate = null;
    expect(await desk.offset()).toBe(1); // it was sent, so it landed; the second was not
  });

  test("larger than a batch is spread over several", async () => {
    const desk = await Desk.loaded({ partitionCount: 1, config: { "offset.metadata.max.bytes": "30000" } });
    const offsets = Array.from({ length: 50 }, (_, partition) => ({
      topic: "t",
      topicId: "AAAAAAAAAAAAAAAAAAAAAA",
      partition,
      offset: partition,
      leaderEpoch: -1,
      metadata: "x".repeat(25_000),
    }));
    const codes = await desk.until(desk.commit(0, { offsets }));
    expect(codes.every((code) => code === 0)).toBe(true);
    expect(desk.topic.writeCount).toBe(3);
  });
});

describe("DeleteGroups", () => {
  test("takes offsets with it, those on their way included", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.commit(1));
    const committing = desk.commit(2, { topic: "u" });
    const deleting = desk.coordinator.deleteGroup("g");
    expect(desk.group()).toBe(undefined);
    expect(await desk.until(committing)).toEqual([ErrorCode.NONE]);
    expect(await desk.until(deleting)).toBe(ErrorCode.NONE);
    expect(await desk.offset("g", "t")).toBe(-1);
    expect(await desk.offset("g", "u")).toBe(-1);
    expect(await desk.coordinator.deleteGroup("g")).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    const again = await desk.restart();
    expect(again.coordinator.listGroups()).toEqual([]);
    expect(await again.offset()).toBe(-1);
  });

  test("is refused while there are members", async () => {
    const desk = await Desk.loaded();
    await desk.stable();
    expect(await desk.coordinator.deleteGroup("g")).toBe(ErrorCode.NON_EMPTY_GROUP);
  });

  test("that cannot be written leaves the group as it was", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.commit(1));
    desk.topic.errorCode = ErrorCode.KAFKA_STORAGE_ERROR;
    expect(await desk.until(desk.coordinator.deleteGroup("g"))).toBe(ErrorCode.NOT_COORDINATOR);
    expect(desk.group()?.phase).toBe("Empty");
    expect(await desk.offset()).toBe(1);
  });
});

describe("OffsetDelete", () => {
  test("deletes what nobody subscribes to", async () => {
    const desk = await Desk.loaded();
    const { memberId } = await desk.stable(); // subscribes to "t"
    for (const topic of ["t", "u"]) await desk.until(desk.commit(1, { topic, memberId, generation: 1 }));
    const places = [{ topic: "t", partition: 0 }, { topic: "u", partition: 0 }, { topic: "u", partition: 9 }];
    expect(await desk.until(desk.coordinator.deleteOffsets("g", places))).toEqual([
      ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
      ErrorCode.NONE,
      ErrorCode.NONE,
    ]);
    expect(await desk.offset("g", "t")).toBe(1);
    expect(await desk.offset("g", "u")).toBe(-1);
  });

  test("knows no group that is not there", async () => {
    const desk = await Desk.loaded();
    expect(await desk.coordinator.deleteOffsets("g", [])).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  });
});

describe("forgetting", () => {
  const day = 24 * 60 * 60_000;

  test("of offsets happens when they expire, and of the group with them", async () => {
    const desk = await Desk.loaded({ config: { "offsets.retention.minutes": "1440" } });
    await desk.until(desk.commit(1));
    await desk.runtime.advance(day - 60_000);
    expect(await desk.offset()).toBe(1);
    await desk.runtime.advance(600_000);
    expect(await desk.offset()).toBe(-1);
    expect(desk.group()).toBe(undefined);
    expect((await desk.restart()).coordinator.listGroups()).toEqual([]);
  });

  test("does not touch the offsets of a group in use", async () => {
    const desk = await Desk.loaded({ config: { "offsets.retention.minutes": "1" } });
    const { memberId } = await desk.stable("g", { sessionTimeoutMs: 1_800_000 });
    await desk.until(desk.commit(1, { memberId, generation: 1 }));
    await desk.until(desk.commit(1, { memberId, generation: 1, topic: "u" }));
    await desk.runtime.advance(1_200_000);
    expect(await desk.offset("g", "t")).toBe(1); // subscribed to
    expect(await desk.offset("g", "u")).toBe(-1);
  });

  test("of a deleted topic's offsets is not of those committed to its successor", async () => {
    const desk = await Desk.loaded();
    const offsets = (topicId: string) => [
      { topic: "t", topicId, partition: 0, offset: 1, leaderEpoch: -1, metadata: null },
    ];
    await desk.until(desk.commit(1, { groupId: "old", offsets: offsets("AAAAAAAAAAAAAAAAAAAAAB") }));
    await desk.until(desk.commit(1, { groupId: "new", offsets: offsets("AAAAAAAAAAAAAAAAAAAAAC") }));
    desk.coordinator.onTopicsDeleted([{ name: "t", id: "AAAAAAAAAAAAAAAAAAAAAB" }]);
    await desk.runtime.settle();
    expect(await desk.offset("old")).toBe(-1);
    expect(await desk.offset("new")).toBe(1);
    expect(await (await desk.restart()).offset("old")).toBe(-1);
  });
});
