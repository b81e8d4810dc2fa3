/** The folder's entry of a new file is synced before anything in the file is acknowledged, and not on the loop. */
import { describe, expect, test } from "bun:test";
import { type StorageError } from "../../../storage/errors.ts";
import { append, configOf, valuesOf, World } from "./support.ts";

describe("a new file", () => {
  test("is not waited for on the loop when a segment begins", async () => {
    const world = await World.open({ config: { segmentBytes: 200 } });
    const log = world.log();
    append(log, { values: ["a".repeat(100)] });
    await world.until(log.sync());
    const operations = syncsOf(world);
    append(log, { values: ["b".repeat(100)] });
    expect(log.segmentCount).toBe(2);
    expect(operations).toEqual([]);
    await world.until(log.sync());
    expect(operations.filter((operation) => operation === "syncDirectory on the loop")).toEqual([]);
    expect(operations).toContain("syncDirectory");
  });

  test("has its folder's entry when what it holds is acknowledged, whatever the disk does first", async () => {
    for (const delays of [[1, 5], [5, 1], [3, 3]]) {
      for (const kind of ["lost", "torn"] as const) {
        const world = await World.open({ config: { segmentBytes: 200 } });
        const log = world.log();
        append(log, { values: ["a".repeat(100)] });
        await world.until(log.sync());
        let turn = 0;
        world.runtime.files.syncDelayMs = () => delays[turn++ % delays.length]!;
        append(log, { values: ["b".repeat(100)] });
        append(log, { values: ["c".repeat(100)] });
        await world.until(log.sync());
        world.crash(kind);
        world.runtime.files.syncDelayMs = null;
        await world.open();
        expect(valuesOf(world.log())).toEqual(["a".repeat(100), "b".repeat(100), "c".repeat(100)]);
      }
    }
  });

  test("that cannot be entered durably is not acknowledged, and the log is offline", async () => {
    const world = new World({ config: configOf({ segmentBytes: 200 }) });
    await world.open();
    const log = world.log();
    append(log, { values: ["a".repeat(100)] });
    await world.until(log.sync());
    append(log, { values: ["b".repeat(100)] });
    world.runtime.files.fault = (operation) => operation === "syncDirectory" ? "EIO" : null;
    expect(await world.until(log.sync().then(() => "synced", (error: StorageError) => error.code))).toBe("EIO");
    world.runtime.files.fault = null;
    expect(log.isOffline).toBe(true);
    expect(log.syncedOffset).toBe(1);
  });

  test("of a log never synced is synced together with its folder and the topic's id, at once", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["a"] });
    world.runtime.files.syncDelayMs = () => 10;
    const startMs = world.runtime.clock.monotonicMs();
    await world.until(log.sync());
    expect(world.runtime.clock.monotonicMs() - startMs).toBeLessThan(20);
    world.crash("lost");
    world.runtime.files.syncDelayMs = null;
    await world.open();
    expect(valuesOf(world.log())).toEqual(["a"]);
  });
});

/** The syncs from here on, in order. */
function syncsOf(world: World): string[] {
  const { files } = world.runtime;
  const operations: string[] = [];
  const [syncDirectory, syncDirectoryAsync] = [
    files.syncDirectory.bind(files),
    files.syncDirectoryAsync.bind(files),
  ];
  files.syncDirectory = (path) => {
    operations.push("syncDirectory on the loop");
    syncDirectory(path);
  };
  files.syncDirectoryAsync = (path) => {
    operations.push("syncDirectory");
    return syncDirectoryAsync(path);
  };
  return operations;
}
