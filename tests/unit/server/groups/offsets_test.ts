import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import { encodeSubscription } from "../../../../protocol/embedded/consumer_protocol.ts";
import {
  commitError,
  deleteGroupError,
  deleteOffsetsError,
  isSubscribed,
} from "../../../../server/groups/classic/checks.ts";
import { emptyGroup, type GroupState } from "../../../../server/groups/classic/state.ts";
import { expiredOffsets } from "../../../../server/groups/expiry.ts";
import { type CommittedOffset, OffsetStore } from "../../../../server/groups/offset_store.ts";
import { partitionFor } from "../../../../server/groups/partition_for.ts";
import { Machine } from "./machine.ts";

const committed = (offset: number, changes: Partial<CommittedOffset> = {}): CommittedOffset => ({
  offset,
  leaderEpoch: -1,
  metadata: "",
  commitTimestampMs: 0,
  expireTimestampMs: -1,
  topicId: ZERO_UUID,
  ...changes,
});

const phases: Readonly<Record<string, () => GroupState>> = {
  Empty: () => emptyGroup("g", 0),
  PreparingRebalance: () => {
    const group = Machine.stable(["a", "b"]);
    group.join("b", { protocols: [{ name: "range", metadata: Uint8Array.of(9) }] });
    return group.state;
  },
  CompletingRebalance: () => {
    const group = new Machine();
    group.gather(["a"]);
    return group.state;
  },
  Stable: () => Machine.stable(["a"]).state,
};

describe("a commit", () => {
  const member = { memberId: "a", instanceId: null, generation: 1 };
  const simple = { memberId: "", instanceId: null, generation: -1 };
  const table: readonly (readonly [string, typeof simple | typeof member, number])[] = [
    ["Empty", simple, ErrorCode.NONE],
    ["Empty", { ...member, generation: 0 }, ErrorCode.UNKNOWN_MEMBER_ID],
    ["Empty", { ...member, generation: -1 }, ErrorCode.NONE],
    ["PreparingRebalance", simple, ErrorCode.UNKNOWN_MEMBER_ID],
    ["PreparingRebalance", member, ErrorCode.NONE],
    ["CompletingRebalance", member, ErrorCode.REBALANCE_IN_PROGRESS],
    ["CompletingRebalance", { ...member, generation: 0 }, ErrorCode.ILLEGAL_GENERATION],
    ["Stable", simple, ErrorCode.UNKNOWN_MEMBER_ID],
    ["Stable", member, ErrorCode.NONE],
    ["Stable", { ...member, generation: -1 }, ErrorCode.ILLEGAL_GENERATION],
    ["Stable", { ...member, generation: 0 }, ErrorCode.ILLEGAL_GENERATION],
    ["Stable", { ...member, memberId: "x" }, ErrorCode.UNKNOWN_MEMBER_ID],
  ];
  test.each(table)("in %s by %j answers %i", (phase, claim, errorCode) => {
    expect(commitError(phases[phase]!(), claim)).toBe(errorCode);
  });

  test("is fenced by the instance id", () => {
    const group = new Machine();
    group.join("", { newMemberId: "a", instanceId: "one" });
    group.advance(3_000);
    group.assign();
    const claim = { memberId: "a", instanceId: "one", generation: 1 };
    expect(commitError(group.state, claim)).toBe(ErrorCode.NONE);
    expect(commitError(group.state, { ...claim, memberId: "b" })).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(commitError(group.state, { ...claim, instanceId: "two" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });
});

describe("deleting", () => {
  test.each(Object.entries(phases))("a group in %s", (phase, make) => {
    expect(deleteGroupError(make())).toBe(phase === "Empty" ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP);
  });

  test("offsets of a group in use needs a group whose subscriptions we know", () => {
    expect(deleteOffsetsError(phases.Stable!())).toBe(ErrorCode.NONE);
    expect(deleteOffsetsError({ ...phases.Stable!(), protocolType: "connect" })).toBe(ErrorCode.NON_EMPTY_GROUP);
  });

  test("offsets is refused for topics that members subscribe to", () => {
    const metadata = encodeSubscription({ topics: ["used", "also"], ownedPartitions: [] });
    const { state } = Machine.stable(["a"], {}, { protocols: [{ name: "range", metadata }] });
    expect(["used", "also", "other"].map((topic) => isSubscribed(state, topic))).toEqual([true, true, false]);
  });

  test("offsets is refused for all topics when the subscription cannot be read", () => {
    const metadata = Uint8Array.of(0, 1, 0, 0);
    const { state } = Machine.stable(["a"], {}, { protocols: [{ name: "range", metadata }] });
    expect(state.subscribedTopics).toBe(null);
    expect(isSubscribed(state, "any")).toBe(true);
  });
});

describe("offsets expire", () => {
  const retentionMs = 1_000;
  const find = (state: GroupState, offset: CommittedOffset, nowMs: number) => {
    const store = new OffsetStore();
    store.restore("g", "t", 0, offset);
    return expiredOffsets(state, store.of("g"), { nowMs, retentionMs }).expired.length === 1;
  };

  test("of a simple group, by their commit", () => {
    const state = emptyGroup("g", 0);
    expect(find(state, committed(1, { commitTimestampMs: 500 }), 1_499)).toBe(false);
    expect(find(state, committed(1, { commitTimestampMs: 500 }), 1_500)).toBe(true);
  });

  test("of an empty group, by when it became empty", () => {
    const state = { ...emptyGroup("g", 5_000), protocolType: "consumer", subscribedTopics: new Set<string>() };
    expect(find(state, committed(1, { commitTimestampMs: 0 }), 5_999)).toBe(false);
    expect(find(state, committed(1, { commitTimestampMs: 0 }), 6_000)).toBe(true);
    expect(find({ ...state, phaseSinceMs: -1 }, committed(1, { commitTimestampMs: 700 }), 1_700)).toBe(true);
  });

  test("of a stable consumer group, for topics nobody subscribes to", () => {
    const metadata = encodeSubscription({ topics: ["other"], ownedPartitions: [] });
    const { state } = Machine.stable(["a"], {}, { protocols: [{ name: "range", metadata }] });
    expect(find(state, committed(1), 1_000)).toBe(true);
    expect(find({ ...state, subscribedTopics: new Set(["t"]) }, committed(1), 1_000)).toBe(false);
  });

  test("never of a group that is rebalancing, or in use by others than consumers", () => {
    expect(find(phases.PreparingRebalance!(), committed(1), 1e12)).toBe(false);
    expect(find({ ...phases.Stable!(), protocolType: "connect" }, committed(1), 1e12)).toBe(false);
  });

  test("when the client said they would, if it did", () => {
    const state = emptyGroup("g", 0);
    expect(find(state, committed(1, { expireTimestampMs: 9_000 }), 8_999)).toBe(false);
    expect(find(state, committed(1, { expireTimestampMs: 9_000 }), 9_000)).toBe(true);
  });
});

describe("offset store", () => {
  test("shows a value once it is safe", () => {
    const store = new OffsetStore();
    const first = store.stage("g", "t", 0, committed(5));
    expect(store.get("g", "t", 0)).toBe(null);
    store.settle(first, true);
    expect(store.get("g", "t", 0)?.offset).toBe(5);
  });

  test("goes back to what is safe when a write fails", () => {
    const store = new OffsetStore();
    store.restore("g", "t", 0, committed(1));
    const second = store.stage("g", "t", 0, committed(2));
    const third = store.stage("g", "t", 0, committed(3));
    store.settle(second, true);
    store.settle(third, false);
    expect(store.get("g", "t", 0)?.offset).toBe(2);
    expect(store.of("g").get("t")?.get(0)?.latest?.offset).toBe(2);
  });

  test("keeps nothing of what was deleted", () => {
    const store = new OffsetStore();
    store.restore("g", "t", 0, committed(1));
    store.settle(store.stage("g", "t", 0, null), true);
    store.settle(store.stage("g", "t", 1, committed(1)), false);
    expect([...store.groupIds()]).toEqual([]);
  });
});

test("a group's partition is that of Java's String.hashCode", () => {
  // Computed by a JVM: Math.abs("…".hashCode()) % 50, and 0 for the hash that has no absolute value.
  const known: readonly (readonly [string, number])[] = [
    ["", 0],
    ["a", 47],
    ["my-group", 12],
    ["console-consumer-12345", 6],
    ["gruppe-ä-漢字", 16],
    ["polygenelubricants", 0],
  ];
  expect(known.map(([id]) => partitionFor(id, 50))).toEqual(known.map(([, partition]) => partition));
});
