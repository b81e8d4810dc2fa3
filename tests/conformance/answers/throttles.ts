/**
 * How long a client over its limit is told to rest: Produce, Fetch, CreateTopics, CreatePartitions, DeleteTopics.
 *
 * What a client is told of its first request follows from what it sends, to the millisecond; later, time has passed.
 */

import { fetch, type FetchResponse } from "../../../protocol/api/01_fetch.ts";
import { produce, type ProduceResponse } from "../../../protocol/api/00_produce.ts";
import { createTopics, type CreateTopicsResponse } from "../../../protocol/api/19_create_topics.ts";
import { deleteTopics, type DeleteTopicsResponse } from "../../../protocol/api/20_delete_topics.ts";
import { createPartitions, type CreatePartitionsResponse } from "../../../protocol/api/37_create_partitions.ts";
import { alterClientQuotas } from "../../../protocol/api/49_alter_client_quotas.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import { type Dialogue, longAgoMs } from "../../support/dialogue.ts";
import { produceValues } from "../../support/requests.ts";
import { entry, settled } from "./quotas.ts";

type Entity = Readonly<Record<string, string | null>>;

const sizeBytes = 20_000;

export async function throttlesAnswers(dialogue: Dialogue): Promise<void> {
  const { name } = await dialogue.topic("throttled");
  await producers(dialogue, name);
  await consumers(dialogue);
  await administrators(dialogue);
}

/** Exactly what the first request brings; beyond that roughly. */
function told(throttleTimeMs: number): number {
  const isFirst = throttleTimeMs < 11_000;
  return isFirst ? throttleTimeMs : Math.round(throttleTimeMs / 10_000) * 10_000;
}

async function limit(dialogue: Dialogue, entity: Entity, key: string, value: number | null): Promise<void> {
  const client = await dialogue.main();
  await client.send(alterClientQuotas, 1, { entries: [entry(entity, { [key]: value })], validateOnly: false });
  // When a later change can be seen, this one is kept.
  await settled(dialogue);
  await settled(dialogue);
}

function produceDraft(topic: string, acks = 1) {
  const records = encodeBatch({ records: [{ value: new Uint8Array(sizeBytes), timestamp: longAgoMs }] });
  return { acks, timeoutMs: 10_000, topicData: [{ name: topic, partitionData: [{ index: 0, records }] }] };
}

async function producers(dialogue: Dialogue, topic: string): Promise<void> {
  const key = "producer_byte_rate";
  const ask = async (label: string, clientId: string, version = 9) => {
    const client = await dialogue.connect(clientId);
    const view = ({ throttleTimeMs }: ProduceResponse) => ({ rests: told(throttleTimeMs) });
    await dialogue.ask(label, produce, version, produceDraft(topic), { client, view });
  };
  await ask("produced without a limit", "free");
  const entities: Readonly<Record<string, Entity>> = {
    "of a client id": { "client-id": "one" },
    "of the user": { user: "ANONYMOUS" },
    "of any user": { user: null },
    "of any client id": { "client-id": null },
    "of a client id of the user": { user: "ANONYMOUS", "client-id": "one" },
  };
  for (const [label, entity] of Object.entries(entities)) {
    await limit(dialogue, entity, key, 1_000);
    await ask(`produced, over the limit ${label}`, "one");
    await ask(`produced by another, over the limit ${label}`, "two");
    await limit(dialogue, entity, key, null);
  }
  await limit(dialogue, { "client-id": "old" }, key, 1_000);
  await ask("produced by an old version", "old", 3);
  await limit(dialogue, { "client-id": "old" }, key, null);
}

async function consumers(dialogue: Dialogue): Promise<void> {
  const full = await dialogue.topic("slow");
  await produceValues(await dialogue.main(), { topic: full.name, partition: 0 }, ["x".repeat(sizeBytes)]);
  const view = ({ throttleTimeMs, sessionId, responses }: FetchResponse) => ({
    rests: throttleTimeMs,
    hasSession: sessionId !== 0,
    records: responses.map(({ partitions }) => partitions.map(({ records }) => (records?.length ?? 0) > 0)),
  });
  const draft = (version: number, sessionEpoch: number) => ({
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 10_000_000,
    sessionId: 0,
    sessionEpoch,
    topics: [{
      ...(version >= 13 ? { topicId: full.topicId } : { topic: full.name }),
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000_000 }],
    }],
  });
  for (const [version, sessionEpoch] of [[6, -1], [12, -1], [12, 0], [17, -1], [17, 0]] as const) {
    const clientId = `reader-${version}-${sessionEpoch}`;
    await limit(dialogue, { "client-id": clientId }, "consumer_byte_rate", 1_000);
    const client = await dialogue.connect(clientId);
    const label = `fetched, v${version}${sessionEpoch === 0 ? ", in a session" : ""}`;
    await dialogue.ask(label, fetch, version, draft(version, sessionEpoch), { client, view });
    await limit(dialogue, { "client-id": clientId }, "consumer_byte_rate", null);
  }
  await limit(dialogue, { "client-id": "quick" }, "consumer_byte_rate", 3_000);
  const client = await dialogue.connect("quick");
  await dialogue.ask("fetched within the limit", fetch, 12, draft(12, -1), { client, view });
  await limit(dialogue, { "client-id": "quick" }, "consumer_byte_rate", null);
}

function doomed(name: string, version: number) {
  return version < 6 ? { topicNames: [name] } : { topicNames: [], topics: [{ name, topicId: ZERO_UUID }] };
}

async function administrators(dialogue: Dialogue): Promise<void> {
  const key = "controller_mutation_rate";
  const made = (name: string, numPartitions: number) => ({
    topics: [{ name: dialogue.named(name), numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 10_000,
    validateOnly: false,
  });
  const seconds = (throttleTimeMs: number) => Math.ceil(throttleTimeMs / 1_000);
  const topics = ({ throttleTimeMs, topics }: CreateTopicsResponse) => ({
    rests: seconds(throttleTimeMs),
    topics: topics.map(({ errorCode }) => ({ errorCode })),
  });
  for (const [version, others] of [[5, [2, 4]], [7, [3, 6]]] as const) {
    const clientId = `admin-${version}`;
    const [growVersion, deleteVersion] = others;
    await limit(dialogue, { "client-id": clientId }, key, 1);
    const connect = () => dialogue.connect(clientId);
    const label = (what: string) => `${what}, ${version < 6 ? "old" : "new"} versions`;
    const first = made(`many-${version}`, 61);
    await dialogue.ask(label("created"), createTopics, version, first, { client: await connect(), view: topics });
    const second = made(`few-${version}`, 1);
    await dialogue.ask(label("created more"), createTopics, version, second, { client: await connect(), view: topics });
    await dialogue.ask(label("grown"), createPartitions, growVersion, {
      topics: [{ name: dialogue.named(`many-${version}`), count: 62, assignments: null }],
      timeoutMs: 10_000,
      validateOnly: false,
    }, {
      client: await connect(),
      view: ({ throttleTimeMs, results }: CreatePartitionsResponse) => ({
        rests: seconds(throttleTimeMs),
        topics: results.map(({ errorCode }) => ({ errorCode })),
      }),
    });
    await dialogue.ask(label("deleted"), deleteTopics, deleteVersion, {
      ...doomed(dialogue.named(`many-${version}`), deleteVersion),
      timeoutMs: 10_000,
    }, {
      client: await connect(),
      view: ({ throttleTimeMs, responses }: DeleteTopicsResponse) => ({
        rests: seconds(throttleTimeMs),
        topics: responses.map(({ errorCode }) => ({ errorCode })),
      }),
    });
    await limit(dialogue, { "client-id": clientId }, key, null);
  }
}
