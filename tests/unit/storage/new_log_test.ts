/** Logs that are new: nothing on disk until their first record, and then all that leads to it. */
import { beforeEach, describe, expect, test } from "bun:test";
import { append, appendEach, TOPIC_ID, valuesOf, World } from "./support.ts";

const OTHER_ID = "AAAAAAAAAAAAAAAAAAAABA";

let world: World;

beforeEach(async () => {
  world = await World.open();
});

/** The operations on files that `run` makes. */
function operationsOf(run: () => void): string[] {
  const seen: string[] = [];
  world.runtime.files.fault = (operation) => {
    seen.push(operation);
    return null;
  };
  run();
  world.runtime.files.fault = null;
  return seen;
}

describe("a new log", () => {
  test("costs no file until something is appended", () => {
    const operations = operationsOf(() => {
      for (let partition = 0; partition < 100; partition++) world.log("orders", partition);
    });
    expect(operations.filter((operation) => operation !== "stat")).toEqual([]);
    expect(world.runtime.files.list("/data").filter((name) => name.startsWith("orders"))).toEqual([]);
  });

  test("is there with its topic's id after the first append", () => {
    appendEach(world.log(), "a");
    expect(world.files()).toEqual(["00000000000000000000.log", "partition.metadata"]);
  });

  test("can be read, looked up, rolled and cut while it is empty", async () => {
    const log = world.log();
    expect(valuesOf(log)).toEqual([]);
    log.roll();
    log.applyRetention(Number.MAX_SAFE_INTEGER);
    await log.deleteRecordsBefore(0);
    expect(await log.offsetForTimestamp(0)).toBe(null);
    expect(await log.offsetOfMaxTimestamp()).toBe(null);
    expect(log.endOffsetForEpoch(0)).toEqual({ leaderEpoch: -1, endOffset: -1 });
    expect(log.firstUnstableOffset).toBe(null);
    expect(log.abortedTransactions(0, 1)).toEqual([]);
    expect([...log.producers()]).toEqual([]);
    await world.until(log.sync());
    await world.until(world.dir.checkpoint());
    expect(log.hasFolder).toBe(false);
  });

  test("goes without a trace when it is deleted, and when the folder closes", async () => {
    world.dir.deleteLogs([world.log()]);
    world.log("orders", 1);
    await world.until(world.dir.close({ clean: true }));
    await world.open();
    expect([world.dir.wasClean, world.dir.logCount]).toEqual([true, 0]);
  });

  test("takes the next append when the folder could not be made", () => {
    const log = world.log();
    world.runtime.files.fault = (operation, path) =>
      operation === "write" && path.includes("metadata") ? "ENOSPC" : null;
    expect(() => appendEach(log, "a")).toThrow("ENOSPC");
    world.runtime.files.fault = null;
    appendEach(log, "b");
    expect(valuesOf(log)).toEqual(["b"]);
  });

  test("has its folder, id and records after a power cut once they were synced", async () => {
    for (let seed = 1; seed <= 100; seed++) {
      world = await World.open({ seed });
      const log = world.log();
      appendEach(log, "a", "b");
      await world.until(log.sync());
      appendEach(log, "c");
      world.crash(seed % 2 === 0 ? "lost" : "torn");
      await world.open();
      const found = world.dir.log("orders", 0);
      expect([seed, found?.topicId, found && valuesOf(found).slice(0, 2)]).toEqual([seed, TOPIC_ID, ["a", "b"]]);
    }
  });

  test("that was never synced is gone, without its id, or there after a power cut; it works either way", async () => {
    const fates = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      world = await World.open({ seed });
      appendEach(world.log(), "a");
      world.crash("torn");
      await world.open();
      const found = world.dir.log("orders", 0);
      fates.add(found === undefined ? "gone" : found.topicId === TOPIC_ID ? "there" : "without id");
      if (found !== undefined && found.topicId !== TOPIC_ID) world.dir.identify(found, TOPIC_ID);
      const log = world.log();
      expect([seed, world.dir.failures().size, log.topicId]).toEqual([seed, 0, TOPIC_ID]);
      appendEach(log, "b");
      await world.until(log.sync());
      expect(valuesOf(await crashed())).toContain("b");
    }
    expect([...fates].sort()).toEqual(["gone", "there", "without id"]);
  });

  test("that a killed process made is on disk for good once the next one has synced it", async () => {
    for (let seed = 1; seed <= 50; seed++) {
      world = await World.open({ seed });
      appendEach(world.log(), "a");
      await world.until(world.dir.close({ clean: false }));
      await world.open(); // recovers it: what it finds may be shown to consumers
      expect([seed, valuesOf(await crashed())]).toEqual([seed, ["a"]]);
      expect(world.log().topicId).toBe(TOPIC_ID);
    }
  });

  test("does not start again at 0 after a power cut when its records were deleted", async () => {
    const log = world.log();
    appendEach(log, "a", "b");
    await world.until(log.deleteRecordsBefore(2));
    expect((await crashed()).logStartOffset).toBe(2);
  });
});

describe("a log under the name of one that was deleted", () => {
  async function remade(): Promise<void> {
    const first = world.log();
    appendEach(first, "a", "b", "c");
    await world.until(first.deleteRecordsBefore(2));
    await world.until(world.dir.checkpoint());
    expect(first.recoveryPoint).toBe(3);
    world.dir.deleteLogs([first]);
  }

  test("does not take over what checkpoints said of that", async () => {
    await remade();
    const second = world.dir.createLog({ topic: "orders", partition: 0, topicId: OTHER_ID, config: world.config });
    append(second, { values: ["x"] });
    await world.until(second.sync());
    const found = await crashed();
    expect([found.topicId, found.logStartOffset, valuesOf(found)]).toEqual([OTHER_ID, 0, ["x"]]);
  });

  test("does not either when the process ended before checkpoints were written", async () => {
    const first = world.log();
    appendEach(first, "a", "b", "c");
    await world.until(first.deleteRecordsBefore(2));
    await world.until(world.dir.checkpoint());
    const checkpoints = ["recovery-point-offset-checkpoint", "log-start-offset-checkpoint"];
    const before = checkpoints.map((name) => world.runtime.files.readFile(`/data/${name}`));
    await world.until(world.dir.close({ clean: true }));
    for (const [at, name] of checkpoints.entries()) {
      world.runtime.files.open(`/data/${name}`, { truncate: true }).write([before[at]!], 0);
    }
    world.runtime.files.remove("/data/orders-0");
    await world.open();
    appendEach(world.log(), "x");
    await world.until(world.log().sync());
    const found = await crashed();
    expect([found.logStartOffset, valuesOf(found)]).toEqual([0, ["x"]]);
  });
});

/** Partition 0 after a power cut. */
async function crashed() {
  world.crash("lost");
  await world.open();
  expect([...world.dir.failures().values()].map((failure) => failure.message)).toEqual([]);
  return world.log();
}
