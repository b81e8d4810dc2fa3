/**
 * A disk that fails, fills or stalls under a broker: real system calls of the three builds, made to go wrong by a preloaded
 * library. What is common to all: only the partition in trouble stops, the log says which file and what to do, and nothing that
 * could not be kept was ever acknowledged.
 */

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { metadata } from "../../protocol/api/03_metadata.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { BrokerProcess, target, until } from "../support/broker.ts";
import { createTopic, fetchBatches, fetchValues, produceBytes, produceValues, toRecord } from "../support/requests.ts";
import { TestClient } from "../support/test_client.ts";
import { EDQUOT, EIO, ENOSPC, EROFS, TroubledDisk, troubleUnavailable } from "../support/troubled_disk.ts";

if (troubleUnavailable !== null) console.log(`skip disk trouble under real system calls: ${troubleUnavailable}`);

const disks: TroubledDisk[] = [];
const brokers: BrokerProcess[] = [];
const clients: TestClient[] = [];
const bad = { topic: "orders", partition: 0 };
const good = { topic: "orders", partition: 1 };

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const broker of brokers.splice(0)) await broker.dispose();
});
afterAll(() => disks.forEach((disk) => disk.dispose()));

async function start(config: Readonly<Record<string, string | number>> = {}) {
  const disk = new TroubledDisk();
  disks.push(disk);
  const broker = await BrokerProcess.start({ dataDirectory: disk.path, environment: disk.environment, config });
  brokers.push(broker);
  const client = await connect(broker);
  await createTopic(client, { name: "orders", partitionCount: 2 });
  await produceValues(client, bad, ["before"]);
  await produceValues(client, good, ["before"]);
  return { disk, broker, client };
}

async function connect(broker: BrokerProcess): Promise<TestClient> {
  const client = await TestClient.connect(broker.port);
  clients.push(client);
  return client;
}

async function produceCode(client: TestClient, place: typeof bad, value: string, acks = -1): Promise<number> {
  return (await produceBytes(client, place, encodeBatch({ records: [toRecord(value)] }), { acks })).errorCode;
}

function lineWith(broker: BrokerProcess, ...parts: string[]): string | undefined {
  return broker.lines.find((line) => parts.every((part) => line.includes(part)));
}

async function said(broker: BrokerProcess, ...parts: string[]): Promise<string> {
  await until(() => lineWith(broker, ...parts) !== undefined, { what: `A line with ${parts.join(", ")}` });
  return lineWith(broker, ...parts)!;
}

describe.skipIf(target === "kafka" || troubleUnavailable !== null)("a sync that fails once", () => {
  test("takes its partition offline for good, though the next would succeed; a restart brings it back", async () => {
    const { disk, broker, client } = await start();
    disk.rules(`sync fail ${EIO} 1 orders-0/`);
    expect(await produceCode(client, bad, "unsynced")).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await produceCode(client, bad, "after")).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await produceCode(client, bad, "after", 1)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect((await fetchBatches(client, bad, 0)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await produceCode(client, good, "during")).toBe(ErrorCode.NONE);
    expect(await fetchValues(client, good)).toEqual(["before", "during"]);
    expect(await said(broker, "level=error", "log-offline", "EIO", "orders-0/00000000000000000000.log")).toContain(
      "start the broker again",
    );
    await broker.kill9();
    disk.rules();
    disk.cutPower();
    await broker.restart();
    const again = await connect(broker);
    expect(await fetchValues(again, bad)).toEqual(["before"]);
    expect(await fetchValues(again, good)).toEqual(["before", "during"]);
    expect(await produceCode(again, bad, "back")).toBe(ErrorCode.NONE);
    expect(await fetchValues(again, bad)).toEqual(["before", "back"]);
  }, 60_000);

  test("keeps the folder from being called clean", async () => {
    const { disk, broker, client } = await start();
    disk.rules(`sync fail ${EIO} 1 orders-0/`);
    expect(await produceCode(client, bad, "unsynced")).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    disk.rules();
    await broker.stop();
    await broker.restart();
    await said(broker, "logs-loaded", "clean=false");
    // The kernel still has what it could not write: recovery has read it, written it again and synced it.
    const values = await fetchValues(await connect(broker), bad);
    await broker.kill9();
    disk.cutPower();
    await broker.restart();
    expect(await fetchValues(await connect(broker), bad)).toEqual(values);
  }, 60_000);

  test("of the folder is as final", async () => {
    const { disk, broker, client } = await start();
    await createTopic(client, { name: "fresh", partitionCount: 2 });
    disk.rules(`dirsync fail ${EIO} 1 fresh-0`);
    expect(await produceCode(client, { topic: "fresh", partition: 0 }, "x")).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await produceCode(client, { topic: "fresh", partition: 0 }, "y")).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await produceCode(client, { topic: "fresh", partition: 1 }, "z")).toBe(ErrorCode.NONE);
    await said(broker, "level=error", "log-offline", "fresh-0");
  }, 60_000);
});

describe.skipIf(target === "kafka" || troubleUnavailable !== null)("a write that fails", () => {
  test.each([["EIO", EIO], ["EROFS", EROFS]])(
    "with %s takes its partition offline, and no other",
    async (name, errno) => {
      const { disk, broker, client } = await start();
      disk.rules(`write fail ${errno} 0 orders-0/`);
      expect(await produceCode(client, bad, "lost")).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      disk.rules();
      expect(await produceCode(client, bad, "lost")).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(await produceCode(client, good, "during")).toBe(ErrorCode.NONE);
      expect(await said(broker, "level=error", "log-offline", name, "orders-0/00000000000000000000.log")).toContain(
        "start the broker again",
      );
      await broker.restart();
      const again = await connect(broker);
      expect(await fetchValues(again, bad)).toEqual(["before"]);
      expect(await produceCode(again, bad, "back")).toBe(ErrorCode.NONE);
    },
    60_000,
  );

  test.each([
    ["ENOSPC", ENOSPC],
    ["EDQUOT", EDQUOT],
  ])("half-way with %s leaves nothing behind, and is accepted once there is room", async (name, errno) => {
    const { disk, broker, client } = await start();
    disk.rules("write half 0 1 orders-0/0", `write fail ${errno} 0 orders-0/0`);
    expect(await produceCode(client, bad, "half".repeat(1_000))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await produceCode(client, bad, "nothing")).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await fetchValues(client, bad)).toEqual(["before"]);
    expect(await produceCode(client, good, "during")).toBe(ErrorCode.NONE);
    expect(await said(broker, "level=error", "disk-full", name, "orders-0/00000000000000000000.log")).toContain("free");
    disk.rules();
    expect(await produceCode(client, bad, "room")).toBe(ErrorCode.NONE);
    await until(async () => {
      expect(await produceCode(client, good, "more")).toBe(ErrorCode.NONE);
      return lineWith(broker, "level=info", "disk-has-room") !== undefined;
    });
    await broker.kill9();
    disk.cutPower();
    await broker.restart();
    expect(await fetchValues(await connect(broker), bad)).toEqual(["before", "room"]);
    expect(lineWith(broker, "log-truncated")).toBeUndefined();
  }, 60_000);
});

describe.skipIf(target === "kafka" || troubleUnavailable !== null)("a sync that stalls", () => {
  const stallMs = 6_000;

  test("holds up its own partition; the others and other requests are served, and the log says so", async () => {
    const { disk, broker, client } = await start();
    disk.rules(`sync stall ${stallMs} 1 orders-0/`);
    const startMs = performance.now();
    const stalled = produceCode(client, bad, "slow");
    const other = await connect(broker);
    for (let count = 0; count < 20; count++) {
      expect(await produceCode(other, good, `meanwhile-${count}`)).toBe(ErrorCode.NONE);
    }
    expect((await fetchValues(other, good)).length).toBe(21);
    expect(performance.now() - startMs).toBeLessThan(stallMs / 2);
    await said(broker, "level=warn", "sync-slow", "orders-0/00000000000000000000.log");
    expect(await stalled).toBe(ErrorCode.NONE);
    expect(performance.now() - startMs).toBeGreaterThan(stallMs / 2);
    await said(broker, "level=info", "sync-ended", "orders-0");
  }, 60_000);

  test("on every partition leaves all that needs no sync", async () => {
    const { disk, broker, client } = await start();
    disk.rules(`sync stall ${stallMs} 0 orders-`);
    const startMs = performance.now();
    const stalled = [produceCode(client, bad, "slow"), produceCode(await connect(broker), good, "slow")];
    const other = await connect(broker);
    expect(await produceCode(other, bad, "acks=1", 1)).toBe(ErrorCode.NONE);
    expect(await fetchValues(other, bad)).toEqual(["before"]);
    const { topics } = await other.send(metadata, 12, {
      topics: null,
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    });
    expect(topics.length).toBeGreaterThan(0);
    expect(performance.now() - startMs).toBeLessThan(stallMs / 2);
    disk.rules();
    expect(await Promise.all(stalled)).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
  }, 60_000);
});
