import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../protocol/errors.ts";
import { append, World } from "./support.ts";

const producer = (sequence: number, id = 7) => ({ values: ["x"], producer: { id, epoch: 0, sequence } });

async function kill(world: World) {
  await world.until(world.dir.close({ clean: false }));
  await world.open();
  return world.log();
}

describe("batches under way when the process ended", () => {
  test("are known again after a checkpoint and a kill", async () => {
    const world = await World.open();
    let log = world.log();
    for (let sequence = 0; sequence < 7; sequence++) append(log, producer(sequence));
    await world.until(log.sync());
    await world.until(world.dir.checkpoint());
    append(log, producer(0, 8));
    log = await kill(world);
    for (let sequence = 2; sequence < 7; sequence++) {
      expect(append(log, producer(sequence))).toMatchObject({ kind: "duplicate", firstOffset: sequence });
    }
    expect(append(log, producer(1))).toEqual({ kind: "rejected", errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
    expect(append(log, producer(7))).toMatchObject({ kind: "appended" });
  });

  test("are known again after a shutdown in order", async () => {
    const world = await World.open();
    let log = world.log();
    for (let sequence = 0; sequence < 4; sequence++) append(log, producer(sequence));
    log = await world.restart();
    for (let sequence = 0; sequence < 4; sequence++) {
      expect(append(log, producer(sequence))).toMatchObject({ kind: "duplicate", firstOffset: sequence });
    }
  });

  test("are known again when they are in segments before the last", async () => {
    const world = await World.open({ config: { segmentBytes: 200, indexIntervalBytes: 0 } });
    let log = world.log();
    for (let sequence = 0; sequence < 9; sequence++) append(log, producer(sequence));
    expect(log.segmentCount).toBeGreaterThan(3);
    log = await world.restart();
    for (let sequence = 4; sequence < 9; sequence++) {
      expect(append(log, producer(sequence))).toMatchObject({ kind: "duplicate", firstOffset: sequence });
    }
    expect(append(log, producer(9))).toMatchObject({ kind: "appended" });
  });

  test("are looked for so far back as requests can be under way", async () => {
    const world = await World.open({ config: { indexIntervalBytes: 4096, segmentBytes: 1 << 30 } });
    let log = world.log();
    const value = "x".repeat(1_000_000);
    append(log, producer(0));
    for (let sequence = 1; sequence < 8; sequence++) {
      append(log, { values: [value], producer: { id: 8, epoch: 0, sequence } });
    }
    log = await world.restart();
    for (let sequence = 4; sequence < 8; sequence++) {
      const batch = { values: [value], producer: { id: 8, epoch: 0, sequence } };
      expect(append(log, batch)).toMatchObject({ kind: "duplicate", firstOffset: sequence });
    }
    // The last batch of each is in the snapshot, wherever it is in the log.
    expect(append(log, producer(0))).toMatchObject({ kind: "duplicate", firstOffset: 0 });
  });
});

describe("the first batch of a producer", () => {
  test("is not overtaken by the next when the disk was full for it", async () => {
    const world = await World.open();
    const log = world.log();
    world.runtime.files.fault = (operation) => operation === "write" ? "ENOSPC" : null;
    expect(() => append(log, producer(0))).toThrow("ENOSPC");
    world.runtime.files.fault = null;
    const refused = { kind: "rejected", errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER };
    expect(append(log, producer(1))).toEqual(refused);
    expect(append(log, producer(0))).toMatchObject({ kind: "appended", firstOffset: 0 });
    expect(append(log, producer(1))).toMatchObject({ kind: "appended", firstOffset: 1 });
  });

  test("is still awaited after a restart", async () => {
    const world = await World.open();
    let log = world.log();
    append(log, producer(0, 8));
    world.runtime.files.fault = (operation) => operation === "write" ? "ENOSPC" : null;
    expect(() => append(log, producer(0))).toThrow("ENOSPC");
    world.runtime.files.fault = null;
    log = await world.restart();
    expect(append(log, producer(0))).toMatchObject({ kind: "appended", firstOffset: 1 });
  });
});
