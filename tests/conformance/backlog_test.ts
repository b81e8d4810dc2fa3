/**
 * A backlog of several segments, asked for in large answers by peers that read slowly, stop, or go away: what arrives is what
 * was produced, byte by byte.
 */

import { connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fetch, type FetchResponse } from "../../protocol/api/01_fetch.ts";
import { deleteTopics } from "../../protocol/api/20_delete_topics.ts";
import { batchProblem, CRC_START, wholeBatches } from "../../protocol/batch.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { BrokerProcess, freePort, target, until } from "../support/broker.ts";
import { createPrng, seedOf } from "../support/prng.ts";
import { createTopic, endOffset, produceBytes } from "../support/requests.ts";
import { TestClient } from "../support/test_client.ts";

const partitionCount = 3;
const partitionBytes = 6 * 1024 * 1024;
const answerBytes = 12 * 1024 * 1024;
const seed = seedOf(process.env.SEED);
const random = createPrng(seed);

/** Between a client and the broker; passes answers on in its own time. */
class Relay {
  isStopped = false;
  passedBytes = 0;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #stopped: Socket[] = [];

  constructor(readonly port: number, brokerPort: number) {
    this.#server = createServer((client) => {
      const broker = connect(brokerPort, "127.0.0.1");
      this.#sockets.push(client, broker);
      client.pipe(broker).on("error", () => {});
      client.on("error", () => {}).on("close", () => broker.destroy());
      broker.on("close", () => client.destroy());
      broker.on("data", (chunk: Uint8Array) => {
        this.passedBytes += chunk.length;
        client.write(chunk);
        broker.pause();
        if (this.isStopped) this.#stopped.push(broker);
        else setImmediate(() => broker.resume());
      });
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
  }

  goOn(): void {
    this.isStopped = false;
    for (const socket of this.#stopped.splice(0)) socket.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Batches of 1 to 90 KB: some of their answers are sent by a copy, most are not. */
function makeBatches(): Uint8Array[] {
  const made: Uint8Array[] = [];
  for (let sizeBytes = 0; sizeBytes < partitionBytes;) {
    const value = Uint8Array.from({ length: 1000 + Math.floor(90_000 * random()) }, () => 256 * random());
    made.push(encodeBatch({ records: [{ key: null, value, headers: [] }] }));
    sizeBytes += made.at(-1)!.length;
  }
  return made;
}

function ask(client: TestClient, topic: string, offsets: readonly number[], first = 0): Promise<FetchResponse> {
  const partitions = offsets.map((_, index) => (first + index) % partitionCount).map((partition) => ({
    partition,
    fetchOffset: offsets[partition]!,
    partitionMaxBytes: answerBytes,
  }));
  const limits = { maxWaitMs: 500, minBytes: 1, maxBytes: answerBytes, isolationLevel: 0 };
  const session = { sessionId: 0, sessionEpoch: -1, forgottenTopicsData: [], rackId: "" };
  return client.send(fetch, 12, { ...limits, ...session, topics: [{ topic, partitions }] });
}

describe(`a backlog in large answers (SEED=${seed})`, () => {
  let broker: BrokerProcess;
  let admin: TestClient;
  let relay: Relay;
  const produced: Uint8Array[][] = [];

  /** What is behind the offset and the epoch, which a broker writes. Returns how many batches there were. */
  const check = (partition: number, offset: number, records: Uint8Array): number => {
    let next = offset;
    for (const batch of wholeBatches(records)) {
      expect(batchProblem(records, batch.at)).toBe(null);
      const sent = produced[partition]![next]!;
      const [got, expected] = [
        records.subarray(batch.at + CRC_START, batch.at + batch.sizeBytes),
        sent.subarray(CRC_START),
      ];
      expect(Buffer.compare(got, expected)).toBe(0);
      expect(batch.baseOffset).toBe(next++);
    }
    return next - offset;
  };

  const fill = async (topic: string) => {
    await createTopic(admin, { name: topic, partitionCount });
    for (let partition = 0; partition < partitionCount; partition++) {
      for (const batch of produced[partition]!) {
        // Apache Kafka may not lead what it has just created.
        const produce = () => produceBytes(admin, { topic, partition }, batch.slice(), { acks: 1 });
        await until(async () => (await produce()).errorCode === 0);
      }
      expect(await endOffset(admin, { topic, partition })).toBe(produced[partition]!.length);
    }
  };

  beforeAll(async () => {
    for (let partition = 0; partition < partitionCount; partition++) produced.push(makeBatches());
    const config = { "log.segment.bytes": 2 * 1024 * 1024, "log.segment.delete.delay.ms": 0 };
    broker = await BrokerProcess.start({ config });
    admin = await TestClient.connect(broker.port);
    relay = new Relay(await freePort(), broker.port);
    await relay.listen();
    await fill("slow");
  }, 60_000);

  afterAll(async () => {
    admin.close();
    relay.close();
    await broker.dispose();
  });

  test("arrives as it was produced, at several slow readers at once", async () => {
    const readAll = async () => {
      const client = await TestClient.connect(relay.port);
      const offsets = Array<number>(partitionCount).fill(0);
      for (let round = 0; offsets.some((offset, partition) => offset < produced[partition]!.length); round++) {
        expect(round).toBeLessThan(100);
        const { responses } = await ask(client, "slow", offsets, round);
        for (const { partitionIndex, errorCode, records } of responses[0]!.partitions) {
          expect(errorCode).toBe(0);
          offsets[partitionIndex]! += check(partitionIndex, offsets[partitionIndex]!, records ?? new Uint8Array(0));
        }
      }
      client.close();
    };
    await Promise.all([readAll(), readAll(), readAll()]);
  }, 60_000);

  test("arrives whole when its topic is deleted on the way, with its files", async () => {
    await fill("deleted");
    const client = await TestClient.connect(relay.port);
    relay.isStopped = true;
    const before = relay.passedBytes;
    const answer = ask(client, "deleted", [0, 0, 0]);
    await until(() => relay.passedBytes > before);
    await admin.send(deleteTopics, 5, { topicNames: ["deleted"], timeoutMs: 5_000 });
    await fill("deleted"); // Another topic, in folders of the same names.
    relay.goOn();
    let batchCount = 0;
    for (const { partitionIndex, records } of (await answer).responses[0]!.partitions) {
      batchCount += check(partitionIndex, 0, records ?? new Uint8Array(0));
    }
    expect(batchCount).toBeGreaterThan(3);
    client.close();
  }, 60_000);

  test("leaves nothing behind when its reader goes away on the way", async () => {
    for (let round = 0; round < 5; round++) {
      const client = await TestClient.connect(relay.port);
      relay.isStopped = true;
      const before = relay.passedBytes;
      const answer = ask(client, "slow", [0, 0, 0]).then(() => "answered", () => "cut off");
      await until(() => relay.passedBytes > before);
      client.close();
      expect(await answer).toBe("cut off");
      relay.goOn();
    }
    const { responses } = await ask(admin, "slow", [0, 0, 0]);
    const [first] = responses[0]!.partitions;
    expect(check(0, 0, first!.records ?? new Uint8Array(0))).toBeGreaterThan(3);
    const { code } = await broker.stop();
    if (target !== "kafka") expect(code).toBe(0);
  }, 60_000);
});
