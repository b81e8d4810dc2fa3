import { describe, expect, test } from "bun:test";
import { append, appendEach, readAll, START_MS, World } from "./support.ts";

async function logOfFive(): Promise<World> {
  const world = await World.open();
  for (let index = 0; index < 5; index++) append(world.log(), { values: [`value ${index}`] });
  await world.until(world.log().sync());
  return world;
}

describe("the start of a log", () => {
  test("moves for readers once a power cut will not take it back", async () => {
    const world = await logOfFive();
    const deleted = world.log().deleteRecordsBefore(3);
    expect(world.log().logStartOffset).toBe(0);
    await world.until(deleted);
    expect(world.log().logStartOffset).toBe(3);
    world.crash("lost");
    await world.open();
    expect(world.log().logStartOffset).toBe(3);
  });

  test("stays where it cannot be written down, and moves when it is asked to again", async () => {
    const world = await logOfFive();
    const { files } = world.runtime;
    files.fault = (operation, path) => operation === "write" && path.includes("log-start-offset") ? "ENOSPC" : null;
    const failed = await world.until(world.log().deleteRecordsBefore(3).then(() => null, (error) => error));
    expect(failed).toMatchObject({ code: "ENOSPC" });
    expect(world.log().logStartOffset).toBe(0);
    files.fault = null;
    await world.until(world.log().deleteRecordsBefore(3));
    world.crash("lost");
    await world.open();
    expect(world.log().logStartOffset).toBe(3);
  });

  test("stays written down when the deletion of what is below it fails", async () => {
    const world = await World.open({ config: { fileDeleteDelayMs: 0 } });
    const log = world.log();
    appendEach(log, "a", "b");
    log.roll();
    appendEach(log, "c");
    await world.until(log.sync());
    await world.until(log.deleteRecordsBefore(2));
    const { files } = world.runtime;
    let hasRenamed = false;
    files.fault = (operation) => {
      hasRenamed ||= operation === "rename";
      return operation === "syncDirectory" && hasRenamed ? "EIO" : null;
    };
    expect(() => log.applyRetention(START_MS)).toThrow("EIO");
    files.fault = null;
    appendEach(world.log("other"), "x", "y");
    await world.until(world.log("other").deleteRecordsBefore(1)); // It writes down the starts of all logs.
    world.crash("lost");
    await world.open();
    expect(world.log().logStartOffset).toBe(2);
  });

  test("leaves no gap behind it, wherever a power cut comes into a deletion", async () => {
    for (let seed = 0; seed < 60; seed++) {
      const world = await World.open({ seed, config: { retentionMs: 1000, fileDeleteDelayMs: 0 } });
      const log = world.log();
      for (let index = 0; index < 6; index++) {
        append(log, { values: [`value ${index}`], timestamp: START_MS + (index < 5 ? 0 : 10_000) });
        log.roll();
      }
      await world.until(log.close());
      await world.until(world.dir.close({ clean: false }));
      await world.open();
      let renameCount = 0;
      const { files } = world.runtime;
      files.fault = (operation) => operation === "rename" && ++renameCount > 1 + seed % 12 ? "EIO" : null;
      try {
        world.log().applyRetention(START_MS + 10_000);
      } catch {
        // The power goes in the middle of it.
      }
      files.fault = null;
      world.crash("torn");
      await world.open();
      const first = world.log().logStartOffset;
      expect([seed, readAll(world.log())]).toEqual([
        seed,
        [0, 1, 2, 3, 4, 5].filter((offset) => offset >= first).map((offset) => [offset, `value ${offset}`]),
      ]);
    }
  });
});

describe("a folder that is closed", () => {
  test("has no file open of a log that was just deleted", async () => {
    const world = await logOfFive();
    const { files } = world.runtime;
    files.syncDelayMs = () => 500;
    append(world.log(), { values: ["more"] });
    world.log().sync().catch(() => {}); // Under way, and nobody waits for it any more.
    await world.runtime.settle();
    world.dir.deleteLogs([world.log()]);
    let isClosed = false;
    const closing = world.dir.close({ clean: true }).then(() => isClosed = true);
    await world.runtime.advance(100);
    expect(isClosed).toBe(false);
    await world.until(closing);
    expect(world.dir.usage().openFiles).toBe(0);
  });

  test("waits for a checkpoint that is under way", async () => {
    const world = await logOfFive();
    world.runtime.files.syncDelayMs = () => 500;
    const checkpoint = world.dir.checkpoint();
    await world.runtime.settle();
    let isClosed = false;
    const closing = world.dir.close({ clean: true }).then(() => isClosed = true);
    await world.runtime.advance(100);
    expect(isClosed).toBe(false);
    await world.until(Promise.all([checkpoint, closing]));
    expect(world.dir.usage().openFiles).toBe(0);
  });
});
