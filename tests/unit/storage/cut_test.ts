/** What a failed write has left in a segment is cut, and the cut is on the disk before anything that comes after it. */
import { describe, expect, test } from "bun:test";
import { append, valuesOf, World } from "./support.ts";

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);

/** One batch in the log, on the disk for good, and a part of another that the disk had no room for. */
async function withCut(seed: number): Promise<World> {
  const world = await World.open({ seed });
  append(world.log(), { values: ["first"] });
  await world.until(world.log().sync());
  const { files } = world.runtime;
  files.fault = (operation, path) => {
    if (operation !== "write" || !path.endsWith(".log")) return null;
    files.fault = null;
    const handle = files.open(path, {});
    handle.write([new Uint8Array(27)], handle.size());
    handle.close();
    return "ENOSPC";
  };
  expect(() => append(world.log(), { values: ["too much"] })).toThrow("ENOSPC");
  return world;
}

describe("a write that failed half-way", () => {
  test("does not come back behind what the next segment has", async () => {
    for (const seed of SEEDS) {
      const world = await withCut(seed);
      world.log().roll();
      append(world.log(), { values: ["second"] });
      await world.until(world.log().sync());
      world.crash("torn");
      await world.open();
      expect(valuesOf(world.log())).toEqual(["first", "second"]);
    }
  });

  test("does not come back after a shutdown in order", async () => {
    for (const seed of SEEDS) {
      const world = await withCut(seed);
      await world.until(world.dir.checkpoint()); // What is written is brought to the disk already.
      await world.until(world.dir.close({ clean: true }));
      world.crash("torn");
      await world.open();
      append(world.log(), { values: ["second"] });
      expect(valuesOf(world.log())).toEqual(["first", "second"]);
    }
  });
});
