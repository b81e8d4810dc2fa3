import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { encodeBatch, encodeControlBatch } from "../../../../protocol/record.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import type { GroupState } from "../../../../server/groups/classic/state.ts";
import { groupRecord, offsetRecord } from "../../../../server/groups/records.ts";
import { Desk, MemoryOffsetsTopic } from "./desk.ts";

/** What must come back: all but what only matters to requests and timers that are gone. */
function durable(state: GroupState) {
  const { groupId, phase, generation, protocolType, protocolName, leaderId, members, instances } = state;
  const { subscribedTopics, protocolSupport, phaseSinceMs } = state;
  const kept = { groupId, phase, generation, protocolType, protocolName, leaderId, members, instances };
  return { ...kept, subscribedTopics, protocolSupport, phaseSinceMs: phase === "Empty" ? phaseSinceMs : 0 };
}

describe("after a crash", () => {
  test("a stable group is as it was, and its members go on", async () => {
    const desk = await Desk.loaded();
    const { memberId } = await desk.stable();
    await desk.until(desk.commit(7, { memberId, generation: 1 }));
    const before = desk.group()!;
    const after = await desk.restart();
    expect(durable(after.group()!)).toEqual(durable(before));
    const claim = { groupId: "g", memberId, instanceId: null, generation: 1 };
    expect(await after.coordinator.heartbeat(claim)).toBe(ErrorCode.NONE);
    expect(await after.until(after.commit(8, { memberId, generation: 1 }))).toEqual([ErrorCode.NONE]);
    expect((await after.sync(memberId, 1)).assignment).toEqual(Uint8Array.of(1, 2, 3));
    expect(await after.offset()).toBe(8);
  });

  test("members that are gone miss their sessions", async () => {
    const desk = await Desk.loaded();
    await desk.stable();
    const after = await desk.restart();
    await after.runtime.advance(9_999);
    expect(after.group()?.phase).toBe("Stable");
    await after.runtime.advance(1);
    expect(after.group()?.phase).toBe("Empty");
    expect((await after.restart()).group()).toMatchObject({ phase: "Empty", generation: 2, protocolType: "consumer" });
  });

  test("a static member is known by its instance id", async () => {
    const desk = await Desk.loaded();
    const { memberId } = await desk.stable("g", { instanceId: "one" });
    const after = await desk.restart();
    const back = await after.until(after.join("", { instanceId: "one" }));
    expect(back).toMatchObject({ errorCode: ErrorCode.NONE, generation: 1, skipAssignment: true });
    expect(back.memberId === memberId).toBe(false);
  });

  test("a group whose assignment was not written is at the generation before", async () => {
    const desk = await Desk.loaded();
    const first = await desk.stable();
    const joining = desk.join("");
    await desk.until(desk.join(first.memberId));
    expect((await desk.until(joining)).generation).toBe(2);
    const after = await desk.restart();
    expect(after.group()).toMatchObject({ phase: "Stable", generation: 1, leaderId: first.memberId });
  });

  test("a group that only had an id handed out is empty", async () => {
    const desk = await Desk.loaded();
    await desk.until(desk.join("", { isMemberIdRequired: true }));
    await desk.runtime.settle();
    expect((await desk.restart()).group()).toMatchObject({ phase: "Empty", generation: 0, protocolType: null });
  });

  test("groups whose partition could not be read are loaded when it can", async () => {
    const desk = await Desk.loaded({ partitionCount: 1 });
    const { memberId } = await desk.stable();
    await desk.until(desk.commit(7, { memberId, generation: 1 }));
    desk.topic.unreadable.add(0);
    const after = await desk.restart();
    const claim = { groupId: "g", memberId, instanceId: null, generation: 1 };
    expect(await after.coordinator.heartbeat(claim)).toBe(ErrorCode.NOT_COORDINATOR);
    await after.runtime.advance(30_000);
    desk.topic.unreadable.clear();
    await after.runtime.advance(10_000);
    expect(await after.coordinator.heartbeat(claim)).toBe(ErrorCode.NONE);
    expect(await after.offset()).toBe(7);
  });

  test("many groups and offsets are as they were", async () => {
    const desk = await Desk.loaded({ partitionCount: 7 });
    for (let index = 0; index < 40; index++) {
      const groupId = `group-${index}`;
      if (index % 3 === 0) await desk.until(desk.commit(index, { groupId }));
      else await desk.stable(groupId, index % 3 === 1 ? { instanceId: `i${index}` } : {});
    }
    const after = await desk.restart();
    const before = desk.coordinator.listGroups() as readonly GroupState[];
    const loaded = after.coordinator.listGroups() as readonly GroupState[];
    const byId = (one: GroupState, other: GroupState) => one.groupId < other.groupId ? -1 : 1;
    // A simple group is in the log by its offsets alone, so it does not know since when it is empty.
    const comparable = (states: readonly GroupState[]) =>
      [...states].sort(byId).map((state) =>
        durable(state.protocolType === null ? { ...state, phaseSinceMs: 0 } : state)
      );
    expect(comparable(loaded)).toEqual(comparable(before));
    for (let index = 0; index < 40; index += 3) expect(await after.offset(`group-${index}`)).toBe(index);
  });
});

describe("loading", () => {
  const offset = (value: number) => ({
    offset: value,
    leaderEpoch: -1,
    metadata: "",
    commitTimestampMs: 1,
    expireTimestampMs: -1,
    topicId: ZERO_UUID,
  });
  const record = (value: number) => offsetRecord({ groupId: "g", topic: "t", partition: 0 }, offset(value));
  const load = async (...batches: Uint8Array[]) => {
    const topic = new MemoryOffsetsTopic();
    topic.create(1);
    for (const batch of batches) await topic.write(0, batch);
    return Desk.loaded({ topic });
  };
  const marker = (kind: "commit" | "abort") =>
    encodeControlBatch({ kind, producerId: 5, producerEpoch: 0, coordinatorEpoch: 0, timestamp: 1 });
  const transactional = { producerId: 5, producerEpoch: 0, isTransactional: true, baseSequence: 0 };

  test("skips records of kinds it does not know, and damaged ones", async () => {
    const unknown = { key: Uint8Array.of(0, 99, 1), value: Uint8Array.of(1) };
    const damaged = { key: record(1).key, value: Uint8Array.of(0, 4) };
    const desk = await load(encodeBatch({ records: [unknown, record(3), damaged] }));
    expect(await desk.offset()).toBe(3);
  });

  test("takes the last word", async () => {
    const empty = { protocolType: "", generation: 0, protocolName: null, leaderId: null, phaseSinceMs: 5, members: [] };
    const desk = await load(
      encodeBatch({ records: [record(1), record(2), groupRecord("h", empty), groupRecord("h", null)] }),
      encodeBatch({ records: [offsetRecord({ groupId: "g", topic: "t", partition: 0 }, null), record(4)] }),
    );
    expect(await desk.offset()).toBe(4);
    expect(desk.group("h")).toBe(undefined);
  });

  test("counts offsets of a transaction from its commit on", async () => {
    const desk = await load(
      encodeBatch({ ...transactional, records: [record(9)] }),
      marker("commit"),
    );
    expect(await desk.offset()).toBe(9);
  });

  test("ignores offsets of a transaction that was aborted, or never ended", async () => {
    const aborted = await load(
      encodeBatch({ records: [record(1)] }),
      encodeBatch({ ...transactional, records: [record(9)] }),
      marker("abort"),
    );
    expect(await aborted.offset()).toBe(1);
    expect(await (await load(encodeBatch({ ...transactional, records: [record(9)] }))).offset()).toBe(-1);
  });

  test("keeps an offset committed after the transaction's own, but before its end", async () => {
    const desk = await load(
      encodeBatch({ ...transactional, records: [record(9)] }),
      encodeBatch({ records: [record(12)] }),
      marker("commit"),
    );
    expect(await desk.offset()).toBe(12);
  });
});
