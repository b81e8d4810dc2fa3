/**
 * A client that costs little and looks at the clock at once: requests encoded beforehand where they can be, answers decoded
 * after their time was taken. Times are in milliseconds.
 */

import { fetch } from "../../protocol/api/01_fetch.ts";
import { produce } from "../../protocol/api/00_produce.ts";
import { wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../protocol/frame.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { pause, withTimeout } from "../../tests/support/broker.ts";
import { AnsweredError, endOffset, toRecord } from "../../tests/support/requests.ts";
import { TestClient } from "../../tests/support/test_client.ts";

const produceVersion = 9;
const fetchVersion = 12;
const answerTimeoutMs = 60_000;
const tickMs = 1;

export interface Latencies {
  /** Sent to acknowledged. */
  readonly acknowledgedMs: number[];
  /** Sent to with a consumer. */
  readonly consumedMs: number[];
}

/** One record of 1 KiB with acks=all at a time, a consumer waiting for it on another connection. */
export async function oneAtATime(port: number, topic: string, count: number): Promise<Latencies> {
  const [producer, consumer] = await Promise.all([TestClient.connect(port), TestClient.connect(port)]);
  const request = produceFrame(topic, 0, 1);
  const latencies: Latencies = { acknowledgedMs: [], consumedMs: [] };
  const warmUpCount = Math.ceil(count / 5);
  let next = await endOffset(producer, { topic, partition: 0 });
  for (let index = -warmUpCount; index < count; index++, next++) {
    consumer.sendBytes(fetchFrame(topic, [next]));
    const fetching = consumer.nextFrame().then((payload) => ({ payload, atMs: performance.now() }));
    const startMs = performance.now();
    producer.sendBytes(request);
    const acknowledged = await producer.nextFrame();
    const acknowledgedMs = performance.now() - startMs;
    const { payload, atMs } = await fetching;
    checkProduced(acknowledged, topic);
    if (fetched(payload, topic).get(0) !== next + 1) throw new Error(`The consumer was not given record ${next}`);
    if (index < 0) continue;
    latencies.acknowledgedMs.push(acknowledgedMs);
    latencies.consumedMs.push(atMs - startMs);
  }
  producer.close();
  consumer.close();
  return latencies;
}

export interface Pace {
  readonly port: number;
  readonly topic: string;
  /** Each has a connection of its own, so that its batches come in the order they were sent. */
  readonly partitionCount: number;
  readonly recordsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly seconds: number;
  /** A consumer follows on another connection. */
  readonly isConsumed: boolean;
}

/**
 * Requests at a fixed rate, whether or not those before are answered. Times count from when a request was due, so that a
 * broker that makes all wait is not let off lightly.
 */
export async function atPace(pace: Pace): Promise<Latencies> {
  const { port, topic, partitionCount, recordsPerRequest, requestsPerSecond, seconds, isConsumed } = pace;
  const lanes = await Promise.all(
    Array.from({ length: partitionCount }, async (_, partition) => {
      const client = await TestClient.connect(port);
      const startOffset = await endOffset(client, { topic, partition });
      return { client, startOffset, request: produceFrame(topic, partition, recordsPerRequest), dueMs: [] as number[] };
    }),
  );
  const latencies: Latencies = { acknowledgedMs: [], consumedMs: [] };
  const total = Math.max(partitionCount, Math.round(requestsPerSecond * seconds));
  let sentCount = 0;
  // Known with the last send: a fetch after it would wait for what never comes.
  const isSent = () => sentCount === total;
  const consumer = isConsumed ? await TestClient.connect(port) : null;
  const consuming = consumer === null ? Promise.resolve() : (async () => {
    const offsets = lanes.map(({ startOffset }) => startOffset);
    const seenCounts = lanes.map(() => 0);
    while (!isSent() || seenCounts.reduce((sum, count) => sum + count) < sentCount) {
      consumer.sendBytes(fetchFrame(topic, offsets));
      const payload = await consumer.nextFrame();
      const atMs = performance.now();
      for (const [partition, nextOffset] of fetched(payload, topic)) {
        const { startOffset, dueMs } = lanes[partition]!;
        offsets[partition] = nextOffset;
        const endCount = Math.floor((nextOffset - startOffset) / recordsPerRequest);
        for (let index = seenCounts[partition]!; index < endCount; index++) {
          latencies.consumedMs.push(atMs - dueMs[index]!);
        }
        seenCounts[partition] = endCount;
      }
    }
  })();
  const acknowledging: Promise<void>[] = [];
  const startMs = performance.now();
  while (!isSent()) {
    const dueCount = Math.min(total, Math.floor((performance.now() - startMs) / 1000 * requestsPerSecond) + 1);
    for (; sentCount < dueCount; sentCount++) {
      const { client, request, dueMs } = lanes[sentCount % partitionCount]!;
      const due = startMs + sentCount / requestsPerSecond * 1000;
      dueMs.push(due);
      client.sendBytes(request);
      acknowledging.push(
        client.nextFrame().then((payload) => {
          latencies.acknowledgedMs.push(performance.now() - due);
          checkProduced(payload, topic);
        }),
      );
    }
    await pause(tickMs);
  }
  const all = Promise.all([...acknowledging, consuming]);
  await withTimeout(all, answerTimeoutMs, () => "Not all that was sent was acknowledged and consumed");
  for (const { client } of lanes) client.close();
  consumer?.close();
  return latencies;
}

/** Requests per second that a broker takes of the same kind when each connection always has some under way. */
export async function highestPace(
  { port, topic, partitionCount, recordsPerRequest, seconds }: Omit<Pace, "requestsPerSecond" | "isConsumed">,
): Promise<number> {
  const inFlight = 5;
  let count = 0;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  await Promise.all(Array.from({ length: partitionCount }, async (_, partition) => {
    const client = await TestClient.connect(port);
    const request = produceFrame(topic, partition, recordsPerRequest);
    await Promise.all(Array.from({ length: inFlight }, async () => {
      while (performance.now() < endMs) {
        client.sendBytes(request);
        checkProduced(await client.nextFrame(), topic);
        count++;
      }
    }));
    client.close();
  }));
  return count / ((performance.now() - startMs) / 1000);
}

function produceFrame(topic: string, partition: number, recordCount: number): Uint8Array {
  const value = "x".repeat(1024);
  const records = encodeBatch({ records: Array.from({ length: recordCount }, () => toRecord(value)) });
  return Buffer.concat(encodeRequestFrame(produce, produceVersion, 1, "latency", {
    acks: -1,
    timeoutMs: answerTimeoutMs,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  }));
}

function fetchFrame(topic: string, offsets: readonly number[]): Uint8Array {
  return Buffer.concat(encodeRequestFrame(fetch, fetchVersion, 1, "latency", {
    maxWaitMs: 5000,
    minBytes: 1,
    maxBytes: 2 ** 20 * offsets.length,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{
      topic,
      partitions: offsets.map((fetchOffset, partition) => ({ partition, fetchOffset, partitionMaxBytes: 2 ** 20 })),
    }],
    forgottenTopicsData: [],
    rackId: "",
  }));
}

function checkProduced(payload: Uint8Array, topic: string): void {
  const { responses } = decodeResponseFrame(produce, produceVersion, payload).response;
  const code = responses[0]?.partitionResponses[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (code !== ErrorCode.NONE) throw new AnsweredError(code, `Cannot produce to ${topic}`);
}

/** The offset after the last record, of each partition that has something. */
function fetched(payload: Uint8Array, topic: string): Map<number, number> {
  const { response } = decodeResponseFrame(fetch, fetchVersion, payload);
  const ends = new Map<number, number>();
  for (const { partitionIndex, errorCode, records } of response.responses[0]?.partitions ?? []) {
    if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot fetch from ${topic}`);
    for (const { nextOffset } of wholeBatches(records ?? new Uint8Array(0))) ends.set(partitionIndex, nextOffset);
  }
  return ends;
}
