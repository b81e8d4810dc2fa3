/** Records and where they are: Produce, Fetch, ListOffsets, DeleteRecords, OffsetForLeaderEpoch, DescribeProducers. */

import { deleteRecords } from "../../../../protocol/api/21_delete_records.ts";
import { describeProducers } from "../../../../protocol/api/61_describe_producers.ts";
import { fetch, type FetchRequestDraft } from "../../../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../../../protocol/api/02_list_offsets.ts";
import { offsetForLeaderEpoch } from "../../../../protocol/api/23_offset_for_leader_epoch.ts";
import { produce } from "../../../../protocol/api/00_produce.ts";
import { batch } from "../../answers/batches.ts";
import { type Topic, Transactor } from "../../answers/transactor.ts";
import { type Base, base } from "../base.ts";
import type { Talk } from "../talk.ts";
import { append } from "../world.ts";

const wholeFetch = { maxWaitMs: 100, minBytes: 1, forgottenTopicsData: [] };

export const recordBases: readonly Base[] = [
  base(produce, "records without a producer's id", {
    versions: [3, 13],
    prepare: (talk) => talk.dialogue.topic("written", { partitionCount: 2 }),
    draft: (topic) => sending(topic, batch(3)),
    probe: ends,
  }),
  base(produce, "records of an idempotent producer", {
    versions: [3, 13],
    prepare: async (talk) => {
      const topic = await talk.dialogue.topic("idempotent", { partitionCount: 2 });
      const producerId = await talk.dialogue.producerId();
      await append(talk.dialogue, topic, 0, batch(2, { producerId, producerEpoch: 0, baseSequence: 0 }));
      return { ...topic, producerId };
    },
    draft: ({ producerId, ...topic }) => sending(topic, batch(2, { producerId, producerEpoch: 0, baseSequence: 2 })),
    probe: ends,
  }),
  base(produce, "records in a transaction", {
    versions: [3, 13],
    // Those that are verified together are all refused in the words of the first one's version.
    isAlone: true,
    prepare: async (talk) => {
      const topic = await talk.dialogue.topic("transactional", { partitionCount: 2 });
      return { ...topic, writer: await Transactor.of(talk.dialogue, "writer", topic) };
    },
    draft: ({ writer: { producerId, producerEpoch, transactionalId }, ...topic }) => {
      const records = batch(2, { producerId, producerEpoch, baseSequence: 0, isTransactional: true });
      return { ...sending(topic, records), transactionalId };
    },
    probe: ends,
  }),
  base(produce, "records without keys to a compacted topic", {
    versions: [3, 13],
    draft: (_, { world }) => sending(world.compacted, batch(1)),
  }),
  base(fetch, "from the start", {
    draft: (_, { world }) => reading([[world.plain, [[0, 0], [1, 0], [2, 0]]]]),
  }),
  base(fetch, "committed records", {
    draft: (_, { world }) => ({ ...reading([[world.transacted, [[0, 0], [1, 0]]]]), isolationLevel: 1 }),
  }),
  base(fetch, "what was deleted, of two topics", {
    draft: (_, { world }) => reading([[world.cut, [[0, 2]]], [world.empty, [[0, 0]]]]),
  }),
  base(fetch, "a new session", {
    versions: [7, 18],
    draft: (_, { world }) => ({ ...reading([[world.plain, [[0, 10]]]]), sessionEpoch: 0 }),
  }),
  base(fetch, "a session that goes on", {
    versions: [7, 18],
    prepare: async ({ world, dialogue }) => {
      const first = { ...reading([[world.plain, [[0, 10], [1, 0]]]]), sessionEpoch: 0 };
      return (await (await dialogue.main()).send(fetch, 12, first)).sessionId;
    },
    draft: (sessionId, { world }) => ({
      ...reading([[world.plain, [[1, 2]]]]),
      sessionId,
      sessionEpoch: 1,
      forgottenTopicsData: [{ topic: world.plain.name, topicId: world.plain.topicId, partitions: [0] }],
    }),
  }),
  base(listOffsets, "the end", {
    draft: (_, { world }) => asking(world.plain, -1),
  }),
  base(listOffsets, "the start of what was deleted", {
    draft: (_, { world }) => asking(world.cut, -2),
  }),
  base(listOffsets, "the end for readers of committed records", {
    draft: (_, { world }) => ({ ...asking(world.transacted, -1), isolationLevel: 1 }),
  }),
  base(offsetForLeaderEpoch, "the first epoch", {
    draft: (_, { world }) => ({
      replicaId: -2,
      topics: [{ topic: world.plain.name, partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] }],
    }),
  }),
  base(deleteRecords, "some", {
    prepare: async ({ dialogue }) => {
      const topic = await dialogue.topic("shortened", { partitionCount: 2 });
      await append(dialogue, topic, 0, batch(10));
      return topic;
    },
    draft: ({ name }) => ({ topics: [{ name, partitions: [{ partitionIndex: 0, offset: 4 }] }], timeoutMs: 5_000 }),
    probe: ends,
  }),
  base(describeProducers, "one that was there", {
    draft: (_, { world }) => ({ topics: [{ name: world.plain.name, partitionIndexes: [1] }] }),
  }),
  base(describeProducers, "one in a transaction", {
    draft: (_, { world }) => ({ topics: [{ name: world.transacted.name, partitionIndexes: [0, 1] }] }),
  }),
];

function sending(topic: Topic, records: Uint8Array) {
  return {
    transactionalId: null,
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ ...topic, partitionData: [{ index: 0, records }] }],
  };
}

type Place = readonly [partition: number, fetchOffset: number];

function reading(topics: readonly (readonly [Topic, readonly Place[]])[]): FetchRequestDraft {
  return {
    ...wholeFetch,
    topics: topics.map(([{ name, topicId }, places]) => ({
      topic: name,
      topicId,
      partitions: places.map(([partition, fetchOffset]) => ({ partition, fetchOffset, partitionMaxBytes: 1_000_000 })),
    })),
  };
}

function asking({ name }: Topic, timestamp: number) {
  return {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }],
    timeoutMs: 5_000,
  };
}

/** How far both partitions of a topic go. */
async function ends(talk: Talk, { name }: Topic): Promise<void> {
  const partitions = [-1, -2].flatMap((timestamp) => [0, 1].map((partitionIndex) => ({ partitionIndex, timestamp })));
  for (const timestamp of [-2, -1]) {
    await talk.ask(timestamp === -1 ? "its ends" : "its starts", listOffsets, 6, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name, partitions: partitions.filter((partition) => partition.timestamp === timestamp) }],
    });
  }
}
