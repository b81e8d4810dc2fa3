/** Fetch sessions (KIP-227): epochs, what an incremental answer says and leaves out, and how sessions end. */

import { createPartitions } from "../../../protocol/api/37_create_partitions.ts";
import { deleteTopics } from "../../../protocol/api/20_delete_topics.ts";
import { fetch, type FetchRequestDraft, type FetchResponse } from "../../../protocol/api/01_fetch.ts";
import { metadata } from "../../../protocol/api/03_metadata.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { batch } from "./batches.ts";

interface Topic {
  readonly name: string;
  readonly topicId: string;
}

type Place = readonly [topic: Topic, partition: number, fetchOffset: number];

const unknownId = "AAAAAAAAAAAAAAAAAAABcQ";

export async function sessionsAnswers(dialogue: Dialogue): Promise<void> {
  await epochs(dialogue);
  for (const version of [7, 12, 13, 18]) await contents(dialogue, version);
  await changes(dialogue);
}

function request(
  sessionId: number,
  sessionEpoch: number,
  places: readonly Place[] = [],
  forgotten: readonly Place[] = [],
): FetchRequestDraft {
  return {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 10_000_000,
    sessionId,
    sessionEpoch,
    topics: byTopic(places).map(({ topic, group }) => ({
      topic: topic.name,
      topicId: topic.topicId,
      partitions: group.map(([, partition, fetchOffset]) => ({ partition, fetchOffset, partitionMaxBytes: 1_000_000 })),
    })),
    forgottenTopicsData: byTopic(forgotten).map(({ topic, group }) => ({
      topic: topic.name,
      topicId: topic.topicId,
      partitions: group.map(([, partition]) => partition),
    })),
  };
}

function byTopic(places: readonly Place[]) {
  const topics = [...new Set(places.map(([topic]) => topic))];
  return topics.map((topic) => ({ topic, group: places.filter((place) => place[0] === topic) }));
}

/** The answer with the session's id replaced by whether there is one. */
function view({ errorCode, sessionId, responses }: FetchResponse): unknown {
  const partitions = responses.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition) => ({ ...(topic === "" ? { topicId } : { topic }), ...partition }))
  );
  return { errorCode, session: sessionId === 0 ? 0 : "one", partitions: partitions.map(brief) };
}

function brief(partition: FetchResponse["responses"][number]["partitions"][number] & { topic?: string }) {
  const { partitionIndex, errorCode, highWatermark, logStartOffset, records, ...rest } = partition;
  const topic = "topicId" in rest ? { topicId: rest.topicId } : { topic: rest.topic };
  return { ...topic, partitionIndex, errorCode, highWatermark, logStartOffset, records };
}

async function send(dialogue: Dialogue, topic: Topic, index: number, count: number): Promise<void> {
  await (await dialogue.main()).send(produce, 13, {
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ ...topic, partitionData: [{ index, records: batch(count) }] }],
  });
}

async function epochs(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("session-epochs");
  const ask = (label: string, draft: FetchRequestDraft, version = 13) =>
    dialogue.ask(label, fetch, version, draft, { view });
  const at: Place = [topic, 0, 0];
  await ask("no session", request(0, -1, [at]));
  await ask("id 0, epoch 1", request(0, 1, [at]));
  await ask("id 0, epoch -2", request(0, -2, [at]));
  await ask("an unknown id, epoch 1", request(77, 1, [at]));
  await ask("an unknown id, epoch 0", request(77, 0, [at]));
  await ask("an unknown id, epoch -1", request(77, -1, [at]));
  await ask("a session of nothing", request(0, 0));
  const first = await ask("a session", request(0, 0, [at]));
  const id = first?.sessionId ?? 0;
  await ask("epoch 2 first", request(id, 2));
  await ask("then epoch 1", request(id, 1));
  await ask("epoch 1 twice", request(id, 1));
  await ask("then epoch 2", request(id, 2));
  await ask("epoch -5", request(id, -5));
  await ask("names in a session of ids", request(id, 3), 12);
  await ask("epoch 3 after that", request(id, 3));
  await ask("forgetting all there is", request(id, 4, [], [at]));
  await ask("then epoch 5", request(id, 5));
  await ask("then epoch 1 with a partition", request(id, 1, [at]));
  const second = await ask("a second session", request(0, 0, [at]));
  const renewed = await ask("a session renewed", request(second?.sessionId ?? 0, 0, [at]));
  dialogue.note("a session renewed has another id", renewed?.sessionId !== second?.sessionId);
  await ask("the session before it", request(second?.sessionId ?? 0, 1));
  await ask("the last fetch of a session", request(renewed?.sessionId ?? 0, -1, [at]));
  await ask("after the last", request(renewed?.sessionId ?? 0, 1));
}

async function contents(dialogue: Dialogue, version: number): Promise<void> {
  const one = await dialogue.topic(`session-one-${version}`, { partitionCount: 3 });
  const two = await dialogue.topic(`session-two-${version}`);
  await send(dialogue, one, 0, 2);
  await send(dialogue, one, 1, 3);
  const started = await dialogue.ask(
    `v${version}: all partitions`,
    fetch,
    version,
    request(0, 0, [
      [one, 0, 0],
      [one, 1, 3],
      [one, 2, 0],
      [two, 0, 0],
    ]),
    { view },
  );
  const id = started?.sessionId ?? 0;
  let epoch = 0;
  const ask = (label: string, places: readonly Place[] = [], forgotten: readonly Place[] = []) =>
    dialogue.ask(`v${version}: ${label}`, fetch, version, request(id, ++epoch, places, forgotten), { view });
  await ask("still at the same place");
  await ask("moved on", [[one, 0, 2]]);
  await ask("nothing new");
  await send(dialogue, two, 0, 1);
  await send(dialogue, one, 2, 1);
  await ask("two have news");
  await ask("they still have it, in another order");
  await ask("one of them read", [[two, 0, 1]]);
  await ask("an offset out of range", [[one, 0, 50]]);
  await ask("still out of range");
  await ask("in range again", [[one, 0, 2]]);
  await ask("one forgotten", [], [[one, 2, 0]]);
  await ask("forgotten twice", [], [[one, 2, 0]]);
  await ask("forgotten and added at once", [[one, 2, 0]], [[one, 2, 0]]);
  await ask("added again", [[one, 2, 0]]);
  await ask("an unknown topic", [[{ name: dialogue.named("missing"), topicId: unknownId }, 0, 0]]);
  await ask("an unknown topic still");
  await ask("an unknown topic forgotten", [], [[{ name: dialogue.named("missing"), topicId: unknownId }, 0, 0]]);
  await ask("an unknown partition", [[one, 3, 0]]);
  await ask("an unknown partition still");
  await (await dialogue.main()).send(createPartitions, 3, {
    topics: [{ name: one.name, count: 4, assignments: null }],
    timeoutMs: 5_000,
    validateOnly: false,
  });
  await until(async () => {
    const place: Place = [one, 3, 0];
    const { responses } = await (await dialogue.main()).send(fetch, 12, request(0, -1, [place]));
    return responses[0]?.partitions[0]?.errorCode === ErrorCode.NONE;
  });
  await ask("an unknown partition that came to be");
}

/** A topic goes while a session reads it, and one of its name comes back. */
async function changes(dialogue: Dialogue): Promise<void> {
  for (const version of [12, 13]) {
    const name = `session-deleted-${version}`;
    const topic = await dialogue.topic(name);
    await send(dialogue, topic, 0, 2);
    const started = await dialogue.ask(
      `v${version}: before it is deleted`,
      fetch,
      version,
      request(0, 0, [[topic, 0, 2]]),
      {
        view,
      },
    );
    const id = started?.sessionId ?? 0;
    const client = await dialogue.main();
    await client.send(deleteTopics, 5, { topicNames: [topic.name], timeoutMs: 5_000 });
    await until(async () => {
      const { topics } = await client.send(metadata, 12, {
        topics: [{ name: topic.name }],
        allowAutoTopicCreation: false,
      });
      return topics[0]?.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    });
    await dialogue.ask(`v${version}: deleted`, fetch, version, request(id, 1), { view });
    await dialogue.ask(`v${version}: deleted still`, fetch, version, request(id, 2), { view });
    const again = await dialogue.topic(name);
    await send(dialogue, again, 0, 1);
    await dialogue.ask(`v${version}: made again`, fetch, version, request(id, 3), { view });
    await dialogue.ask(`v${version}: made again and asked for`, fetch, version, request(id, 4, [[again, 0, 0]]), {
      view,
    });
  }
}
