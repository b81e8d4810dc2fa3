/** What a start after a kill reads and writes: what lies past the recovery point, and no more. */
import { describe, expect, test } from "bun:test";
import { RECOVERY_POINT_FILE } from "../../../storage/checkpoint.ts";
import { append, DATA, readAll, valuesOf, World } from "./support.ts";

const FOLDER = `${DATA}/orders-0`;
const VALUE_BYTES = 1000;
/** An index entry every so many bytes, and what a scan reads at first. */
const SLACK_BYTES = 4096 + 2 * VALUE_BYTES;
const SCAN_BYTES = 16 * 1024;

interface Read {
  readonly path: string;
  readonly position: number;
  readonly bytes: number;
}

/** A log of some segments, all synced and checkpointed; `count` values at a thousand bytes each. */
async function settledWorld(count: number): Promise<World> {
  const world = await World.open({ config: { segmentBytes: 64 * 1024 } });
  appendMany(world, count);
  await world.until(world.log().sync());
  await world.until(world.dir.checkpoint());
  expect(world.log().recoveryPoint).toBe(count);
  return world;
}

function appendMany(world: World, count: number): void {
  for (let index = 0; index < count; index++) append(world.log(), { values: ["x".repeat(VALUE_BYTES)] });
}

/** Kills the process, runs `between`, starts again; tells what was read of files, and what else was done. */
async function killAndWatch(
  world: World,
  between: () => void = () => {},
): Promise<{ readonly reads: Read[]; readonly operations: string[] }> {
  await world.until(world.dir.close({ clean: false }));
  between();
  const { files } = world.runtime;
  const reads: Read[] = [];
  const operations: string[] = [];
  const open = files.open.bind(files);
  files.open = (path, options) => {
    const handle = open(path, options);
    const read = handle.read.bind(handle);
    handle.read = (target, position) => {
      const bytes = read(target, position);
      reads.push({ path, position, bytes });
      return bytes;
    };
    return handle;
  };
  files.fault = (operation, path) => {
    if (path.startsWith(FOLDER)) operations.push(operation);
    return null;
  };
  await world.open();
  files.open = open;
  files.fault = null;
  return { reads, operations };
}

function ofLogs(reads: readonly Read[]): Read[] {
  return reads.filter(({ path }) => path.endsWith(".log"));
}

function flip(world: World, path: string, position: number): void {
  const handle = world.runtime.files.open(path, {});
  const byte = new Uint8Array(1);
  handle.read(byte, position);
  handle.write([Uint8Array.of(byte[0]! ^ 1)], position);
  handle.close();
}

describe("what a start after a kill reads", () => {
  test("is the log from its recovery point on, and no more", async () => {
    const world = await settledWorld(290);
    const settledBytes = world.log().sizeBytes;
    const bases = world.log().segmentBases();
    expect(bases.length).toBeGreaterThan(3);
    appendMany(world, 10);
    const pastBytes = world.log().sizeBytes - settledBytes;
    const active = `${FOLDER}/${String(bases.at(-1)).padStart(20, "0")}.log`;
    const activeBytes = world.runtime.files.stat(active)!.sizeBytes;
    expect(activeBytes - pastBytes).toBeGreaterThan(4 * SLACK_BYTES);
    const { reads } = await killAndWatch(world);
    expect(world.log().logEndOffset).toBe(300);
    const recovered = ofLogs(reads);
    expect([...new Set(recovered.map(({ path }) => path))]).toEqual([active]);
    // The head of the file tells its format.
    const scanned = recovered.filter(({ position }) => position > 0);
    expect(Math.min(...scanned.map(({ position }) => position))).toBeGreaterThan(activeBytes - pastBytes - SLACK_BYTES);
    // Read to check it, twice to write it again, and for the producers.
    const readBytes = recovered.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(readBytes).toBeLessThan(4 * (pastBytes + SLACK_BYTES) + SCAN_BYTES);
  });

  test("does not come upon damage below the recovery point", async () => {
    const world = await settledWorld(300);
    const bases = world.log().segmentBases();
    const active = `${FOLDER}/${String(bases.at(-1)).padStart(20, "0")}.log`;
    appendMany(world, 10);
    await killAndWatch(world, () => {
      flip(world, `${FOLDER}/00000000000000000000.log`, 2000);
      flip(world, active, 500);
    });
    expect([world.log().isOffline, world.log().logEndOffset]).toEqual([false, 310]);
    expect(world.eventNames()).not.toContain("log-truncated");
    append(world.log(), { values: ["after"] });
    expect(valuesOf(world.log(), 310)).toEqual(["after"]);
  });

  test("is a glance at the end of a log with nothing past it, which is left as it is", async () => {
    const world = await settledWorld(300);
    const { reads, operations } = await killAndWatch(world);
    expect([world.log().logEndOffset, world.log().wasRecovered]).toEqual([300, false]);
    expect(ofLogs(reads).reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(SLACK_BYTES + SCAN_BYTES);
    for (const change of ["write", "truncate", "syncData", "rename", "remove"]) {
      expect(operations).not.toContain(change);
    }
    append(world.log(), { values: ["more"] });
    expect(readAll(world.log(), 299).length).toBe(2);
  });

  test("is everything again when its checkpoint is gone", async () => {
    const world = await settledWorld(300);
    const { sizeBytes } = world.log();
    const { reads } = await killAndWatch(world, () => world.runtime.files.remove(`${DATA}/${RECOVERY_POINT_FILE}`));
    expect(world.log().logEndOffset).toBe(300);
    expect(ofLogs(reads).reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(sizeBytes);
  });
});

describe("after a recovery", () => {
  test("the next checkpoint moves the recovery point, with indexes and leader epochs", async () => {
    const world = await settledWorld(100);
    append(world.log(), { values: ["past"], leaderEpoch: 7 });
    await killAndWatch(world);
    expect([world.log().recoveryPoint, world.log().syncedOffset]).toEqual([100, 101]);
    await world.until(world.dir.checkpoint());
    expect(world.log().recoveryPoint).toBe(101);
    world.crash("lost");
    await world.open();
    expect([world.log().wasRecovered, world.log().logEndOffset, world.log().leaderEpoch]).toEqual([false, 101, 7]);
    expect(world.log().endOffsetForEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 100 });
  });

  test("a power cut before the next checkpoint takes nothing of it", async () => {
    for (const kind of ["lost", "torn"] as const) {
      const world = await settledWorld(100);
      append(world.log(), { values: ["past"], leaderEpoch: 7, producer: { id: 5, epoch: 0, sequence: 0 } });
      await killAndWatch(world);
      world.crash(kind);
      await world.open();
      expect([world.log().logEndOffset, world.log().leaderEpoch]).toEqual([101, 7]);
      expect(append(world.log(), { values: ["past"], leaderEpoch: 7, producer: { id: 5, epoch: 0, sequence: 0 } }).kind)
        .toBe("duplicate");
      expect(await world.until(world.log().offsetOfMaxTimestamp())).not.toBe(null);
    }
  });
});
