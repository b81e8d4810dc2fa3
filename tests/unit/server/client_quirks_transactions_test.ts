/** What single clients and frameworks rely on in transactions beyond the protocol's letter: one test each, named for the client. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { produce } from "../../../protocol/api/00_produce.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { apiVersions } from "../../../protocol/api/18_api_versions.ts";
import { initProducerId } from "../../../protocol/api/22_init_producer_id.ts";
import { addPartitionsToTxn } from "../../../protocol/api/24_add_partitions_to_txn.ts";
import { addOffsetsToTxn } from "../../../protocol/api/25_add_offsets_to_txn.ts";
import { endTxn } from "../../../protocol/api/26_end_txn.ts";
import { txnOffsetCommit } from "../../../protocol/api/28_txn_offset_commit.ts";
import { describeProducers } from "../../../protocol/api/61_describe_producers.ts";
import { listTransactions } from "../../../protocol/api/66_list_transactions.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { READ_COMMITTED, READ_UNCOMMITTED, TransactionsDesk } from "./handlers/transactions_desk.ts";

const { NONE } = ErrorCode;
let desk: TransactionsDesk;

beforeEach(async () => {
  desk = await TransactionsDesk.start();
});

afterEach(() => desk.server.stop());

describe("franz-go", () => {
  test("ends transactions by the new rules where EndTxn v5, Produce v12 and level 2 of their feature are there", async () => {
    const { apiKeys, finalizedFeatures, finalizedFeaturesEpoch } = await desk.client.send(apiVersions, 4, {
      clientSoftwareName: "test",
      clientSoftwareVersion: "1",
    });
    const maxOf = (key: number) => apiKeys.find(({ apiKey }) => apiKey === key)!.maxVersion;
    expect([maxOf(endTxn.key) >= 5, maxOf(produce.key) >= 12, finalizedFeaturesEpoch >= 0]).toEqual([true, true, true]);
    const level = finalizedFeatures.find(({ name }) => name === "transaction.version")!;
    expect([level.minVersionLevel, level.maxVersionLevel]).toEqual([2, 2]);
  });

  test("wants aborted transactions by their first offsets, whichever ended first", async () => {
    const [first, second] = [await desk.producer("first"), await desk.producer("second")];
    await desk.produce(first, "a");
    await desk.produce(second, "b");
    await desk.ended(second, "abort");
    await desk.ended(first, "abort");
    const { abortedTransactions } = await desk.fetch(READ_COMMITTED);
    expect(abortedTransactions).toEqual([
      { producerId: first.producerId, firstOffset: 0 },
      { producerId: second.producerId, firstOffset: 1 },
    ]);
  });

  test("repeats an end until it is answered: the same answer at every version, after a restart too", async () => {
    for (let version = 0; version <= 5; version++) {
      const producer = await desk.producer(`repeated-${version}`);
      if (version < 5) await desk.add(producer);
      await desk.produce(producer, "x", { version: version < 5 ? 11 : 12 });
      expect((await desk.end(producer, "commit", version)).errorCode).toBe(NONE);
      // It may still be on its way to the partitions; never is that an unknown error.
      const again = (await desk.end(producer, "commit", version)).errorCode;
      expect([NONE, ErrorCode.CONCURRENT_TRANSACTIONS]).toContain(again);
      await desk.settle();
      expect((await desk.end(producer, "commit", version)).errorCode).toBe(NONE);
      desk = await desk.restart();
      expect((await desk.end(producer, "commit", version)).errorCode).toBe(NONE);
    }
  });
});

describe("librdkafka", () => {
  test("speaks one version of each: AddPartitionsToTxn v0, AddOffsetsToTxn v0, TxnOffsetCommit v3, EndTxn v1", async () => {
    const { client } = desk;
    const { producerId, producerEpoch } = await desk.producer();
    const producer = { transactionalId: "t", producerId, producerEpoch };
    const added = await client.send(addPartitionsToTxn, 0, {
      v3AndBelowTransactionalId: "t",
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: "events", partitions: [0] }],
    });
    expect(added.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode).toBe(NONE);
    expect(await desk.produce(producer, "x", { version: 10 })).toBe(NONE);
    expect((await client.send(addOffsetsToTxn, 0, { ...producer, groupId: "g" })).errorCode).toBe(NONE);
    expect(await desk.commitOffset(producer, 5, 3)).toBe(NONE);
    expect((await client.send(endTxn, 1, { ...producer, committed: true })).errorCode).toBe(NONE);
    await desk.settle();
    expect([await desk.values(), (await desk.committedOffset(true)).offset]).toEqual([["x"], 5]);
  });
});

describe("the Java producer", () => {
  test("asks for an id whether it is transactional or not, and writes in order by it", async () => {
    const draft = { transactionalId: null, transactionTimeoutMs: 2_147_483_647 };
    const { errorCode, producerId, producerEpoch } = await desk.client.send(initProducerId, 5, draft);
    expect([errorCode, producerId >= 0, producerEpoch]).toEqual([NONE, true, 0]);
    const send = async (baseSequence: number) => {
      const records = encodeBatch({
        records: [{ value: null, timestamp: 1 }],
        producerId,
        producerEpoch,
        baseSequence,
      });
      const topicData = [{ name: "events", partitionData: [{ index: 0, records }] }];
      const answer = await desk.client.send(produce, 12, { acks: -1, timeoutMs: 1_000, topicData });
      const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
      return [errorCode, baseOffset];
    };
    expect(await send(0)).toEqual([NONE, 0]);
    expect(await send(0)).toEqual([NONE, 0]);
    expect(await send(2)).toEqual([ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1]);
  });
});

describe("Kafka Streams", () => {
  test("commits offsets as the member that it is, and one of an earlier generation is fenced (KIP-447)", async () => {
    const producer = await desk.producer();
    const commit = async (generation: number, memberId: string) => {
      const { transactionalId, producerId, producerEpoch } = producer;
      const answer = await desk.client.send(txnOffsetCommit, 5, {
        transactionalId: transactionalId!,
        groupId: "g",
        producerId,
        producerEpoch,
        generationIdOrMemberEpoch: generation,
        memberId,
        topics: [{ name: "events", partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }],
      });
      return answer.topics[0]!.partitions[0]!.errorCode;
    };
    expect(await commit(3, "gone")).not.toBe(NONE);
    expect(await commit(-1, "")).toBe(NONE);
  });

  test("reads offsets that are stable, or is told to wait (requireStable)", async () => {
    const producer = await desk.producer();
    await desk.commitOffset(producer, 9);
    for (let version = 7; version <= 10; version++) {
      const { id } = desk.server.broker.cluster.topic("events")!;
      const topics = [{ name: "events", topicId: id, partitionIndexes: [0] }];
      const asked = version < 8 ? { groupId: "g", topics } : { groups: [{ groupId: "g", topics }] };
      const answer = await desk.client.send(offsetFetch, version, { ...asked, requireStable: true });
      const [topic] = version < 8 ? answer.topics : answer.groups[0]!.topics;
      expect([version, topic!.partitions[0]!.errorCode]).toEqual([version, ErrorCode.UNSTABLE_OFFSET_COMMIT]);
    }
  });
});

describe("Flink", () => {
  test("ends, over another connection, what the process before it has begun, and does so again after its restart", async () => {
    const before = await desk.producer("sink-0-1");
    await desk.produce(before, "x");
    desk = await desk.restart();
    const { transactionalId, producerId, producerEpoch } = before;
    const draft = { transactionalId: transactionalId!, producerId, producerEpoch, committed: true };
    for (let time = 0; time < 3; time++) {
      const client = await desk.server.connect();
      expect((await client.send(endTxn, 4, draft)).errorCode).toBe(NONE);
      await desk.settle();
      client.close();
    }
    expect(await desk.values()).toEqual(["x"]);
  });

  test("may not have transactions longer than the broker's limit, and is told so", async () => {
    const init = async (transactionTimeoutMs: number) =>
      (await desk.client.send(initProducerId, 5, { transactionalId: "sink", transactionTimeoutMs })).errorCode;
    expect(await init(3_600_000)).toBe(ErrorCode.INVALID_TRANSACTION_TIMEOUT); // its own default
    expect(await init(900_000)).toBe(NONE);
  });

  test("keeps transactions open for long: readers of what is committed wait, those of all do not", async () => {
    const sink = await desk.producer("sink", { timeoutMs: 900_000 });
    await desk.produce(sink, "open");
    const other = await desk.producer("other");
    await desk.produce(other, "behind");
    await desk.ended(other, "commit");
    await desk.server.runtime.advance(600_000);
    expect([await desk.latestOffset(READ_COMMITTED), await desk.values()]).toEqual([0, []]);
    expect([await desk.latestOffset(READ_UNCOMMITTED), await desk.values(READ_UNCOMMITTED)])
      .toEqual([3, ["open", "behind"]]);
    await desk.ended(sink, "commit");
    expect(await desk.values()).toEqual(["open", "behind"]);
  });

  test("finds what is left open by ListTransactions and DescribeProducers, to end it", async () => {
    const left = await desk.producer("sink-7");
    await desk.produce(left, "x");
    const { transactionStates } = await desk.client.send(listTransactions, 0, {
      stateFilters: ["Ongoing"],
      producerIdFilters: [],
    });
    expect(transactionStates).toEqual([
      { transactionalId: "sink-7", producerId: left.producerId, transactionState: "Ongoing" },
    ]);
    const { topics } = await desk.client.send(describeProducers, 0, {
      topics: [{ name: "events", partitionIndexes: [0] }],
    });
    expect(topics[0]!.partitions[0]!.activeProducers).toMatchObject([
      { producerId: left.producerId, producerEpoch: left.producerEpoch, currentTxnStartOffset: 0 },
    ]);
  });
});

describe("Connect", () => {
  test("fences the producers of its tasks by InitProducerId of their ids, with a timeout of 1 ms", async () => {
    const task = await desk.producer("task-0");
    await desk.produce(task, "x");
    await desk.producer("task-0", { timeoutMs: 1 });
    expect(await desk.produce(task, "y", { sequence: 1 })).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    expect((await desk.end(task, "commit")).errorCode).toBe(ErrorCode.PRODUCER_FENCED);
    expect(await desk.values()).toEqual([]);
  });
});
