/**
 * What was acknowledged with acks=all under the flush policy `group` outlives a power cut, with the system calls that the
 * runtimes really make: a preloaded library writes down what was synced, and what was not is forgotten after `kill -9`.
 */

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { BrokerProcess, target } from "../support/broker.ts";
import { createPrng, seedOf } from "../support/prng.ts";
import { createTopic, fetchValues, produceValues } from "../support/requests.ts";
import { TestClient } from "../support/test_client.ts";
import { TroubledDisk, troubleUnavailable } from "../support/troubled_disk.ts";

if (troubleUnavailable !== null) console.log(`skip power cuts under real system calls: ${troubleUnavailable}`);

const disks: TroubledDisk[] = [];
const brokers: BrokerProcess[] = [];
const seeds = process.env.SEED ? [seedOf(process.env.SEED)] : [1, 2, 3].map(() => seedOf(undefined));

afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.dispose();
});
afterAll(() => disks.forEach((disk) => disk.dispose()));

/** Small segments: they roll, and their files come and go. */
const config = { "log.segment.bytes": 1_048_576, "log.index.interval.bytes": 512, "auto.create.topics.enable": false };
const partitionCount = 3;

async function start(policy: string): Promise<{ disk: TroubledDisk; broker: BrokerProcess }> {
  const disk = new TroubledDisk();
  disks.push(disk);
  const broker = await BrokerProcess.start({
    dataDirectory: disk.path,
    environment: disk.environment,
    config: { ...config, "log.flush.policy": policy },
  });
  brokers.push(broker);
  return { disk, broker };
}

/** Produces on all partitions at once until `count` are acknowledged, then goes on and is killed in the middle. */
async function produceUntilKilled(
  broker: BrokerProcess,
  acknowledged: string[][],
  { count, sizeBytes, label }: { readonly count: number; readonly sizeBytes: number; readonly label: string },
): Promise<void> {
  let total = 0;
  const reached = Promise.withResolvers<void>();
  const writers = acknowledged.map(async (values, partition) => {
    const client = await TestClient.connect(broker.port);
    for (let index = 0;; index++) {
      const value = `${label}-${partition}-${index} `.padEnd(sizeBytes, "x");
      try {
        await produceValues(client, { topic: "orders", partition }, [value]);
      } catch {
        return client.close();
      }
      values.push(value);
      if (++total === count) reached.resolve();
    }
  });
  await reached.promise;
  await broker.kill9();
  await Promise.all(writers);
}

describe.skipIf(target === "kafka" || troubleUnavailable !== null)("a power cut", () => {
  test.each(seeds)("takes nothing that was acknowledged under group (SEED=%d)", async (seed) => {
    const chance = createPrng(seed);
    const { disk, broker } = await start("group");
    const client = await TestClient.connect(broker.port);
    await createTopic(client, { name: "orders", partitionCount });
    client.close();
    const acknowledged: string[][] = Array.from({ length: partitionCount }, () => []);
    for (let round = 0; round < 4; round++) {
      const sizeBytes = 20 + Math.floor(chance() * 60_000);
      const count = 30 + Math.floor(chance() * 120);
      await produceUntilKilled(broker, acknowledged, { count, sizeBytes, label: `round${round}` });
      // All that was not synced is lost, some of it, or, at a mere kill, none.
      if (round % 3 === 0) disk.cutPower();
      else if (round % 3 === 1) disk.cutPower(chance);
      else disk.killed();
      await broker.restart();
      const again = await TestClient.connect(broker.port);
      for (let partition = 0; partition < partitionCount; partition++) {
        const found = await fetchValues(again, { topic: "orders", partition });
        const unanswered = found.filter((value) => !acknowledged[partition]!.includes(value));
        expect(found.filter((value) => acknowledged[partition]!.includes(value))).toEqual(acknowledged[partition]!);
        expect(unanswered.length).toBeLessThanOrEqual(1); // a writer has one on its way
        acknowledged[partition] = found;
      }
      again.close();
    }
  }, 120_000);

  test("takes what was only written under os: the library forgets what nobody synced", async () => {
    const { disk, broker } = await start("os");
    const client = await TestClient.connect(broker.port);
    await createTopic(client, { name: "orders" });
    await produceValues(client, { topic: "orders", partition: 0 }, ["a", "b"]);
    client.close();
    await broker.kill9();
    disk.killed();
    await broker.restart();
    const killed = await TestClient.connect(broker.port);
    expect(await fetchValues(killed, { topic: "orders", partition: 0 })).toEqual(["a", "b"]);
    await produceValues(killed, { topic: "orders", partition: 0 }, ["c"]);
    killed.close();
    await broker.kill9();
    expect(disk.cutPower()).toBeGreaterThan(0);
    await broker.restart();
    const cut = await TestClient.connect(broker.port);
    expect(await fetchValues(cut, { topic: "orders", partition: 0 })).toEqual(["a", "b"]);
    cut.close();
  }, 60_000);
});
