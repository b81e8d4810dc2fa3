import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import type { CommittedOffset } from "../../../../server/groups/offset_store.ts";
import { type PendingOffset, TransactionalOffsets } from "../../../../server/groups/transactional_offsets.ts";
import { FakeTopics } from "./consumer/topics.ts";
import { Desk } from "./desk.ts";

const place = { groupId: "g", topic: "t", partition: 0 };
const committed = (offset: number): CommittedOffset => ({
  offset,
  leaderEpoch: -1,
  metadata: "",
  commitTimestampMs: 0,
  expireTimestampMs: -1,
  topicId: ZERO_UUID,
});
const pending = (offset: number, changes: Partial<PendingOffset> = {}) => ({
  ...place,
  value: committed(offset),
  ...changes,
});
const isUnstable = (offsets: TransactionalOffsets) => offsets.isUnstable("g", "t", 0);

describe("TransactionalOffsets", () => {
  test("hold an offset until its producer's marker: a commit hands it over, an abort drops it", () => {
    for (const outcome of ["commit", "abort"] as const) {
      const offsets = new TransactionalOffsets();
      offsets.begin(place);
      expect(isUnstable(offsets)).toBe(true);
      offsets.written(1, pending(5));
      offsets.begin(place);
      offsets.written(1, pending(6));
      expect(offsets.ended(2, outcome)).toEqual([]);
      expect(isUnstable(offsets)).toBe(true);
      expect(offsets.ended(1, outcome)).toMatchObject(outcome === "commit" ? [{ ...place, value: { offset: 6 } }] : []);
      expect(isUnstable(offsets)).toBe(false);
      expect(offsets.hasAny("g")).toBe(false);
      expect(offsets.ended(1, outcome)).toEqual([]);
    }
  });

  test("stay unstable while another producer or a write on its way has one there", () => {
    const offsets = new TransactionalOffsets();
    for (const producerId of [1, 2]) {
      offsets.begin(place);
      offsets.written(producerId, pending(producerId));
    }
    offsets.begin(place);
    offsets.ended(1, "abort");
    expect(isUnstable(offsets)).toBe(true);
    offsets.ended(2, "commit");
    expect(isUnstable(offsets)).toBe(true);
    offsets.lost(place);
    expect(isUnstable(offsets)).toBe(false);
  });

  test("do not replace one that was committed outside after them", () => {
    const offsets = new TransactionalOffsets();
    offsets.begin(place);
    offsets.written(1, pending(5));
    offsets.begin({ ...place, partition: 1 });
    offsets.written(1, pending(7, { partition: 1 }));
    offsets.writtenOutside(place, committed(9));
    expect(offsets.ended(1, "commit")).toMatchObject([{ partition: 1, value: { offset: 7 } }]);
  });

  test("replace one that was committed outside before them", () => {
    const offsets = new TransactionalOffsets();
    offsets.begin({ ...place, partition: 1 });
    offsets.written(2, pending(1, { partition: 1 }));
    offsets.writtenOutside(place, committed(9));
    offsets.begin(place);
    offsets.written(1, pending(5));
    expect(offsets.ended(1, "commit")).toMatchObject([{ value: { offset: 5 } }]);
  });

  test("of two transactions count in the order in which they were written, not in which they ended", () => {
    const offsets = new TransactionalOffsets();
    for (const producerId of [1, 2]) {
      offsets.begin(place);
      offsets.written(producerId, pending(producerId));
    }
    expect(offsets.ended(2, "commit")).toMatchObject([{ value: { offset: 2 } }]);
    expect(offsets.ended(1, "commit")).toEqual([]);
  });

  test("that were deleted meanwhile stay deleted", () => {
    const offsets = new TransactionalOffsets();
    offsets.begin(place);
    offsets.written(1, pending(5));
    offsets.writtenOutside(place, null);
    expect(isUnstable(offsets)).toBe(false);
    expect(offsets.ended(1, "commit")).toEqual([]);
  });

  test("keep groups and topics apart whose names run into each other", () => {
    const offsets = new TransactionalOffsets();
    offsets.begin({ groupId: "a", topic: "bc", partition: 0 });
    expect(offsets.isUnstable("ab", "c", 0)).toBe(false);
    expect(offsets.placesOf("a")).toEqual([{ groupId: "a", topic: "bc", partition: 0 }]);
    expect(offsets.placesOf("ab")).toEqual([]);
    expect([...offsets.groupIds()]).toEqual(["a"]);
  });
});

const producer = { producerId: 7, producerEpoch: 3 };

function commitIn(
  desk: Desk,
  offset: number,
  changes: { groupId?: string; memberId?: string; generation?: number; apiVersion?: number } = {},
) {
  return desk.until(desk.coordinator.commitTransactionalOffsets({
    groupId: "g",
    memberId: "",
    instanceId: null,
    generation: -1,
    apiVersion: 5,
    ...producer,
    offsets: [{ topic: "t", topicId: ZERO_UUID, partition: 0, offset, leaderEpoch: 3, metadata: "m" }],
    ...changes,
  }));
}

function end(desk: Desk, outcome: "commit" | "abort", groupId = "g") {
  const partition = desk.coordinator.offsetsPartitionOf(groupId);
  return desk.until(
    desk.coordinator.endTransaction(partition, { ...producer, coordinatorEpoch: 0, outcome, clientVersion: 0 }),
  );
}

async function isUnstableAt(desk: Desk): Promise<boolean> {
  const offsets = await desk.until(desk.coordinator.offsetsOf("g", { requireStable: true }));
  if (typeof offsets === "number") throw new Error(`Error ${offsets}`);
  return offsets.isUnstable("t", 0);
}

describe("offsets inside a transaction", () => {
  for (const outcome of ["commit", "abort"] as const) {
    test(`are seen ${outcome === "commit" ? "from the commit on" : "never after an abort"}`, async () => {
      const desk = await Desk.loaded();
      await desk.until(desk.commit(1));
      expect(await commitIn(desk, 8)).toEqual([ErrorCode.NONE]);
      expect([await desk.offset(), await isUnstableAt(desk)]).toEqual([1, true]);
      expect(await end(desk, outcome)).toBe(ErrorCode.NONE);
      const expected = outcome === "commit" ? 8 : 1;
      expect([await desk.offset(), await isUnstableAt(desk)]).toEqual([expected, false]);
      expect(await (await desk.restart()).offset()).toBe(expected);
    });

    test(`are found again after a restart in the middle, then ${outcome}`, async () => {
      const desk = await Desk.loaded();
      await desk.until(desk.commit(1));
      await commitIn(desk, 8);
      const next = await desk.restart();
      expect([await next.offset(), await isUnstableAt(next)]).toEqual([1, true]);
      await end(next, outcome);
      const expected = outcome === "commit" ? 8 : 1;
      expect([await next.offset(), await isUnstableAt(next)]).toEqual([expected, false]);
    });
  }

  test.each([ErrorCode.NONE, ErrorCode.NOT_ENOUGH_REPLICAS])(
    "are waited for while they are on their way, and unstable once they have landed (error %s)",
    async (errorCode) => {
      const desk = await Desk.loaded();
      let open = () => {};
      desk.topic.gate = new Promise((resolve) => open = resolve);
      desk.topic.errorCode = errorCode;
      const committing = commitIn(desk, 8);
      const asking = isUnstableAt(desk);
      open();
      const isWritten = errorCode === ErrorCode.NONE;
      expect((await committing)[0] === ErrorCode.NONE).toBe(isWritten);
      expect(await asking).toBe(isWritten);
    },
  );

  test("of a group that commits from outside later do not win", async () => {
    const desk = await Desk.loaded();
    await commitIn(desk, 8);
    await desk.until(desk.commit(9));
    await end(desk, "commit");
    expect(await desk.offset()).toBe(9);
    expect(await (await desk.restart()).offset()).toBe(9);
  });

  test("are gone when the group is deleted meanwhile", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.commit(1));
    await commitIn(desk, 8);
    expect(await desk.until(desk.coordinator.deleteGroup("g"))).toBe(ErrorCode.NONE);
    await end(desk, "commit");
    expect(await desk.offset()).toBe(-1);
    expect(await (await desk.restart()).offset()).toBe(-1);
  });

  test("need a member that is one, if they come from a member", async () => {
    const desk = await Desk.loaded();
    const { memberId, generation } = await desk.stable();
    expect(await commitIn(desk, 1, { memberId, generation })).toEqual([ErrorCode.NONE]);
    expect(await commitIn(desk, 1, { memberId, generation: generation - 1 })).toEqual([ErrorCode.ILLEGAL_GENERATION]);
    expect(await commitIn(desk, 1, { memberId: "other", generation })).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
    // Producers of before KIP-447 say nothing about members.
    expect(await commitIn(desk, 1)).toEqual([ErrorCode.NONE]);
  });

  test.each([[5, ErrorCode.ILLEGAL_GENERATION], [6, ErrorCode.STALE_MEMBER_EPOCH]])(
    "need a member in its epoch, if they come from one of the consumer or the streams protocol: in v%i else error %i",
    async (apiVersion, errorCode) => {
      const topics = new FakeTopics({ t: 4, "t-changelog": 4 });
      const desk = await Desk.loaded({ topics, config: { "group.streams.initial.rebalance.delay.ms": "0" } });
      await desk.until(desk.heartbeat("a", 0));
      await desk.until(desk.streamsHeartbeat("a", 0, { groupId: "s" }));
      for (const [groupId, epoch] of [["g", 2], ["s", 2]] as const) {
        const commit = (generation: number, memberId = "a") =>
          commitIn(desk, 1, { groupId, memberId, generation, apiVersion });
        expect(await commit(epoch)).toEqual([ErrorCode.NONE]);
        expect(await commit(epoch + 1)).toEqual([errorCode]);
        expect(await commit(epoch - 1)).toEqual([errorCode]);
        expect(await commit(epoch, "b")).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
        expect(await commit(-1, "")).toEqual([ErrorCode.NONE]);
      }
    },
  );

  test("keep their group from being forgotten", async () => {
    const desk = await Desk.loaded({ config: { "offsets.retention.minutes": "1" } });
    await commitIn(desk, 8);
    await desk.runtime.advance(1_200_000);
    await end(desk, "commit");
    expect(await desk.offset()).toBe(8);
  });
});
