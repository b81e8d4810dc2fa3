import { describe, expect, test } from "bun:test";
import { append, appendEach, readAll, valuesOf, World } from "./support.ts";

describe("log", () => {
  test("log gives offsets in order and reads back what was appended", async () => {
    const world = await World.open();
    const log = world.log();
    expect(append(log, { values: ["a", "b"] })).toEqual({
      kind: "appended",
      firstOffset: 0,
      lastOffset: 1,
      logAppendTimeMs: -1,
      logStartOffset: 0,
    });
    appendEach(log, "c");
    expect(readAll(log)).toEqual([[0, "a"], [1, "b"], [2, "c"]]);
    expect(log.logEndOffset).toBe(3);
    expect(log.syncedOffset).toBe(0);
    await world.until(log.sync());
    expect(log.syncedOffset).toBe(3);
  });

  test("log is the same after a clean restart", async () => {
    const world = await World.open({ config: { segmentBytes: 300 } });
    const log = world.log();
    for (let index = 0; index < 20; index++) append(log, { values: [`value ${index}`] });
    const before = readAll(log);
    const again = await world.restart();
    expect(world.dir.wasClean).toBe(true);
    expect(again.segmentCount).toBeGreaterThan(3);
    expect(readAll(again)).toEqual(before);
    appendEach(again, "more");
    expect(valuesOf(again).at(-1)).toBe("more");
    expect(again.topicId).toBe(log.topicId);
  });
});
