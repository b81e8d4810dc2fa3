/** Files that are not as they were left: found by the start after a stop in order, or by who reads them. */
import { describe, expect, test } from "bun:test";
import { append, appendEach, DATA, readAll, valuesOf, World } from "./support.ts";

const FOLDER = `${DATA}/orders-0`;
const FIRST = `${FOLDER}/00000000000000000000.log`;
const SIZES = `${DATA}/clean-size-checkpoint`;

function change(
  world: World,
  path: string,
  work: (handle: ReturnType<World["runtime"]["files"]["open"]>) => void,
): void {
  const handle = world.runtime.files.open(path, {});
  work(handle);
  handle.close();
}

async function stopped(...values: string[]): Promise<World> {
  const world = await World.open();
  appendEach(world.log(), ...values);
  await world.until(world.dir.close({ clean: true }));
  return world;
}

/** Kafka leaves no such file. */
function asKafkaLeavesIt(world: World): void {
  world.runtime.files.remove(SIZES);
}

describe("a start after a stop in order", () => {
  for (const isKafkas of [false, true]) {
    const whose = isKafkas ? "Kafka's" : "ours";
    test(`takes a log offline whose file was cut since (${whose})`, async () => {
      const world = await stopped("a", "b", "c");
      if (isKafkas) asKafkaLeavesIt(world);
      change(world, FIRST, (handle) => handle.truncate(100));
      await world.open();
      expect(world.dir.wasClean).toBe(true);
      expect(world.log().offlineCause?.message).toContain(FIRST);
      expect(world.log().offlineCause?.message).toContain("up to offset 3");
      expect(() => append(world.log(), { values: ["d"] })).toThrow("offline");
      expect(world.eventNames().includes("log-size-changed")).toBe(!isKafkas);
      expect(world.runtime.files.stat(FIRST)!.sizeBytes).toBe(100);
      appendEach(world.log("other"), "x");
    });

    test(`cuts off what somebody has put behind a log (${whose})`, async () => {
      const world = await stopped("a", "b", "c");
      if (isKafkas) asKafkaLeavesIt(world);
      change(world, FIRST, (handle) => handle.write([new Uint8Array(100)], handle.size()));
      await world.open();
      expect(valuesOf(world.log())).toEqual(["a", "b", "c"]);
      expect(world.eventNames()).toContain("log-truncated");
      appendEach(world.log(), "d");
      expect(valuesOf(await world.restart())).toEqual(["a", "b", "c", "d"]);
    });

    test(`reads nothing again of a log that is as it was (${whose})`, async () => {
      const world = await World.open({ config: { segmentBytes: 3000, indexIntervalBytes: 200 } });
      for (let count = 0; count < 100; count++) appendEach(world.log(), "x".repeat(50));
      await world.until(world.dir.close({ clean: true }));
      if (isKafkas) asKafkaLeavesIt(world);
      await world.open();
      expect([world.log().wasRecovered, world.log().logEndOffset]).toEqual([false, 100]);
      expect(world.events.filter(({ level }) => level !== "info")).toEqual([]);
    });
  }

  test("does not go by sizes from before another program used the folder", async () => {
    const world = await stopped("a");
    const sizes = world.runtime.files.readFile(SIZES);
    await world.open();
    appendEach(world.log(), "b");
    await world.until(world.dir.close({ clean: true }));
    change(world, SIZES, (handle) => {
      handle.truncate(0);
      handle.write([sizes], 0);
    });
    await world.open();
    expect([world.log().wasRecovered, valuesOf(world.log())]).toEqual([false, ["a", "b"]]);
  });

  test("takes the sizes away: after a crash there are none", async () => {
    const world = await stopped("a");
    expect(world.runtime.files.stat(SIZES)).not.toBeNull();
    await world.open();
    expect(world.runtime.files.stat(SIZES)).toBeNull();
  });

  test("finds both index files of a log that is too small for an entry", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b");
    await world.until(world.log().sync());
    await world.until(world.log().advanceRecoveryPoint());
    expect(world.files().filter((name) => /index$/.test(name))).toEqual([
      "00000000000000000000.index",
      "00000000000000000000.timeindex",
    ]);
    await world.restart();
    appendEach(world.log(), "c");
    expect(await world.until(world.log().offsetOfMaxTimestamp())).not.toBeNull();
    expect(world.events.filter(({ level }) => level !== "info")).toEqual([]);
  });
});

describe("damage that a reader comes upon", () => {
  /** Bytes that are no batch in the place of the first one's format. */
  function spoil(world: World): void {
    change(world, FIRST, (handle) => handle.write([new Uint8Array([9])], 16));
  }

  test("takes the log offline where it is written to, and is said once with what to do", async () => {
    const world = await stopped("a", "b");
    spoil(world);
    await world.open();
    for (let count = 0; count < 3; count++) expect(() => readAll(world.log())).toThrow(FIRST);
    expect(() => append(world.log(), { values: ["c"] })).toThrow("offline");
    const said = world.events.filter(({ level }) => level === "error");
    expect(said.map(({ event }) => event)).toEqual(["log-offline"]);
    expect(said[0]!.facts.problem).toContain("so that the next start checks the log");
  });

  test("in a closed segment is said once, and the rest goes on", async () => {
    const world = await World.open();
    appendEach(world.log(), "a", "b");
    world.log().roll();
    appendEach(world.log(), "c");
    await world.until(world.dir.close({ clean: true }));
    spoil(world);
    await world.open();
    for (let count = 0; count < 3; count++) expect(() => readAll(world.log())).toThrow(FIRST);
    appendEach(world.log(), "d");
    expect(valuesOf(world.log(), 2)).toEqual(["c", "d"]);
    const said = world.events.filter(({ level }) => level === "error");
    expect(said.map(({ event, facts }) => [event, facts.log])).toEqual([["log-damaged", "orders-0"]]);
  });

  test("and a disk that fails a read off the loop, are said once too", async () => {
    const world = await stopped("a", "b");
    await world.open();
    const { files } = world.runtime;
    files.isCold = (path) => path === FIRST;
    for (let count = 0; count < 2; count++) {
      files.fault = null;
      const read = world.log().tryRead(0, { maxBytes: 1000, upToOffset: 2, atLeastOneBatch: true });
      files.fault = (operation, path) => operation === "read" && path === FIRST ? "EIO" : null;
      expect("loaded" in read && await world.until(read.loaded)).toMatchObject({ code: "EIO" });
    }
    const said = world.events.filter(({ level }) => level === "error");
    expect(said.map(({ event }) => event)).toEqual(["log-unreadable"]);
    expect(said[0]!.facts.todo).toContain("the disk may be failing");
  });
});
