/** Where things are in a log: ListOffsets, OffsetForLeaderEpoch, and DeleteRecords, which moves its start. */

import { deleteRecords } from "../../../protocol/api/21_delete_records.ts";
import { listOffsets } from "../../../protocol/api/02_list_offsets.ts";
import { offsetForLeaderEpoch } from "../../../protocol/api/23_offset_for_leader_epoch.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { type Dialogue, longAgoMs } from "../../support/dialogue.ts";
import { batch, utf8 } from "./batches.ts";

interface Topic {
  readonly name: string;
  readonly topicId: string;
}

export async function offsetsAnswers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("offsets", { partitionCount: 4 });
  // Partition 0: times go up and down. 1: no records. 2: records without time. 3: its start will be moved.
  for (const steps of [[0, 10, 20], [5, 50], [30, 40]]) {
    await send(
      dialogue,
      topic,
      0,
      steps.map((at) => longAgoMs + at),
    );
  }
  await send(dialogue, topic, 2, [-1, -1]);
  for (let round = 0; round < 3; round++) await send(dialogue, topic, 3, [longAgoMs + round, longAgoMs + round]);
  await everyTimestamp(dialogue, topic);
  await oddQuestions(dialogue, topic);
  await epochs(dialogue, topic);
  await movingTheStart(dialogue, topic);
}

async function send(dialogue: Dialogue, topic: Topic, index: number, times: readonly number[]): Promise<void> {
  const records = batch(1, { records: times.map((timestamp) => ({ timestamp, value: utf8("x") })) });
  await (await dialogue.main()).send(produce, 13, {
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ ...topic, partitionData: [{ index, records }] }],
  });
}

function question(topic: Topic, timestamp: number, { partition = 0, isolationLevel = 0, replicaId = -1 } = {}) {
  return {
    replicaId,
    isolationLevel,
    topics: [{ name: topic.name, partitions: [{ partitionIndex: partition, timestamp }] }],
    timeoutMs: 5_000,
  };
}

async function everyTimestamp(dialogue: Dialogue, topic: Topic): Promise<void> {
  const special = { "latest": -1, "earliest": -2, "max timestamp": -3, "earliest local": -4, "latest tiered": -5 };
  for (const [label, timestamp] of Object.entries({ ...special, "earliest pending upload": -6, "unheard of": -7 })) {
    await dialogue.askEach(label, listOffsets, [1, 11], () => question(topic, timestamp));
    await dialogue.ask(`${label} of nothing`, listOffsets, 11, question(topic, timestamp, { partition: 1 }));
    await dialogue.ask(`${label}, without times`, listOffsets, 11, question(topic, timestamp, { partition: 2 }));
    await dialogue.ask(`${label}, read committed`, listOffsets, 11, question(topic, timestamp, { isolationLevel: 1 }));
  }
  const times = {
    "0": 0,
    "the first": longAgoMs,
    "between records": longAgoMs + 3,
    "behind its first": longAgoMs + 20,
  };
  const later = { "in the second batch": longAgoMs + 21, "the last": longAgoMs + 50, "none so late": longAgoMs + 51 };
  for (const [label, timestamp] of Object.entries({ ...times, ...later, "far future": Number.MAX_SAFE_INTEGER })) {
    await dialogue.askEach(`by time, ${label}`, listOffsets, [1, 11], () => question(topic, timestamp));
  }
  await dialogue.ask("by time, nothing", listOffsets, 11, question(topic, 0, { partition: 1 }));
  await dialogue.ask("by time, without times", listOffsets, 11, question(topic, 0, { partition: 2 }));
}

async function oddQuestions(dialogue: Dialogue, topic: Topic): Promise<void> {
  const missing = { ...topic, name: dialogue.named("missing") };
  await dialogue.askEach("an unknown topic", listOffsets, [1, 11], () => question(missing, -1));
  await dialogue.askEach("an unknown partition", listOffsets, [1, 11], () => question(topic, -1, { partition: 9 }));
  await dialogue.ask("a negative partition", listOffsets, 11, question(topic, -1, { partition: -1 }));
  await dialogue.ask("a special timestamp of an unknown topic", listOffsets, 11, question(missing, -9));
  await dialogue.ask("isolation level 2", listOffsets, 11, question(topic, -1, { isolationLevel: 2 }));
  await dialogue.ask("a replica asks", listOffsets, 11, question(topic, -1, { replicaId: 5 }));
  await dialogue.ask("a debugger asks", listOffsets, 11, question(topic, -1, { replicaId: -2 }));
  await dialogue.ask("no topics", listOffsets, 11, { ...question(topic, -1), topics: [] });
  await dialogue.ask("no partitions", listOffsets, 11, {
    ...question(topic, -1),
    topics: [{ name: topic.name, partitions: [] }],
  });
  await dialogue.ask("a partition twice", listOffsets, 11, {
    ...question(topic, -1),
    topics: [{
      name: topic.name,
      partitions: [
        { partitionIndex: 0, timestamp: -1 },
        { partitionIndex: 0, timestamp: -2 },
      ],
    }],
  });
  const { topics } = question(topic, -1);
  const twice = { ...question(topic, -1), topics: [...topics, ...topics] };
  await dialogue.ask("a topic twice", listOffsets, 11, twice);
  await dialogue.ask("a topic twice, isolation level 2", listOffsets, 11, { ...twice, isolationLevel: 2 });
  for (const currentLeaderEpoch of [0, 1, -2]) {
    await dialogue.askEach(`leader epoch ${currentLeaderEpoch}`, listOffsets, [4, 11], () => ({
      ...question(topic, -1),
      topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, currentLeaderEpoch, timestamp: -1 }] }],
    }));
  }
}

async function epochs(dialogue: Dialogue, topic: Topic): Promise<void> {
  const ask = (label: string, partition: number, leaderEpoch: number, currentLeaderEpoch = -1, name = topic.name) =>
    dialogue.askEach(`epochs: ${label}`, offsetForLeaderEpoch, [2, 4], () => ({
      replicaId: -1,
      topics: [{ topic: name, partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] }],
    }));
  await ask("the present one", 0, 0);
  await ask("the next one", 0, 1);
  await ask("a far one", 0, 99);
  await ask("-1", 0, -1);
  await ask("-2", 0, -2);
  await ask("of an empty partition", 1, 0);
  await ask("the next of an empty partition", 1, 1);
  await ask("an unknown partition", 9, 0);
  await ask("an unknown topic", 0, 0, -1, dialogue.named("missing"));
  await ask("leader epoch 0", 0, 0, 0);
  await ask("leader epoch 1", 0, 0, 1);
  await ask("leader epoch -2", 0, 0, -2);
  await dialogue.ask("epochs: none", offsetForLeaderEpoch, 4, { replicaId: -1, topics: [] });
  await dialogue.ask("epochs: a debugger asks", offsetForLeaderEpoch, 4, {
    replicaId: -2,
    topics: [{ topic: topic.name, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
  });
}

async function movingTheStart(dialogue: Dialogue, topic: Topic): Promise<void> {
  const draft = (offset: number, partitionIndex = 3, name = topic.name) => ({
    topics: [{ name, partitions: [{ partitionIndex, offset }] }],
    timeoutMs: 5_000,
  });
  await dialogue.askEach("delete records: past the end", deleteRecords, [0, 2], () => draft(7));
  await dialogue.askEach("delete records: -2", deleteRecords, [0, 2], () => draft(-2));
  await dialogue.askEach(
    "delete records: an unknown topic",
    deleteRecords,
    [0, 2],
    () => draft(0, 0, dialogue.named("missing")),
  );
  await dialogue.askEach("delete records: an unknown partition", deleteRecords, [0, 2], () => draft(0, 9));
  await dialogue.ask("delete records: of nothing", deleteRecords, 2, draft(0, 1));
  await dialogue.ask("delete records: all of nothing", deleteRecords, 2, draft(-1, 1));
  await dialogue.ask("delete records: 1 of nothing", deleteRecords, 2, draft(1, 1));
  await dialogue.askEach("delete records: before 3", deleteRecords, [0, 2], () => draft(3));
  await dialogue.ask("delete records: back to 1", deleteRecords, 2, draft(1));
  for (const timestamp of [-1, -2, -3, -4, longAgoMs, longAgoMs + 1]) {
    const label = timestamp < 0 ? timestamp : `longAgo + ${timestamp - longAgoMs}`;
    await dialogue.ask(`after 3: ${label}`, listOffsets, 11, question(topic, timestamp, { partition: 3 }));
  }
  await dialogue.ask("epochs after 3", offsetForLeaderEpoch, 4, {
    replicaId: -1,
    topics: [{ topic: topic.name, partitions: [{ partition: 3, leaderEpoch: 0 }] }],
  });
  await dialogue.ask("delete records: all", deleteRecords, 2, draft(-1));
  for (const timestamp of [-1, -2, -3, -4, longAgoMs]) {
    const label = timestamp < 0 ? timestamp : "longAgo";
    await dialogue.ask(`after all: ${label}`, listOffsets, 11, question(topic, timestamp, { partition: 3 }));
  }
  await dialogue.ask("epochs after all", offsetForLeaderEpoch, 4, {
    replicaId: -1,
    topics: [{ topic: topic.name, partitions: [{ partition: 3, leaderEpoch: 0 }] }],
  });
  await dialogue.ask("delete records: several", deleteRecords, 2, {
    topics: [{
      name: topic.name,
      partitions: [{ partitionIndex: 0, offset: 2 }, { partitionIndex: 2, offset: 9 }, {
        partitionIndex: 0,
        offset: 1,
      }],
    }],
    timeoutMs: 5_000,
  }, {
    view: ({ topics }) =>
      topics.map(({ partitions }) => [...partitions].sort((a, b) => b.partitionIndex - a.partitionIndex)),
  });
  await dialogue.ask("delete records: nothing", deleteRecords, 2, { topics: [], timeoutMs: 5_000 });
  await dialogue.ask("delete records: no partitions", deleteRecords, 2, {
    topics: [{ name: topic.name, partitions: [] }],
    timeoutMs: 5_000,
  });
  await dialogue.group("offsets"); // makes the topic
  await dialogue.ask("delete records: the offsets topic", deleteRecords, 2, draft(0, 0, "__consumer_offsets"));
  const compacted = await dialogue.topic("offsets-compacted", { configs: { "cleanup.policy": "compact" } });
  await dialogue.ask("delete records: compacted", deleteRecords, 2, draft(0, 0, compacted.name));
  const both = await dialogue.topic("offsets-both", { configs: { "cleanup.policy": "compact,delete" } });
  await dialogue.ask("delete records: compacted and deleted", deleteRecords, 2, draft(0, 0, both.name));
}
