/** Share groups through a whole broker: what members are sent, what administrators are told, what a restart brings back. */
import { afterEach, describe, expect, test } from "bun:test";
import { findCoordinator } from "../../../../protocol/api/10_find_coordinator.ts";
import { listGroups } from "../../../../protocol/api/16_list_groups.ts";
import { deleteTopics } from "../../../../protocol/api/20_delete_topics.ts";
import { deleteRecords } from "../../../../protocol/api/21_delete_records.ts";
import { createPartitions } from "../../../../protocol/api/37_create_partitions.ts";
import { deleteGroups } from "../../../../protocol/api/42_delete_groups.ts";
import { shareGroupDescribe } from "../../../../protocol/api/77_share_group_describe.ts";
import { readShareGroupState } from "../../../../protocol/api/84_read_share_group_state.ts";
import { describeShareGroupOffsets } from "../../../../protocol/api/90_describe_share_group_offsets.ts";
import { alterShareGroupOffsets } from "../../../../protocol/api/91_alter_share_group_offsets.ts";
import { deleteShareGroupOffsets } from "../../../../protocol/api/92_delete_share_group_offsets.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import { type ShareMemberClient, ShareWorld } from "./share_world.ts";

let world: ShareWorld | null = null;

afterEach(async () => {
  await world?.server.stop();
  world = null;
});

/** A topic with these batches, and a member of group "g" that reads it from its start. */
async function ready(
  counts: readonly number[],
  configs: Readonly<Record<string, string>> = {},
): Promise<[ShareWorld, ShareMemberClient]> {
  world = await ShareWorld.start();
  await world.createTopic();
  await world.configure("g", { "share.auto.offset.reset": "earliest", ...configs });
  const member = await world.member("g", "a");
  await member.join();
  await world.fill(counts);
  return [world, member];
}

async function another(from: ShareWorld, memberId = "b"): Promise<ShareMemberClient> {
  const member = await from.member("g", memberId);
  await member.join();
  return member;
}

describe("a member", () => {
  test("joins, gets its partitions with a later heartbeat, and leaves", async () => {
    world = await ShareWorld.start();
    await world.createTopic(2);
    const member = await world.member("g", "a");
    const first = await member.heartbeat(["t"]);
    expect(first).toMatchObject({ errorCode: 0, memberEpoch: 2, heartbeatIntervalMs: 5_000 });
    expect(first.assignment).toEqual({ topicPartitions: [] });
    await world.server.runtime.advance(5_000);
    const second = await member.heartbeat();
    expect(second.memberEpoch).toBe(3);
    expect(second.assignment).toEqual({ topicPartitions: [{ topicId: world.topicId, partitions: [0, 1] }] });
    expect((await member.heartbeat()).assignment).toBe(null);
    expect(await member.leave()).toMatchObject({ errorCode: 0, memberEpoch: -1 });
    expect(await member.heartbeat()).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
  });

  test("shares a partition with others where there are more of them", async () => {
    const [at] = await ready([]);
    const other = await another(at);
    expect(other.assigned).toEqual([0]);
  });

  test("that says nothing for its session is out", async () => {
    const [at, member] = await ready([]);
    await at.server.runtime.advance(45_001);
    expect(await member.heartbeat()).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
  });

  test("of an epoch that is not its own is fenced", async () => {
    const [, member] = await ready([]);
    member.epoch = 17;
    expect(await member.heartbeat()).toMatchObject({ errorCode: ErrorCode.FENCED_MEMBER_EPOCH });
  });
});

describe("a fetch", () => {
  test("acquires what it sends, and sends it to nobody else", async () => {
    const [at, member] = await ready([3, 2]);
    expect(await member.fetch()).toMatchObject({ acquired: ["0-4x1"], offsets: ["0-2", "3-4"] });
    const other = await another(at);
    expect(await other.fetch()).toMatchObject({ acquired: [], offsets: [] });
  });

  test("takes whole batches past its limit of records, unless the limit is strict", async () => {
    const [at, member] = await ready([3, 3, 3]);
    expect(await member.fetch({ maxRecords: 4 })).toMatchObject({ acquired: ["0-5x1"], offsets: ["0-2", "3-5"] });
    const other = await another(at);
    expect(await other.fetch({ maxRecords: 2, shareAcquireMode: 1 })).toMatchObject({
      acquired: ["6-7x1"],
      offsets: ["6-8"],
    });
    expect(await other.fetch({ maxRecords: 2, shareAcquireMode: 1 })).toMatchObject({
      acquired: ["8-8x1"],
      offsets: ["6-8"],
    });
  });

  test("tells records that are to be acknowledged together by the size asked for", async () => {
    const [, member] = await ready([2, 2, 2]);
    expect(await member.fetch({ batchSize: 3 })).toMatchObject({ acquired: ["0-3x1", "4-5x1"] });
  });

  test("waits for records", async () => {
    const [at, member] = await ready([]);
    expect(await member.fetch()).toMatchObject({ acquired: [] });
    const waiting = member.fetch({ maxWaitMs: 60_000 });
    await at.server.runtime.advance(10);
    await at.fill([1]);
    expect(await waiting).toMatchObject({ acquired: ["0-0x1"] });
  });

  test("waits for records that another gives back", async () => {
    const [at, member] = await ready([2]);
    await member.fetch();
    const other = await another(at);
    await other.fetch();
    const waiting = other.fetch({ maxWaitMs: 60_000 });
    expect(await member.acknowledge({ "0-0": [2], "1-1": [1] })).toBe(0);
    expect(await waiting).toMatchObject({ acquired: ["0-0x2"] });
  });

  test("gets records again when the lock's time is up, until they were delivered as often as they may be", async () => {
    const [at, member] = await ready([1], { "share.delivery.count.limit": "2" });
    expect(await member.fetch()).toMatchObject({ acquired: ["0-0x1"] });
    await at.server.runtime.advance(30_001);
    await member.heartbeat();
    expect(await member.fetch()).toMatchObject({ acquired: ["0-0x2"] });
    await at.server.runtime.advance(30_001);
    await member.heartbeat();
    expect(await member.fetch()).toBe(null);
    await at.fill([1]);
    expect(await member.fetch()).toMatchObject({ acquired: ["1-1x1"] });
  });

  test("gives out no more than may be in flight", async () => {
    const [at, member] = await ready([100, 100], { "share.partition.max.record.locks": "100" });
    expect(await member.fetch()).toMatchObject({ acquired: ["0-99x1"] });
    const other = await another(at);
    expect(await other.fetch()).toBe(null);
    expect(await member.acknowledge({ "0-9": [1] })).toBe(0);
    expect(await other.fetch()).toMatchObject({ acquired: ["100-199x1"] });
  });

  test("begins where the log now does", async () => {
    const [at, member] = await ready([1, 1, 1]);
    await at.client.send(deleteRecords, 2, {
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 2 }] }],
      timeoutMs: 1_000,
    });
    expect(await member.fetch()).toMatchObject({ acquired: ["2-2x1"] });
  });

  test("of a group that is new to the topic begins at its end, unless told otherwise", async () => {
    world = await ShareWorld.start();
    await world.createTopic();
    await world.fill([2]);
    const member = await world.member("late", "a");
    await member.join();
    expect(await member.fetch()).toMatchObject({ acquired: [] });
    await world.fill([1]);
    expect(await member.fetch()).toMatchObject({ acquired: ["2-2x1"] });
  });

  test("that goes on names its session's epoch", async () => {
    const [, member] = await ready([1]);
    await member.fetch();
    member.sessionEpoch = 7;
    expect((await member.request({})).errorCode).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    const stranger = await world!.member("g", "nobody");
    stranger.sessionEpoch = 1;
    expect((await stranger.request({})).errorCode).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    stranger.sessionEpoch = -1;
    expect((await stranger.request({})).errorCode).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
  });

  test("cannot ask for records in a way that nobody knows, where there is something to ask for", async () => {
    const [at, member] = await ready([3]);
    const fetching = (partitionIndex: number, shareAcquireMode: number) =>
      member.request({
        shareAcquireMode,
        topics: [{ topicId: at.topicId, partitions: [{ partitionIndex, acknowledgementBatches: [] }] }],
      });
    expect((await fetching(7, 2)).errorCode).toBe(0);
    expect((await fetching(0, 2)).errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect((await fetching(0, -1)).errorCode).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
  });

  test("of what is less than nothing is none", async () => {
    const [at, member] = await ready([3]);
    expect(await member.fetch({ maxRecords: -1 })).toMatchObject({ errorCode: 0, acquired: [], offsets: [] });
    expect(await member.fetch({ maxBytes: -1 })).toMatchObject({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR });
    const partitions = [0, 0].map((partitionIndex) => ({ partitionIndex, acknowledgementBatches: [] }));
    const twice = { shareSessionEpoch: 0, topics: [{ topicId: at.topicId, partitions }] };
    expect((await member.request(twice)).errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
  });

  test("past the number of sessions waits, and is refused", async () => {
    const overrides = { "group.share.max.size": "1", "group.share.max.share.sessions": "1" };
    world = await ShareWorld.start({ overrides });
    await world.createTopic();
    const member = await world.member("g", "a");
    await member.fetch();
    const stranger = await world.member("h", "b");
    const since = world.server.runtime.clock.monotonicMs();
    expect((await stranger.request({ maxWaitMs: 500 })).errorCode).toBe(ErrorCode.SHARE_SESSION_LIMIT_REACHED);
    expect(world.server.runtime.clock.monotonicMs() - since).toBeGreaterThanOrEqual(500);
    member.client.close();
    await world.server.runtime.settle();
    expect((await stranger.request({})).errorCode).toBe(0);
  });
});

describe("an acknowledgement", () => {
  test("is of records that the member has", async () => {
    const [at, member] = await ready([3]);
    await member.fetch();
    const other = await another(at);
    await other.fetch();
    expect(await other.acknowledge({ "0-0": [1] })).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(await member.acknowledge({ "0-0": [1] })).toBe(0);
    expect(await member.acknowledge({ "0-0": [1] })).toBe(0); // done with long ago
    expect(await member.acknowledge({ "1-9": [1] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await member.acknowledge({ "2-1": [1] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await member.acknowledge({ "1-2": [1, 2, 3] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await member.acknowledge({ "1-2": [9] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await member.acknowledge({ "1-2": [1, 3] })).toBe(0);
  });

  test("comes with a fetch, too", async () => {
    const [, member] = await ready([1, 1]);
    await member.fetch({ maxRecords: 1 });
    expect(await member.fetch({ types: { "0-0": [1] } })).toMatchObject({
      acknowledgeErrorCode: 0,
      acquired: ["1-1x1"],
    });
    expect(await member.fetch({ types: { "5-5": [1] } })).toMatchObject({
      acknowledgeErrorCode: ErrorCode.INVALID_REQUEST,
    });
  });

  test("of a partition that is named twice is what is said last, answered once", async () => {
    const [at, member] = await ready([3]);
    await member.fetch();
    const said = (acknowledgeTypes: number[]) => ({
      partitionIndex: 0,
      acknowledgementBatches: [{ firstOffset: 0, lastOffset: 2, acknowledgeTypes }],
    });
    const twice = { topics: [{ topicId: at.topicId, partitions: [said([9]), said([1])] }] };
    const { responses } = await member.request(twice);
    expect(responses.map(({ partitions }) => partitions.map(({ acknowledgeErrorCode }) => acknowledgeErrorCode)))
      .toEqual([[0]]);
  });

  test("may prolong the lock", async () => {
    const [at, member] = await ready([2]);
    await member.fetch();
    await at.server.runtime.advance(20_000);
    await member.heartbeat();
    expect(await member.acknowledge({ "0-0": [4] }, 0, true)).toBe(0);
    await at.server.runtime.advance(20_000);
    await member.heartbeat();
    expect(await member.fetch()).toMatchObject({ acquired: ["1-1x2"] });
    expect(await member.acknowledge({ "0-0": [4] })).toBe(ErrorCode.INVALID_REQUEST);
  });

  test("that ends the session gives back what the member still has", async () => {
    const [at, member] = await ready([2]);
    await member.fetch();
    member.sessionEpoch = -1;
    expect(await member.acknowledge({ "0-0": [1] })).toBe(0);
    const other = await another(at);
    expect(await other.fetch()).toMatchObject({ acquired: ["1-1x2"] });
  });

  test("is kept, and so is what was not acknowledged, when the member's connection ends", async () => {
    const [at, member] = await ready([3]);
    await member.fetch();
    expect(await member.acknowledge({ "1-1": [1] })).toBe(0);
    member.client.close();
    await at.server.runtime.settle();
    const other = await another(at);
    expect(await other.fetch()).toMatchObject({ acquired: ["0-0x2", "2-2x2"] });
  });
});

describe("records that are delivered again and again", () => {
  test("come fewer at a time, and at last alone", async () => {
    const [, member] = await ready([4]);
    const seen: (string[] | undefined)[] = [];
    for (let round = 0; round < 6; round++) {
      const got = await member.fetch();
      seen.push(got?.acquired);
      const back = Object.fromEntries((got?.acquired ?? []).map((text) => [text.split("x")[0]!, [2]]));
      if (got !== null) await member.acknowledge(back);
    }
    expect(seen).toEqual([["0-3x1"], ["0-3x2"], ["0-3x3"], ["0-1x4"], ["0-0x5"], ["1-1x5"]]);
  });
});

describe("an administrator", () => {
  test("is told of groups, members, offsets and lag", async () => {
    const [at, member] = await ready([10]);
    await member.fetch();
    await member.acknowledge({ "0-3": [1], "6-6": [1] });
    const { groups } = await at.client.send(listGroups, 5, { statesFilter: [], typesFilter: ["share"] });
    expect(groups).toEqual([{ groupId: "g", protocolType: "share", groupState: "Stable", groupType: "share" }]);
    const described = await at.client.send(shareGroupDescribe, 1, {
      groupIds: ["g", "none"],
      includeAuthorizedOperations: false,
    });
    expect(described.groups[0]).toMatchObject({ errorCode: 0, groupState: "Stable", assignorName: "simple" });
    expect(described.groups[0]!.members[0]).toMatchObject({ memberId: "a", subscribedTopicNames: ["t"] });
    expect(described.groups[1]).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: "Group none not found.",
    });
    const offsets = await at.client.send(describeShareGroupOffsets, 1, { groups: [{ groupId: "g", topics: null }] });
    expect(offsets.groups[0]!.topics[0]!.partitions[0]).toMatchObject({ startOffset: 0, lag: 5, errorCode: 0 });
  });

  test("moves an empty group, and lets it forget", async () => {
    const [at, member] = await ready([10]);
    await member.fetch();
    await member.acknowledge({ "0-9": [1] });
    const alter = (startOffset: number) =>
      at.client.send(alterShareGroupOffsets, 0, {
        groupId: "g",
        topics: [{
          topicName: "t",
          partitions: [{ partitionIndex: 0, startOffset }, { partitionIndex: 9, startOffset }],
        }],
      });
    expect((await alter(3)).errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
    await member.leave();
    const altered = await alter(3);
    expect(altered.errorCode).toBe(0);
    expect(altered.responses[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([
      0,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    const other = await another(at);
    expect(await other.fetch()).toMatchObject({ acquired: ["3-9x1"] });
    await other.leave();
    const forget = () =>
      at.client.send(deleteShareGroupOffsets, 0, { groupId: "g", topics: [{ topicName: "t" }, { topicName: "none" }] });
    expect((await forget()).responses.map(({ errorCode }) => errorCode)).toEqual([
      0,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    expect((await forget()).responses[0]!.errorMessage).toBe("There is no offset information to delete.");
    const { results } = await at.client.send(deleteGroups, 2, { groupsNames: ["g"] });
    expect(results[0]!.errorCode).toBe(0);
    const { groups } = await at.client.send(listGroups, 5, { statesFilter: [], typesFilter: ["share"] });
    expect(groups).toEqual([]);
  });

  test("who has moved a group is told so from then on, however slow the disk is", async () => {
    world = await ShareWorld.start();
    await world.createTopic();
    await world.fill([3]);
    world.server.runtime.files.syncDelayMs = () => 50;
    const topics = [{ topicName: "t", partitions: [{ partitionIndex: 0, startOffset: 2 }] }];
    expect((await world.client.send(alterShareGroupOffsets, 0, { groupId: "new", topics })).errorCode).toBe(0);
    const { groups } = await world.client.send(describeShareGroupOffsets, 1, {
      groups: [{ groupId: "new", topics: null }],
    });
    expect(groups[0]!.topics[0]?.partitions[0]).toMatchObject({ startOffset: 2, lag: 1 });
  });

  test("does not delete a group that has members", async () => {
    const [at] = await ready([]);
    const { results } = await at.client.send(deleteGroups, 2, { groupsNames: ["g"] });
    expect(results[0]!.errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
  });

  test("finds the share coordinator by a partition's key", async () => {
    const [at] = await ready([]);
    const { coordinators } = await at.client.send(findCoordinator, 6, {
      keyType: 2,
      coordinatorKeys: [`g:${at.topicId}:0`, "g"],
    });
    expect(coordinators.map(({ errorCode }) => errorCode)).toEqual([0, ErrorCode.INVALID_REQUEST]);
  });
});

describe("a topic that grows", () => {
  test("gives its new partitions to members, who keep what they have of the others", async () => {
    const [at, member] = await ready([2]);
    await member.fetch();
    const topics = [{ name: "t", count: 2, assignments: null }];
    await at.client.send(createPartitions, 3, { topics, timeoutMs: 1_000, validateOnly: false });
    for (let round = 0; round < 3; round++) {
      await at.server.runtime.advance(2_000);
      await member.heartbeat();
    }
    expect(member.assigned).toEqual([0, 1]);
    const other = await another(at);
    expect(await other.fetch()).toMatchObject({ acquired: [] });
    expect(await member.acknowledge({ "0-1": [1] })).toBe(0);
    await at.fill([1], 1);
    expect(await other.fetch({}, 1)).toMatchObject({ acquired: ["0-0x1"] });
  });
});

describe("a deleted topic", () => {
  test("is forgotten with its state", async () => {
    const [at, member] = await ready([1]);
    await member.fetch();
    await member.acknowledge({ "0-0": [1] });
    const { topicId } = at;
    await at.client.send(deleteTopics, 6, { topics: [{ name: "t", topicId: ZERO_UUID }], timeoutMs: 1_000 });
    await at.server.runtime.settle();
    const { results } = await at.client.send(readShareGroupState, 0, {
      groupId: "g",
      topics: [{ topicId, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    });
    expect(results[0]!.partitions[0]).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "Read operation on uninitialized share partition not allowed.",
    });
  });
});

describe("after a restart", () => {
  test("what was acknowledged does not come again, what was not does", async () => {
    const [at, member] = await ready([6]);
    await member.fetch();
    await member.acknowledge({ "0-1": [1], "3-3": [3], "4-4": [2] });
    const { runtime } = at.server;
    await at.server.stop();
    world = await ShareWorld.start({ runtime });
    const back = await world.member("g", "a");
    back.epoch = member.epoch;
    expect(await back.heartbeat()).toMatchObject({ errorCode: 0 });
    expect(await back.fetch()).toMatchObject({ acquired: ["2-2x2", "4-5x2"] });
  });
});
