import { describe, expect, test } from "bun:test";
import { batches } from "../../../protocol/batch.ts";
import { type StorageLimits } from "../../../storage/context.ts";
import { StorageError } from "../../../storage/errors.ts";
import { ColdRead, type Log, type LogRead, type ReadLimits } from "../../../storage/log.ts";
import { append, type AppendDraft, START_MS, World } from "./support.ts";

const MEBIBYTE = 1024 * 1024;

function appendAll(log: Log, drafts: readonly AppendDraft[]): void {
  for (const draft of drafts) append(log, draft);
}

function limits(changes: Partial<ReadLimits>): ReadLimits {
  return { maxBytes: MEBIBYTE, upToOffset: Infinity, atLeastOneBatch: true, ...changes };
}

/** A log of several closed segments and an active one, none of which has a tail. */
async function coldWorld(
  options: { readonly count?: number; readonly valueBytes?: number; readonly limits?: StorageLimits } = {},
): Promise<{ readonly world: World; readonly log: Log }> {
  const { count = 40, valueBytes = 1000 } = options;
  const world = await World.open({
    config: { segmentBytes: 16 * (valueBytes + 100), fileDeleteDelayMs: 0, indexIntervalBytes: 1 },
    limits: { tailBytesMax: 0, ...options.limits },
  });
  const log = world.log();
  for (let index = 0; index < count; index++) {
    appendAll(log, [{ values: [`${index}`.padEnd(valueBytes, ".")], timestamp: START_MS + index }]);
  }
  await world.until(log.sync());
  world.runtime.files.isCold = () => true;
  return { world, log };
}

async function readCold(world: World, log: Log, offset: number, maxBytes = MEBIBYTE): Promise<LogRead> {
  for (let tries = 0; tries < 20; tries++) {
    const read = log.tryRead(offset, limits({ maxBytes, upToOffset: log.logEndOffset }));
    if (!(read instanceof ColdRead)) return read;
    const error = await world.until(read.loaded);
    if (error !== null) throw error;
  }
  throw new Error("What was loaded is not found");
}

function offsetsIn(read: LogRead): number[] {
  return read.chunks.flatMap((chunk) => [...batches(chunk)].map((batch) => batch.baseOffset));
}

describe("a read of what is not in memory", () => {
  test("says so, loads it off the loop, and gives the same batches as a read that waits", async () => {
    const { world, log } = await coldWorld();
    for (let offset = 0; offset < log.logEndOffset;) {
      expect(log.tryRead(offset, limits({ upToOffset: log.logEndOffset })) instanceof ColdRead || offset > 0).toBe(
        true,
      );
      const cold = await readCold(world, log, offset);
      const warm = log.read(offset, limits({ maxBytes: MEBIBYTE, upToOffset: log.logEndOffset }));
      expect(cold.chunks).toEqual([...warm.chunks]);
      expect(cold.nextOffset).toBe(warm.nextOffset);
      offset = cold.nextOffset;
      cold.release();
      warm.release();
    }
  });

  test("finds an offset in the middle by a cold index, and one batch larger than what is loaded at once", async () => {
    const { world, log } = await coldWorld({ count: 10, valueBytes: 1.2 * MEBIBYTE });
    const read = await readCold(world, log, 7, 1000);
    expect(offsetsIn(read)).toEqual([7]);
    read.release();
  });

  test("finds it after a start as well, where nothing can be known of the page cache", async () => {
    const { world } = await coldWorld();
    world.runtime.files.isCold = null;
    const log = await world.restart();
    world.runtime.files.isCold = () => true;
    const read = await readCold(world, log, 21);
    expect(offsetsIn(read)[0]).toBe(21);
    read.release();
    expect((await world.until(log.offsetForTimestamp(START_MS + 5)))?.offset).toBe(5);
    expect((await world.until(log.offsetOfMaxTimestamp()))?.offset).toBe(39);
  });

  test("is as it was when only some pages are cold", async () => {
    const { world, log } = await coldWorld();
    for (let seed = 0; seed < 50; seed++) {
      let state = seed;
      world.runtime.files.isCold = () => (state = (state * 1103515245 + 12345) % 2 ** 31) % 3 === 0;
      const found: number[] = [];
      for (let offset = 0; offset < log.logEndOffset;) {
        const read = await readCold(world, log, offset, 3000);
        found.push(...offsetsIn(read));
        offset = read.nextOffset;
        read.release();
      }
      expect(found).toEqual(Array.from({ length: 40 }, (_, index) => index));
    }
  });

  test("fails with the reason when the disk does", async () => {
    const { world, log } = await coldWorld();
    world.runtime.files.fault = (operation) => operation === "read" ? "EIO" : null;
    const error = await readCold(world, log, 0).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(StorageError);
    world.runtime.files.fault = null;
    (await readCold(world, log, 0)).release();
  });

  test("goes on by time, without a wait, to the same offsets", async () => {
    const { world, log } = await coldWorld();
    const byTime = await world.until(log.offsetForTimestamp(START_MS + 21));
    expect(byTime?.offset).toBe(21);
    expect((await world.until(log.offsetOfMaxTimestamp()))?.offset).toBe(39);
  });

  test("of the largest time finds another record when the one that had it is deleted", async () => {
    const { world, log } = await coldWorld();
    appendAll(log, [{ values: ["late"], timestamp: START_MS + 900 }, { values: ["last"], timestamp: START_MS + 500 }]);
    await world.until(log.deleteRecordsBefore(41));
    expect((await world.until(log.offsetOfMaxTimestamp()))?.offset).toBe(41);
  });
});

describe("a loaded range", () => {
  test("stays with its reader while the segment is deleted, unlinked, and the range makes room", async () => {
    const { world, log } = await coldWorld({ limits: { loadedBytesMax: 64 * 1024 } });
    const read = await readCold(world, log, 0);
    const before = read.chunks.map((chunk) => chunk.slice());
    await world.until(log.deleteRecordsBefore(30));
    log.applyRetention(START_MS + 1000);
    log.unlinkDeleted(START_MS + 100_000);
    const others = [await readCold(world, log, 31), await readCold(world, log, 38)];
    expect(read.chunks).toEqual(before);
    expect(read.heldBytes).toBeGreaterThanOrEqual(read.sizeBytes);
    for (const one of [read, ...others]) one.release();
  });

  test("is loaded once for all who want it", async () => {
    const { world, log } = await coldWorld();
    let readCount = 0;
    world.runtime.files.fault = (operation, path) => {
      if (operation === "read" && path.endsWith("00.log")) readCount++;
      return null;
    };
    const first = log.tryRead(0, limits({ upToOffset: log.logEndOffset }));
    const second = log.tryRead(0, limits({ upToOffset: log.logEndOffset }));
    if (!(first instanceof ColdRead) || !(second instanceof ColdRead)) throw new Error("Nothing is in memory");
    readCount = 0;
    await world.until(Promise.all([first.loaded, second.loaded]));
    expect(readCount).toBe(1);
  });

  test("is all that is loaded where the rest is in memory, however long its reader goes on in sequence", async () => {
    const { world, log } = await coldWorld({ count: 20, valueBytes: 0.3 * MEBIBYTE });
    const { files } = world.runtime;
    files.isCold = (path, position) => path.endsWith("00.log") && position < 4096;
    let readCount = 0;
    files.fault = (operation, path) => {
      if (operation === "read" && path.endsWith(".log")) readCount++;
      return null;
    };
    const found: number[] = [];
    for (let offset = 0; offset < log.logEndOffset;) {
      const read = await readCold(world, log, offset);
      found.push(...offsetsIn(read));
      offset = read.nextOffset;
      read.release();
      await world.runtime.advance(1); // What is loaded ahead comes before the reader asks for it.
    }
    expect([found.length, readCount]).toEqual([20, 1]);
  });

  test("does not hide what is appended behind it", async () => {
    const { world, log } = await coldWorld({ count: 3 });
    (await readCold(world, log, 0)).release();
    appendAll(log, [{ values: ["new"] }]);
    const read = await readCold(world, log, 3);
    expect(offsetsIn(read)).toEqual([3]);
    read.release();
  });

  test("is gone with a deletion that comes while it is loaded: the reader hears that the offset is", async () => {
    const { world, log } = await coldWorld();
    const cold = log.tryRead(0, limits({ upToOffset: log.logEndOffset }));
    if (!(cold instanceof ColdRead)) throw new Error("Nothing is in memory");
    const deleted = log.deleteRecordsBefore(30);
    log.applyRetention(START_MS + 1000);
    expect(await world.until(cold.loaded)).toBe(null);
    await world.until(deleted);
    expect(() => log.tryRead(0, limits({ upToOffset: log.logEndOffset }))).toThrow("outside");
  });
});

describe("a folder that closes", () => {
  test("waits for what is being loaded: its file is open as long", async () => {
    const { world, log } = await coldWorld();
    world.runtime.files.readDelayMs = () => 3000;
    const { clock } = world.runtime;
    const startMs = clock.monotonicMs();
    expect(log.tryRead(0, limits({ upToOffset: log.logEndOffset })) instanceof ColdRead).toBe(true);
    await world.until(world.dir.close({ clean: true }));
    expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(3000);
    expect(world.dir.usage().openFiles).toBe(0);
  });
});

describe("cold readers in great number", () => {
  test("keep to the budget of loaded bytes, and each gets on", async () => {
    const world = await World.open({
      config: { segmentBytes: 3000 },
      limits: { tailBytesMax: 0, loadedBytesMax: 256 * 1024 },
    });
    const logs = Array.from({ length: 100 }, (_, index) => world.log("orders", index));
    for (const log of logs) {
      appendAll(log, Array.from({ length: 9 }, (_, index) => ({ values: [`${index}`.padEnd(900)] })));
    }
    await world.until(Promise.all(logs.map((log) => log.sync())));
    world.runtime.files.isCold = () => true;
    const readAll = async (log: Log) => {
      const found: number[] = [];
      for (let offset = 0; offset < log.logEndOffset;) {
        const read = log.tryRead(offset, limits({ upToOffset: log.logEndOffset }));
        if (read instanceof ColdRead) {
          await read.loaded;
          continue;
        }
        found.push(...offsetsIn(read));
        offset = read.nextOffset;
        read.release();
      }
      return found;
    };
    const all = await world.until(Promise.all(logs.map(readAll)));
    for (const found of all) expect(found).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
