/** The share coordinator: what it keeps through crashes and failed writes, whom it refuses, and what it leaves in the log. */
import { describe, expect, test } from "bun:test";
import { BatchView } from "../../../../protocol/batch.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { decodeRecords } from "../../../../protocol/record.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../../runtime/memory.ts";
import { SHARE_STATE_TOPIC } from "../../../../server/cluster/topic_name.ts";
import { BrokerConfig } from "../../../../server/config.ts";
import { silentLogger } from "../../../../server/log.ts";
import { ShareCoordinator, type ShareStateTopic } from "../../../../server/share/coordinator/share_coordinator.ts";
import { readRecord } from "../../../../server/share/coordinator/share_records.ts";
import { combined, DeliveryState, type StoredBatch } from "../../../../server/share/coordinator/share_state.ts";
import { FakeTopics } from "../groups/consumer/topics.ts";
import { MemoryOffsetsTopic } from "../groups/desk.ts";

class MemoryStateTopic extends MemoryOffsetsTopic implements ShareStateTopic {
  override readonly name = SHARE_STATE_TOPIC;
  logStartOffset = 0;

  logEndOffset(partition: number): number {
    const last = this.partitions[partition]!.at(-1);
    return last === undefined ? 0 : new BatchView(last).nextOffset;
  }

  deleteRecordsBefore(_partition: number, offset: number): Promise<void> {
    this.logStartOffset = offset;
    return Promise.resolve();
  }
}

class World {
  readonly runtime: MemoryRuntime;
  readonly coordinator: ShareCoordinator;
  readonly key: { readonly groupId: string; readonly topicId: string; readonly partition: number };

  constructor(
    readonly topic = new MemoryStateTopic(),
    readonly topics = new FakeTopics({ t: 2 }),
    config: Readonly<Record<string, string>> = {},
  ) {
    this.runtime = createMemoryRuntime({ seed: 1 });
    this.key = { groupId: "g", topicId: topics.topic("t")!.id, partition: 0 };
    this.coordinator = new ShareCoordinator({
      runtime: this.runtime,
      logger: silentLogger,
      config: BrokerConfig.parse(
        Object.entries(config).map(([name, value]) => ({ source: "override" as const, name, value })),
      ),
      cluster: topics.asCluster(() => topic.create(1)),
      stateTopic: topic,
    });
    this.coordinator.start();
  }

  static async prepared(config: Readonly<Record<string, string>> = {}): Promise<World> {
    const world = new World(undefined, undefined, config);
    expect(await world.until(world.coordinator.prepare())).toBe(0);
    return world;
  }

  /** The broker is killed: what was not answered is lost, what is in the log is not. */
  async restart(): Promise<World> {
    const world = new World(this.topic, this.topics);
    await world.until(world.coordinator.loaded);
    return world;
  }

  until<Result>(promise: Promise<Result>): Promise<Result> {
    return this.runtime.until(promise);
  }

  async initialize(stateEpoch = 1, startOffset = 0): Promise<number> {
    return (await this.until(this.coordinator.initialize({ ...this.key, stateEpoch, startOffset }))).errorCode;
  }

  async write(
    batches: readonly StoredBatch[],
    { startOffset = 0, stateEpoch = 1, leaderEpoch = 0, deliveryCompleteCount = 0 } = {},
  ): Promise<number> {
    const request = { ...this.key, stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount, batches };
    return (await this.until(this.coordinator.write(request))).errorCode;
  }

  state() {
    return this.coordinator.readSummary(this.key).state;
  }

  kinds(): string[] {
    return this.topic.partitions.flat().flatMap((bytes) =>
      [...decodeRecords(new BatchView(bytes))].map(({ key, value }) => readRecord(key!, value)!.record.kind)
    );
  }
}

const acknowledged = (first: number, last: number, deliveryCount = 1): StoredBatch => ({
  first,
  last,
  deliveryState: DeliveryState.acknowledged,
  deliveryCount,
});
const available = (first: number, last: number, deliveryCount = 1): StoredBatch => ({
  first,
  last,
  deliveryState: DeliveryState.available,
  deliveryCount,
});

describe("what is written", () => {
  test("is there after a crash", async () => {
    const world = await World.prepared();
    expect(await world.initialize(1, -1)).toBe(0);
    expect(await world.write([acknowledged(3, 5), available(6, 6)], { startOffset: 3, deliveryCompleteCount: 3 })).toBe(
      0,
    );
    expect(await world.write([acknowledged(6, 6, 2)], { startOffset: 3, deliveryCompleteCount: 4 })).toBe(0);
    const before = world.state();
    expect(before).toMatchObject({
      startOffset: 3,
      deliveryCompleteCount: 4,
      batches: [acknowledged(3, 5), acknowledged(6, 6, 2)],
    });
    const after = await world.restart();
    expect(after.state()).toEqual(before);
    const read = await after.until(after.coordinator.read({ ...after.key, leaderEpoch: 4 }));
    expect(read).toMatchObject({ errorCode: 0, state: { stateEpoch: 1, startOffset: 3 } });
    expect((await after.restart()).state()!.leaderEpoch).toBe(4);
  });

  test("is refused to those whose time is over", async () => {
    const world = await World.prepared();
    expect(await world.write([acknowledged(0, 0)])).toBe(ErrorCode.INVALID_REQUEST); // not begun
    await world.initialize(5, 0);
    expect(await world.initialize(4, 0)).toBe(ErrorCode.FENCED_STATE_EPOCH);
    expect(await world.write([acknowledged(0, 0)], { stateEpoch: 4 })).toBe(ErrorCode.FENCED_STATE_EPOCH);
    await world.until(world.coordinator.read({ ...world.key, leaderEpoch: 3 }));
    expect(await world.write([acknowledged(0, 0)], { stateEpoch: 5, leaderEpoch: 2 })).toBe(
      ErrorCode.FENCED_LEADER_EPOCH,
    );
    expect(await world.write([acknowledged(0, 0)], { stateEpoch: 5, leaderEpoch: 3 })).toBe(0);
    const elsewhere = { ...world.key, partition: 9, stateEpoch: 1, startOffset: 0 };
    expect((await world.until(world.coordinator.initialize(elsewhere))).errorCode).toBe(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
  });

  test("is a snapshot again after so many updates, and after a write that failed", async () => {
    const world = await World.prepared({ "share.coordinator.snapshot.update.records.per.snapshot": "2" });
    await world.initialize();
    for (let offset = 0; offset < 5; offset++) await world.write([acknowledged(offset, offset)]);
    expect(world.kinds()).toEqual(["snapshot", "update", "update", "snapshot", "update", "update"]);
    world.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(await world.write([acknowledged(5, 5)])).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    world.topic.errorCode = 0;
    const after = await World.prepared({ "share.coordinator.snapshot.update.records.per.snapshot": "100" });
    await after.initialize();
    after.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    await after.write([acknowledged(0, 0)]);
    after.topic.errorCode = 0;
    await after.write([acknowledged(1, 1)]);
    expect(after.kinds()).toEqual(["snapshot", "snapshot"]);
    expect((await after.restart()).state()).toEqual(after.state());
  });

  test("before the last snapshot of all is deleted, once those that are quiet are written again", async () => {
    const world = await World.prepared({ "share.coordinator.snapshot.update.records.per.snapshot": "0" });
    await world.initialize();
    const other = { ...world.key, partition: 1 };
    await world.until(world.coordinator.initialize({ ...other, stateEpoch: 1, startOffset: 0 }));
    for (let offset = 0; offset < 5; offset++) await world.write([acknowledged(offset, offset)]);
    await world.runtime.advance(300_001);
    await world.runtime.settle();
    expect(world.topic.logStartOffset).toBeGreaterThan(0);
    await world.runtime.advance(300_001);
    await world.runtime.settle();
    expect(world.topic.logStartOffset).toBeGreaterThan(5);
  });

  test("is forgotten when that is asked for", async () => {
    const world = await World.prepared();
    await world.initialize();
    expect((await world.until(world.coordinator.delete(world.key))).errorCode).toBe(0);
    expect((await world.until(world.coordinator.delete(world.key))).errorCode).toBe(0);
    expect(world.state()).toBe(null);
    expect((await world.restart()).state()).toBe(null);
  });
});

describe("batches that are combined", () => {
  test("say of each record what is furthest", () => {
    expect(combined([available(0, 9)], [acknowledged(3, 5)], 0)).toEqual([
      available(0, 2),
      acknowledged(3, 5),
      available(6, 9),
    ]);
    expect(combined([acknowledged(3, 5)], [available(0, 9)], 0)).toEqual([
      available(0, 2),
      acknowledged(3, 5),
      available(6, 9),
    ]);
    expect(combined([acknowledged(3, 5)], [available(4, 4, 2)], 4)).toEqual([available(4, 4, 2), acknowledged(5, 5)]);
    expect(combined([available(0, 3)], [available(4, 9)], 2)).toEqual([available(2, 9)]);
    expect(combined([], [available(5, 9), acknowledged(6, 7)], -1)).toEqual([
      available(5, 5),
      acknowledged(6, 7),
      available(8, 9),
    ]);
  });
});
