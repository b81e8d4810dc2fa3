/** The transaction coordinator: who has a transactional id, what joins a transaction, how it ends, and what is told of it. */

import { addOffsetsToTxn } from "../../../protocol/api/25_add_offsets_to_txn.ts";
import { addPartitionsToTxn, type AddPartitionsToTxnResponse } from "../../../protocol/api/24_add_partitions_to_txn.ts";
import { describeTransactions } from "../../../protocol/api/65_describe_transactions.ts";
import { endTxn } from "../../../protocol/api/26_end_txn.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { initProducerId } from "../../../protocol/api/22_init_producer_id.ts";
import { listTransactions, type ListTransactionsRequestDraft } from "../../../protocol/api/66_list_transactions.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { coordinated, isConcurrent, type Topic, Transactor } from "./transactor.ts";

export async function transactionsAnswers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("transacted", { partitionCount: 3 });
  await coordinators(dialogue);
  await inits(dialogue, topic);
  await recoveries(dialogue, topic);
  await adds(dialogue, topic);
  await severalAdds(dialogue, topic);
  await groupAdds(dialogue, topic);
  for (const version of [3, 5]) await ends(dialogue, topic, version);
  await strangersEnds(dialogue);
  await mixedEnds(dialogue, topic);
  await fences(dialogue, topic);
  await timeouts(dialogue, topic);
  await lists(dialogue, topic);
}

async function coordinators(dialogue: Dialogue): Promise<void> {
  await coordinated(dialogue, "coordinated");
  const key = dialogue.named("coordinated");
  await dialogue.askEach("the coordinator of a transactional id", findCoordinator, [1, 3], () => ({ key, keyType: 1 }));
  const keys = [key, dialogue.named("another"), ""];
  await dialogue.askEach(
    "the coordinators of several",
    findCoordinator,
    [4, 6],
    () => ({ keyType: 1, coordinatorKeys: keys }),
  );
}

async function inits(dialogue: Dialogue, topic: Topic): Promise<void> {
  const { transactionalId } = await Transactor.of(dialogue, "inits", topic);
  const plain = { transactionalId, transactionTimeoutMs: 60_000 };
  for (let version = 0; version <= 5; version++) {
    await dialogue.ask(`an id, v${version}`, initProducerId, version, plain);
  }
  const unwilling = {
    "a timeout of 0": { ...plain, transactionTimeoutMs: 0 },
    "a negative timeout": { ...plain, transactionTimeoutMs: -1 },
    "the longest timeout": { ...plain, transactionTimeoutMs: 900_000 },
    "a longer timeout": { ...plain, transactionTimeoutMs: 900_001 },
    "an id without epoch": { ...plain, producerId: 4_711 },
    "an epoch without id": { ...plain, producerEpoch: 3 },
    "an id that is another's": { ...plain, producerId: 4_711, producerEpoch: 3 },
    "an empty transactional id": { ...plain, transactionalId: "" },
    "an empty transactional id and a timeout of 0": { ...plain, transactionalId: "", transactionTimeoutMs: 0 },
  };
  for (const [label, draft] of Object.entries(unwilling)) {
    await dialogue.askEach(label, initProducerId, [3, 5], () => draft, {
      view: ({ errorCode, producerEpoch }) => ({ errorCode, isGiven: producerEpoch >= 0 }),
    });
  }
  const fresh = await Transactor.of(dialogue, "inits-described", topic);
  await fresh.describe("a new id, described");
}

/** KIP-360: a producer that names what it had. */
async function recoveries(dialogue: Dialogue, topic: Topic): Promise<void> {
  const writer = await Transactor.of(dialogue, "recoveries", topic);
  const { producerId } = writer;
  await writer.init("what it has", { producerId, producerEpoch: 0 });
  await writer.init("the same again", { producerId, producerEpoch: 0 });
  await writer.init("an epoch that is to come", { producerId, producerEpoch: 9 });
  await writer.init("an epoch that is to come, v3", { producerId, producerEpoch: 9, version: 3 });
  await writer.init("what it has now", { producerId, producerEpoch: 1 });
  await writer.init("the one before the last", { producerId, producerEpoch: 0 });
  await writer.init("a new producer");
  await writer.init("the one before a new producer", { producerId, producerEpoch: 2 });
  await writer.init("another id", { producerId: producerId + 1_000_000, producerEpoch: 3 });
  await writer.init("another id with its last epoch", { producerId: producerId + 1_000_000, producerEpoch: 32_766 });
  const unknown = { transactionalId: await coordinated(dialogue, "recoveries-unknown") };
  await writer.init("what an id had that nobody knows", { ...unknown, producerId, producerEpoch: 3 });
  const open = await Transactor.of(dialogue, "recoveries-open", topic);
  const identity = { producerId: open.producerId, producerEpoch: 0 };
  await open.add("it opens one", [0]);
  await open.init("what it has, in an open transaction", { ...identity, isImpatient: true });
  await open.init("asked again once that is aborted", identity);
  await open.describe("after a recovery in an open transaction");
}

async function adds(dialogue: Dialogue, topic: Topic): Promise<void> {
  const missing = dialogue.named("missing");
  const unknown = await coordinated(dialogue, "adds-unknown");
  for (let version = 0; version <= 3; version++) {
    const writer = await Transactor.of(dialogue, `adds-${version}`, topic);
    const { transactionalId, producerId } = writer;
    const ask = (label: string, topics: readonly { name: string; partitions: number[] }[], more: object = {}) =>
      dialogue.ask(`adds v${version}: ${label}`, addPartitionsToTxn, version, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: 0,
        v3AndBelowTopics: topics,
        ...more,
      }, { isPassing: isAddConcurrent, view: addedOld });
    const one = [{ name: topic.name, partitions: [0] }];
    await ask("nothing", []);
    await ask("a topic without partitions", [{ name: topic.name, partitions: [] }]);
    await ask("an unknown transactional id", one, { v3AndBelowTransactionalId: unknown });
    await ask("an empty transactional id", one, { v3AndBelowTransactionalId: "" });
    await ask("another's id", one, { v3AndBelowProducerId: producerId + 1_000_000 });
    await ask("an epoch that is to come", one, { v3AndBelowProducerEpoch: 1 });
    await ask("an epoch of -1", one, { v3AndBelowProducerEpoch: -1 });
    await ask("an unknown topic", [{ name: missing, partitions: [0] }]);
    await ask("an unknown partition", [{ name: topic.name, partitions: [0, 3] }]);
    await ask("a negative partition", [{ name: topic.name, partitions: [-1] }]);
    await ask("a known topic and an unknown one", [...one, { name: missing, partitions: [0, 1] }]);
    await ask("an unknown topic, another's id", [{ name: missing, partitions: [0] }], {
      v3AndBelowProducerId: producerId + 1_000_000,
    });
    await ask("an empty topic name", [{ name: "", partitions: [0] }]);
    await writer.describe(`adds v${version}: before any is in`);
    await ask("one", one);
    await ask("the same again", one);
    await ask("twice in a request", [...one, { name: topic.name, partitions: [0, 2, 2] }]);
    await ask("one of an internal topic", [{ name: "__consumer_offsets", partitions: [0] }]);
    await writer.describe(`adds v${version}: with those`);
    await writer.init(`adds v${version}: another producer`, { version: 4, isImpatient: true });
    await writer.init(`adds v${version}: another producer, again`, { version: 4 });
    await ask("the epoch before", one);
  }
}

/** The form that brokers use. */
async function severalAdds(dialogue: Dialogue, topic: Topic): Promise<void> {
  const unknown = await coordinated(dialogue, "several-unknown");
  const topics = (...partitions: number[]) => [{ name: topic.name, partitions }];
  for (let version = 4; version <= 5; version++) {
    const one = await Transactor.of(dialogue, `several-${version}`, topic);
    const other = await Transactor.of(dialogue, `several-other-${version}`, topic);
    const of = ({ transactionalId, producerId, producerEpoch }: Transactor, more: object = {}) => ({
      transactionalId,
      producerId,
      producerEpoch,
      verifyOnly: false,
      topics: topics(0),
      ...more,
    });
    const ask = (label: string, transactions: readonly ReturnType<typeof of>[]) =>
      dialogue.ask(`several v${version}: ${label}`, addPartitionsToTxn, version, { transactions }, {
        isPassing: isAddConcurrent,
        view: addedNew,
      });
    await ask("one that only asks, nothing open", [of(one, { verifyOnly: true })]);
    await ask("one without topics", [of(one, { topics: [] })]);
    await ask("one without topics that only asks", [of(one, { topics: [], verifyOnly: true })]);
    await ask("one", [of(one)]);
    await ask("two, one of them with another's epoch", [
      of(one, { topics: topics(1) }),
      of(other, { producerEpoch: 4 }),
    ]);
    await ask("those that only ask", [of(one, { verifyOnly: true, topics: topics(0, 1, 2) })]);
    await ask("an unknown partition that only asks", [of(one, { verifyOnly: true, topics: topics(0, 9) })]);
    await ask("an unknown partition", [of(one, { topics: topics(0, 9) })]);
    await ask("that only ask, with the epoch to come", [of(one, { verifyOnly: true, producerEpoch: 1 })]);
    await ask("that only ask, with another's id", [of(one, { verifyOnly: true, producerId: 4_711 })]);
    await ask("that only ask, unknown", [of(one, { verifyOnly: true, transactionalId: unknown })]);
    await ask("that only ask, empty", [of(one, { verifyOnly: true, transactionalId: "" })]);
    await ask("unknown and empty", [of(one, { transactionalId: unknown }), of(one, { transactionalId: "" })]);
    await one.describe(`several v${version}: what is in`);
    await one.end(`several v${version}: it ends`, true);
    await ask("that only ask, after its end", [of(one, { verifyOnly: true })]);
  }
}

async function groupAdds(dialogue: Dialogue, topic: Topic): Promise<void> {
  const unknown = await coordinated(dialogue, "groups-unknown");
  const groupId = await dialogue.group("groups-added");
  for (let version = 0; version <= 4; version++) {
    const { transactionalId, producerId, ...writer } = await Transactor.of(dialogue, `groups-${version}`, topic);
    const ask = (label: string, more: object = {}) =>
      dialogue.ask(`offsets v${version}: ${label}`, addOffsetsToTxn, version, {
        transactionalId,
        producerId,
        producerEpoch: writer.producerEpoch,
        groupId,
        ...more,
      }, { isPassing: isConcurrent });
    await ask("an unknown transactional id", { transactionalId: unknown });
    await ask("an empty transactional id", { transactionalId: "" });
    await ask("another's id", { producerId: producerId + 1_000_000 });
    await ask("an epoch that is to come", { producerEpoch: 1 });
    await ask("a group");
    await ask("the same again");
    await ask("an empty group", { groupId: "" });
  }
}

/** Each end, in each state that lasts, with the epoch it should have and with others. */
async function ends(dialogue: Dialogue, topic: Topic, version: number): Promise<void> {
  const open = version >= 5
    ? (writer: Transactor, label: string) => writer.send(label, 1, { version: 12 })
    : (writer: Transactor, label: string) => writer.add(label, [0]);
  for (const committed of [true, false]) {
    const name = `${committed ? "commit" : "abort"} v${version}`;
    const state = (which: string) => Transactor.of(dialogue, `ends-${version}-${committed}-${which}`, topic);
    const empty = await state("empty");
    await empty.end(`${name}: of a new id`, committed, { version });
    await empty.describe(`${name}: a new id after that`);
    await empty.end(`${name}: of a new id, an epoch that is to come`, committed, {
      version,
      producerEpoch: empty.producerEpoch + 1,
    });

    const ongoing = await state("ongoing");
    await open(ongoing, `${name}: opened`);
    const begun = ongoing.producerEpoch;
    await ongoing.end(`${name}: another's id`, committed, { version, producerId: 4_711 });
    await ongoing.end(`${name}: an epoch that is to come`, committed, { version, producerEpoch: begun + 1 });
    await ongoing.end(`${name}: an epoch of -1`, committed, { version, producerEpoch: -1 });
    await ongoing.end(`${name}: an open one`, committed, { version });
    await ongoing.describe(`${name}: an open one after that`);
    await ongoing.end(`${name}: again, its answer lost`, committed, { version, producerEpoch: begun });
    await ongoing.end(`${name}: then the other way`, !committed, { version, producerEpoch: begun });
    await ongoing.describe(`${name}: after repetitions`);
    await ongoing.end(`${name}: nothing open, the other way`, !committed, { version });
    await ongoing.describe(`${name}: after the other way`);
    await ongoing.end(`${name}: nothing open, the same way`, committed, { version });
    await ongoing.describe(`${name}: after the same way`);
    await open(ongoing, `${name}: the next one opened`);
    await ongoing.end(`${name}: the next one, with the epoch before`, committed, {
      version,
      producerEpoch: ongoing.producerEpoch - 1,
    });
    await ongoing.end(`${name}: the next one`, committed, { version });
    await ongoing.describe(`${name}: the next one after that`);
  }
}

async function strangersEnds(dialogue: Dialogue): Promise<void> {
  const transactionalId = await coordinated(dialogue, "ends-unknown");
  const draft = { transactionalId, producerId: 4_711, producerEpoch: 0, committed: true };
  await dialogue.askEach("the end of an unknown transactional id", endTxn, [0, 5], () => draft);
  await dialogue.askEach("the end of an empty one", endTxn, [0, 5], () => ({ ...draft, transactionalId: "" }));
  const known = await Transactor.of(dialogue, "ends-old", { name: "", topicId: "" });
  const stale = { ...draft, transactionalId: known.transactionalId, producerId: known.producerId, producerEpoch: 7 };
  await dialogue.askEach("an end with an epoch that is to come", endTxn, [0, 5], () => stale);
}

/** Clients that were upgraded, or are two. */
async function mixedEnds(dialogue: Dialogue, topic: Topic): Promise<void> {
  const upgraded = await Transactor.of(dialogue, "upgraded", topic);
  await upgraded.add("old partitions", [0]);
  await upgraded.end("a new end of old partitions", true, { version: 5 });
  await upgraded.describe("after a new end of old partitions");
  await upgraded.send("new partitions", 1);
  await upgraded.end("an old end of new partitions", true, { version: 4 });
  await upgraded.describe("after an old end of new partitions");
  await upgraded.end("the same, again", true, { version: 4 });
  await upgraded.add("old partitions of the same epoch", [1]);
  await upgraded.end("an old end of old partitions", false, { version: 3 });
  await upgraded.end("a new end after an old one", false, { version: 5 });
  await upgraded.describe("after a new end of nothing");
}

/** Another producer takes the id while a transaction is open. */
async function fences(dialogue: Dialogue, topic: Topic): Promise<void> {
  for (const generation of ["old", "new"] as const) {
    const writer = await Transactor.of(dialogue, `fenced-${generation}`, topic);
    const label = (what: string) => `${generation} and fenced: ${what}`;
    if (generation === "old") await writer.add(label("opened"), [0]);
    else await writer.send(label("opened"), 1);
    const zombie = { producerId: writer.producerId, producerEpoch: writer.producerEpoch };
    await writer.init(label("another producer"), { isImpatient: true });
    await writer.describe(label("aborted"));
    await writer.init(label("another producer, again"));
    await writer.describe(label("taken over"));
    for (const version of [1, 3, 5]) {
      await writer.end(label(`the zombie commits, v${version}`), true, { ...zombie, version });
    }
    await writer.add(label("the zombie adds, v1"), [1], { ...zombie, version: 1 });
    await writer.add(label("the zombie adds, v3"), [1], { ...zombie, version: 3 });
    await writer.send(label("the zombie writes, v11"), 1, { ...zombie, version: 11, sequence: 1 });
    await writer.send(label("the zombie writes, v12"), 1, { ...zombie, version: 12, sequence: 1 });
    await writer.init(label("the zombie recovers"), { ...zombie });
  }
}

async function timeouts(dialogue: Dialogue, topic: Topic): Promise<void> {
  for (const generation of ["old", "new"] as const) {
    const writer = await Transactor.of(dialogue, `timed-out-${generation}`, topic, 400);
    const label = (what: string) => `${generation} and late: ${what}`;
    if (generation === "old") await writer.add(label("opened"), [0]);
    else await writer.send(label("opened"), 1);
    const client = await dialogue.main();
    await until(async () => {
      const draft = { transactionalIds: [writer.transactionalId] };
      const { transactionStates } = await client.send(describeTransactions, 0, draft);
      return transactionStates[0]?.transactionState === "CompleteAbort";
    }, { what: "The abort of a transaction that is late" });
    await writer.describe(label("aborted"));
    await writer.end(label("it commits, v3"), true, { version: 3 });
    await writer.end(label("it commits, v5"), true);
    await writer.end(label("it aborts, v5"), false);
    await writer.add(label("it adds"), [1]);
    await writer.send(label("it writes, v11"), 1, { version: 11 });
    await writer.send(label("it writes, v12"), 1, { version: 12 });
    await writer.init(label("it recovers"), { producerId: writer.producerId, producerEpoch: writer.producerEpoch });
    await writer.init(label("another producer"));
  }
}

async function lists(dialogue: Dialogue, topic: Topic): Promise<void> {
  const empty = await Transactor.of(dialogue, "listed-empty", topic);
  const ongoing = await Transactor.of(dialogue, "listed-ongoing", topic);
  await ongoing.add("listed: opened", [0]);
  const aborted = await Transactor.of(dialogue, "listed-aborted", topic);
  await aborted.add("listed: another opened", [0]);
  await aborted.end("listed: it ends", false, { version: 3 });
  await aborted.settled();
  const only = (name: string) => name.startsWith("listed-");
  const ask = (label: string, version: number, draft: Partial<ListTransactionsRequestDraft>) =>
    dialogue.ask(`list v${version}: ${label}`, listTransactions, version, {
      stateFilters: [],
      producerIdFilters: [],
      ...draft,
    }, {
      view: ({ errorCode, unknownStateFilters, transactionStates }) => ({
        errorCode,
        unknownStateFilters: [...unknownStateFilters].sort(),
        transactionStates: transactionStates.filter(({ transactionalId }) => only(transactionalId))
          .map(({ transactionalId, transactionState }) => `${transactionalId.split(".")[0]}: ${transactionState}`)
          .sort(),
      }),
    });
  for (const version of [0, 1, 2]) {
    await ask("all", version, {});
    await ask("states", version, { stateFilters: ["Ongoing", "CompleteAbort"] });
    await ask("an unknown state", version, { stateFilters: ["Ongoing", "Unheard", "ongoing"] });
    await ask("only unknown states", version, { stateFilters: ["Unheard"] });
    await ask("states there are none in", version, { stateFilters: ["Dead", "PrepareEpochFence", "PrepareCommit"] });
    await ask("producers", version, { producerIdFilters: [empty.producerId, 4_711] });
    await ask("a state and a producer of another", version, {
      stateFilters: ["Ongoing"],
      producerIdFilters: [empty.producerId],
    });
  }
  await ask("for long", 1, { durationFilter: 3_600_000 });
  await ask("for at least 0 ms", 1, { durationFilter: 0 });
  await ask("for at least -2 ms", 1, { durationFilter: -2 });
  const patterns = {
    "a part": "listed",
    "the whole": "listed-.*",
    "a part with both ends": ".*-o.*",
    "an empty one": "",
    "alternatives": "listed-empty.*|nothing",
    "none": "(",
    "an inline flag": "(?i)LISTED-.*",
    "a named class": "\\p{Alpha}+-ongoing.*",
    "quoted": "\\Qlisted-\\E.*",
    "a possessive quantifier": "listed-.*+",
  };
  for (const [label, transactionalIdPattern] of Object.entries(patterns)) {
    await ask(label, 2, { transactionalIdPattern });
  }
  const unknown = dialogue.named("listed-unknown");
  const transactionalIds = [ongoing.transactionalId, unknown, "", ongoing.transactionalId];
  await dialogue.ask("several described", describeTransactions, 0, { transactionalIds }, {
    view: ({ transactionStates }) =>
      transactionStates.map(({ transactionalId, errorCode, transactionState }) =>
        `${transactionalId.split(".")[0]}: ${errorName(errorCode)} ${transactionState}`
      ),
  });
  await dialogue.ask("none described", describeTransactions, 0, { transactionalIds: [] });
}

function isAddConcurrent(response: AddPartitionsToTxnResponse): boolean {
  const topics = [
    ...(response.resultsByTopicV3AndBelow ?? []),
    ...(response.resultsByTransaction ?? []).flatMap(({ topicResults }) => topicResults),
  ];
  return topics.some(({ resultsByPartition }) =>
    resultsByPartition.some(({ partitionErrorCode }) => partitionErrorCode === ErrorCode.CONCURRENT_TRANSACTIONS)
  );
}

type TopicResults = AddPartitionsToTxnResponse["resultsByTopicV3AndBelow"];

/** By topic and partition, these in order: Kafka has them as they come out of a map. */
function inOrder(topics: TopicResults) {
  return [...topics].sort((a, b) => a.name < b.name ? -1 : 1).map(({ name, resultsByPartition }) => ({
    topicName: name,
    partitions: [...resultsByPartition].sort((a, b) => a.partitionIndex - b.partitionIndex),
  }));
}

function addedOld({ resultsByTopicV3AndBelow }: AddPartitionsToTxnResponse): unknown {
  return inOrder(resultsByTopicV3AndBelow);
}

function addedNew({ errorCode, resultsByTransaction }: AddPartitionsToTxnResponse): unknown {
  return {
    errorCode,
    transactions: [...resultsByTransaction].sort((a, b) => a.transactionalId < b.transactionalId ? -1 : 1)
      .map(({ transactionalId, topicResults }) => ({ transactionalId, topics: inOrder(topicResults) })),
  };
}
