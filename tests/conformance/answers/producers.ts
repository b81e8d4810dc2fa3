/** Idempotent producers: ids, epochs, sequences, and what happens when they do not follow on each other. */

import { fetch } from "../../../protocol/api/01_fetch.ts";
import { initProducerId } from "../../../protocol/api/22_init_producer_id.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { batch, edited } from "./batches.ts";
import { fetched, produced } from "./views.ts";

const sequenceMax = 0x7fffffff;

export async function producersAnswers(dialogue: Dialogue): Promise<void> {
  await initProducerIds(dialogue);
  await sequences(dialogue);
  await epochs(dialogue);
  await strangers(dialogue);
  await wrapAround(dialogue);
}

async function initProducerIds(dialogue: Dialogue): Promise<void> {
  await dialogue.producerId(); // once one is given, others are at once
  const plain = { transactionalId: null, transactionTimeoutMs: 60_000 };
  await dialogue.askEach("a new id", initProducerId, [0, 5], () => plain, {
    view: ({ errorCode, producerId, producerEpoch }) => ({ errorCode, isGiven: producerId >= 0, producerEpoch }),
  });
  const odd = {
    "an id and epoch it had": { ...plain, producerId: 4_711, producerEpoch: 3 },
    "an id without epoch": { ...plain, producerId: 4_711 },
    "an epoch without id": { ...plain, producerEpoch: 3 },
    "a timeout of 0": { ...plain, transactionTimeoutMs: 0 },
    "a negative timeout": { ...plain, transactionTimeoutMs: -1 },
    "an empty transactional id": { ...plain, transactionalId: "" },
  };
  for (const [label, draft] of Object.entries(odd)) {
    await dialogue.askEach(label, initProducerId, [3, 5], () => draft, {
      view: ({ errorCode, producerId, producerEpoch }) => ({
        errorCode,
        id: producerId < 0 ? producerId : producerId === 4_711 ? "the same" : "another",
        producerEpoch,
      }),
    });
  }
}

/** One producer of one partition; every batch says what it is. */
async function producer(dialogue: Dialogue, name: string) {
  const topic = await dialogue.topic(name, { configs: { "segment.bytes": "1048576" } });
  const producerId = await dialogue.producerId();
  return {
    topic,
    producerId,
    send: (
      label: string,
      count: number,
      baseSequence: number,
      { producerEpoch = 0, id = producerId, version = 13 } = {},
    ) =>
      dialogue.ask(label, produce, version, {
        acks: -1,
        timeoutMs: 5_000,
        topicData: [{
          ...topic,
          partitionData: [{ index: 0, records: batch(count, { producerId: id, producerEpoch, baseSequence }) }],
        }],
      }, { view: produced }),
    read: (label: string) =>
      dialogue.ask(label, fetch, 12, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 10_000_000,
        topics: [{ topic: topic.name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000_000 }] }],
        forgottenTopicsData: [],
      }, { view: fetched }),
  };
}

async function sequences(dialogue: Dialogue): Promise<void> {
  const { send, read } = await producer(dialogue, "sequences");
  await send("first batch, sequence 0-2", 3, 0);
  await send("the same again", 3, 0);
  await send("next batch, 3-4", 2, 3);
  await send("the first again after the next", 3, 0);
  await send("a gap, 7", 1, 7);
  await send("a batch that overlaps its end, 4-5", 2, 4);
  await send("part of the last one, 3", 1, 3);
  await send("the last and one more, 3-5", 3, 3);
  await send("5", 1, 5);
  await send("6", 1, 6);
  await send("7 in its turn", 1, 7);
  await send("8", 1, 8);
  await send("the first again, six batches ago", 3, 0);
  await send("the second again, five batches ago", 2, 3);
  await send("back to 0 in the same epoch", 1, 0);
  await send("the last again, v3", 1, 8, { version: 3 });
  await send("a gap, v3", 1, 20, { version: 3 });
  await send("a gap, v8", 1, 20, { version: 8 });
  await read("what the sequences left");
}

async function epochs(dialogue: Dialogue): Promise<void> {
  const { send, read } = await producer(dialogue, "epochs");
  await send("epoch 0", 2, 0);
  await send("epoch 2 from sequence 1", 1, 1, { producerEpoch: 2 });
  await send("epoch 2 from 0", 2, 0, { producerEpoch: 2 });
  await send("epoch 2 again", 2, 0, { producerEpoch: 2 });
  await send("epoch 1 after 2", 1, 0, { producerEpoch: 1 });
  await send("epoch 1 after 2, its sequence next", 1, 2, { producerEpoch: 1 });
  await send("epoch 0 again, a duplicate then", 2, 0);
  await send("epoch 2 goes on", 1, 2, { producerEpoch: 2 });
  await send("epoch 32767", 1, 0, { producerEpoch: 32_767 });
  await send("epoch 1 after 32767, v3", 1, 0, { producerEpoch: 1, version: 3 });
  await read("what the epochs left");
}

async function strangers(dialogue: Dialogue): Promise<void> {
  const { send, read } = await producer(dialogue, "strangers");
  await send("an unknown id from 0", 2, 0, { id: 800_001 });
  await send("an unknown id from 5", 2, 5, { id: 800_002 });
  await send("it goes on", 2, 7, { id: 800_002 });
  await send("an unknown id of epoch 4 from 0", 1, 0, { id: 800_003, producerEpoch: 4 });
  await send("an unknown id of epoch 4 from 9", 1, 9, { id: 800_004, producerEpoch: 4 });
  await send("the largest id", 1, 0, { id: Number.MAX_SAFE_INTEGER });
  const other = await producer(dialogue, "strangers-compacted");
  await other.send("a known id on another partition from 3", 1, 3);
  await read("what the strangers left");
}

async function wrapAround(dialogue: Dialogue): Promise<void> {
  const { send, read, producerId, topic } = await producer(dialogue, "wrap-around");
  await send("up to the last but one", 1, sequenceMax - 1);
  await send("over the last", 3, sequenceMax);
  await send("over the last again", 3, sequenceMax);
  await send("on at 2", 1, 2);
  await send("back at the last", 1, sequenceMax);
  await send("at 3", 1, 3);
  const spread = edited(batch(2, { producerId, producerEpoch: 0, baseSequence: 4 }), {
    lastOffsetDelta: 5,
    recordCount: 2,
  });
  await dialogue.ask("fewer records than sequences", produce, 13, {
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ ...topic, partitionData: [{ index: 0, records: spread }] }],
  }, { view: produced });
  await read("what the wrap-around left");
}
