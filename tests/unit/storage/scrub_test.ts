/** The background check of closed segments: what it finds, how slowly, and that it ends. */
import { describe, expect, test } from "bun:test";
import { append, appendEach, DATA, valuesOf, World } from "./support.ts";

const FIRST = `${DATA}/orders-0/00000000000000000000.log`;

/** Four records of about 1 KB in three segments, the last one active. */
async function scrubbed(): Promise<World> {
  const world = await World.open({ config: { segmentBytes: 2_500 } });
  for (const name of ["a", "b", "c", "d", "e"]) append(world.log(), { values: [name.repeat(1_000)] });
  await world.until(world.log().sync());
  return world;
}

function flipBit(world: World, path: string, position: number): void {
  const handle = world.runtime.files.open(path, {});
  const byte = new Uint8Array(1);
  handle.read(byte, position);
  byte[0]! ^= 16;
  handle.write([byte], position);
  handle.close();
}

function factsOf(world: World, name: string) {
  return world.events.filter(({ event }) => event === name).map(({ facts }) => facts);
}

describe("scrub", () => {
  test("reads all closed segments and finds nothing in sound ones", async () => {
    const world = await scrubbed();
    expect(world.log().segmentBases()).toEqual([0, 2, 4]);
    await world.until(world.dir.scrub.pass(() => Infinity));
    const [facts] = factsOf(world, "scrubbed");
    expect(facts).toMatchObject({ segments: 2, damaged: 0 });
    expect(facts!.bytes).toBeGreaterThan(4_000);
    expect(world.eventNames().filter((event) => /damaged|failed/.test(event))).toEqual([]);
  });

  // Length, format, checksum, and what is covered by it; what lies outside of it is found where it is out of order.
  test.each([["offset", 0], ["length", 9], ["format", 16], ["checksum", 17], ["records", 500]])(
    "says once where a bit flipped in the %s, and the log goes on",
    async (_, at) => {
      const world = await scrubbed();
      const second = world.runtime.files.stat(FIRST)!.sizeBytes / 2;
      flipBit(world, FIRST, second + at);
      for (let pass = 0; pass < 2; pass++) await world.until(world.dir.scrub.pass(() => Infinity));
      const damage = factsOf(world, "segment-damaged");
      expect(damage).toHaveLength(1);
      expect(damage[0]).toMatchObject({ file: FIRST, position: second, offset: 1 });
      expect(damage[0]!.todo).toContain("restore");
      expect(factsOf(world, "scrubbed").map(({ damaged }) => damaged)).toEqual([1, 1]);
      expect(world.log().isOffline).toBe(false);
      appendEach(world.log(), "more");
    },
  );

  test("a segment that was cut is damaged", async () => {
    const world = await scrubbed();
    const handle = world.runtime.files.open(FIRST, {});
    handle.truncate(handle.size() - 10);
    handle.close();
    await world.until(world.dir.scrub.pass(() => Infinity));
    expect(factsOf(world, "segment-damaged")[0]).toMatchObject({ file: FIRST });
  });

  test("checks batches larger than what it reads at once", async () => {
    const world = await World.open({ config: { segmentBytes: 400_000 } });
    for (const name of ["a", "b", "c"]) append(world.log(), { values: [name.repeat(300_000)] });
    await world.until(world.dir.scrub.pass(() => Infinity));
    expect(factsOf(world, "scrubbed")).toMatchObject([{ segments: 2, damaged: 0 }]);
    flipBit(world, FIRST, 290_000);
    await world.until(world.dir.scrub.pass(() => Infinity));
    expect(factsOf(world, "segment-damaged")).toMatchObject([{ file: FIRST, position: 0, offset: 0 }]);
  });

  test("keeps to its rate", async () => {
    const world = await scrubbed();
    await world.until(world.dir.scrub.pass(() => 1_000));
    const [facts] = factsOf(world, "scrubbed");
    expect(facts!.tookMs).toBeGreaterThanOrEqual(Number(facts!.bytes));
    expect(facts!.tookMs).toBeLessThan(Number(facts!.bytes) + 100);
  });

  test("ends when it is switched off, and when the folder closes", async () => {
    const world = await scrubbed();
    let rate = 1_000;
    const off = world.dir.scrub.pass(() => rate);
    await world.runtime.advance(500);
    rate = 0;
    await world.runtime.advance(1_000);
    await off;
    expect(factsOf(world, "scrubbed")).toEqual([]);
    const closed = world.dir.scrub.pass(() => 1_000);
    await world.runtime.advance(500);
    await world.until(world.dir.close({ clean: true }));
    await closed;
    await world.open();
    expect(valuesOf(world.log()).length).toBe(5);
  });

  test("leaves a segment that is deleted meanwhile, and one whose log is deleted", async () => {
    const world = await scrubbed();
    const log = world.log();
    const pass = world.dir.scrub.pass(() => 1_000);
    await world.runtime.advance(500);
    await world.until(log.deleteRecordsBefore(4));
    await world.until(world.dir.applyRetention(world.runtime.clock.nowMs()));
    await world.until(world.dir.removeDeleted(Infinity));
    await world.until(pass);
    for (const name of ["f", "g", "h"]) append(log, { values: [name.repeat(1_000)] });
    const again = world.dir.scrub.pass(() => 1_000);
    await world.runtime.advance(500);
    world.dir.deleteLogs([log]);
    await world.until(again);
    expect(world.eventNames().filter((event) => /damaged|scrub-failed/.test(event))).toEqual([]);
  });
});
