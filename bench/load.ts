/**
 * Load that costs the client little: batches made once, sent over several connections with a few requests in flight each, and
 * fetches whose records are counted by their batch headers and not decoded.
 */

import { fetch } from "../protocol/api/01_fetch.ts";
import { listOffsets } from "../protocol/api/02_list_offsets.ts";
import { produce } from "../protocol/api/00_produce.ts";
import { wholeBatches } from "../protocol/batch.ts";
import { Compression, type CompressionId } from "../protocol/compression.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { encodeBatch } from "../protocol/record.ts";
import { AnsweredError } from "../tests/support/requests.ts";
import { TestClient } from "../tests/support/test_client.ts";

export interface ProduceLoad {
  readonly port: number;
  readonly topic: string;
  readonly partitionCount: number;
  readonly recordBytes: number;
  /** Sizes of batches; each request takes the next. */
  readonly batchBytes: readonly number[];
  /** Ends when this many bytes of batches are acknowledged. */
  readonly totalBytes: number;
  readonly connectionCount?: number;
  readonly inFlight?: number;
  readonly acks?: -1 | 1;
  readonly compression?: CompressionId;
}

export interface Load {
  readonly bytes: number;
  readonly records: number;
  readonly seconds: number;
}

export interface Consumed extends Load {
  /** Records that retention took before they were read. */
  readonly skippedRecords: number;
}

export async function produceLoad(load: ProduceLoad): Promise<Load> {
  const { port, topic, partitionCount, recordBytes, totalBytes, connectionCount = 2, inFlight = 5, acks = -1 } = load;
  const batches = load.batchBytes.map((size) => makeBatch(size, recordBytes, load.compression));
  const startMs = performance.now();
  let sentBytes = 0;
  let records = 0;
  let turn = 0;

  const sendAll = async (client: TestClient) => {
    while (sentBytes < totalBytes) {
      const { bytes, recordCount } = batches[turn % batches.length] as Batch;
      const partition = turn++ % partitionCount;
      sentBytes += bytes.length;
      const answer = await client.send(produce, 9, {
        acks,
        timeoutMs: 60_000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records: bytes }] }],
      }, { timeoutMs: 60_000 });
      const code = answer.responses[0]?.partitionResponses[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      if (code !== ErrorCode.NONE) throw new AnsweredError(code, `Cannot produce to ${topic}-${partition}`);
      records += recordCount;
    }
  };
  await withClients(
    port,
    connectionCount,
    (client) => Promise.all(Array.from({ length: inFlight }, () => sendAll(client))),
  );
  return { bytes: sentBytes, records, seconds: (performance.now() - startMs) / 1000 };
}

export interface ConsumeLoad {
  readonly port: number;
  readonly topic: string;
  readonly partitionCount: number;
  /** Ends when this many bytes of batches have come… */
  readonly totalBytes: number;
  /** …or when there is no more and no more will be: retention may take records before they are read. */
  readonly isProduced?: () => boolean;
  readonly fetchBytes?: number;
}

/** One connection that reads all partitions of the topic, from their start. */
export async function consumeLoad(load: ConsumeLoad): Promise<Consumed> {
  const { port, topic, partitionCount, totalBytes, isProduced = () => false, fetchBytes = 1024 * 1024 } = load;
  const offsets = new Array<number>(partitionCount).fill(0);
  const startMs = performance.now();
  let bytes = 0;
  let records = 0;
  let skippedRecords = 0;
  await withClients(port, 1, async (client) => {
    while (bytes < totalBytes) {
      const wasProduced = isProduced();
      const bytesBefore = bytes;
      let isBehind = false;
      for (const fetched of await fetchAll(client, { topic, offsets, fetchBytes })) {
        const { partitionIndex, errorCode, records: data } = fetched;
        if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) { // retention went past us
          const first = await firstOffset(client, topic, partitionIndex);
          skippedRecords += first - (offsets[partitionIndex] as number);
          offsets[partitionIndex] = first;
          isBehind = true;
          continue;
        }
        if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot fetch from ${topic}`);
        for (const batch of wholeBatches(data ?? new Uint8Array(0))) {
          offsets[partitionIndex] = batch.nextOffset;
          bytes += batch.sizeBytes;
          records += batch.recordCount;
        }
      }
      if (wasProduced && !isBehind && bytes === bytesBefore) break;
    }
  });
  return { bytes, records, skippedRecords, seconds: (performance.now() - startMs) / 1000 };
}

/** What there is of all partitions of the topic from `offsets`, by partition. */
export async function fetchAll(
  client: TestClient,
  { topic, offsets, fetchBytes }: {
    readonly topic: string;
    readonly offsets: readonly number[];
    readonly fetchBytes: number;
  },
) {
  const { responses } = await client.send(fetch, 12, {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: fetchBytes * offsets.length,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{
      topic,
      partitions: offsets.map((fetchOffset, partition) => ({ partition, fetchOffset, partitionMaxBytes: fetchBytes })),
    }],
    forgottenTopicsData: [],
    rackId: "",
  });
  return responses[0]?.partitions ?? [];
}

export interface Batch {
  readonly bytes: Uint8Array;
  readonly recordCount: number;
}

/** Records of random letters, which no compression on the way could make small. */
export function makeBatch(
  sizeBytes: number,
  recordBytes: number,
  compression: CompressionId = Compression.none,
): Batch {
  const overheadBytes = 10;
  const recordCount = Math.max(1, Math.floor((sizeBytes - 61) / (recordBytes + overheadBytes)));
  const records = Array.from({ length: recordCount }, () => ({
    timestamp: Date.now(),
    value: Uint8Array.from({ length: recordBytes }, () => 65 + Math.floor(Math.random() * 26)),
  }));
  return { bytes: encodeBatch({ records, compression }), recordCount };
}

async function firstOffset(client: TestClient, topic: string, partition: number): Promise<number> {
  const earliest = -2;
  const answer = await client.send(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: earliest }] }],
  });
  return answer.topics[0]?.partitions[0]?.offset ?? 0;
}

async function withClients(port: number, count: number, work: (client: TestClient) => Promise<unknown>): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: count }, () => TestClient.connect(port, { clientId: "load" })),
  );
  try {
    await Promise.all(clients.map(work));
  } finally {
    for (const client of clients) client.close();
  }
}
