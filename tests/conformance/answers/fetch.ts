/** Fetch without sessions: offsets, limits, isolation, epochs, and places that are not there. */

import { deleteRecords } from "../../../protocol/api/21_delete_records.ts";
import { fetch, type FetchRequestDraft } from "../../../protocol/api/01_fetch.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { batch, utf8 } from "./batches.ts";

interface Topic {
  readonly name: string;
  readonly topicId: string;
}

interface Asked {
  readonly partition?: number;
  readonly fetchOffset?: number;
  readonly partitionMaxBytes?: number;
  readonly currentLeaderEpoch?: number;
  readonly lastFetchedEpoch?: number;
  readonly logStartOffset?: number;
}

const unknownId = "AAAAAAAAAAAAAAAAAAABcQ";

export async function fetchAnswers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("fetched", { partitionCount: 3 });
  const client = await dialogue.main();
  for (let round = 0; round < 5; round++) {
    await client.send(produce, 13, {
      acks: -1,
      timeoutMs: 5_000,
      topicData: [{ ...topic, partitionData: [{ index: 0, records: batch(2) }, { index: 1, records: batch(3) }] }],
    });
  }
  await client.send(deleteRecords, 2, {
    topics: [{ name: topic.name, partitions: [{ partitionIndex: 1, offset: 4 }] }],
    timeoutMs: 5_000,
  });
  await everyVersion(dialogue, topic);
  await packed(dialogue);
  await offsets(dialogue, topic);
  await limits(dialogue, topic);
  await epochs(dialogue, topic);
  await places(dialogue, topic);
}

/** A topic kept in zstd, which clients know since v10. */
async function packed(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("packed", { configs: { "compression.type": "zstd" } });
  const client = await dialogue.main();
  const topicData = [{ ...topic, partitionData: [{ index: 0, records: batch(2) }] }];
  await client.send(produce, 13, { acks: -1, timeoutMs: 5_000, topicData });
  await dialogue.askEach("kept in zstd", fetch, [4, 18], () => request(topic, [{}]));
  await dialogue.askEach("kept in zstd, at the end", fetch, [9, 10], () => request(topic, [{ fetchOffset: 2 }]));
  await dialogue.askEach("kept in zstd, past the end", fetch, [9, 10], () => request(topic, [{ fetchOffset: 3 }]));
  await dialogue.askEach("kept in zstd, no such partition", fetch, [9, 10], () => request(topic, [{ partition: 7 }]));
  const epoch = { currentLeaderEpoch: 9 };
  await dialogue.askEach("kept in zstd, an epoch to come", fetch, [9, 10], () => request(topic, [epoch]));
}

function request(topic: Topic, asked: readonly Asked[], more: Partial<FetchRequestDraft> = {}): FetchRequestDraft {
  const partitions = asked.map((one) => ({ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000, ...one }));
  return {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 10_000_000,
    topics: [{ topic: topic.name, topicId: topic.topicId, partitions }],
    forgottenTopicsData: [],
    ...more,
  };
}

async function everyVersion(dialogue: Dialogue, topic: Topic): Promise<void> {
  await dialogue.askEach("one partition", fetch, [4, 18], () => request(topic, [{ fetchOffset: 8 }]));
  await dialogue.askEach(
    "read committed",
    fetch,
    [4, 18],
    () => request(topic, [{ fetchOffset: 8 }], { isolationLevel: 1 }),
  );
  await dialogue.askEach("at the end", fetch, [4, 18], () => request(topic, [{ fetchOffset: 10 }]));
  await dialogue.askEach("past the end", fetch, [4, 18], () => request(topic, [{ fetchOffset: 11 }]));
  await dialogue.askEach("no topics", fetch, [4, 18], () => ({ ...request(topic, []), topics: [] }));
  await dialogue.askEach("no partitions", fetch, [4, 18], () => request(topic, []));
  const missing = { name: dialogue.named("missing"), topicId: unknownId };
  await dialogue.askEach("an unknown topic", fetch, [4, 18], () => request(missing, [{}]));
  await dialogue.askEach("an unknown partition", fetch, [4, 18], () => request(topic, [{ partition: 7 }]));
}

async function offsets(dialogue: Dialogue, topic: Topic): Promise<void> {
  const places: Record<string, Asked> = {
    "in the middle of a batch": { fetchOffset: 7 },
    "the last record": { fetchOffset: 9 },
    "an offset of -1": { fetchOffset: -1 },
    "an offset of -5": { fetchOffset: -5 },
    "far past the end": { fetchOffset: 1e15 },
    "before the log's start": { partition: 1, fetchOffset: 0 },
    "just before the log's start": { partition: 1, fetchOffset: 3 },
    "the log's start, in the middle of a batch": { partition: 1, fetchOffset: 4 },
    "the log's start": { partition: 1, fetchOffset: 6, partitionMaxBytes: 1 },
    "an empty partition": { partition: 2 },
    "an empty partition at 1": { partition: 2, fetchOffset: 1 },
    "a log start offset from a consumer": { fetchOffset: 9, logStartOffset: 5 },
  };
  for (const [label, asked] of Object.entries(places)) {
    await dialogue.ask(label, fetch, 12, request(topic, [asked]));
  }
  await dialogue.ask(
    "read committed, out of range",
    fetch,
    12,
    request(topic, [{ fetchOffset: 50 }], {
      isolationLevel: 1,
    }),
  );
  await dialogue.ask(
    "read committed, an empty partition",
    fetch,
    12,
    request(topic, [{ partition: 2 }], {
      isolationLevel: 1,
    }),
  );
  await dialogue.ask("isolation level 2", fetch, 12, request(topic, [{ fetchOffset: 9 }], { isolationLevel: 2 }));
  await dialogue.ask("isolation level -1", fetch, 12, request(topic, [{ fetchOffset: 9 }], { isolationLevel: -1 }));
}

async function limits(dialogue: Dialogue, topic: Topic): Promise<void> {
  const one = batch(2).length;
  const both = [{ partition: 0 }, { partition: 1, fetchOffset: 6 }];
  await dialogue.ask("partition max bytes 0", fetch, 12, request(topic, [{ partitionMaxBytes: 0 }]));
  await dialogue.ask("partition max bytes 1", fetch, 12, request(topic, [{ partitionMaxBytes: 1 }]));
  await dialogue.ask("partition max bytes -1", fetch, 12, request(topic, [{ partitionMaxBytes: -1 }]));
  await dialogue.ask("partition max bytes of a batch", fetch, 12, request(topic, [{ partitionMaxBytes: one }]));
  await dialogue.ask("a byte more", fetch, 12, request(topic, [{ partitionMaxBytes: one + 1 }]));
  await dialogue.ask("of two batches", fetch, 12, request(topic, [{ partitionMaxBytes: 2 * one }]));
  await dialogue.ask("of two batches less a byte", fetch, 12, request(topic, [{ partitionMaxBytes: 2 * one - 1 }]));
  await dialogue.ask("max bytes 0", fetch, 12, request(topic, both, { maxBytes: 0 }));
  await dialogue.ask("max bytes 1", fetch, 12, request(topic, both, { maxBytes: 1 }));
  await dialogue.ask("max bytes -1", fetch, 12, request(topic, both, { maxBytes: -1 }));
  await dialogue.ask("max bytes of three batches", fetch, 12, request(topic, both, { maxBytes: 3 * one }));
  await dialogue.ask("max bytes of all of the first", fetch, 12, request(topic, both, { maxBytes: 5 * one }));
  await dialogue.ask("max bytes of the first and some", fetch, 12, request(topic, both, { maxBytes: 5 * one + 80 }));
  await dialogue.ask(
    "small limits on the second",
    fetch,
    12,
    request(topic, [
      { partition: 2 },
      { partition: 0, partitionMaxBytes: 1 },
      { partition: 1, fetchOffset: 6, partitionMaxBytes: 1 },
    ]),
  );
  await dialogue.ask("min bytes that are there", fetch, 12, request(topic, [{}], { minBytes: one, maxWaitMs: 3_000 }));
  await dialogue.ask(
    "min bytes that never come",
    fetch,
    12,
    request(topic, [{ fetchOffset: 8 }], {
      minBytes: 100_000,
      maxWaitMs: 100,
    }),
  );
  await dialogue.ask(
    "min bytes over max bytes",
    fetch,
    12,
    request(topic, [{ fetchOffset: 8 }], {
      minBytes: 5_000,
      maxBytes: 100,
      maxWaitMs: 100,
    }),
  );
  await dialogue.ask(
    "a negative wait",
    fetch,
    12,
    request(topic, [{ fetchOffset: 10 }], { minBytes: 1, maxWaitMs: -5 }),
  );
  await dialogue.ask(
    "a negative min bytes",
    fetch,
    12,
    request(topic, [{ fetchOffset: 10 }], {
      minBytes: -5,
      maxWaitMs: 3_000,
    }),
  );
  await dialogue.ask(
    "an error answers at once",
    fetch,
    12,
    request(topic, [{ fetchOffset: 50 }, { partition: 1 }], {
      minBytes: 100_000,
      maxWaitMs: 4_000,
    }),
  );
  await dialogue.ask("the same partition twice", fetch, 12, request(topic, [{ fetchOffset: 8 }, { fetchOffset: 4 }]));
  await longPoll(dialogue);
}

/** A fetch that waits is answered by what a producer sends meanwhile. */
async function longPoll(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("awaited");
  const client = await dialogue.main();
  const waiter = await dialogue.connect();
  const waits = waiter.send(fetch, 12, request(topic, [{}], { minBytes: 1, maxWaitMs: 5_000 }));
  const records = batch(1, { records: [{ timestamp: 1_700_000_000_000, value: utf8("at last") }] });
  await client.send(produce, 13, {
    acks: 1,
    timeoutMs: 5_000,
    topicData: [{ ...topic, partitionData: [{ index: 0, records }] }],
  });
  dialogue.note("what a long poll brings", await waits);
}

async function epochs(dialogue: Dialogue, topic: Topic): Promise<void> {
  const cases: Record<string, Asked> = {
    "leader epoch 0": { fetchOffset: 9, currentLeaderEpoch: 0 },
    "leader epoch 1": { fetchOffset: 9, currentLeaderEpoch: 1 },
    "leader epoch -2": { fetchOffset: 9, currentLeaderEpoch: -2 },
    "leader epoch 1 at an offset out of range": { fetchOffset: 90, currentLeaderEpoch: 1 },
    "leader epoch 1 of an unknown partition": { partition: 9, currentLeaderEpoch: 1 },
    "last fetched epoch 0": { fetchOffset: 9, lastFetchedEpoch: 0, currentLeaderEpoch: 0 },
    "last fetched epoch 0, no leader epoch": { fetchOffset: 9, lastFetchedEpoch: 0 },
    "last fetched epoch 0 at the end": { fetchOffset: 10, lastFetchedEpoch: 0 },
    "last fetched epoch 0 past the end": { fetchOffset: 12, lastFetchedEpoch: 0 },
    "last fetched epoch 5": { fetchOffset: 9, lastFetchedEpoch: 5 },
    "last fetched epoch -2": { fetchOffset: 9, lastFetchedEpoch: -2 },
    "last fetched epoch before the log's start": { partition: 1, fetchOffset: 0, lastFetchedEpoch: 0 },
    "last fetched epoch 0 of an empty partition": { partition: 2, lastFetchedEpoch: 0 },
    "last fetched epoch 0 of an empty partition, offset 3": { partition: 2, fetchOffset: 3, lastFetchedEpoch: 0 },
    "last fetched epoch 4 of an empty partition": { partition: 2, lastFetchedEpoch: 4 },
  };
  for (const [label, asked] of Object.entries(cases)) {
    await dialogue.ask(label, fetch, 13, request(topic, [asked]));
  }
  await dialogue.askEach(
    "a leader epoch from the future",
    fetch,
    [8, 18],
    () => request(topic, [{ currentLeaderEpoch: 3 }]),
  );
}

async function places(dialogue: Dialogue, topic: Topic): Promise<void> {
  const missing = { topic: dialogue.named("missing"), topicId: unknownId };
  const partitions = [{ partition: 0, fetchOffset: 8, partitionMaxBytes: 1_000_000 }];
  const here = { topic: topic.name, topicId: topic.topicId, partitions };
  const both = { ...request(topic, []), topics: [{ ...missing, partitions }, here] };
  await dialogue.askEach("unknown and known", fetch, [12, 13], () => both);
  await dialogue.askEach("no topic id", fetch, [13, 18], () => ({
    ...both,
    topics: [{ topicId: ZERO_UUID, partitions }, here],
  }));
  await dialogue.ask("an empty name", fetch, 12, { ...both, topics: [{ topic: "", partitions }] });
  await dialogue.ask("a negative partition", fetch, 12, request(topic, [{ partition: -1 }]));
  await dialogue.ask("topics in between", fetch, 13, {
    ...both,
    topics: [here, { ...missing, partitions }, {
      ...here,
      partitions: [{ partition: 2, fetchOffset: 0, partitionMaxBytes: 1 }],
    }],
  });
  for (const replicaId of [1, 5, -2, -3]) {
    await dialogue.askEach(
      `replica ${replicaId}`,
      fetch,
      [12, 18],
      (version) =>
        request(
          topic,
          [{ fetchOffset: 8 }],
          version < 15 ? { replicaId } : { replicaState: { replicaId, replicaEpoch: 1 } },
        ),
    );
  }
  await dialogue.ask("a rack", fetch, 13, request(topic, [{ fetchOffset: 9 }], { rackId: "here" }));
  await dialogue.ask("a cluster id", fetch, 13, request(topic, [{ fetchOffset: 9 }], { clusterId: "not this one" }));
}
