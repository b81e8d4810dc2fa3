import { describe, expect, test } from "bun:test";
import { ProtocolError } from "../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import { type FetchedPartition, FetchSessionCache } from "../../../server/partitions/fetch_session.ts";

function partition(index: number): FetchedPartition {
  return {
    topic: "events",
    topicId: ZERO_UUID,
    index,
    fetchOffset: 0,
    maxBytes: 1,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
    toldHighWatermark: -1,
    toldLastStableOffset: -1,
    toldLogStartOffset: -1,
    toldError: false,
  };
}

function cacheOf(slotCountMax: number) {
  let nowMs = 0;
  let next = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const random = { next: () => (next += 0.01) % 1, bytes: (count: number) => new Uint8Array(count) };
  const cache = new FetchSessionCache({ slotCountMax, clock, random });
  const create = (...indexes: number[]) => cache.create({ usesTopicIds: false, partitions: indexes.map(partition) });
  return { cache, create, pass: (ms: number) => (nowMs += ms) };
}

function codeOf(run: () => unknown): number {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  return 0;
}

describe("FetchSessionCache", () => {
  test("expects each epoch once, in order", () => {
    const { cache, create } = cacheOf(10);
    const session = create(0, 1)!;
    expect(cache.next(session.id, 1, false)).toBe(session);
    expect(codeOf(() => cache.next(session.id, 1, false))).toBe(71);
    expect(cache.next(session.id, 2, false)).toBe(session);
    expect(codeOf(() => cache.next(session.id + 1, 1, false))).toBe(70);
    expect(codeOf(() => cache.next(session.id, 3, true))).toBe(106);
  });

  test("starts epochs over at 1 after the highest", () => {
    const { cache, create } = cacheOf(10);
    const session = create(0)!;
    session.nextEpoch = 0x7fffffff;
    cache.next(session.id, 0x7fffffff, false);
    expect(session.nextEpoch).toBe(1);
  });

  test("when full gives a place to a larger newcomer or after long idleness, else none", () => {
    const { cache, create, pass } = cacheOf(1);
    const first = create(0, 1)!;
    expect(create(0)).toBe(null);
    const larger = create(0, 1, 2)!;
    expect(codeOf(() => cache.next(first.id, 1, false))).toBe(70);
    pass(121_000);
    expect(create(0)).not.toBe(null);
    expect(codeOf(() => cache.next(larger.id, 1, false))).toBe(70);
    expect(cache.count).toBe(1);
  });

  test("serves a partition that got data last", () => {
    const { create } = cacheOf(1);
    const session = create(0, 1, 2)!;
    session.moveToEnd("events-0");
    expect([...session.partitions.values()].map(({ index }) => index)).toEqual([1, 2, 0]);
  });
});
