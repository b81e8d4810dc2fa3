import { describe, expect, test } from "bun:test";
import type { BatchView } from "../../../../protocol/batch.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { createMemoryRuntime } from "../../../../runtime/memory.ts";
import { type Shard, TopicShards } from "../../../../server/coordination/topic_shards.ts";
import { partitionFor } from "../../../../server/groups/partition_for.ts";
import { silentLogger } from "../../../../server/log.ts";

class NotedShard implements Shard {
  closedWith: number | null = null;

  constructor(readonly partition: number) {}

  async load(batches: AsyncIterable<BatchView>): Promise<void> {
    for await (const _ of batches) throw new Error("There is none");
  }

  close(errorCode: number): Promise<void> {
    this.closedWith = errorCode;
    return Promise.resolve();
  }
}

class Fixture {
  readonly runtime = createMemoryRuntime();
  readonly made: NotedShard[] = [];
  readonly unreadable = new Set<number>();
  gate: Promise<void> | null = null;
  createCount = 0;
  createError: Error | null = null;
  partitionCount: number;
  readonly shards: TopicShards<NotedShard>;

  constructor(partitionCount = 3) {
    this.partitionCount = partitionCount;
    const count = () => this.partitionCount;
    const readAll = (partition: number) => this.#read(partition);
    this.shards = new TopicShards({
      runtime: this.runtime,
      logger: silentLogger,
      topic: {
        name: "__topic",
        get partitionCount() {
          return count();
        },
        readAll,
      },
      cluster: {
        autoCreateTopics: () => {
          this.createCount++;
          if (this.createError !== null) return Promise.reject(this.createError);
          this.partitionCount = 3;
          return Promise.resolve([]);
        },
      },
      newShard: (partition) => {
        const shard = new NotedShard(partition);
        this.made.push(shard);
        return shard;
      },
    });
  }

  async *#read(partition: number): AsyncGenerator<BatchView> {
    if (this.gate !== null) await this.gate;
    if (this.unreadable.has(partition)) throw new Error(`Partition ${partition} cannot be read`);
    yield* [];
  }

  /** A key of each partition. */
  keyOf(partition: number): string {
    for (let at = 0;; at++) if (partitionFor(`key-${at}`, 3) === partition) return `key-${at}`;
  }

  of(partition: number): number | "shard" {
    const found = this.shards.of(this.keyOf(partition));
    return typeof found === "number" ? found : "shard";
  }

  async start(): Promise<void> {
    this.shards.start();
    await this.runtime.until(this.shards.loaded);
  }
}

describe("TopicShards", () => {
  test("answer for a key once the partition it belongs to is loaded", async () => {
    const fixture = new Fixture();
    expect(fixture.of(0)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    let open = () => {};
    fixture.gate = new Promise((resolve) => open = resolve);
    fixture.shards.start();
    expect([fixture.of(0), fixture.shards.isLoading]).toEqual([ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, true]);
    open();
    await fixture.runtime.until(fixture.shards.loaded);
    for (const partition of [0, 1, 2]) {
      expect(fixture.shards.of(fixture.keyOf(partition))).toBe(fixture.made[partition]!);
    }
    expect([...fixture.shards.active()]).toEqual(fixture.made);
    expect(fixture.shards.isLoading).toBe(false);
  });

  test("try a partition that cannot be read again, and answer for the others", async () => {
    const fixture = new Fixture();
    fixture.unreadable.add(1);
    await fixture.start();
    expect([0, 1, 2].map((partition) => fixture.of(partition))).toEqual(["shard", ErrorCode.NOT_COORDINATOR, "shard"]);
    expect([0, 1, 3].map((partition) => fixture.shards.at(partition)))
      .toEqual([fixture.made[0]!, ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    expect(fixture.shards.all()).toEqual([fixture.made[0]!, fixture.made[2]!]);
    fixture.unreadable.clear();
    await fixture.runtime.advance(11_000);
    await fixture.runtime.until(fixture.shards.loaded);
    expect([fixture.of(1), fixture.made.length]).toEqual(["shard", 4]);
  });

  test("make their topic once, however many wait for it", async () => {
    const fixture = new Fixture(0);
    await fixture.start();
    expect(fixture.of(0)).toBe(ErrorCode.NOT_COORDINATOR);
    const prepared = Promise.all([fixture.shards.prepare(), fixture.shards.prepare()]);
    expect(await fixture.runtime.until(prepared)).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
    expect(await fixture.runtime.until(fixture.shards.prepare())).toBe(ErrorCode.NONE);
    expect([fixture.createCount, fixture.made.length, fixture.of(2)]).toEqual([1, 3, "shard"]);
  });

  test("say so when it cannot be made, and try again when asked again", async () => {
    const fixture = new Fixture(0);
    await fixture.start();
    fixture.createError = new Error("No space");
    expect(await fixture.runtime.until(fixture.shards.prepare())).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    fixture.createError = null;
    expect(await fixture.runtime.until(fixture.shards.prepare())).toBe(ErrorCode.NONE);
  });

  test("tell all that wait to look elsewhere when they stop, and try nothing again", async () => {
    const fixture = new Fixture();
    fixture.unreadable.add(2);
    await fixture.start();
    const walk = fixture.shards.active();
    expect(walk.next().value).toBe(fixture.made[0]!);
    const stopping = fixture.shards.stop();
    expect(walk.next().done).toBe(true);
    await fixture.runtime.until(stopping);
    expect(fixture.made.slice(0, 2).map(({ closedWith }) => closedWith))
      .toEqual([ErrorCode.NOT_COORDINATOR, ErrorCode.NOT_COORDINATOR]);
    await fixture.runtime.advance(30_000);
    expect([fixture.made.length, fixture.of(0)]).toEqual([3, ErrorCode.COORDINATOR_NOT_AVAILABLE]);
  });
});
