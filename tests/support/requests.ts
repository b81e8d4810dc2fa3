/** What black-box tests ask of a broker, in one line each. All throw when the answer is an error nobody asked for. */

import { createTopics } from "../../protocol/api/19_create_topics.ts";
import { fetch } from "../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../protocol/api/02_list_offsets.ts";
import { produce } from "../../protocol/api/00_produce.ts";
import { type BatchView, wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode, errorName } from "../../protocol/errors.ts";
import { decodeRecords, encodeBatch, type RecordDraft } from "../../protocol/record.ts";
import type { TestClient } from "./test_client.ts";

export interface TopicSpec {
  readonly name: string;
  readonly partitionCount?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

export interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** The broker answered with an error code. */
export class AnsweredError extends Error {
  override readonly name = "AnsweredError";
  constructor(readonly code: number, what: string) {
    super(`${what}: ${errorName(code)}`);
  }
}

export async function createTopic(
  client: TestClient,
  { name, partitionCount = 1, configs = {} }: TopicSpec,
): Promise<void> {
  const code = await tryCreateTopic(client, { name, partitionCount, configs });
  if (code !== ErrorCode.NONE) throw new AnsweredError(code, `Cannot create topic "${name}"`);
}

export async function tryCreateTopic(
  client: TestClient,
  { name, partitionCount = 1, configs = {} }: TopicSpec,
): Promise<number> {
  const topic = {
    name,
    numPartitions: partitionCount,
    replicationFactor: 1,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  };
  const response = await client.send(createTopics, 7, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
  return response.topics[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
}

export interface ProduceResult {
  readonly errorCode: number;
  readonly baseOffset: number;
}

/** Sends batches as they are, CRC and all, to one partition. */
export async function produceBytes(
  client: TestClient,
  { topic, partition }: Place,
  records: Uint8Array | null,
  { acks = -1, timeoutMs = 30_000 } = {},
): Promise<ProduceResult> {
  const response = await client.send(produce, 9, {
    transactionalId: null,
    acks,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  }, { timeoutMs });
  const result = response.responses[0]?.partitionResponses[0];
  if (!result) throw new Error("The answer to Produce has no partition");
  return { errorCode: result.errorCode, baseOffset: result.baseOffset };
}

/** Produces values and returns the offset of the first. */
export async function produceValues(client: TestClient, place: Place, values: readonly string[]): Promise<number> {
  const batch = encodeBatch({ records: values.map(toRecord) });
  const { errorCode, baseOffset } = await produceBytes(client, place, batch);
  if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot produce to ${place.topic}`);
  return baseOffset;
}

export interface Fetched {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly batches: readonly BatchView[];
}

/** One fetch of one partition. */
export async function fetchBatches(
  client: TestClient,
  { topic, partition }: Place,
  fetchOffset: number,
  { maxWaitMs = 500, minBytes = 1, maxBytes = 4 * 1024 * 1024 } = {},
): Promise<Fetched> {
  const response = await client.send(fetch, 12, {
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: maxBytes }] }],
    forgottenTopicsData: [],
    rackId: "",
  });
  const result = response.responses[0]?.partitions[0];
  if (!result) throw new AnsweredError(response.errorCode, "The answer to Fetch has no partition");
  const { errorCode, highWatermark, logStartOffset, records } = result;
  return { errorCode, highWatermark, logStartOffset, batches: [...wholeBatches(records ?? new Uint8Array(0))] };
}

/** All values of a partition from `fetchOffset` to its end, as text. */
export async function fetchValues(client: TestClient, place: Place, fetchOffset = 0): Promise<string[]> {
  const values: string[] = [];
  for (let next = fetchOffset;;) {
    const { errorCode, highWatermark, batches } = await fetchBatches(client, place, next);
    if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot fetch from ${place.topic}`);
    for (const batch of batches) {
      for (const record of decodeRecords(batch)) {
        if (record.offset >= next) values.push(new TextDecoder().decode(record.value ?? new Uint8Array(0)));
      }
      next = batch.nextOffset;
    }
    if (next >= highWatermark) return values;
  }
}

/** The offset after the last record that consumers see. */
export function endOffset(client: TestClient, place: Place): Promise<number> {
  return listedOffset(client, place, -1);
}

/** The first offset that a consumer may ask for. */
export function startOffset(client: TestClient, place: Place): Promise<number> {
  return listedOffset(client, place, -2);
}

/** `timestamp`: or -1 for the end, -2 for the start. */
async function listedOffset(client: TestClient, { topic, partition }: Place, timestamp: number): Promise<number> {
  const response = await client.send(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
  });
  const result = response.topics[0]?.partitions[0];
  if (!result || result.errorCode !== ErrorCode.NONE) {
    throw new AnsweredError(result?.errorCode ?? -1, `Cannot list offsets of ${topic}`);
  }
  return result.offset;
}

export function toRecord(value: string): RecordDraft {
  return { timestamp: Date.now(), value: new TextEncoder().encode(value) };
}
