import { describe, expect, test } from "bun:test";
import { createMemoryRuntime } from "../../../runtime/memory.ts";
import { LeaderEpochs } from "../../../storage/leader_epochs.ts";
import { append, DATA, START_MS, World } from "./support.ts";

function epochsOf(entries: readonly (readonly [number, number])[]): LeaderEpochs {
  const { files } = createMemoryRuntime();
  files.makeDirectory("/log");
  const epochs = LeaderEpochs.open(files, "/log");
  for (const [epoch, startOffset] of entries) epochs.assign(epoch, startOffset);
  epochs.save();
  return LeaderEpochs.open(files, "/log");
}

describe("leader epochs", () => {
  // What Kafka's LeaderEpochFileCache.endOffsetFor answers.
  test.each([
    [-1, -1, -1],
    [0, 0, 100],
    [1, 1, 100],
    [2, 2, 200],
    [3, 2, 200],
    [4, 4, 300],
    [7, 7, 900],
    [8, -1, -1],
  ])("epoch %d ends as epoch %d at %d", (epoch, leaderEpoch, endOffset) => {
    const epochs = epochsOf([[2, 100], [4, 200], [7, 300]]);
    expect(epochs.endOffsetFor(epoch, 900)).toEqual({ leaderEpoch, endOffset });
  });

  test("none are known of an empty log", () => {
    expect(epochsOf([]).endOffsetFor(0, 0)).toEqual({ leaderEpoch: -1, endOffset: -1 });
  });

  test("an epoch without a record gives way to the next", () => {
    const epochs = epochsOf([[1, 0], [2, 10], [3, 10]]);
    expect(epochs.entries).toEqual([{ epoch: 1, startOffset: 0 }, { epoch: 3, startOffset: 10 }]);
  });

  test("an older epoch does not come back", () => {
    expect(epochsOf([[5, 0], [3, 10]]).entries).toEqual([{ epoch: 5, startOffset: 0 }]);
  });

  test("truncation from the end drops epochs, from the start moves the first", () => {
    const epochs = epochsOf([[1, 0], [2, 10], [3, 20]]);
    epochs.truncateFromEnd(20);
    expect(epochs.latestEpoch).toBe(2);
    epochs.truncateFromStart(15);
    expect(epochs.entries).toEqual([{ epoch: 2, startOffset: 15 }]);
    epochs.truncateFromEnd(15);
    expect(epochs.entries).toEqual([]);
  });

  test("the epoch of an offset is the one that wrote it", () => {
    const epochs = epochsOf([[1, 5], [4, 10]]);
    expect([4, 5, 9, 10, 99].map((offset) => epochs.epochOf(offset))).toEqual([-1, 1, 1, 4, 4]);
  });

  test("a start makes deletions it finds durable before it forgets their epochs", async () => {
    const world = await World.open({ config: { segmentBytes: 100 } });
    const log = world.log();
    for (const leaderEpoch of [1, 2, 3]) append(log, { values: ["x".repeat(30)], leaderEpoch });
    await world.until(log.sync());
    await world.until(world.dir.close({ clean: false }));
    const { files } = world.runtime;
    // The process was killed in a deletion: the name has changed, and may change back when the power goes.
    files.rename(`${DATA}/orders-0/00000000000000000000.log`, `${DATA}/orders-0/00000000000000000000.log.deleted`);
    const done: string[] = [];
    files.fault = (operation, path) => {
      done.push(`${operation} ${path}`);
      return null;
    };
    await world.open();
    const syncedAt = done.indexOf(`syncDirectory ${DATA}/orders-0`);
    const savedAt = done.indexOf(`rename ${DATA}/orders-0/leader-epoch-checkpoint.tmp`);
    expect(world.log().epochOf(1)).toBe(2);
    expect(syncedAt).toBeGreaterThanOrEqual(0);
    expect(savedAt).toBeGreaterThan(syncedAt);
  });

  test("they survive a clean restart, a kill and a power cut", async () => {
    const world = await World.open({ config: { segmentBytes: 300 } });
    for (let epoch = 1; epoch < 6; epoch++) append(world.log(), { values: ["x"], leaderEpoch: epoch * 2 });
    await world.until(world.log().sync());
    const ends = () => [1, 2, 3, 4, 10].map((epoch) => world.log().endOffsetForEpoch(epoch).endOffset);
    const before = ends();
    expect(before).toEqual([0, 1, 1, 2, 5]);
    world.crash("lost");
    await world.open();
    expect(ends()).toEqual(before);
    await world.until(world.dir.close({ clean: false }));
    await world.open();
    expect(ends()).toEqual(before);
    await world.restart();
    expect(ends()).toEqual(before);
  });

  test("are known though retention has deleted all that was written in them", async () => {
    const world = await World.open({ config: { segmentBytes: 300, retentionBytes: 0 } });
    const log = world.log();
    append(log, { values: ["x"], leaderEpoch: 1 });
    await world.until(log.sync());
    await world.until(world.dir.checkpoint());
    append(log, { values: ["x"], leaderEpoch: 2 });
    await world.until(log.sync());
    await world.until(world.dir.applyRetention(START_MS));
    world.crash("lost");
    await world.open();
    // Not that epoch 1 ended at 2, which would tell those who had read on in epoch 2 that they had read what was lost.
    expect(world.log().leaderEpoch).not.toBe(1);
  });

  test("saved while an older save is on its way stay saved", async () => {
    const runtime = createMemoryRuntime();
    runtime.files.makeDirectory("/log");
    const epochs = LeaderEpochs.empty(runtime.files, "/log");
    epochs.assign(1, 0);
    const saving = epochs.saveAsync();
    epochs.assign(2, 10);
    epochs.save();
    await runtime.until(saving);
    expect(LeaderEpochs.open(runtime.files, "/log").entries).toEqual(epochs.entries);
  });
});
