/** What an operator is told of a disk in trouble. That data survives it is tested elsewhere; the same with real disks: conformance. */
import { describe, expect, test } from "bun:test";
import { remedyFor } from "../../../storage/errors.ts";
import { append, appendEach, World } from "./support.ts";

function refuses(world: World, sizeBytes: number): void {
  expect(() => append(world.log(), { values: ["x".repeat(sizeBytes)] })).toThrow("ENOSPC");
}

describe("a full disk", () => {
  test("is said once when it begins and once when appends are taken again", async () => {
    const world = await World.open();
    appendEach(world.log(), "a");
    const { files } = world.runtime;
    files.fault = (operation) => operation === "write" ? "ENOSPC" : null;
    for (let count = 0; count < 4; count++) expect(() => append(world.log(), { values: ["b"] })).toThrow("ENOSPC");
    const full = world.events.filter(({ event }) => event === "disk-full");
    expect(full.length).toBe(1);
    expect(full[0]!.facts.problem).toContain("/data/orders-0/00000000000000000000.log");
    expect(full[0]!.facts.todo).toContain("room");
    files.fault = null;
    await world.runtime.advance(1_500);
    appendEach(world.log(), "c", "d");
    expect(world.events.filter(({ event }) => event === "disk-has-room").map(({ facts }) => facts)).toEqual([
      { refused: 4, afterMs: 1_500 },
    ]);
  });

  test("that takes small appends between large ones it refuses is one trouble", async () => {
    const world = await World.open({ diskBytes: 6_000 });
    for (let count = 0; count < 5; count++) {
      refuses(world, 10_000);
      appendEach(world.log(), "small");
    }
    expect(world.eventNames().filter((event) => event.startsWith("disk-"))).toEqual(["disk-full"]);
  });
});

describe("a sync that does not come back", () => {
  test("is said once with its file, and when it ended", async () => {
    const world = await World.open();
    appendEach(world.log(), "a");
    await world.until(world.log().sync());
    world.runtime.files.syncDelayMs = () => 10_000;
    appendEach(world.log(), "b");
    const synced = world.log().sync();
    await world.runtime.advance(0);
    for (let second = 0; second < 8; second++) {
      await world.dir.flushDue(world.runtime.clock.nowMs());
      await world.runtime.advance(1_000);
    }
    const slow = world.events.filter(({ event }) => event === "sync-slow");
    expect(slow.map(({ facts }) => facts.file)).toEqual(["/data/orders-0/00000000000000000000.log"]);
    await world.runtime.advance(10_000);
    await synced;
    await world.dir.flushDue(world.runtime.clock.nowMs());
    expect(world.eventNames().filter((event) => event === "sync-ended").length).toBe(1);
  });

  test("does not keep the logs beside it from their syncs by age", async () => {
    const world = await World.open({ config: { flushMs: 100 } });
    world.runtime.files.syncDelayMs = () => 10_000;
    appendEach(world.log(), "a");
    await world.runtime.advance(200);
    const stalled = world.dir.flushDue(world.runtime.clock.nowMs());
    await world.runtime.advance(0);
    world.runtime.files.syncDelayMs = () => 1;
    appendEach(world.log(), "b");
    appendEach(world.log("other"), "c");
    await world.runtime.advance(200);
    const other = world.dir.flushDue(world.runtime.clock.nowMs());
    await world.runtime.advance(50);
    await other;
    expect(world.log("other").syncedOffset).toBe(1);
    await world.runtime.advance(20_000);
    await stalled;
  });
});

describe("a file of one partition that cannot be used", () => {
  for (
    const [file, code] of [[".log", "EPERM"], [".snapshot", "EIO"], ["leader-epoch-checkpoint", "EACCES"]] as const
  ) {
    test(`takes that one offline at its first use, and is said once with what to do: ${file}, ${code}`, async () => {
      const world = await World.open();
      const send = (sequence: number) =>
        append(world.log(), { values: ["a"], producer: { id: 5, epoch: 0, sequence }, leaderEpoch: 1 });
      send(0);
      await world.restart();
      world.runtime.files.fault = (operation, path) =>
        /open|read/.test(operation) && path.includes("orders-0") && path.endsWith(file) ? code : null;
      for (let count = 0; count < 3; count++) expect(() => send(1)).toThrow(code);
      expect(world.log().isOffline).toBe(true);
      appendEach(world.log("other"), "b");
      const offline = world.events.filter(({ event }) => event === "log-offline");
      expect(offline.map(({ facts }) => [facts.log, facts.problem])).toEqual([
        ["orders-0", expect.stringContaining(`${file}"`)],
      ]);
      expect(offline[0]!.facts.todo).toContain("start the broker again");
      // Nothing was written, and nothing has to be mended but the file.
      world.runtime.files.fault = null;
      await world.restart();
      expect(send(1).kind).toBe("appended");
    });
  }

  test("is a full disk where its producers cannot be noted for want of room, and passes with it", async () => {
    const world = await World.open();
    append(world.log(), { values: ["a"], producer: { id: 5, epoch: 0, sequence: 0 } });
    await world.restart();
    const send = () => append(world.log(), { values: ["b"], producer: { id: 5, epoch: 0, sequence: 1 } });
    world.runtime.files.fault = (operation, path) => operation === "read" && path.endsWith(".log") ? "EDQUOT" : null;
    expect(send).toThrow("EDQUOT");
    world.runtime.files.fault = null;
    expect(send().kind).toBe("appended");
  });
});

describe("what to do about an error", () => {
  test("is known by the system's code, and ours say it themselves", () => {
    expect(remedyFor("EROFS")).toContain("mount it for writing, then start the broker again");
    expect(remedyFor("EXDEV")).toBe("look at the disk and the kernel's log, then start the broker again");
    for (const code of ["CORRUPT", "VERSION", "LOCKED", "OFFLINE", "UNKNOWN"]) expect(remedyFor(code)).toBeNull();
  });

  test("is said when a log goes offline", async () => {
    const world = await World.open();
    appendEach(world.log(), "a");
    await world.until(world.log().sync());
    appendEach(world.log(), "b");
    world.runtime.files.fault = (operation) => operation === "syncData" ? "EIO" : null;
    const failed = world.log().sync().then(() => "synced", () => "failed");
    await world.runtime.advance(10);
    expect(await failed).toBe("failed");
    const [offline] = world.events.filter(({ event }) => event === "log-offline");
    expect(offline!.facts.problem).toContain("/data/orders-0/00000000000000000000.log");
    expect(offline!.facts.todo).toContain("start the broker again");
  });
});
