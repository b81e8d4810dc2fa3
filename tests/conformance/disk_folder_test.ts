/**
 * Data folders that are not as they should be: full, read-only, locked, of a newer program, damaged. Real file systems (a small
 * tmpfs), real processes. What can be served is served; for the rest one line names the file and what to do.
 */

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listOffsets } from "../../protocol/api/02_list_offsets.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { BrokerProcess, freePort, runWeir, target, until } from "../support/broker.ts";
import { createTopic, fetchBatches, fetchValues, produceBytes, produceValues, toRecord } from "../support/requests.ts";
import { TestClient } from "../support/test_client.ts";

const scratch = mkdtempSync(join(tmpdir(), "weir-folder-"));
const brokers: BrokerProcess[] = [];
const clients: TestClient[] = [];
const mounted: string[] = [];
let folders = 0;
const canMount = spawnSync("unshare", ["-m", "true"]).status === 0 && mountable();
if (!canMount) console.log("skip small and read-only file systems: mount is not permitted");
const orders = { topic: "orders", partition: 0 };
const others = { topic: "orders", partition: 1 };

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const broker of brokers.splice(0)) await broker.dispose();
  for (const path of mounted.splice(0)) spawnSync("umount", [path]);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function newFolder(): string {
  const path = join(scratch, `${++folders}`);
  mkdirSync(path);
  return path;
}

function mountable(): boolean {
  const path = newFolder();
  const isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path]).status === 0;
  return isMounted && spawnSync("umount", [path]).status === 0;
}

/** A file system of its own in memory. */
function smallDisk(size: string): string {
  const path = newFolder();
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]).status).toBe(0);
  mounted.push(path);
  return path;
}

async function start(dataDirectory: string, config: Readonly<Record<string, string | number>> = {}) {
  const broker = await BrokerProcess.start({ dataDirectory, config });
  brokers.push(broker);
  return { broker, client: await connect(broker) };
}

async function connect(broker: BrokerProcess): Promise<TestClient> {
  const client = await TestClient.connect(broker.port);
  clients.push(client);
  return client;
}

async function startProblem(dataDirectory: string): Promise<string> {
  const { code, errors } = await runWeir(["serve", "--port", `${await freePort()}`, "--data", dataDirectory]);
  expect(code).toBe(1);
  return errors.split("\n").find((line) => line.startsWith("weir: ")) ?? errors;
}

function lineWith(broker: BrokerProcess, ...parts: string[]): string | undefined {
  return broker.lines.find((line) => parts.every((part) => line.includes(part)));
}

async function said(broker: BrokerProcess, ...parts: string[]): Promise<string> {
  await until(() => lineWith(broker, ...parts) !== undefined, { what: `A line with ${parts.join(", ")}` });
  return lineWith(broker, ...parts)!;
}

describe.skipIf(target === "kafka" || !canMount)("a small disk", () => {
  /** Produces values of 10 KB until the disk is full; returns those that were taken. */
  async function fill(client: TestClient, label: string): Promise<string[]> {
    for (const taken: string[] = [];;) {
      const value = `${label}-${taken.length} `.padEnd(10_000, "x");
      const { errorCode } = await produceBytes(client, orders, encodeBatch({ records: [toRecord(value)] }));
      if (errorCode === ErrorCode.NONE) taken.push(value);
      else {
        expect(errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
        return taken;
      }
    }
  }

  test("that fills up refuses, serves what it has, and goes on when there is room; nothing taken is lost", async () => {
    const path = smallDisk("8m");
    const { broker, client } = await start(path, { "log.segment.bytes": 1_048_576 });
    await createTopic(client, { name: "orders", partitionCount: 2 });
    await produceValues(client, others, ["other"]);
    const ballast = join(path, "ballast");
    writeFileSync(ballast, new Uint8Array(2 * 1024 * 1024));
    const kept: string[] = [];
    for (let round = 0; round < 3; round++) {
      kept.push(...await fill(client, `round${round}`));
      expect(await fetchValues(client, orders)).toEqual(kept);
      expect(await fetchValues(client, others)).toEqual(["other"]);
      // Room comes from outside; the broker finds it by itself.
      writeFileSync(ballast, new Uint8Array((1.25 - round / 2) * 1024 * 1024));
      const value = `room${round}`;
      await produceValues(client, orders, [value]);
      kept.push(value);
    }
    expect(kept.length).toBeGreaterThan(500);
    expect(await said(broker, "level=error", "disk-full", path)).toContain("room");
    expect(lineWith(broker, "log-offline")).toBeUndefined();
    await fill(client, "last").then((taken) => kept.push(...taken));
    await broker.kill9();
    rmSync(ballast);
    await broker.restart();
    const again = await connect(broker);
    expect(await fetchValues(again, orders)).toEqual(kept);
    expect(lineWith(broker, "log-truncated")).toBeUndefined();
  }, 120_000);

  test(
    "without any room for what a kill left to repair: that partition stays offline, with a line that says so; nothing is lost",
    async () => {
      const path = smallDisk("4m");
      writeFileSync(join(path, "ballast"), new Uint8Array(256 * 1024));
      const { broker, client } = await start(path, { "log.segment.bytes": 1_048_576 });
      await createTopic(client, { name: "orders", partitionCount: 2 });
      await produceValues(client, others, ["kept"]);
      const kept = await fill(client, "full");
      await broker.kill9();
      spawnSync("dd", ["if=/dev/zero", `of=${join(path, "ballast")}`, "bs=4096"]);
      await broker.restart();
      const problem = lineWith(broker, "log-offline", "orders-0");
      expect(problem).toContain(path);
      expect(problem).toContain("make room on the disk, then start the broker again");
      const meanwhile = await connect(broker);
      expect((await fetchBatches(meanwhile, orders, 0)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(await fetchValues(meanwhile, others)).toEqual(["kept"]);
      await broker.kill9();
      rmSync(join(path, "ballast"));
      await broker.restart();
      const again = await connect(broker);
      expect(await fetchValues(again, orders)).toEqual(kept);
      await produceValues(again, orders, ["room"]);
      expect(await fetchValues(again, orders)).toEqual([...kept, "room"]);
      expect(await fetchValues(again, others)).toEqual(["kept"]);
    },
    120_000,
  );

  test("that is read-only ends the start with a line that says so", async () => {
    const path = smallDisk("4m");
    const { broker, client } = await start(path);
    await createTopic(client, { name: "orders" });
    await broker.stop();
    expect(spawnSync("mount", ["-o", "remount,ro", path]).status).toBe(0);
    const problem = await startProblem(path);
    expect(problem).toContain(path);
    expect(problem).toContain("EROFS");
    expect(problem).toContain("mount it for writing, then start the broker again");
  }, 60_000);
});

describe.skipIf(target === "kafka")("a folder that cannot be used", () => {
  test("because it is locked: the line names the process", async () => {
    const path = newFolder();
    const { broker } = await start(path);
    const problem = await startProblem(path);
    expect(problem).toContain(`process ${broker.pid} has locked it`);
    expect(problem).toContain(path);
    await broker.kill9();
    await broker.restart();
  }, 60_000);

  test.each([
    ["meta.properties", (text: string) => text.replace("version=1", "version=2")],
    ["recovery-point-offset-checkpoint", (text: string) => text.replace(/^0/, "1")],
    ["log-start-offset-checkpoint", (text: string) => text.replace(/^0/, "1")],
  ])("because %s is of a newer version", async (name, change) => {
    const path = newFolder();
    const { broker, client } = await start(path);
    await createTopic(client, { name: "orders" });
    await produceValues(client, orders, ["a"]);
    await broker.stop();
    const file = join(path, name);
    const before = readFileSync(file, "utf8");
    writeFileSync(file, change(before));
    const problem = await startProblem(path);
    expect(problem).toContain(file);
    expect(problem).toContain("start the program that wrote it");
    writeFileSync(file, before);
    await broker.restart();
    expect(await fetchValues(await connect(broker), orders)).toEqual(["a"]);
  }, 60_000);
});

describe.skipIf(target === "kafka")("a partition with a file that is not as it should be", () => {
  const values = Array.from({ length: 200 }, (_, index) => `value-${index} `.padEnd(10_000, "x"));

  /** 200 records of 10 KB in two segments, indexed; stopped in order or killed. */
  async function written(
    how: "stopped" | "killed",
    config: Readonly<Record<string, number>> = {},
  ): Promise<{ broker: BrokerProcess; folder: string }> {
    const path = newFolder();
    const small = { "log.segment.bytes": 1_048_576, "log.index.interval.bytes": 512, ...config };
    const { broker, client } = await start(path, small);
    await createTopic(client, { name: "orders", partitionCount: 2 });
    await produceValues(client, others, ["other"]);
    for (let index = 0; index < values.length; index++) {
      const record = { ...toRecord(values[index]!), timestamp: 1_000_000 + index };
      const batch = encodeBatch({ records: [record] });
      expect((await produceBytes(client, orders, batch)).errorCode).toBe(ErrorCode.NONE);
    }
    const folder = join(path, "orders-0");
    // The first segment is below the recovery point once that is written down.
    if (how === "killed") await broker.kill9();
    else await broker.stop();
    return { broker, folder };
  }

  const segments = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".log")).sort();

  function flipBit(file: string, position: number): void {
    const bytes = readFileSync(file);
    bytes[position]! ^= 4;
    writeFileSync(file, bytes);
  }

  async function offsetAt(client: TestClient, timestamp: number): Promise<number> {
    const response = await client.send(listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: "orders", partitions: [{ partitionIndex: 0, timestamp }] }],
    });
    return response.topics[0]!.partitions[0]!.offset;
  }

  test.each([
    ["missing", (file: string) => rmSync(file)],
    ["torn", (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 13))],
    ["damaged", (file: string) => flipBit(file, readFileSync(file).length - 1)],
  ])("has its %s indexes built again, and says so", async (_, harm) => {
    const { broker, folder } = await written("stopped");
    const [first] = segments(folder) as [string];
    for (const suffix of [".index", ".timeindex"]) harm(join(folder, first.replace(".log", suffix)));
    await broker.restart();
    const client = await connect(broker);
    for (const offset of [99, 50, 3]) {
      const { batches } = await fetchBatches(client, orders, offset, { maxBytes: 20_000 });
      expect(batches[0]!.baseOffset).toBe(offset);
    }
    expect(await offsetAt(client, 1_000_000 + 42)).toBe(42);
    expect(await fetchValues(client, orders)).toEqual(values);
    await said(broker, "level=warn", "index-rebuilt", join(folder, first));
  }, 60_000);

  test("is cut where a bit flipped past the recovery point, and says where", async () => {
    const { broker, folder } = await written("killed");
    const last = join(folder, segments(folder).at(-1)!);
    const base = Number(segments(folder).at(-1)!.slice(0, 20));
    flipBit(last, readFileSync(last).length - 100);
    await broker.restart();
    const client = await connect(broker);
    const line = await said(broker, "level=warn", "log-truncated", last);
    expect(line).toContain("nextOffset=199");
    expect(line).toContain("checksum");
    expect(base).toBeLessThan(199);
    expect(await fetchValues(client, orders)).toEqual(values.slice(0, 199));
    await produceValues(client, orders, ["next"]);
    expect(await fetchValues(client, orders, 199)).toEqual(["next"]);
  }, 60_000);

  test(
    "is read again in the background, which says where a bit flipped in a closed segment; the rest is served",
    async () => {
      const { broker, folder } = await written("stopped", { "log.scrub.interval.ms": 200 });
      const [first, second] = segments(folder).map((name) => join(folder, name)) as [string, string];
      flipBit(first, 10_500);
      await broker.restart();
      const line = await said(broker, "level=error", "segment-damaged", first);
      expect(line).toContain("offset=1 ");
      expect(line).toContain("checksum");
      expect(line).toContain("restore the file from a backup");
      const client = await connect(broker);
      await produceValues(client, orders, ["next"]);
      expect((await fetchValues(client, orders, Number(second.slice(-24, -4)))).at(-1)).toBe("next");
      await broker.stop();
      expect(broker.lines.filter((text) => text.includes("segment-damaged")).length).toBe(1);
    },
    60_000,
  );

  test(
    "is offline where what was synced is missing, its files untouched, and the others serve",
    async () => {
      const { broker, folder } = await written("stopped");
      const last = join(folder, segments(folder).at(-1)!);
      writeFileSync(last, readFileSync(last).subarray(0, -100));
      const before = readFileSync(last);
      rmSync(join(folder, "..", ".kafka_cleanshutdown"));
      await broker.restart();
      const client = await connect(broker);
      const { errorCode } = await produceBytes(client, orders, encodeBatch({ records: [toRecord("x")] }));
      expect(errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect((await fetchBatches(client, orders, 0)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(await fetchValues(client, others)).toEqual(["other"]);
      await produceValues(client, others, ["more"]);
      const line = await said(broker, "level=error", "log-offline", last);
      expect(line).toContain("restore");
      expect(readFileSync(last).equals(before)).toBe(true);
    },
    60_000,
  );
});
