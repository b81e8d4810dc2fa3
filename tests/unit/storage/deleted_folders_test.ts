/** A deletion of many logs: in steps, and complete whatever comes in between. */
import { describe, expect, test } from "bun:test";
import type { Log } from "../../../storage/log.ts";
import { append, DATA, valuesOf, World } from "./support.ts";

const COUNT = 450;

describe("a deletion of many logs", () => {
  test("takes all out of use at once and renames their folders in several turns", async () => {
    const world = await World.open();
    const logs = fill(world);
    world.dir.deleteLogs(logs);
    expect(world.dir.logCount).toBe(0);
    expect(() => append(logs.at(-1)!, { values: ["late"] })).toThrow("it is closed");
    const atOnce = deleted(world).length;
    expect(atOnce).toBeGreaterThan(0);
    expect(atOnce).toBeLessThan(COUNT / 3);
    await world.runtime.advance(1000);
    expect([deleted(world).length, named(world).length]).toEqual([COUNT, 0]);
    await world.until(world.dir.removeDeleted(Infinity));
    expect(deleted(world)).toEqual([]);
  });

  test("is on the disk when it is done", async () => {
    const world = await World.open();
    const logs = fill(world);
    await world.until(Promise.all(logs.map((log) => log.sync())));
    await world.until(world.dir.checkpoint());
    world.dir.deleteLogs(logs);
    append(world.log("other"), { values: ["a"] }); // Brings to the disk what is renamed so far.
    await world.runtime.advance(1000);
    world.crash("lost");
    await world.open();
    expect([named(world), world.dir.log("orders", COUNT - 1)]).toEqual([[], undefined]);
  });

  test("makes way for a log of a name whose turn has not come", async () => {
    const world = await World.open();
    world.dir.deleteLogs(fill(world));
    const again = world.log("orders", COUNT - 1);
    append(again, { values: ["new"] });
    expect(valuesOf(again)).toEqual(["new"]);
    await world.until(again.sync());
    world.crash("lost");
    await world.open();
    expect(named(world)).toEqual([`orders-${COUNT - 1}`]);
    expect(valuesOf(world.log("orders", COUNT - 1))).toEqual(["new"]);
  });

  test("is complete after a shutdown in order", async () => {
    const world = await World.open();
    world.dir.deleteLogs(fill(world));
    await world.until(world.dir.close({ clean: true }));
    world.crash("lost");
    await world.open();
    expect([named(world), world.dir.logCount, world.dir.wasClean]).toEqual([[], 0, true]);
  });

  test("goes on past a folder that cannot be renamed, and says so", async () => {
    const world = await World.open();
    world.runtime.files.fault = (operation, path) =>
      operation === "rename" && path.endsWith("/orders-7") ? "EIO" : null;
    world.dir.deleteLogs(fill(world));
    await world.runtime.advance(1000);
    expect(named(world)).toEqual(["orders-7"]);
    expect(world.eventNames()).toContain("log-delete-failed");
    expect(() => world.log("orders", 7)).toThrow('Cannot create log "orders-7"');
    world.runtime.files.fault = null;
    expect(world.log("orders", 7).logEndOffset).toBe(0);
    expect(deleted(world).length).toBe(COUNT);
  });
});

function fill(world: World): Log[] {
  return Array.from({ length: COUNT }, (_, partition) => {
    const log = world.log("orders", partition);
    append(log, { values: ["old"] });
    return log;
  });
}

function deleted(world: World): string[] {
  return world.runtime.files.list(DATA).filter((name) => name.endsWith("-delete"));
}

function named(world: World): string[] {
  return world.runtime.files.list(DATA).filter((name) => /^orders-\d+$/.test(name));
}
