/** A segment that is begun, or was to be, when the disk does not do what it is told. */
import { describe, expect, test } from "bun:test";
import { FileError } from "../../../runtime/runtime.ts";
import { type LogConfig } from "../../../storage/log_config.ts";
import { append, appendEach, DATA, valuesOf, World } from "./support.ts";

const FOLDER = `${DATA}/orders-0`;
const OLD = `${FOLDER}/00000000000000000000.log`;
const NEW = `${FOLDER}/00000000000000000002.log`;
const LARGE = "x".repeat(1900);

/** A log with a settled record and one that is not: the next large one goes to a new segment. */
async function aboutToRoll(config: Partial<LogConfig> = {}): Promise<World> {
  const world = await World.open({ config: { segmentBytes: 2000, ...config } });
  appendEach(world.log(), "a");
  await world.until(world.log().sync());
  await world.until(world.log().advanceRecoveryPoint());
  appendEach(world.log(), "b");
  return world;
}

/** A file is made, and then something else goes wrong: closing another that is open, for one. */
function failAfterMaking(world: World, path: string): () => void {
  const { files } = world.runtime;
  const open = files.open.bind(files);
  files.open = (opened, options) => {
    const handle = open(opened, options);
    if (opened !== path) return handle;
    throw new FileError(`Cannot open "${path}": ENOSPC`, "ENOSPC", path);
  };
  return () => files.open = open;
}

function makeEmpty(world: World, path: string): void {
  world.runtime.files.open(path, { create: true, truncate: true }).close();
}

describe("a roll on a full disk", () => {
  test("does without a snapshot that cannot be renamed", async () => {
    const world = await aboutToRoll();
    world.runtime.files.fault = (operation) => operation === "rename" ? "ENOSPC" : null;
    append(world.log(), { values: [LARGE] });
    world.runtime.files.fault = null;
    appendEach(world.log(), "c");
    expect(valuesOf(await world.restart())).toEqual(["a", "b", LARGE, "c"]);
    expect(world.dir.wasClean).toBe(true);
  });

  test("does without the removal of a snapshot that is of no use any more", async () => {
    const world = await World.open({ config: { segmentBytes: 2000 } });
    append(world.log(), { values: ["a"], producer: { id: 5, epoch: 0, sequence: 0 } });
    await world.until(world.log().sync());
    await world.until(world.log().advanceRecoveryPoint());
    append(world.log(), { values: ["b"], producer: { id: 5, epoch: 0, sequence: 1 } });
    world.runtime.files.fault = (operation, path) =>
      operation === "remove" && path.endsWith("1.snapshot") ? "ENOSPC" : null;
    append(world.log(), { values: [LARGE] });
    world.runtime.files.fault = null;
    expect(valuesOf(await world.restart())).toEqual(["a", "b", LARGE]);
  });

  test("by retention leaves the log as it was, or whole", async () => {
    const world = await aboutToRoll({ retentionMs: 1000 });
    world.runtime.files.fault = (operation, path) =>
      operation === "rename" && path.endsWith(".snapshot") ? "ENOSPC" : null;
    world.log().applyRetention(world.runtime.clock.nowMs() + 1e9);
    world.runtime.files.fault = null;
    appendEach(world.log(), "c", "d");
    const log = await world.restart();
    expect([log.logEndOffset, valuesOf(log)]).toEqual([4, ["c", "d"]]);
  });

  test("that fails with the new file made takes the file back", async () => {
    const world = await aboutToRoll();
    const mend = failAfterMaking(world, NEW);
    expect(() => append(world.log(), { values: [LARGE] })).toThrow("ENOSPC");
    expect(world.runtime.files.stat(NEW)).toBeNull();
    mend();
    appendEach(world.log(), "c", "d");
    expect(valuesOf(await world.restart())).toEqual(["a", "b", "c", "d"]);
  });

  test("that cannot take the new file back takes the log offline: it would be taken for the log's end", async () => {
    const world = await aboutToRoll();
    const mend = failAfterMaking(world, NEW);
    let isMade = false;
    world.runtime.files.fault = (operation, path) => {
      isMade ||= operation === "open" && path === NEW;
      return isMade && operation === "remove" && path === NEW ? "EIO" : null;
    };
    expect(() => append(world.log(), { values: [LARGE] })).toThrow("ENOSPC");
    mend();
    world.runtime.files.fault = null;
    expect(() => append(world.log(), { values: ["c"] })).toThrow("offline");
    expect(world.eventNames()).toContain("log-offline");
    expect(valuesOf(await world.restart())).toEqual(["a", "b"]);
  });
});

describe("a start after a stop in order", () => {
  test("does not take an empty segment for the log's end when the one before goes on behind its base", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b", "c", "d");
    await world.until(world.dir.close({ clean: true }));
    makeEmpty(world, NEW);
    await world.open();
    expect(world.dir.wasClean).toBe(true);
    expect(valuesOf(world.log())).toEqual(["a", "b", "c", "d"]);
    appendEach(world.log(), "e");
    expect(valuesOf(await world.restart())).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("does not either when no checkpoint knows the log", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b", "c", "d");
    await world.until(world.dir.close({ clean: true }));
    makeEmpty(world, NEW);
    world.runtime.files.remove(`${DATA}/recovery-point-offset-checkpoint`);
    await world.open();
    expect(valuesOf(world.log())).toEqual(["a", "b", "c", "d"]);
  });

  test("does not take an only segment for a new log that has lost its records", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b");
    await world.until(world.dir.close({ clean: true }));
    makeEmpty(world, OLD);
    await world.open();
    expect(world.log().offlineCause?.message).toContain("0.log");
    expect(world.log().offlineCause?.message).toContain("up to offset 2");
  });

  test("takes an empty segment at the log's end for that", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b");
    world.log().roll();
    await world.restart();
    const log = await world.restart();
    expect([log.logEndOffset, log.segmentCount, log.wasRecovered]).toEqual([2, 2, false]);
  });
});
