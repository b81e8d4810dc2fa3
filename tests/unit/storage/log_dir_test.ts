import { describe, expect, test } from "bun:test";
import { LogDir } from "../../../storage/log_dir.ts";
import { append, appendEach, configOf, DATA, START_MS, TOPIC_ID, valuesOf, World } from "./support.ts";

describe("data folder", () => {
  test("a new one says whose it is, and refuses another node or cluster later", async () => {
    const world = await World.open();
    const { clusterId, nodeId, directoryId } = world.dir.meta;
    expect([clusterId.length, nodeId, directoryId.length]).toEqual([22, 1, 22]);
    await world.until(world.dir.close({ clean: true }));
    await expect(LogDir.open(world.runtime, DATA, { nodeId: 2 })).rejects.toThrow("belongs to node 1");
    await expect(LogDir.open(world.runtime, DATA, { nodeId: 1, clusterId: "other" })).rejects.toThrow(clusterId);
    const again = await LogDir.open(world.runtime, DATA, { nodeId: 1, clusterId });
    expect(again.meta).toEqual(world.dir.meta);
  });

  test("one that a process made, which died before it was durable, outlives a power cut", async () => {
    const world = new World();
    world.runtime.files.makeDirectory(DATA);
    await world.open();
    const log = world.log();
    appendEach(log, "a");
    await world.until(log.sync());
    world.crash("lost");
    await world.open();
    expect(valuesOf(world.log())).toEqual(["a"]);
  });

  test("one from a newer program is refused", async () => {
    const world = await World.open();
    await world.until(world.dir.close({ clean: true }));
    const handle = world.runtime.files.open(`${DATA}/meta.properties`, { truncate: true });
    handle.write([new TextEncoder().encode("version=9\nnode.id=1\ncluster.id=x\n")], 0);
    await expect(world.open()).rejects.toThrow('version is "9"');
  });

  test("one in use is refused, and free again when that ends", async () => {
    const world = await World.open();
    await expect(LogDir.open(world.runtime, DATA, { nodeId: 1 })).rejects.toThrow("another process has locked it");
    await world.until(world.dir.close({ clean: true }));
    await world.open();
  });

  test("the marker of a clean shutdown is there only between one and the next start", async () => {
    const world = await World.open();
    const isMarked = () => world.runtime.files.stat(`${DATA}/.kafka_cleanshutdown`) !== null;
    appendEach(world.log(), "a");
    expect(isMarked()).toBe(false);
    await world.until(world.dir.close({ clean: true }));
    expect(isMarked()).toBe(true);
    await world.open();
    expect([isMarked(), world.dir.wasClean]).toEqual([false, true]);
    world.crash("lost");
    await world.open();
    expect(world.dir.wasClean).toBe(false);
  });

  test("a shutdown that could not write the recovery points is not one in order", async () => {
    const world = await World.open();
    const log = world.log();
    appendEach(log, "a");
    await world.until(log.sync());
    await world.until(world.dir.checkpoint());
    appendEach(log, "b");
    await world.until(log.sync());
    const { files } = world.runtime;
    files.fault = (_, path) => path.startsWith(`${DATA}/recovery-point`) ? "EIO" : null;
    const closed = world.dir.close({ clean: true }).then(() => "closed", (error: Error) => error.message);
    expect(await world.until(closed)).toContain("in order");
    files.fault = null;
    world.crash("lost");
    await world.open();
    expect(world.dir.wasClean).toBe(false);
    expect(valuesOf(world.log())).toEqual(["a", "b"]);
  });

  test("checkpoints are Kafka's text", async () => {
    const world = await World.open();
    appendEach(world.log("b", 3), "x", "y", "z");
    appendEach(world.log("a-b"), "x");
    await world.dir.log("b", 3)!.deleteRecordsBefore(2);
    await world.until(world.dir.close({ clean: true }));
    const text = (name: string) => new TextDecoder().decode(world.runtime.files.readFile(`${DATA}/${name}`));
    expect(text("recovery-point-offset-checkpoint")).toBe("0\n2\nb 3 3\na-b 0 1\n");
    expect(text("log-start-offset-checkpoint")).toBe("0\n1\nb 3 2\n");
    expect(text("b-3/partition.metadata")).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`);
    expect(text("b-3/leader-epoch-checkpoint")).toBe("0\n1\n0 2\n");
    await world.open();
    expect(world.dir.log("b", 3)!.logStartOffset).toBe(2);
    expect(valuesOf(world.dir.log("a-b", 0)!)).toEqual(["x"]);
  });

  test("deleted records stay deleted after a power cut, once that was promised", async () => {
    const world = await World.open();
    const log = world.log();
    appendEach(log, "a", "b", "c");
    await world.until(log.sync());
    await world.until(log.deleteRecordsBefore(2));
    world.crash("lost");
    await world.open();
    expect(valuesOf(world.log())).toEqual(["c"]);
  });

  test("a deletion that ends during a shutdown is on the disk by then", async () => {
    const world = await World.open();
    const log = world.log();
    appendEach(log, "a", "b");
    await world.until(log.sync());
    const deleted = log.deleteRecordsBefore(1).then(() => world.crash("lost"));
    const closing = world.dir.close({ clean: true }).catch(() => {}); // It dies on the way.
    await world.until(deleted);
    await world.until(closing);
    await world.open();
    expect(valuesOf(world.log())).toEqual(["b"]);
  });

  test("a deleted log makes room for one of the same name, and goes after its delay", async () => {
    const world = await World.open({ config: { fileDeleteDelayMs: 1000 } });
    const log = world.log();
    appendEach(log, "old");
    log.roll();
    world.dir.deleteLogs([log]);
    expect(world.dir.log("orders", 0)).toBe(undefined);
    const again = world.log();
    expect([again.logEndOffset, again.leaderEpoch]).toEqual([0, -1]);
    append(again, { values: ["new"], leaderEpoch: 7 });
    await world.runtime.advance(500);
    const deleted = () => world.runtime.files.list(DATA).filter((name) => /^orders-0\.[0-9a-f]{32}-delete$/.test(name));
    await world.until(world.dir.removeDeleted(START_MS + 500));
    expect(deleted().length).toBe(1);
    await world.until(world.dir.removeDeleted(START_MS + 1500));
    expect(deleted().length).toBe(0);
    expect(again.isOffline).toBe(false);
    await world.until(world.dir.close({ clean: true }));
    await world.open();
    expect([valuesOf(world.log()), world.log().leaderEpoch]).toEqual([["new"], 7]);
  });

  test("a deletion that a crash interrupted is finished", async () => {
    const world = await World.open();
    world.dir.deleteLogs([world.log()]);
    world.crash("lost");
    await world.open();
    expect(world.dir.logCount).toBe(0);
    await world.until(world.dir.removeDeleted(START_MS));
    expect(world.runtime.files.list(DATA).filter((name) => name.includes("orders"))).toEqual([]);
  });

  test("a log that cannot be opened is offline, with the reason, and the others serve", async () => {
    const world = await World.open();
    appendEach(world.log(), "a");
    appendEach(world.log("other"), "b");
    await world.until(world.dir.close({ clean: true }));
    const path = `${DATA}/orders-0/partition.metadata`;
    world.runtime.files.open(path, { truncate: true }).write([new TextEncoder().encode("version: 7")], 0);
    await world.open();
    expect(valuesOf(world.dir.log("other", 0)!)).toEqual(["b"]);
    const log = world.dir.log("orders", 0)!;
    expect(log.isOffline).toBe(true);
    expect(log.offlineCause?.message).toContain("partition.metadata");
    expect(() => append(log, { values: ["c"] })).toThrow("partition.metadata");
    await world.until(world.dir.close({ clean: true }));
    // Mended by hand: everything is as it was.
    world.runtime.files.open(path, { truncate: true })
      .write([new TextEncoder().encode(`version: 0\ntopic_id: ${TOPIC_ID}`)], 0);
    await world.open();
    expect(world.dir.wasClean).toBe(false);
    expect(valuesOf(world.log())).toEqual(["a"]);
  });

  test("a damaged checkpoint of start offsets is an error, not an empty one", async () => {
    const world = await World.open();
    await world.until(world.dir.close({ clean: true }));
    const handle = world.runtime.files.open(`${DATA}/log-start-offset-checkpoint`, { create: true, truncate: true });
    handle.write([new TextEncoder().encode("0\n2\norders 0 5\n")], 0);
    await expect(world.open()).rejects.toThrow("log-start-offset-checkpoint");
    handle.write([new TextEncoder().encode("0\n1\norders 0 5\n")], 0);
    await world.open();
  });

  test("a thousand logs open after a clean stop without a look at their segments", async () => {
    const world = await World.open();
    for (let partition = 0; partition < 1000; partition++) {
      const log = world.dir.createLog({ topic: "many", partition, topicId: TOPIC_ID, config: configOf() });
      appendEach(log, "x");
    }
    await world.until(world.dir.close({ clean: true }));
    let readCount = 0;
    world.runtime.files.fault = (operation) => {
      if (operation === "open") readCount++;
      return null;
    };
    await world.open();
    expect(world.dir.logCount).toBe(1000);
    // The folder's own files.
    expect(readCount).toBeLessThan(10);
    expect(world.dir.usage().openFiles).toBe(0);
    expect(valuesOf(world.dir.log("many", 999)!)).toEqual(["x"]);
  }, { timeout: 30_000 });

  test("open files are bounded", async () => {
    const world = await World.open({ limits: { openFilesMax: 10 } });
    for (let partition = 0; partition < 30; partition++) appendEach(world.log("many", partition), "a");
    for (let partition = 0; partition < 30; partition++) appendEach(world.log("many", partition), "b");
    expect(world.dir.usage().openFiles).toBe(10);
    for (let partition = 0; partition < 30; partition++) {
      expect(valuesOf(world.log("many", partition))).toEqual(["a", "b"]);
    }
  });
});
