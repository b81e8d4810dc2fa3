/** The bare server and the load generator of bench/limit do what they are measured for: no byte lost, none made up. */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { canBuildLimit, limitExecutable, runLoad, startLimitServer } from "../../bench/limit/limit.ts";
import { batches, batchProblem } from "../../protocol/batch.ts";
import { Compression } from "../../protocol/compression.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { BrokerProcess, target, until } from "../support/broker.ts";
import { createTopic, endOffset, fetchBatches, fetchValues, produceBytes, toRecord } from "../support/requests.ts";
import { TestClient } from "../support/test_client.ts";

const topic = "limit";
const partitionCount = 3;
/** Once for all targets but Apache Kafka, which is asked too when it is the target. */
const isHere = canBuildLimit() && (target === "bun" || target === "kafka");
const reason = canBuildLimit() ? "" : " (not run: there is no cargo to build it)";

describe.skipIf(!isHere)(`bench/limit${reason}`, () => {
  test("is built", () => {
    expect(limitExecutable()).toMatch(/release.limit$/);
  }, 120_000);

  for (const read of ["sendfile", "mmap"] as const) {
    test(`stores the bytes that are sent, and sends them back by ${read}`, async () => {
      const server = await startLimitServer({ read });
      const client = await TestClient.connect(server.port);
      await createTopic(client, { name: topic, partitionCount });
      const place = { topic, partition: 1 };
      const sent = [1, 3, 2000].map((count, index) =>
        encodeBatch({ records: Array.from({ length: count }, (_, record) => toRecord(`batch ${index} ${record}`)) })
      );
      const answers = [];
      for (const bytes of sent) answers.push(await produceBytes(client, place, bytes.slice()));
      expect(answers.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual([[0, 0], [0, 1], [0, 4]]);
      // What lies outside of the checksum is all that may differ: offset, epoch.
      const inChecksum = (bytes: Uint8Array) => [...bytes.subarray(16)];
      const file = readFileSync(join(server.dataDirectory, `${topic}-1.log`));
      const stored = [...batches(file)];
      expect(stored.map(({ at, sizeBytes }) => inChecksum(file.subarray(at, at + sizeBytes)))).toEqual(
        sent.map(inChecksum),
      );
      expect(stored.map((batch) => batch.baseOffset)).toEqual([0, 1, 4]);
      const values = await fetchValues(client, place);
      expect([values.length, values.at(3), values.at(-1)]).toEqual([2004, "batch 1 2", "batch 2 1999"]);
      expect((await fetchBatches(client, place, 5)).batches.map((batch) => batch.baseOffset)).toEqual([4]);
      expect((await fetchBatches(client, place, 2005)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
      client.close();
      await server.stop();
    }, 60_000);
  }

  test("refuses a batch with a flipped bit", async () => {
    const server = await startLimitServer();
    const client = await TestClient.connect(server.port);
    await createTopic(client, { name: topic, partitionCount });
    for (const size of [1, 700, 20_000]) {
      const bytes = encodeBatch({ records: [toRecord("x".repeat(size))] });
      bytes[bytes.length - 2]! ^= 0x10;
      expect((await produceBytes(client, { topic, partition: 0 }, bytes)).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
    }
    expect(await endOffset(client, { topic, partition: 0 })).toBe(0);
    client.close();
    await server.stop();
  }, 60_000);

  test("wakes a fetch that waits", async () => {
    const server = await startLimitServer();
    const [producer, consumer] = await Promise.all([TestClient.connect(server.port), TestClient.connect(server.port)]);
    await createTopic(producer, { name: topic, partitionCount });
    const place = { topic, partition: 2 };
    const fetched = fetchBatches(consumer, place, 0, { maxWaitMs: 20_000 });
    await endOffset(producer, place);
    await produceBytes(producer, place, encodeBatch({ records: [toRecord("late")] }));
    expect((await fetched).batches.length).toBe(1);
    expect((await fetchBatches(consumer, place, 1, { maxWaitMs: 1 })).batches.length).toBe(0);
    for (const client of [producer, consumer]) client.close();
    await server.stop();
  }, 60_000);

  test("generates load that is stored whole, each batch once", async () => {
    const server = await startLimitServer();
    const client = await TestClient.connect(server.port);
    await createTopic(client, { name: topic, partitionCount });
    const load = { port: server.port, topic, partitionCount, recordBytes: 500, batchBytes: [700, 16_384, 1_000_000] };
    const results = await Promise.all([
      runLoad({ kind: "produce", ...load, totalBytes: 20e6, connectionCount: 3 }),
      runLoad({ kind: "produce", ...load, totalBytes: 5e6, acks: 0 }),
      runLoad({ kind: "produce", ...load, totalBytes: 5e6, compression: Compression.lz4, inFlight: 1 }),
    ]);
    const total = (of: (result: typeof results[number]) => number) => results.reduce((sum, each) => sum + of(each), 0);
    let bytes = 0;
    let records = 0;
    let batchCount = 0;
    for (let partition = 0; partition < partitionCount; partition++) {
      const stored = readFileSync(join(server.dataDirectory, `${topic}-${partition}.log`));
      let next = 0;
      for (const batch of batches(stored)) {
        expect([batch.baseOffset, batchProblem(stored, batch.at)]).toEqual([next, null]);
        next = batch.nextOffset;
        bytes += batch.sizeBytes;
        records += batch.recordCount;
        batchCount++;
      }
      expect(await endOffset(client, { topic, partition })).toBe(next);
    }
    expect([bytes, records, batchCount]).toEqual([
      total((result) => result.bytes),
      total((result) => result.records),
      total((result) => result.requests),
    ]);
    expect(results[0].latency.count).toBe(results[0].requests);
    for (const connectionCount of [1, 2]) {
      const consumed = await runLoad({
        kind: "consume",
        port: server.port,
        topic,
        partitionCount,
        isToEnd: true,
        connectionCount,
      });
      expect([consumed.bytes, consumed.records]).toEqual([connectionCount * bytes, connectionCount * records]);
    }
    client.close();
    await server.stop();
  }, 60_000);

  test(`loads ${target}, in every way there is`, async () => {
    const broker = await BrokerProcess.start({ readyTimeoutMs: 60_000 });
    try {
      const client = await TestClient.connect(broker.port);
      await createTopic(client, { name: topic, partitionCount });
      for (let partition = 0; partition < partitionCount; partition++) {
        const batch = encodeBatch({ records: [toRecord("first")] });
        // Right after a topic's creation a broker may not lead all of it yet.
        await until(async () =>
          (await produceBytes(client, { topic, partition }, batch.slice())).errorCode === ErrorCode.NONE
        );
      }
      const common = { port: broker.port, topic, partitionCount };
      const load = { ...common, kind: "produce", recordBytes: 100, batchBytes: [1000, 50_000] } as const;
      let records = partitionCount;
      for (const acks of [-1, 0, 1] as const) records += (await runLoad({ ...load, totalBytes: 1e6, acks })).records;
      const paced = await runLoad({ ...load, seconds: 0.5, requestsPerSecond: 100, isEndToEnd: true });
      expect([paced.requests, paced.latency.count, paced.endToEnd?.count]).toEqual([50, 50, 50]);
      const single = await runLoad({ ...load, totalBytes: 1e6, connectionCount: 1, inFlight: 1, isEndToEnd: true });
      expect(single.endToEnd?.count).toBe(single.requests);
      expect(single.latency.p50Ms).toBeLessThanOrEqual(single.latency.p99Ms);
      records += paced.records + single.records;
      const ends = Array.from({ length: partitionCount }, (_, partition) => endOffset(client, { topic, partition }));
      expect((await Promise.all(ends)).reduce((sum, end) => sum + end, 0)).toBe(records);
      expect((await runLoad({ kind: "consume", ...common, isToEnd: true })).records).toBe(records);
      const repeated = await runLoad({ kind: "consume", ...common, isRepeated: true, totalBytes: 20e6 });
      expect(repeated.bytes).toBeGreaterThanOrEqual(20e6);
      client.close();
    } finally {
      await broker.dispose();
    }
  }, 120_000);

  test("says what is wrong with how it is called", async () => {
    const load = { kind: "produce", port: 1, topic, partitionCount, recordBytes: 1, batchBytes: [1] } as const;
    await expect(runLoad({ ...load, seconds: 1 })).rejects.toThrow("Cannot produce: Cannot connect to 127.0.0.1:1: ");
    await expect(runLoad(load)).rejects.toThrow("Option --total-bytes or --seconds is missing");
  });
});
