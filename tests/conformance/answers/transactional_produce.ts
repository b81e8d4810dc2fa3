/** Records inside transactions: who may write them, the markers that end them, and what readers see. */

import { describeProducers } from "../../../protocol/api/61_describe_producers.ts";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../../protocol/api/02_list_offsets.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { writeTxnMarkers, type WriteTxnMarkersRequestDraft } from "../../../protocol/api/27_write_txn_markers.ts";
import { errorName } from "../../../protocol/errors.ts";
import { encodeControlBatch } from "../../../protocol/record.ts";
import { type Dialogue, longAgoMs } from "../../support/dialogue.ts";
import { batch } from "./batches.ts";
import { coordinated, inOrder, isProduceConcurrent, Transactor } from "./transactor.ts";
import { produced } from "./views.ts";

export async function transactionalProduceAnswers(dialogue: Dialogue): Promise<void> {
  await admissions(dialogue);
  await severalPartitions(dialogue);
  await sequences(dialogue);
  await lateWrites(dialogue);
  await readers(dialogue);
  await offsets(dialogue);
  await markers(dialogue);
  await strangersMarkers(dialogue);
}

/** Who may write, by each version. */
async function admissions(dialogue: Dialogue): Promise<void> {
  const unknown = await coordinated(dialogue, "admissions-unknown");
  for (const version of [3, 8, 9, 10, 11, 12, 13]) {
    const topic = await dialogue.topic(`admissions-${version}`, { partitionCount: 2 });
    const writer = await Transactor.of(dialogue, `admissions-${version}`, topic);
    const { producerId, transactionalId } = writer;
    const label = (what: string) => `v${version}: ${what}`;
    const ask = (what: string, id: string | null, records: Uint8Array) =>
      dialogue.ask(label(what), produce, version, {
        transactionalId: id,
        acks: -1,
        timeoutMs: 5_000,
        topicData: [{ ...topic, partitionData: [{ index: 0, records }] }],
      }, { view: produced, isPassing: isProduceConcurrent });
    const own = { producerId, producerEpoch: 0, baseSequence: 0 };
    await ask("no transactional id", null, batch(1, { ...own, isTransactional: true }));
    await ask("an empty transactional id", "", batch(1, { ...own, isTransactional: true }));
    await ask("an unknown transactional id", unknown, batch(1, { ...own, isTransactional: true }));
    await ask("another's id", transactionalId, batch(1, { ...own, producerId: 900_001, isTransactional: true }));
    await ask("an epoch to come", transactionalId, batch(1, { ...own, producerEpoch: 1, isTransactional: true }));
    const marker = { producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp: longAgoMs };
    await ask("a marker", transactionalId, encodeControlBatch({ kind: "commit", ...marker }));
    await writer.send(label("a partition that was not added"), 1, { version });
    if (version < 12) await writer.add(label("added"), [0]);
    await writer.send(label("one that is in"), 2, { version });
    await writer.send(label("one that was not added either"), 1, { version, partition: 1 });
    await ask("an open one, no transactional id", null, batch(1, { ...own, baseSequence: 2, isTransactional: true }));
    await ask(
      "an open one, another transactional id",
      unknown,
      batch(1, { ...own, baseSequence: 2, isTransactional: true }),
    );
    await ask("an open one, a batch outside", transactionalId, batch(1, { ...own, baseSequence: 3 }));
    await writer.send(label("the next one"), 1, { version });
    await ask(
      "an open one, the epoch to come",
      transactionalId,
      batch(1, { ...own, producerEpoch: 1, isTransactional: true }),
    );
    await writer.end(label("it ends"), true, { version: version < 12 ? 3 : 5 });
    await writer.settled();
    await writer.read(label("what is left"));
  }
}

async function severalPartitions(dialogue: Dialogue): Promise<void> {
  for (const version of [11, 12, 13]) {
    const topic = await dialogue.topic(`several-${version}`, { partitionCount: 4 });
    const writer = await Transactor.of(dialogue, `several-places-${version}`, topic);
    const { producerId, producerEpoch, transactionalId } = writer;
    const label = (what: string) => `several, v${version}: ${what}`;
    const transactional = (more: object = {}) =>
      batch(1, { producerId, producerEpoch, baseSequence: 0, isTransactional: true, ...more });
    const ask = (what: string, partitionData: readonly { index: number; records: Uint8Array }[]) =>
      dialogue.ask(label(what), produce, version, {
        transactionalId,
        acks: -1,
        timeoutMs: 5_000,
        topicData: [{ ...topic, partitionData: [...partitionData] }],
      }, { view: produced, isPassing: isProduceConcurrent });
    if (version < 12) await writer.add(label("added"), [0]);
    await ask("one unknown", [{ index: 0, records: transactional() }, { index: 9, records: transactional() }]);
    await ask("one of another's", [
      { index: 1, records: transactional({ producerId: 900_002 }) },
      { index: 2, records: transactional() },
    ]);
    await ask("one of another epoch", [
      { index: 1, records: transactional() },
      { index: 2, records: transactional({ producerEpoch: 4 }) },
    ]);
    await ask("one outside", [{ index: 2, records: transactional() }, { index: 3, records: batch(1) }]);
    await writer.describe(label("what is in"));
    await writer.end(label("it ends"), true, { version: version < 12 ? 3 : 5 });
  }
}

/** By the new rules each epoch begins at 0, by the old ones a producer goes on. */
async function sequences(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("transaction-sequences", { partitionCount: 2 });
  for (const version of [11, 12]) {
    const label = (what: string) => `sequences v${version}: ${what}`;
    const partition = version - 11;
    const writer = await Transactor.of(dialogue, `sequences-${version}`, topic);
    if (version < 12) await writer.add(label("added"), [partition]);
    await writer.send(label("the first at 3"), 1, { version, partition, sequence: 3 });
    await writer.send(label("the first at 0"), 1, { version, partition, sequence: 0 });
    await writer.send(label("after it"), 2, { version, partition, sequence: version < 12 ? 4 : 1 });
    await writer.send(label("again"), 2, { version, partition, sequence: version < 12 ? 4 : 1 });
    await writer.send(label("a gap"), 2, { version, partition, sequence: 9 });
    const before = { producerEpoch: writer.producerEpoch, sequence: version < 12 ? 4 : 1 };
    await writer.end(label("it ends"), true, { version: version < 12 ? 3 : 5 });
    await writer.settled();
    if (version >= 12) await writer.send(label("a late repetition"), 2, { version, partition, ...before });
    if (version < 12) await writer.add(label("added again"), [partition]);
    await writer.send(label("the next at 7"), 1, { version, partition, sequence: 7 });
    await writer.send(label("the next at 6"), 1, { version, partition, sequence: 6 });
    await writer.send(label("the next at 0"), 1, { version, partition, sequence: 0 });
    await writer.end(label("the next ends"), false, { version: version < 12 ? 3 : 5 });
    await writer.settled();
    await writer.read(label("what is left"), { partition });
  }
}

/** What comes behind the marker that ends its transaction. */
async function lateWrites(dialogue: Dialogue): Promise<void> {
  for (const version of [11, 12]) {
    const topic = await dialogue.topic(`late-${version}`);
    const label = (what: string) => `late v${version}: ${what}`;
    const writer = await Transactor.of(dialogue, `late-${version}`, topic);
    if (version < 12) await writer.add(label("added"), [0]);
    await writer.send(label("in time"), 1, { version });
    const before = { producerEpoch: writer.producerEpoch };
    await writer.end(label("it ends"), false, { version: version < 12 ? 3 : 5 });
    await writer.settled();
    await writer.send(label("behind the marker"), 1, { version, ...before, sequence: 1 });
    await writer.send(label("behind the marker, from 0"), 1, { version, ...before, sequence: 0 });
    await writer.describe(label("what that did"));
    await writer.read(label("what is left"));
  }
}

/** Two producers, one that commits and one that aborts, in turns. */
async function readers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("read", { configs: { "segment.bytes": "1048576" } });
  const one = await Transactor.of(dialogue, "read-one", topic);
  const other = await Transactor.of(dialogue, "read-other", topic);
  await one.send("reading: 0-1, one", 2);
  await other.send("reading: 2, other", 1);
  await one.read("reading: both open");
  await other.end("reading: 3, other aborts", false);
  await other.settled();
  await one.read("reading: one open");
  await other.send("reading: 4-6, other", 3);
  await one.end("reading: 7, one commits", true);
  await one.settled();
  await one.read("reading: other open");
  await one.send("reading: 8, one", 1);
  await other.end("reading: 9, other aborts", false);
  await other.settled();
  await one.end("reading: 10, one aborts", false);
  await one.settled();
  await one.read("reading: none open");
  for (const version of [4, 5, 11]) await one.read(`reading: none open, v${version}`, { version, fetchOffset: 5 });
  for (const fetchOffset of [0, 2, 3, 5, 8, 9, 10, 11, 12]) {
    await dialogue.ask(`reading: committed from ${fetchOffset}`, fetch, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 10_000_000,
      isolationLevel: 1,
      topics: [{ topic: topic.name, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 10_000_000 }] }],
      forgottenTopicsData: [],
    }, {
      view: ({ responses }) => {
        const { errorCode, lastStableOffset, abortedTransactions } = responses[0]!.partitions[0]!;
        return { errorCode, lastStableOffset, aborted: inOrder(abortedTransactions) };
      },
    });
  }
}

async function offsets(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("listed");
  const writer = await Transactor.of(dialogue, "listed", topic);
  const list = async (label: string) => {
    for (const [isolationLevel, who] of ["all", "committed"].entries()) {
      for (const timestamp of [-1, -2, -3, -4, longAgoMs, longAgoMs + 1, longAgoMs + 10]) {
        const what = timestamp < 0 ? timestamp : `ago+${timestamp - longAgoMs}`;
        await dialogue.ask(`${label}, ${who}, ${what}`, listOffsets, 10, {
          replicaId: -1,
          isolationLevel,
          topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp }] }],
          timeoutMs: 1_000,
        });
      }
    }
  };
  await writer.send("offsets: 0-1", 2);
  await writer.end("offsets: 2", true);
  await writer.settled();
  await list("offsets: none open");
  await writer.send("offsets: 3-4", 2);
  await list("offsets: one open");
  await writer.end("offsets: 5", false);
  await writer.settled();
  await list("offsets: all ended");
}

/** Markers that an administrator writes, or another coordinator. */
async function markers(dialogue: Dialogue): Promise<void> {
  for (const version of [1, 2]) {
    for (const transactionVersion of version < 2 ? [0] : [0, 1, 2, 3]) {
      const name = `v${version}, rules ${transactionVersion}`;
      const topic = await dialogue.topic(`marked-${version}-${transactionVersion}`, {
        configs: { "segment.ms": String(Number.MAX_SAFE_INTEGER) }, // Kafka begins a segment before it refuses a marker.
      });
      const writer = await Transactor.of(dialogue, `marked-${version}-${transactionVersion}`, topic);
      const { producerId } = writer;
      const mark = (label: string, more: Partial<WriteTxnMarkersRequestDraft["markers"][number]> = {}) =>
        dialogue.ask(`markers, ${name}: ${label}`, writeTxnMarkers, version, {
          markers: [{
            producerId,
            producerEpoch: 0,
            transactionResult: false,
            topics: [{ name: topic.name, partitionIndexes: [0] }],
            coordinatorEpoch: 3,
            ...(version < 2 ? {} : { transactionVersion }),
            ...more,
          }],
        });
      const state = (label: string) =>
        dialogue.ask(`markers, ${name}: ${label}`, describeProducers, 0, {
          topics: [{ name: topic.name, partitionIndexes: [0] }],
        }, {
          view: ({ topics }) =>
            [...topics[0]!.partitions[0]!.activeProducers].sort((one, other) => one.producerId - other.producerId),
        });
      await writer.add(`markers, ${name}: added`, [0]);
      await writer.send(`markers, ${name}: open`, 1, { version: 11 });
      await state("producers of an open one");
      await mark("an epoch below", { producerEpoch: -1 });
      await mark("its epoch");
      await state("producers after its epoch");
      await mark("its epoch again");
      await writer.send(`markers, ${name}: open again`, 1, { version: 11 });
      await mark("an earlier coordinator", { coordinatorEpoch: 2 });
      await mark("the next epoch", { producerEpoch: 1 });
      await state("producers after the next epoch");
      await mark("the next epoch again", { producerEpoch: 1 });
      await mark("the next epoch, the other way", { producerEpoch: 1, transactionResult: true });
      await mark("the epoch before", { producerEpoch: 0 });
      await mark("a producer that is not known", { producerId: 900_003, producerEpoch: 5 });
      await state("producers at last");
      await writer.read(`markers, ${name}: what is left`);
    }
  }
}

async function strangersMarkers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("strange-markers", { partitionCount: 2 });
  const topics = (...partitionIndexes: number[]) => [{ name: topic.name, partitionIndexes }];
  const marker = { producerId: 900_004, producerEpoch: 0, transactionResult: true, coordinatorEpoch: 0 };
  const ask = (label: string, markers: WriteTxnMarkersRequestDraft["markers"]) =>
    dialogue.ask(`strange markers: ${label}`, writeTxnMarkers, 1, { markers }, {
      view: (response) =>
        response.markers.flatMap(({ topics }) =>
          topics.flatMap(({ partitions }) =>
            partitions.map(({ partitionIndex, errorCode }) => `${partitionIndex}: ${errorName(errorCode)}`)
          )
        ).sort(),
    });
  await ask("none", []);
  await ask("one without topics", [{ ...marker, topics: [] }]);
  await ask("a topic without partitions", [{ ...marker, topics: topics() }]);
  await ask("an unknown topic", [{ ...marker, topics: [{ name: dialogue.named("missing"), partitionIndexes: [0] }] }]);
  await ask("an unknown partition", [{ ...marker, topics: topics(0, 5) }]);
  await ask("a negative producer", [{ ...marker, producerId: -1, topics: topics(0) }]);
  await ask("a negative coordinator epoch", [{ ...marker, coordinatorEpoch: -1, topics: topics(1) }]);
  await ask("two of one producer", [
    { ...marker, topics: topics(0) },
    { ...marker, transactionResult: false, topics: topics(1) },
  ]);
  const ask61 = (label: string, topics: readonly { name: string; partitionIndexes: number[] }[]) =>
    dialogue.ask(`producers: ${label}`, describeProducers, 0, { topics });
  await ask61("none", []);
  await ask61("of nobody", [{ name: (await dialogue.topic("unwritten")).name, partitionIndexes: [0] }]);
  await ask61("an unknown topic", [{ name: dialogue.named("missing"), partitionIndexes: [0, 1] }]);
  await ask61("an unknown partition", [{ name: topic.name, partitionIndexes: [7] }]);
  await ask61("a bad name", [{ name: "a b", partitionIndexes: [0] }]);
  await ask61("an empty name", [{ name: "", partitionIndexes: [0] }]);
}
