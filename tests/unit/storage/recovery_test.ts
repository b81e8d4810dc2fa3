/** Named cases; every byte is in `tests/fuzz/recovery_fuzz_test.ts`. */
import { describe, expect, test } from "bun:test";
import { append, appendEach, DATA, valuesOf, World } from "./support.ts";

const FOLDER = `${DATA}/orders-0`;
const LOG_0 = `${FOLDER}/00000000000000000000.log`;

function change(world: World, path: string, edit: (bytes: Uint8Array) => Uint8Array): void {
  const bytes = edit(world.runtime.files.readFile(path));
  const handle = world.runtime.files.open(path, { truncate: true });
  handle.write([bytes], 0);
  handle.close();
}

/** Kills the process, changes a file, starts again. */
async function killAndChange(world: World, path: string, edit: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  await world.until(world.dir.close({ clean: false }));
  change(world, path, edit);
  await world.open();
}

describe("recovery", () => {
  test("drops segments from the last one on, each for good before the next", async () => {
    const world = await World.open({ config: { segmentBytes: 100 } });
    appendEach(world.log(), ..."abcd".split("").map((letter) => letter.repeat(30)));
    await world.until(world.log().sync());
    await world.until(world.dir.close({ clean: false }));
    change(world, LOG_0, (bytes) => bytes.slice(0, -5));
    world.runtime.files.remove(`${DATA}/recovery-point-offset-checkpoint`);
    const done: string[] = [];
    world.runtime.files.fault = (operation, path) => {
      if (operation === "rename" && path.endsWith(".log")) done.push(path.slice(-5, -4));
      if (operation === "syncDirectory" && path === FOLDER) done.push("sync");
      return null;
    };
    await world.open();
    const from = done.indexOf("3");
    expect(done.slice(from, from + 6)).toEqual(["3", "sync", "2", "sync", "1", "sync"]);
  });

  test("cuts a torn batch at the tail and goes on from there", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b", "c");
    await killAndChange(world, LOG_0, (bytes) => bytes.slice(0, -5));
    expect(valuesOf(world.log())).toEqual(["a", "b"]);
    expect(world.eventNames()).toContain("log-truncated");
    expect(append(world.log(), { values: ["d"] })).toMatchObject({ firstOffset: 2 });
    expect(valuesOf(await world.restart())).toEqual(["a", "b", "d"]);
  });

  test("cuts zeros that a power cut left behind the last batch", async () => {
    const world = await World.open();
    appendEach(world.log(), "a");
    await killAndChange(world, LOG_0, (bytes) => new Uint8Array([...bytes, ...new Uint8Array(5000)]));
    expect(valuesOf(world.log())).toEqual(["a"]);
    expect(world.runtime.files.stat(LOG_0)!.sizeBytes).toBe(world.log().sizeBytes);
  });

  test("drops segments behind one that was cut", async () => {
    const world = await World.open({ config: { segmentBytes: 200 } });
    for (let index = 0; index < 8; index++) appendEach(world.log(), `value ${index}`);
    await killAndChange(world, LOG_0, (bytes) => bytes.slice(0, -1));
    expect(valuesOf(world.log())).toEqual(["value 0"]);
    expect(world.log().segmentBases()).toEqual([0]);
    expect(world.eventNames()).toContain("segments-dropped");
    await world.until(world.dir.removeDeleted(Infinity));
    expect(world.files().filter((name) => name.endsWith(".deleted"))).toEqual([]);
  });

  test("leaves a log alone that is damaged in what was synced, and says what to do", async () => {
    const world = await World.open({ config: { segmentBytes: 200 } });
    for (let index = 0; index < 8; index++) appendEach(world.log(), `value ${index}`);
    await world.until(world.log().sync());
    await world.until(world.dir.checkpoint());
    const last = `${FOLDER}/00000000000000000006.log`;
    await killAndChange(world, last, (bytes) => bytes.slice(0, -1));
    const log = world.dir.log("orders", 0)!;
    expect(log.offlineCause?.code).toBe("CORRUPT");
    expect(log.offlineCause?.message).toContain("recovery-point-offset-checkpoint");
    expect(world.files().length).toBeGreaterThan(8);
    // The line removed, as the message says.
    await killAndChange(world, `${DATA}/recovery-point-offset-checkpoint`, () => new TextEncoder().encode("0\n0\n"));
    expect(valuesOf(world.log()).length).toBe(7);
  });

  test("reads only what lies past the recovery point", async () => {
    const world = await World.open({ config: { indexIntervalBytes: 100 } });
    for (let index = 0; index < 100; index++) appendEach(world.log(), `value ${index}`);
    await world.until(world.log().sync());
    await world.until(world.dir.checkpoint());
    appendEach(world.log(), "after");
    let touched = Infinity;
    await world.until(world.dir.close({ clean: false }));
    change(world, LOG_0, (bytes) => { // Damage at the start: who read it would complain.
      bytes[100]! ^= 1;
      touched = bytes.length;
      return bytes;
    });
    await world.open();
    expect(touched).toBeGreaterThan(7000);
    expect(world.log().logEndOffset).toBe(101);
    expect(valuesOf(world.log(), 90).length).toBe(11);
  });

  test("finishes a cleaner's swap, and forgets one that was not ready", async () => {
    const world = await World.open({ config: { segmentBytes: 200 } });
    for (let index = 0; index < 6; index++) appendEach(world.log(), `value ${index}`);
    await world.until(world.dir.close({ clean: true }));
    const { files } = world.runtime;
    // Segments 0 and 2 cleaned into one that keeps the second batch of each.
    const [first, second] = [files.readFile(LOG_0), files.readFile(`${FOLDER}/00000000000000000002.log`)];
    const write = (name: string, bytes: Uint8Array) =>
      files.open(`${FOLDER}/${name}`, { create: true }).write([bytes], 0);
    write(
      "00000000000000000000.log.swap",
      new Uint8Array([...first.slice(first.length / 2), ...second.slice(second.length / 2)]),
    );
    write("00000000000000000004.log.cleaned", new Uint8Array(10));
    await world.open();
    expect(world.log().segmentBases()).toEqual([0, 4]);
    expect(valuesOf(world.log())).toEqual(["value 1", "value 3", "value 4", "value 5"]);
    expect(world.files().filter((name) => /swap|cleaned/.test(name))).toEqual([]);
  });

  test("has the old segments gone for good before a cleaner's take their names", async () => {
    const world = await World.open({ config: { segmentBytes: 200 } });
    for (let index = 0; index < 6; index++) appendEach(world.log(), `value ${index}`);
    await world.until(world.dir.close({ clean: true }));
    const { files } = world.runtime;
    const both = [files.readFile(LOG_0), files.readFile(`${FOLDER}/00000000000000000002.log`)];
    files.open(`${LOG_0}.swap`, { create: true }).write(both, 0);
    const steps: string[] = [];
    files.fault = (operation, path) => {
      const isOfSwap = (operation === "remove" || operation === "rename") && path.startsWith(`${FOLDER}/0`);
      if (isOfSwap || operation === "syncDirectory") steps.push(operation);
      return null;
    };
    await world.open();
    expect(steps.join(" ")).toMatch(/ (remove )+syncDirectory rename syncDirectory/);
  });

  test("takes a gap between segments for a lost end, but not where a cleaner has been", async () => {
    const cleaned = `0\n1\norders 0 4\n`;
    for (const checkpoint of [null, cleaned]) {
      const world = await World.open({ config: { segmentBytes: 200 } });
      for (let index = 0; index < 6; index++) appendEach(world.log(), `value ${index}`);
      // A compacted log loses ends like any other.
      world.config = { ...world.config, cleanupPolicy: { delete: false, compact: true } };
      if (checkpoint !== null) {
        const file = world.runtime.files.open(`${DATA}/cleaner-offset-checkpoint`, { create: true });
        file.write([new TextEncoder().encode(checkpoint)], 0);
      }
      await killAndChange(world, `${FOLDER}/00000000000000000002.log`, () => new Uint8Array(0));
      const kept = ["value 0", "value 1"];
      expect(valuesOf(world.log())).toEqual(checkpoint === null ? kept : [...kept, "value 4", "value 5"]);
    }
  });

  test("cuts nothing at a gap in the folder of a Kafka that was killed, whose cleaner may have made it", async () => {
    const world = await World.open({ config: { segmentBytes: 200 } });
    for (let index = 0; index < 6; index++) appendEach(world.log(), `value ${index}`);
    const { files } = world.runtime;
    // Kafka makes the indexes of its active segment as long as they may get, less a part of an entry.
    for (const [suffix, sizeBytes] of [["index", 4096], ["timeindex", 4092]] as const) {
      const file = files.open(`${FOLDER}/00000000000000000004.${suffix}`, { create: true });
      file.truncate(sizeBytes);
    }
    for (let start = 0; start < 2; start++) {
      await killAndChange(world, `${FOLDER}/00000000000000000002.log`, () => new Uint8Array(0));
      expect(world.log().offlineCause?.message).toContain("offsets 2 to 3 are missing");
      expect(world.log().offlineCause?.message).toContain("start that Kafka on the folder again");
    }
    // Which keeps what there is, and says so.
    await world.until(world.dir.close({ clean: false }));
    files.open(`${DATA}/recovery-point-offset-checkpoint`, { truncate: true }).write(
      [new TextEncoder().encode("0\n1\norders 0 6\n")],
      0,
    );
    await world.open();
    expect(valuesOf(world.log())).toEqual(["value 0", "value 1", "value 4", "value 5"]);
  });

  test("does not take the short indexes of which a power cut left zeros for those of a Kafka", async () => {
    const world = await World.open({ config: { segmentBytes: 200 } });
    for (let index = 0; index < 6; index++) appendEach(world.log(), `value ${index}`);
    const { files } = world.runtime;
    for (const [suffix, sizeBytes] of [["index", 16], ["timeindex", 24]] as const) {
      const file = files.open(`${FOLDER}/00000000000000000004.${suffix}`, { create: true });
      file.truncate(0);
      file.truncate(sizeBytes);
    }
    await killAndChange(world, `${FOLDER}/00000000000000000002.log`, () => new Uint8Array(0));
    expect(valuesOf(world.log())).toEqual(["value 0", "value 1"]);
  });

  test("refuses the message formats of an old Kafka", async () => {
    const world = await World.open();
    appendEach(world.log(), "a");
    await killAndChange(world, LOG_0, (bytes) => {
      bytes[16] = 1;
      return bytes;
    });
    expect(world.log().offlineCause?.message).toContain("message format 1");
  });

  test("saves what a failed sync of the process before it had left in the cache only", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b");
    await world.until(world.log().sync());
    appendEach(world.log(), "c", "d");
    const { files } = world.runtime;
    files.fault = (operation, path) => {
      if (operation !== "syncData" || path !== LOG_0) return null;
      files.loseWrites(path);
      return "EIO";
    };
    const failed = await world.until(world.log().sync().then(() => null, (error) => error));
    expect(failed).toMatchObject({ code: "EIO" });
    files.fault = null;
    await world.until(world.dir.close({ clean: false }));
    await world.open();
    expect(valuesOf(world.log())).toEqual(["a", "b", "c", "d"]);
    world.crash("lost");
    await world.open();
    expect(valuesOf(world.log())).toEqual(["a", "b", "c", "d"]);
  });

  test("of an index that a full disk did not take is tried again", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b");
    await world.until(world.dir.close({ clean: true }));
    const { files } = world.runtime;
    for (const name of world.files()) if (name.endsWith("index")) files.remove(`${FOLDER}/${name}`);
    await world.open();
    files.fault = (operation, path) => operation === "open" && files.stat(path) === null ? "ENOSPC" : null;
    expect(() => append(world.log(), { values: ["c"] })).toThrow("ENOSPC");
    files.fault = null;
    appendEach(world.log(), "c", "d");
    await world.until(world.log().sync());
    await world.until(world.dir.checkpoint());
    expect(world.log().isOffline).toBe(false);
    expect(valuesOf(await world.restart())).toEqual(["a", "b", "c", "d"]);
  });

  test("starts over at the start offset when all that is left was deleted", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b", "c", "d");
    await world.until(world.log().deleteRecordsBefore(4));
    world.crash("lost");
    await world.open();
    expect([world.log().logStartOffset, world.log().logEndOffset]).toEqual([4, 4]);
    expect(append(world.log(), { values: ["e"] })).toMatchObject({ firstOffset: 4 });
  });
});
