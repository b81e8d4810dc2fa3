/** Topics as a broker of many partitions has them, and what clients do to all of them: make, write, read, ask, delete. */

import { produce } from "../../protocol/api/00_produce.ts";
import { fetch } from "../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../protocol/api/02_list_offsets.ts";
import { metadata } from "../../protocol/api/03_metadata.ts";
import { createTopics } from "../../protocol/api/19_create_topics.ts";
import { deleteTopics } from "../../protocol/api/20_delete_topics.ts";
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import type { TestClient } from "../../tests/support/test_client.ts";

export type Kind = "empty" | "plain" | "rolled" | "compacted" | "idempotent";

export interface Topic {
  readonly name: string;
  readonly kind: Kind;
  readonly partitionCount: number;
}

/** Partitions of one request, as clients with many send them. */
const PARTITIONS_PER_REQUEST = 250;
const REQUESTS_UNDER_WAY = 4;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Segments of a "rolled" partition: its records are further apart than `segment.ms`. */
const SEGMENT_COUNT = 4;
const value = new TextEncoder().encode("x".repeat(200));
const patient = { timeoutMs: 120_000 };

/** `total` partitions: a fifth empty, half written to a little, a tenth each of several segments, compacted and idempotent. */
export function mixOf(total: number): Topic[] {
  const tenth = Math.floor(total / 10);
  const counts: Record<Kind, number> = {
    empty: 2 * tenth,
    plain: total - 5 * tenth,
    rolled: tenth,
    compacted: tenth,
    idempotent: tenth,
  };
  return (Object.keys(counts) as Kind[]).map((kind) => ({ name: kind, kind, partitionCount: counts[kind] }));
}

export function countOf(topics: readonly Topic[]): number {
  return topics.reduce((sum, { partitionCount }) => sum + partitionCount, 0);
}

export function isWritten({ kind }: Topic): boolean {
  return kind !== "empty";
}

export async function create(client: TestClient, topics: readonly Topic[]): Promise<void> {
  const drafts = topics.map(({ name, kind, partitionCount }) => ({
    name,
    numPartitions: partitionCount,
    replicationFactor: 1,
    assignments: [],
    configs: [
      { name: "retention.ms", value: "-1" },
      ...(kind === "compacted" ? [{ name: "cleanup.policy", value: "compact" }] : []),
    ],
  }));
  const answer = await client.send(
    createTopics,
    7,
    { topics: drafts, timeoutMs: 60_000, validateOnly: false },
    patient,
  );
  for (const { name, errorCode } of answer.topics) {
    if (errorCode !== 0) throw new Error(`Cannot make topic "${name}": error ${errorCode}`);
  }
}

export async function remove(client: TestClient, names: readonly string[]): Promise<void> {
  const topics = names.map((name) => ({ name, topicId: ZERO_UUID }));
  const answer = await client.send(deleteTopics, 6, { topics, timeoutMs: 60_000 }, patient);
  for (const { name, errorCode } of answer.responses) {
    if (errorCode !== 0) throw new Error(`Cannot delete topic "${name}": error ${errorCode}`);
  }
}

/** All that makes the topics what they are; a "rolled" one gets its segments by the times of its records. */
export async function fill(client: TestClient, topics: readonly Topic[]): Promise<void> {
  const { producerId, producerEpoch } = await client.send(initProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 60_000,
    producerId: -1,
    producerEpoch: -1,
  });
  for (const topic of topics.filter(isWritten)) {
    if (topic.kind === "rolled") {
      for (let segment = SEGMENT_COUNT; segment > 1; segment--) {
        await writeToEach(
          client,
          topic,
          encodeBatch({ records: [{ timestamp: Date.now() - segment * 10 * DAY_MS, value }] }),
        );
      }
    }
    const records = Array.from({ length: 5 }, (_, at) => ({ timestamp: Date.now(), key: Uint8Array.of(at), value }));
    const producer = topic.kind === "idempotent" ? { producerId, producerEpoch, baseSequence: 0 } : {};
    await writeToEach(client, topic, encodeBatch({ records, ...producer }));
  }
}

/** The same batch to every partition of a topic, with acks=all. */
export async function writeToEach(client: TestClient, topic: Topic, records: Uint8Array): Promise<void> {
  await inChunks(topic.partitionCount, async (first, count) => {
    const partitionData = Array.from({ length: count }, (_, at) => ({ index: first + at, records }));
    const draft = {
      transactionalId: null,
      acks: -1,
      timeoutMs: 60_000,
      topicData: [{ name: topic.name, partitionData }],
    };
    const answer = await client.send(produce, 9, draft, patient);
    for (const { index, errorCode } of answer.responses[0]!.partitionResponses) {
      if (errorCode !== 0) throw new Error(`Cannot write to ${topic.name}-${index}: error ${errorCode}`);
    }
  });
}

/** A record to every partition of all that hold any. */
export async function touchAll(client: TestClient, topics: readonly Topic[]): Promise<void> {
  const records = encodeBatch({ records: [{ timestamp: Date.now(), key: Uint8Array.of(1), value }] });
  for (const topic of topics.filter(isWritten)) await writeToEach(client, topic, records);
}

/** Reads every partition from its start, all there is: these hold a few kilobytes each. Returns how many bytes. */
export async function readAll(client: TestClient, topics: readonly Topic[]): Promise<number> {
  let bytes = 0;
  for (const { name, partitionCount } of topics) {
    await inChunks(partitionCount, async (first, count) => {
      const partitions = Array.from({ length: count }, (_, at) => ({
        partition: first + at,
        fetchOffset: 0,
        partitionMaxBytes: 1024 * 1024,
      }));
      const answer = await client.send(fetch, 12, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 64 * 1024 * 1024,
        isolationLevel: 1,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [{ topic: name, partitions }],
        forgottenTopicsData: [],
        rackId: "",
      }, patient);
      for (const { partitionIndex, errorCode, records } of answer.responses[0]!.partitions) {
        if (errorCode !== 0) throw new Error(`Cannot read ${name}-${partitionIndex}: error ${errorCode}`);
        bytes += records?.length ?? 0;
      }
    });
  }
  return bytes;
}

/** A fetch of the ends of all partitions, in a session: `again` is what a consumer with nothing to read sends on and on. */
export async function openFetchSession(
  client: TestClient,
  topics: readonly Topic[],
): Promise<{ again(): Promise<void> }> {
  const request = {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1024 * 1024,
    isolationLevel: 0,
    forgottenTopicsData: [],
    rackId: "",
  };
  const ends = await offsetsOfAll(client, topics, -1);
  const first = await client.send(fetch, 12, {
    ...request,
    sessionId: 0,
    sessionEpoch: 0,
    topics: topics.map(({ name }) => ({
      topic: name,
      partitions: ends.get(name)!.map((fetchOffset, partition) => ({
        partition,
        fetchOffset,
        partitionMaxBytes: 65_536,
      })),
    })),
  }, patient);
  if (first.errorCode !== 0 || first.sessionId === 0) throw new Error(`No fetch session: error ${first.errorCode}`);
  let sessionEpoch = 0;
  return {
    async again() {
      const { sessionId } = first;
      sessionEpoch++;
      const { errorCode } = await client.send(fetch, 12, { ...request, sessionId, sessionEpoch, topics: [] }, patient);
      if (errorCode !== 0) throw new Error(`The fetch session ended: error ${errorCode}`);
    },
  };
}

/** ListOffsets of all partitions in one request. */
export async function offsetsOfAll(
  client: TestClient,
  topics: readonly Topic[],
  timestamp: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const answer = await client.send(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: topics.map(({ name, partitionCount }) => ({
      name,
      partitions: Array.from({ length: partitionCount }, (_, partitionIndex) => ({ partitionIndex, timestamp })),
    })),
  }, patient);
  return new Map(answer.topics.map(({ name, partitions }) => [name, partitions.map(({ offset }) => offset)]));
}

/** Metadata of all topics; returns how many partitions it told of. */
export async function metadataOfAll(client: TestClient): Promise<number> {
  const { topics } = await client.send(metadata, 9, { topics: null, allowAutoTopicCreation: false }, patient);
  return topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
}

/** Runs `work` over [0, total) in parts, some at a time. */
async function inChunks(total: number, work: (first: number, count: number) => Promise<void>): Promise<void> {
  let next = 0;
  const workers = Array.from({ length: REQUESTS_UNDER_WAY }, async () => {
    while (next < total) {
      const first = next;
      const count = Math.min(PARTITIONS_PER_REQUEST, total - first);
      next += count;
      await work(first, count);
    }
  });
  await Promise.all(workers);
}
