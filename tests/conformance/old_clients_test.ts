/**
 * Clients from before Kafka 0.11, real ones: the Java client in the releases 0.8.2 (which could only produce), 0.9 and 0.10,
 * which write and read message sets of formats 0 and 1. They read what later clients wrote, and later clients read what they
 * wrote, in every codec. Apache Kafka 4 does not serve them any more.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { fetch } from "../../protocol/api/01_fetch.ts";
import { wholeBatches } from "../../protocol/batch.ts";
import { Compression, type CompressionName } from "../../protocol/compression.ts";
import { decodeRecords, encodeBatch } from "../../protocol/record.ts";
import { kafkaJar, mavenJar } from "../golden/kafka_jar.ts";
import { BrokerProcess, target } from "../support/broker.ts";
import { createTopic, produceBytes } from "../support/requests.ts";
import { TestClient } from "../support/test_client.ts";

const programs = {
  produce: fileURLToPath(new URL("../support/OldProducer.java", import.meta.url)),
  consume: fileURLToPath(new URL("../support/OldConsumer.java", import.meta.url)),
};
const codecs = ["none", "gzip", "snappy", "lz4"] as const satisfies readonly CompressionName[];
const COUNT = 100;
/** With the LZ4 that each of them needs. */
const releases = [
  { version: "0.8.2.2", lz4: "1.2.0", hasConsumer: false },
  { version: "0.9.0.1", lz4: "1.2.0", hasConsumer: true },
  { version: "0.10.0.1", lz4: "1.3.0", hasConsumer: true },
  { version: "0.10.2.2", lz4: "1.3.0", hasConsumer: true },
];

const libraries = [
  mavenJar("org.xerial.snappy", "snappy-java", "1.1.10.5"),
  mavenJar("org.slf4j", "slf4j-api", "1.7.36"),
  mavenJar("org.slf4j", "slf4j-nop", "1.7.36"),
];
const clients = new Map(
  releases.map(({ version, lz4 }) => {
    return [version, [kafkaJar("kafka-clients", version), mavenJar("net.jpountz.lz4", "lz4", lz4), ...libraries]];
  }),
);
// On Deno the same code runs, and unit tests of it.
const canRun = (target === "bun" || target === "exe") && [...clients.values()].flat().every((jar) => jar !== null);

let broker: BrokerProcess;
let client: TestClient;

/** Runs a program against the broker, with three words for each thing it is to do; gives what it printed. */
function run(what: keyof typeof programs, version: string, words: readonly (string | number)[]): Promise<string[]> {
  const jars = (clients.get(version) ?? []).filter((jar) => jar !== null);
  const machine = ["-Xmx256M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars.join(delimiter)];
  const child = spawn("java", [...machine, programs[what], broker.address, ...words.map(String)]);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(output === "" ? [] : output.trimEnd().split("\n"));
      else reject(new Error(`kafka-clients ${version} ended with ${status}\n${output}${errors}`));
    });
  });
}

const sent = (offset: number, index: number) =>
  `${offset} key-${index} ${index % 10 === 9 ? "null" : `value-${index}`}`;
const expected = Array.from({ length: COUNT }, (_, index) => sent(index, index));
const topicOf = (version: string, codec: string) => `old-${version}-${codec}`;

/** What is in a partition, as a client of today reads it. */
async function read(topic: string): Promise<{ lines: string[]; compressions: number[] }> {
  const lines: string[] = [];
  const compressions = new Set<number>();
  const text = (bytes: Uint8Array | null) => bytes === null ? "null" : new TextDecoder().decode(bytes);
  while (lines.length < COUNT) {
    const partitions = [{ partition: 0, fetchOffset: lines.length, partitionMaxBytes: 1_000_000 }];
    const asked = { maxWaitMs: 100, minBytes: 0, topics: [{ topic, partitions }] };
    const { records } = (await client.send(fetch, 12, asked)).responses[0]!.partitions[0]!;
    const found = [...wholeBatches(records ?? new Uint8Array(0))];
    if (found.length === 0) break;
    for (const batch of found) {
      expect(batch.isCrcValid()).toBe(true);
      compressions.add(batch.compression);
      for (const { offset, key, value } of decodeRecords(batch)) lines.push(`${offset} ${text(key)} ${text(value)}`);
    }
  }
  return { lines, compressions: [...compressions] };
}

describe.skipIf(!canRun)("the Java client of", () => {
  beforeAll(async () => {
    broker = await BrokerProcess.start({
      config: { "group.initial.rebalance.delay.ms": 0, "offsets.topic.num.partitions": 5, "log.flush.policy": "os" },
    });
    client = await TestClient.connect(broker.port);
    const text = new TextEncoder();
    for (const codec of codecs) {
      const topic = `new-${codec}`;
      await createTopic(client, { name: topic });
      for (let first = 0; first < COUNT; first += 25) {
        const records = Array.from({ length: 25 }, (_, at) => ({
          timestamp: 1_700_000_000_000,
          key: text.encode(`key-${first + at}`),
          value: (first + at) % 10 === 9 ? null : text.encode(`value-${first + at}`),
          headers: [{ key: "lost", value: text.encode("on the way") }],
        }));
        const batch = encodeBatch({ records, compression: Compression[codec] });
        await produceBytes(client, { topic, partition: 0 }, batch);
      }
      for (const { version } of releases) await createTopic(client, { name: topicOf(version, codec) });
    }
  }, 60_000);

  afterAll(async () => {
    client?.close();
    await broker?.stop();
  });

  for (const { version, hasConsumer } of releases) {
    test(`${version} produces${hasConsumer ? ", and reads its own and what is of today" : ""}`, async () => {
      await run("produce", version, codecs.flatMap((codec) => [topicOf(version, codec), codec, COUNT]));
      for (const codec of codecs) {
        expect(await read(topicOf(version, codec))).toEqual({ lines: expected, compressions: [Compression[codec]] });
      }
      if (!hasConsumer) return;
      const words = codecs.flatMap((codec) => [
        ...[topicOf(version, codec), `own-${version}`, COUNT],
        ...[`new-${codec}`, `new-${version}-${codec}`, COUNT],
      ]);
      expect(await run("consume", version, words)).toEqual(codecs.flatMap(() => [...expected, ...expected]));
    }, 120_000);
  }

  test("0.10.2.2 goes on from what it committed", async () => {
    const topic = topicOf("0.10.2.2", "gzip");
    await run("produce", "0.10.2.2", [topic, "gzip", 10]);
    const lines = await run("consume", "0.10.2.2", [topic, "own-0.10.2.2", 10]);
    expect(lines).toEqual(Array.from({ length: 10 }, (_, index) => sent(COUNT + index, index)));
  }, 60_000);
});
