/** The small parts that logs are made of, each by itself. */
import { describe, expect, test } from "bun:test";
import { createMemoryRuntime } from "../../../runtime/memory.ts";
import { writeFileAtomically } from "../../../storage/atomic_file.ts";
import { readCheckpointLines, readOffsetCheckpoint, writeOffsetCheckpoint } from "../../../storage/checkpoint.ts";
import { FilePool } from "../../../storage/file_pool.ts";
import { GroupCommit } from "../../../storage/group_commit.ts";
import { MapPool, SegmentMap } from "../../../storage/map_pool.ts";
import { OffsetIndex } from "../../../storage/offset_index.ts";
import { fileNameOf, offsetInName } from "../../../storage/segment_files.ts";
import { SyncSlots } from "../../../storage/sync_slots.ts";
import { TimeIndex } from "../../../storage/time_index.ts";
import { append, World } from "./support.ts";

function filesWith(...contents: [string, Uint8Array][]) {
  const { files } = createMemoryRuntime();
  for (const [path, bytes] of contents) files.open(path, { create: true }).write([bytes], 0);
  return files;
}

describe("offset index", () => {
  test("finds the entry at or before an offset, in the file and in memory", () => {
    const files = filesWith();
    const pool = new FilePool(files);
    const index = new OffsetIndex(pool, "/index", 1000, true);
    for (let entry = 0; entry < 1000; entry++) index.append(1005 + entry * 10, entry * 100);
    for (let offset = 1000; offset < 11_000; offset++) {
      const entry = Math.min(Math.floor((offset - 1005) / 10), 999);
      const expected = entry < 0 ? null : { index: entry, offset: 1005 + entry * 10, position: entry * 100 };
      if (offset % 37 === 0) expect(index.floor(offset)).toEqual(expected);
    }
    index.entries.finish();
    expect(files.stat("/index")!.sizeBytes).toBe(8000);
    const again = new OffsetIndex(pool, "/index", 1000, false);
    expect(again.floor(1026)).toEqual({ index: 2, offset: 1025, position: 200 });
    expect(again.lastEntry()).toEqual({ offset: 10_995, position: 99_900 });
    expect(again.problem(100_000)).toBe(null);
    expect(again.problem(99_000)).toContain("past the log");
  });

  test("keeps its entries when the disk is full, and writes them later", () => {
    const files = filesWith();
    const index = new OffsetIndex(new FilePool(files), "/index", 0, true);
    files.fault = (operation) => operation === "write" ? "ENOSPC" : null;
    for (let entry = 0; entry < 500; entry++) index.append(entry, entry * 10);
    expect(index.floor(300)).toMatchObject({ position: 3000 });
    files.fault = null;
    index.entries.finish();
    expect(files.stat("/index")!.sizeBytes).toBe(4000);
    expect(index.floor(300)).toMatchObject({ position: 3000 });
  });
});

describe("time index", () => {
  test("takes only times that are later than the last", () => {
    const index = new TimeIndex(new FilePool(filesWith()), "/timeindex", 0, true);
    for (const [timestampMs, offset] of [[10, 1], [10, 2], [5, 3], [30, 4]] as const) index.append(timestampMs, offset);
    expect(index.entries.count).toBe(2);
    expect([9, 10, 29, 30].map((timestampMs) => index.floor(timestampMs)?.offset ?? null)).toEqual([null, 1, 1, 4]);
  });
});

describe("file pool", () => {
  test("closes the file unused longest, clean ones first, and none that is pinned", async () => {
    const runtime = createMemoryRuntime();
    const pool = new FilePool(runtime.files, 2);
    const [first, second, third] = ["/1", "/2", "/3"].map((path) => pool.file(path)) as [
      ReturnType<FilePool["file"]>,
      ReturnType<FilePool["file"]>,
      ReturnType<FilePool["file"]>,
    ];
    first.use(true);
    first.write([new Uint8Array(3)], 0);
    second.use(true);
    third.use(true);
    expect([first.isOpen, second.isOpen, third.isOpen]).toEqual([true, false, true]);
    const synced = first.sync();
    second.use();
    expect([first.isOpen, second.isOpen, third.isOpen]).toEqual([true, true, false]);
    first.close();
    expect(first.isOpen).toBe(true); // until its sync has ended
    await runtime.until(synced);
    expect([first.isOpen, pool.openCount]).toEqual([false, 1]);
  });

  test("keeps to its bound though all files are synced at once", async () => {
    const runtime = createMemoryRuntime();
    const pool = new FilePool(runtime.files, 8);
    const files = Array.from({ length: 100 }, (_, index) => pool.file(`/${index}`));
    let largest = 0;
    const syncs = files.map((file) => {
      file.use(true);
      file.write([new Uint8Array(3)], 0);
      return file.sync().then(() => largest = Math.max(largest, pool.openCount));
    });
    expect(pool.openCount).toBe(8);
    await runtime.until(Promise.all(syncs));
    expect([largest, pool.openCount]).toEqual([8, 8]);
    expect(files.filter(({ isDirty }) => isDirty)).toEqual([]);
  });

  test("does not open a file again that was told to close while its sync waited", async () => {
    const runtime = createMemoryRuntime();
    const pool = new FilePool(runtime.files, 4);
    const [first, second] = [pool.file("/1"), pool.file("/2")];
    for (const file of [first, second]) {
      file.use(true);
      file.write([new Uint8Array(3)], 0);
    }
    const syncs = [first.sync(), second.sync()];
    expect([second.pinCount, second.waiterCount]).toEqual([0, 1]);
    second.close();
    runtime.files.remove("/2");
    await runtime.until(Promise.all(syncs));
    expect([second.isOpen, second.waiterCount, pool.openCount]).toEqual([false, 0, 1]);
  });
});

describe("map pool", () => {
  test("keeps to its budget, and keeps what is read", () => {
    const bytes = new Uint8Array(100).fill(7);
    const files = filesWith(["/a", bytes], ["/b", bytes], ["/c", bytes]);
    const pool = new MapPool(files, 200);
    const [a, b, c] = [new SegmentMap(), new SegmentMap(), new SegmentMap()];
    const view = pool.acquire(a, "/a", 100)!;
    pool.acquire(b, "/b", 100);
    expect(pool.acquire(c, "/c", 100)).toBe(null);
    pool.release(b);
    expect(pool.acquire(c, "/c", 100)?.[0]).toBe(7);
    expect([pool.mappedBytes, b.mapped]).toEqual([200, null]);
    pool.retire(a);
    expect(view[99]).toBe(7);
    pool.release(a);
    expect([pool.mappedBytes, a.mapped]).toEqual([100, null]);
    expect(pool.acquire(a, "/a", 100)).toBe(null); // retired
  });
});

describe("map pool of a segment that is written to", () => {
  test("grows a map under its reader, within its budget, and replaces it when it has no more room", () => {
    const files = filesWith(["/a", new Uint8Array(2000).fill(7)]);
    const pool = new MapPool(files, 1000);
    const map = new SegmentMap();
    const view = pool.acquire(map, "/a", 100)!;
    expect(pool.acquire(map, "/a", 500)?.length).toBe(500);
    expect([pool.mappedBytes, map.readerCount, view[99]]).toEqual([500, 2, 7]);
    expect(pool.acquire(map, "/a", 900)).toBe(null); // no room, and readers
    pool.release(map);
    pool.release(map);
    expect(pool.acquire(map, "/a", 900)?.length).toBe(900);
    expect(pool.acquire(map, "/a", 1001)).toBe(null);
    expect(pool.mappedBytes).toBe(900);
    pool.release(map);
    pool.releaseUnused();
    expect([pool.mappedBytes, view[99]]).toEqual([0, 0xdd]);
  });
});

describe("group commit", () => {
  test("starts the next commit the moment one ends, before it tells who waited", async () => {
    const runtime = createMemoryRuntime();
    const events: string[] = [];
    let end: (() => void)[] = [];
    const commits = new GroupCommit(runtime.timers, new SyncSlots(), () => {
      events.push("commit");
      return new Promise((resolve) => end.push(resolve));
    });
    const first = commits.wait().then(() => events.push("first"));
    const alsoFirst = commits.wait().then(() => events.push("first"));
    await runtime.settle();
    const second = commits.wait().then(() => events.push("second"));
    expect(events).toEqual(["commit"]);
    end.shift()!();
    await Promise.all([first, alsoFirst]);
    expect(events).toEqual(["commit", "commit", "first", "first"]);
    end.shift()!();
    await second;
    expect(commits.isIdle).toBe(true);
    end = [];
  });

  test("tells those who waited of a failure, and goes on for the others", async () => {
    const runtime = createMemoryRuntime();
    let count = 0;
    const commits = new GroupCommit(
      runtime.timers,
      new SyncSlots(),
      () => ++count === 1 ? Promise.reject(new Error("EIO")) : Promise.resolve(),
    );
    await expect(runtime.until(commits.wait())).rejects.toThrow("EIO");
    await runtime.until(commits.wait());
    expect(count).toBe(2);
  });

  test("starts at once for one who appends alone, and at the end of the turn where others share", async () => {
    const runtime = createMemoryRuntime();
    let count = 0;
    const commits = new GroupCommit(runtime.timers, new SyncSlots(), () => {
      count++;
      return new Promise((resolve) => runtime.timers.after(1, resolve));
    });
    const first = commits.wait();
    expect(count).toBe(0);
    await runtime.until(first);
    const alone = commits.wait();
    expect(count).toBe(2);
    const later = [commits.wait(), commits.wait()];
    await runtime.until(Promise.all([alone, ...later]));
    expect(count).toBe(3);
    const shared = [commits.wait(), commits.wait()];
    expect(count).toBe(3);
    await runtime.until(Promise.all(shared));
    expect(count).toBe(4);
  });

  test("takes turns with others, and covers who came while it waited for its turn", async () => {
    const runtime = createMemoryRuntime();
    const slots = new SyncSlots(1);
    const events: string[] = [];
    const ends: (() => void)[] = [];
    const commitsOf = (name: string) =>
      new GroupCommit(runtime.timers, slots, () => {
        events.push(name);
        return new Promise((resolve) => ends.push(resolve));
      });
    const [a, b] = [commitsOf("a"), commitsOf("b")];
    const waits = [a.wait(), b.wait()];
    await runtime.settle();
    waits.push(a.wait());
    await runtime.settle();
    waits.push(b.wait(), a.wait());
    expect(events).toEqual(["a"]);
    for (const expected of [["a", "b"], ["a", "b", "a"], ["a", "b", "a"]]) {
      ends.shift()!();
      await runtime.settle();
      expect(events).toEqual(expected);
    }
    await Promise.all(waits);
    expect([a.isIdle, b.isIdle]).toEqual([true, true]);
  });
});

describe("sync slots", () => {
  test("let so many run at a time, in the order they asked, whether they succeed or fail", async () => {
    const runtime = createMemoryRuntime();
    const slots = new SyncSlots(2);
    const begun: number[] = [];
    const ends: PromiseWithResolvers<void>[] = [];
    const runs = Array.from({ length: 5 }, (_, index) =>
      slots.run(() => {
        begun.push(index);
        ends[index] = Promise.withResolvers();
        return ends[index].promise;
      }));
    await runtime.settle();
    expect(begun).toEqual([0, 1]);
    ends[1]!.reject(new Error("EIO"));
    await expect(runs[1]!).rejects.toThrow("EIO");
    await runtime.settle();
    expect(begun).toEqual([0, 1, 2]);
    for (const index of [0, 2, 3, 4]) {
      await runtime.settle();
      ends[index]!.resolve();
      await runs[index]!;
    }
    expect(begun).toEqual([0, 1, 2, 3, 4]);
    await slots.run(() => Promise.resolve());
  });

  test("of a data folder bound the syncs of a thousand logs", async () => {
    const world = await World.open({ limits: { syncsAtOnceMax: 3 } });
    const logs = Array.from({ length: 1000 }, (_, partition) => world.log("many", partition));
    for (const log of logs) append(log, { values: ["first"] });
    await world.until(Promise.all(logs.map((log) => log.sync())));
    let [underWay, highest] = [0, 0];
    world.runtime.files.syncDelayMs = () => {
      highest = Math.max(highest, ++underWay);
      world.runtime.timers.after(1, () => underWay--);
      return 1;
    };
    for (const log of logs) append(log, { values: ["second"] });
    await world.until(Promise.all(logs.map((log) => log.sync())));
    expect(highest).toBe(3);
    expect(logs.every((log) => log.syncedOffset === 2)).toBe(true);
  });
});

describe("checkpoint file", () => {
  test("is replaced as a whole: the old one is there until the new one is", () => {
    const files = filesWith();
    writeOffsetCheckpoint(files, "/checkpoint", [{ topic: "a", partition: 0, offset: 5 }]);
    files.fault = (operation) => operation === "write" ? "ENOSPC" : null;
    expect(() => writeOffsetCheckpoint(files, "/checkpoint", [])).toThrow("ENOSPC");
    files.fault = null;
    expect(readOffsetCheckpoint(files, "/checkpoint")).toEqual(new Map([["a-0", 5]]));
    expect(files.list("/")).toEqual(["checkpoint"]);
    files.crash("lost");
    expect(readOffsetCheckpoint(files, "/checkpoint")).toEqual(new Map([["a-0", 5]]));
  });

  test("that is cut, or of a later version, is not taken for an empty one", () => {
    for (const text of ["1\n0\n", "0\n2\na 0 1\n", "0\nx\n", "0\n1\na 0\n", "0\n1\na 0 1.5\n"]) {
      const files = filesWith(["/checkpoint", new TextEncoder().encode(text)]);
      expect(() => readOffsetCheckpoint(files, "/checkpoint")).toThrow("/checkpoint");
    }
    expect(readCheckpointLines(filesWith(["/checkpoint", new Uint8Array(0)]), "/checkpoint", 3)).toEqual([]);
  });

  test("an atomic write that is not durable may be lost, never half", () => {
    const files = filesWith();
    writeFileAtomically(files, "/file", "one");
    writeFileAtomically(files, "/file", "two", { durable: "content" });
    files.crash("lost");
    expect(new TextDecoder().decode(files.readFile("/file"))).toBe("one");
  });
});

describe("segment file names", () => {
  test("hold their offset in twenty digits", () => {
    expect(fileNameOf(368_769, ".log")).toBe("00000000000000368769.log");
    expect(offsetInName("00000000000000368769.log", ".log")).toBe(368_769);
    expect(offsetInName("00000000000000368769.log.deleted", ".log")).toBe(null);
    expect(offsetInName("0000000000000036876x.log", ".log")).toBe(null);
  });
});
