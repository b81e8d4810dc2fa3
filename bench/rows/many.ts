/** Many partitions, topics and connections, and what the broker still does with them. */

import { produce } from "../../protocol/api/00_produce.ts";
import { createTopics } from "../../protocol/api/19_create_topics.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { AnsweredError, toRecord } from "../../tests/support/requests.ts";
import { TestClient } from "../../tests/support/test_client.ts";
import { until } from "../../tests/support/broker.ts";
import { BrokerSubject, type Subject } from "../run/contender.ts";
import { quantile } from "../results.ts";
import { brokerCpu, countAt, cpuDuring, type Measured, mebibyte, type OwnRow, rateOf, type Transfer } from "./row.ts";

/** Of a request: as clients with many send them. */
const topicsPerRequest = 250;
const partitionsPerRequest = 50;
const requestsUnderWay = 4;
const recordsPerBatch = 4;
const loadBytes = 256 * mebibyte;
const connectionsAtOnce = 100;
const patient = { timeoutMs: 120_000 };

interface Place {
  readonly topic: string;
  readonly partition: number;
}

export const manyRows: readonly OwnRow[] = [
  partitionsRow("1,000 partitions of one topic", { topicCount: 1, partitionCount: 1_000 }),
  partitionsRow("10,000 tiny topics", { topicCount: 10_000, partitionCount: 1 }),
  connectionsRow(5_000),
];

function partitionsRow(name: string, full: { readonly topicCount: number; readonly partitionCount: number }): OwnRow {
  return {
    kind: "own",
    name,
    passes: ["os"],
    measure: async (contender, { pass, scale }) => {
      const topicCount = countAt(scale, full.topicCount);
      const partitionCount = countAt(scale, full.partitionCount);
      const subject = await BrokerSubject.start(contender, pass);
      try {
        const client = await subject.connect();
        const startMs = performance.now();
        await make(client, topicCount, partitionCount);
        const madeMs = performance.now() - startMs;
        client.close();
        const places = Array.from({ length: topicCount * partitionCount }, (_, index) => ({
          topic: `topic-${Math.floor(index / partitionCount)}`,
          partition: index % partitionCount,
        }));
        await writeToAll(subject, places, { isFirst: true, totalBytes: 0 });
        const { value, cpuSeconds } = await cpuDuring(
          subject,
          () => writeToAll(subject, places, { isFirst: false, totalBytes: loadBytes * scale }),
        );
        return [
          { figure: "made", kind: "time", value: madeMs, unit: "ms" },
          rateOf(value, "written to, rate"),
          { figure: "written to, p99", kind: "latency", value: quantile(value.latenciesMs, 0.99), unit: "ms" },
          brokerCpu(cpuSeconds, value.bytes, "written to, broker CPU"),
          ownMemory(subject),
        ];
      } finally {
        await subject.dispose();
      }
    },
  };
}

async function make(client: TestClient, topicCount: number, partitionCount: number): Promise<void> {
  for (let first = 0; first < topicCount; first += topicsPerRequest) {
    const count = Math.min(topicsPerRequest, topicCount - first);
    const { topics } = await client.send(createTopics, 7, {
      topics: Array.from({ length: count }, (_, index) => ({
        name: `topic-${first + index}`,
        numPartitions: partitionCount,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
      timeoutMs: 120_000,
      validateOnly: false,
    }, patient);
    for (const { errorCode, name } of topics) {
      if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot create ${name}`);
    }
  }
}

/** A small batch to each partition in turn, again and again, until so much is written; once, and until it is led, when first. */
async function writeToAll(
  subject: Subject,
  places: readonly Place[],
  { isFirst, totalBytes }: { readonly isFirst: boolean; readonly totalBytes: number },
): Promise<Transfer & { readonly latenciesMs: readonly number[] }> {
  const value = "x".repeat(1024);
  const records = encodeBatch({ records: Array.from({ length: recordsPerBatch }, () => toRecord(value)) });
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  let next = 0;
  let bytes = 0;
  await Promise.all(Array.from({ length: requestsUnderWay }, async () => {
    const client = await subject.connect();
    while (isFirst ? next < places.length : bytes < totalBytes) {
      const start = isFirst ? next : next % places.length;
      const chunk = places.slice(start, start + partitionsPerRequest);
      next = start + chunk.length;
      bytes += chunk.length * records.length;
      const sentMs = performance.now();
      const codes = () => write(client, chunk, records);
      if (isFirst) {
        await until(async () => (await codes()).every((code) => code === ErrorCode.NONE), patient);
      } else if ((await codes()).some((code) => code !== ErrorCode.NONE)) {
        throw new Error("Cannot write to all partitions");
      }
      latenciesMs.push(performance.now() - sentMs);
    }
    client.close();
  }));
  return { bytes, seconds: (performance.now() - startMs) / 1000, latenciesMs };
}

async function write(client: TestClient, places: readonly Place[], records: Uint8Array): Promise<number[]> {
  const byTopic = new Map<string, { index: number; records: Uint8Array }[]>();
  for (const { topic, partition } of places) {
    byTopic.set(topic, [...byTopic.get(topic) ?? [], { index: partition, records }]);
  }
  const { responses } = await client.send(produce, 9, {
    acks: -1,
    timeoutMs: 60_000,
    topicData: [...byTopic].map(([name, partitionData]) => ({ name, partitionData })),
  }, patient);
  return responses.flatMap(({ partitionResponses }) => partitionResponses.map(({ errorCode }) => errorCode));
}

function connectionsRow(fullCount: number): OwnRow {
  return {
    kind: "own",
    name: `${fullCount.toLocaleString("en")} connections`,
    passes: ["os"],
    measure: async (contender, { pass, scale }) => {
      const subject = await BrokerSubject.start(contender, pass);
      const clients: TestClient[] = [];
      try {
        const topic = "shared";
        await subject.makeTopic(topic, 6);
        const beforeBytes = subject.memory().ownBytes;
        const count = Math.max(connectionsAtOnce, countAt(scale, fullCount));
        const startMs = performance.now();
        while (clients.length < count) {
          const some = Math.min(connectionsAtOnce, count - clients.length);
          clients.push(...await Promise.all(Array.from({ length: some }, () => subject.connect())));
        }
        const records = encodeBatch({ records: [toRecord("x".repeat(1024))] });
        // Each says something, so that what a connection needs is there; then all of them go on, so many at once.
        await inTurns(clients, 1, (client, index) => one(client, topic, index % 6, records));
        const connectedMs = performance.now() - startMs;
        const memoryBytes = subject.memory().ownBytes - beforeBytes;
        const latenciesMs: number[] = [];
        const loadStartMs = performance.now();
        await inTurns(clients, 4, async (client, index) => {
          const sentMs = performance.now();
          await one(client, topic, index % 6, records);
          latenciesMs.push(performance.now() - sentMs);
        });
        const perSecond = latenciesMs.length / ((performance.now() - loadStartMs) / 1000);
        return [
          { figure: "all connected and a record from each", kind: "time", value: connectedMs, unit: "ms" },
          { figure: "own memory for them", kind: "memory", value: memoryBytes / mebibyte, unit: "MiB" },
          { figure: "requests, rate", kind: "rate", value: perSecond, unit: "requests/s" },
          { figure: "requests, p99", kind: "latency", value: quantile(latenciesMs, 0.99), unit: "ms" },
          ownMemory(subject),
        ];
      } finally {
        for (const client of clients) client.close();
        await subject.dispose();
      }
    },
  };
}

/** `work` for every client so many times, a bounded number at once. */
async function inTurns(
  clients: readonly TestClient[],
  times: number,
  work: (client: TestClient, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: connectionsAtOnce }, async () => {
    while (next < clients.length * times) {
      const index = next++;
      await work(clients[index % clients.length]!, index);
    }
  }));
}

async function one(client: TestClient, topic: string, partition: number, records: Uint8Array): Promise<void> {
  const codes = await write(client, [{ topic, partition }], records);
  if (codes[0] !== ErrorCode.NONE) throw new Error(`Cannot produce to ${topic}-${partition}`);
}

function ownMemory(subject: Subject): Measured {
  return { figure: "own memory after", kind: "memory", value: subject.memory().ownBytes / mebibyte, unit: "MiB" };
}
