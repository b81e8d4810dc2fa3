import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { produce } from "../../../../protocol/api/00_produce.ts";
import { initProducerId } from "../../../../protocol/api/22_init_producer_id.ts";
import { addPartitionsToTxn } from "../../../../protocol/api/24_add_partitions_to_txn.ts";
import { writeTxnMarkers } from "../../../../protocol/api/27_write_txn_markers.ts";
import { describeProducers } from "../../../../protocol/api/61_describe_producers.ts";
import { describeTransactions } from "../../../../protocol/api/65_describe_transactions.ts";
import { listTransactions } from "../../../../protocol/api/66_list_transactions.ts";
import { ErrorCode, errorName } from "../../../../protocol/errors.ts";
import { encodeRequestFrame } from "../../../../protocol/frame.ts";
import { encodeBatch } from "../../../../protocol/record.ts";
import { READ_COMMITTED, READ_UNCOMMITTED, TransactionsDesk } from "./transactions_desk.ts";

const { NONE } = ErrorCode;
let desk: TransactionsDesk;

beforeEach(async () => {
  desk = await TransactionsDesk.start();
});

afterEach(() => desk.server.stop());

describe("a transaction", () => {
  for (const [client, version, endVersion] of [["of today", 12, 5], ["of before KIP-890", 11, 4]] as const) {
    test(`of a client ${client} is read whole once it is committed`, async () => {
      const producer = await desk.producer();
      for (const partition of [0, 1]) {
        if (version < 12) expect(await desk.add(producer, partition)).toBe(NONE);
        expect(await desk.produce(producer, `p${partition}`, { version, partition })).toBe(NONE);
      }
      expect(await desk.values(READ_UNCOMMITTED)).toEqual(["p0"]);
      expect([await desk.values(), await desk.values(READ_COMMITTED, 1)]).toEqual([[], []]);
      expect([await desk.latestOffset(READ_COMMITTED), await desk.latestOffset(READ_UNCOMMITTED)]).toEqual([0, 1]);
      const next = await desk.ended(producer, "commit", endVersion);
      expect([await desk.values(), await desk.values(READ_COMMITTED, 1)]).toEqual([["p0"], ["p1"]]);
      expect([await desk.latestOffset(READ_COMMITTED), await desk.latestOffset(READ_UNCOMMITTED)]).toEqual([2, 2]);
      expect(next.producerEpoch).toBe(producer.producerEpoch + (endVersion < 5 ? 0 : 1));
    });

    test(`of a client ${client} is never read once it is aborted, and the next one is`, async () => {
      const producer = await desk.producer();
      if (version < 12) await desk.add(producer);
      await desk.produce(producer, "no", { version });
      const next = await desk.ended(producer, "abort", endVersion);
      if (version < 12) await desk.add(next);
      expect(await desk.produce(next, "yes", { version, sequence: endVersion < 5 ? 1 : 0 })).toBe(NONE);
      await desk.ended(next, "commit", endVersion);
      expect(await desk.values()).toEqual(["yes"]);
      expect((await desk.fetch(READ_COMMITTED)).abortedTransactions)
        .toEqual([{ producerId: producer.producerId, firstOffset: 0 }]);
    });
  }

  test("that is open ends no log for who asks as a replica", async () => {
    await desk.produce(await desk.producer(), "a");
    for (const replicaId of [0, -2]) expect(await desk.latestOffset(READ_COMMITTED, replicaId)).toBe(1);
  });

  test("that is open is found again by the next process, which goes on with it", async () => {
    const producer = await desk.producer();
    await desk.produce(producer, "a");
    desk = await desk.restart();
    expect(await desk.values()).toEqual([]);
    expect(await desk.produce(producer, "b", { sequence: 1 })).toBe(NONE);
    await desk.ended(producer, "commit");
    expect(await desk.values()).toEqual(["a", "b"]);
  });

  test("goes on behind others of the same connection while its partition is written down", async () => {
    const producer = await desk.producer();
    const answers = [0, 1, 2].map((sequence) => desk.begin(producer, `${sequence}`, { sequence }));
    const found = await desk.server.runtime.until(Promise.all(answers));
    const partitions = found.map((answer) => answer.responses[0]!.partitionResponses[0]!);
    expect(partitions.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual([[0, 0], [0, 1], [0, 2]]);
  });

  test("ends by itself when its time is up, and its producer is fenced", async () => {
    const producer = await desk.producer("t", { timeoutMs: 5_000 });
    await desk.produce(producer, "late");
    await desk.server.runtime.advance(20_000);
    expect(await desk.latestOffset(READ_COMMITTED)).toBe(2);
    expect(await desk.values()).toEqual([]);
    expect((await desk.end(producer, "commit")).errorCode).toBe(ErrorCode.INVALID_TXN_STATE);
    expect((await desk.end(producer, "commit", 4)).errorCode).toBe(ErrorCode.PRODUCER_FENCED);
    expect(await desk.produce(producer, "later", { sequence: 1 })).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    // KIP-360: it asks for its next epoch and goes on.
    const next = await desk.producer("t", { before: producer });
    expect(next.producerId).toBe(producer.producerId);
    expect(await desk.produce(next, "again")).toBe(NONE);
    await desk.ended(next, "commit");
    expect(await desk.values()).toEqual(["again"]);
  });

  test("is aborted by the next producer of its id, and the one before is fenced", async () => {
    const before = await desk.producer();
    await desk.produce(before, "no");
    const after = await desk.producer();
    expect(after.producerId).toBe(before.producerId);
    expect(after.producerEpoch).toBeGreaterThan(before.producerEpoch);
    expect((await desk.end(before, "commit")).errorCode).toBe(ErrorCode.PRODUCER_FENCED);
    expect((await desk.end(before, "commit", 1)).errorCode).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    expect(await desk.produce(before, "no", { sequence: 1 })).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    await desk.produce(after, "yes");
    await desk.ended(after, "commit");
    expect(await desk.values()).toEqual(["yes"]);
  });

  test("that is ended twice was ended once", async () => {
    for (const version of [4, 5]) {
      const producer = await desk.producer();
      if (version < 5) await desk.add(producer);
      await desk.produce(producer, "once", { version: version < 5 ? 11 : 12 });
      const next = await desk.ended(producer, "commit", version);
      expect(await desk.end(producer, "commit", version)).toMatchObject({
        errorCode: NONE,
        ...(version < 5 ? {} : { producerEpoch: next.producerEpoch }),
      });
      expect((await desk.end(producer, "abort", version)).errorCode).toBe(ErrorCode.INVALID_TXN_STATE);
    }
    expect(await desk.values()).toEqual(["once", "once"]);
  });
});

describe("a write of a transaction", () => {
  test("is refused where an older client has not added the partition", async () => {
    const producer = await desk.producer();
    expect(await desk.produce(producer, "x", { version: 11 })).toBe(ErrorCode.TRANSACTION_ABORTABLE);
    expect(await desk.produce(producer, "x", { version: 10 })).toBe(ErrorCode.INVALID_TXN_STATE);
    await desk.add(producer, 1);
    expect(await desk.produce(producer, "x", { version: 11 })).toBe(ErrorCode.TRANSACTION_ABORTABLE);
    await desk.add(producer, 0);
    expect(await desk.produce(producer, "x", { version: 11 })).toBe(NONE);
  });

  test("that comes after its end is refused", async () => {
    const producer = await desk.producer();
    await desk.add(producer);
    await desk.produce(producer, "in time", { version: 11 });
    await desk.ended(producer, "commit", 4);
    expect(await desk.produce(producer, "late", { version: 11, sequence: 1 })).toBe(ErrorCode.TRANSACTION_ABORTABLE);
    expect(await desk.latestOffset(READ_COMMITTED)).toBe(2);
  });

  test("is let in unseen where verification is off, by an older client only", async () => {
    await desk.server.stop();
    desk = await TransactionsDesk.start({ overrides: { "transaction.partition.verification.enable": "false" } });
    const producer = await desk.producer();
    expect(await desk.produce(producer, "x", { version: 11 })).toBe(NONE);
    const stranger = { ...producer, producerId: producer.producerId + 1 };
    expect(await desk.produce(stranger, "x", { version: 12, partition: 1 })).toBe(
      ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    );
  });

  test("names its transactional id, and is one producer's", async () => {
    const producer = await desk.producer();
    expect(await desk.produce({ ...producer, transactionalId: null }, "x"))
      .toBe(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    expect(await desk.produce({ ...producer, producerEpoch: producer.producerEpoch + 1 }, "x"))
      .toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    const [one, other] = await desk.server.runtime.until(Promise.all([
      desk.begin(producer, "x"),
      desk.begin(producer, "y", { partition: 1 }),
    ]));
    expect([one, other].map((answer) => answer.responses[0]!.partitionResponses[0]!.errorCode)).toEqual([NONE, NONE]);
  });

  test("begins at sequence 0 where nothing is known of its producer", async () => {
    const producer = await desk.producer();
    expect(await desk.produce(producer, "x", { sequence: 3 })).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(await desk.produce(producer, "x")).toBe(NONE);
  });

  test("with topic ids is one like any other", async () => {
    const producer = await desk.producer();
    expect(await desk.produce(producer, "x", { version: 13 })).toBe(NONE);
    await desk.ended(producer, "commit");
    expect(await desk.values()).toEqual(["x"]);
  });

  test("of which nothing can be read is refused by the check of batches", async () => {
    const draft = {
      transactionalId: "t",
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name: "events", partitionData: [{ index: 0, records: new Uint8Array(70).fill(0x7f) }] }],
    };
    const answer = await desk.client.send(produce, 11, draft);
    expect(answer.responses[0]!.partitionResponses[0]!.errorCode).not.toBe(NONE);
  });
});

test("behind a write that was held and then refused without an answer, nothing is taken up", async () => {
  const { producerId } = await desk.producer();
  const client = await desk.server.connect();
  const frameOf = (producer: { producerId: number; producerEpoch: number } | null, correlationId: number) => {
    const own = producer === null ? {} : { ...producer, baseSequence: 0, isTransactional: true };
    const records = encodeBatch({ records: [{ value: Uint8Array.of(1), timestamp: 1 }], ...own });
    return encodeRequestFrame(produce, 12, correlationId, "test", {
      transactionalId: "t",
      acks: 0,
      timeoutMs: 1_000,
      topicData: [{ name: "events", partitionData: [{ index: 0, records }] }],
    });
  };
  client.post([...frameOf({ producerId, producerEpoch: 9 }, 1), ...frameOf(null, 2)]);
  await desk.settle();
  expect(client.isClosed).toBe(true);
  expect(await desk.latestOffset(READ_UNCOMMITTED)).toBe(0);
});

describe("offsets of a group in a transaction", () => {
  for (const version of [3, 5, 6]) {
    test(`count once it is committed, TxnOffsetCommit v${version}`, async () => {
      const producer = await desk.producer();
      if (version < 5) expect(await desk.addOffsets(producer)).toBe(NONE);
      expect(await desk.commitOffset(producer, 7, version)).toBe(NONE);
      expect(await desk.committedOffset(true)).toEqual({ errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT, offset: -1 });
      expect(await desk.committedOffset(false)).toEqual({ errorCode: NONE, offset: -1 });
      await desk.ended(producer, "commit", version < 5 ? 4 : 5);
      expect(await desk.committedOffset(true)).toEqual({ errorCode: NONE, offset: 7 });
    });
  }

  test("do not when it is aborted, over a restart in between", async () => {
    const producer = await desk.producer();
    await desk.commitOffset(producer, 7);
    desk = await desk.restart();
    expect((await desk.committedOffset(true)).errorCode).toBe(ErrorCode.UNSTABLE_OFFSET_COMMIT);
    await desk.ended(producer, "abort");
    expect(await desk.committedOffset(true)).toEqual({ errorCode: NONE, offset: -1 });
  });

  test("are refused where an older client has not added the group", async () => {
    const producer = await desk.producer();
    expect(await desk.commitOffset(producer, 7, 4)).toBe(ErrorCode.TRANSACTION_ABORTABLE);
    expect(await desk.commitOffset(producer, 7, 3)).toBe(ErrorCode.INVALID_TXN_STATE);
  });

  test("are refused from one who is fenced", async () => {
    const before = await desk.producer();
    await desk.producer();
    expect(await desk.commitOffset(before, 7)).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    expect(await desk.addOffsets(before)).toBe(ErrorCode.PRODUCER_FENCED);
  });
});

describe("InitProducerId", () => {
  const init = (changes: { transactionalId?: string | null; transactionTimeoutMs?: number; producerId?: number }) =>
    desk.client.send(initProducerId, 5, { transactionalId: "t", transactionTimeoutMs: 60_000, ...changes });

  test("refuses a timeout that is too long or none, and an empty id", async () => {
    for (const transactionTimeoutMs of [0, -1, 900_001]) {
      expect((await init({ transactionTimeoutMs })).errorCode).toBe(ErrorCode.INVALID_TRANSACTION_TIMEOUT);
    }
    expect((await init({ transactionalId: "" })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect((await init({ producerId: 5 })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect((await init({ transactionalId: null, transactionTimeoutMs: -1 })).errorCode).toBe(NONE);
  });

  test("keeps the id of a producer and raises its epoch", async () => {
    const first = await desk.producer();
    const second = await desk.producer();
    expect(second).toEqual({ ...first, producerEpoch: first.producerEpoch + 1 });
    desk = await desk.restart();
    expect(await desk.producer()).toEqual({ ...first, producerEpoch: first.producerEpoch + 2 });
  });
});

describe("AddPartitionsToTxn", () => {
  test("adds all of a transaction's partitions or none", async () => {
    const { producerId, producerEpoch } = await desk.producer();
    const answer = await desk.client.send(addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: "t",
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: "events", partitions: [0, 9] }, { name: "nowhere", partitions: [0] }],
    });
    expect(answer.resultsByTopicV3AndBelow).toEqual([
      {
        name: "events",
        resultsByPartition: [
          { partitionIndex: 0, partitionErrorCode: ErrorCode.OPERATION_NOT_ATTEMPTED },
          { partitionIndex: 9, partitionErrorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
        ],
      },
      {
        name: "nowhere",
        resultsByPartition: [{ partitionIndex: 0, partitionErrorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }],
      },
    ]);
  });

  test("of several transactions, some only to be verified, answers each by itself", async () => {
    const [one, two] = [await desk.producer("one"), await desk.producer("two")];
    const transaction = (producer: typeof one, verifyOnly: boolean) => ({
      ...producer,
      transactionalId: producer.transactionalId ?? "",
      verifyOnly,
      topics: [{ name: "events", partitions: [0] }],
    });
    const answer = await desk.client.send(addPartitionsToTxn, 5, {
      transactions: [transaction(one, false), transaction(two, true)],
    });
    const errorCodes = answer.resultsByTransaction.map(({ transactionalId, topicResults }) => [
      transactionalId,
      topicResults[0]!.resultsByPartition[0]!.partitionErrorCode,
    ]);
    expect(errorCodes).toEqual([["one", NONE], ["two", ErrorCode.TRANSACTION_ABORTABLE]]);
    const again = await desk.client.send(addPartitionsToTxn, 5, { transactions: [transaction(one, true)] });
    expect(again.resultsByTransaction[0]!.topicResults[0]!.resultsByPartition[0]!.partitionErrorCode).toBe(NONE);
  });

  test("answers what is named twice once where partitions may differ, and as it was asked where they cannot", async () => {
    const producer = await desk.producer("one");
    const topics = [{ name: "events", partitions: [0, 0] }, { name: "empty", partitions: [] }, {
      name: "events",
      partitions: [0],
    }];
    const answers = async (verifyOnly: boolean) => {
      const { resultsByTransaction } = await desk.client.send(addPartitionsToTxn, 5, {
        transactions: [{ ...producer, transactionalId: "one", verifyOnly, topics }],
      });
      return resultsByTransaction[0]!.topicResults.map(({ name, resultsByPartition }) =>
        `${name} ${resultsByPartition.map(({ partitionIndex }) => partitionIndex)}`
      );
    };
    expect(await answers(true)).toEqual(["events 0"]);
    const { resultsByTransaction } = await desk.client.send(addPartitionsToTxn, 5, {
      transactions: [0, 1].map((partition) => ({
        ...producer,
        transactionalId: "one",
        topics: [{ name: "events", partitions: [partition] }],
      })),
    });
    expect(resultsByTransaction.map(({ topicResults }) => topicResults[0]!.resultsByPartition[0])).toEqual([
      { partitionIndex: 0, partitionErrorCode: NONE },
      { partitionIndex: 1, partitionErrorCode: NONE },
    ]);
    expect(await answers(false)).toEqual(["events 0,0", "empty ", "events 0"]);
  });
});

describe("WriteTxnMarkers", () => {
  const epochs = { producerEpoch: 0, coordinatorEpoch: 0, transactionVersion: 2 };

  async function write(...changes: Partial<typeof epochs & { producerId: number; partition: number }>[]) {
    const markers = changes.map(({ partition = 0, ...change }) => ({
      producerId: 77,
      ...epochs,
      ...change,
      transactionResult: true,
      topics: [{ name: "events", partitionIndexes: [partition] }, { name: "empty", partitionIndexes: [] }],
    }));
    const answer = await desk.client.send(writeTxnMarkers, 2, { markers });
    return answer.markers.map(({ producerId, topics }) =>
      `${producerId} ${
        topics.map(({ name, partitions }) => `${name} ${partitions.map(({ errorCode }) => errorName(errorCode))}`)
      }`
    );
  }

  test("knows no epochs below the first", async () => {
    expect(await write({ producerEpoch: -2 })).toEqual(["77 events INVALID_PRODUCER_EPOCH"]);
    expect(await write({ coordinatorEpoch: -2 })).toEqual(["77 events TRANSACTION_COORDINATOR_FENCED"]);
    expect(await write({ transactionVersion: -1 })).toEqual(["77 events UNKNOWN_SERVER_ERROR"]);
    expect(await write({ coordinatorEpoch: -1, transactionVersion: -2 })).toEqual(["77 events NONE"]);
    expect(await write({ producerId: -2 })).toEqual(["-2 events NONE"]);
    expect(await write({ producerId: -2, producerEpoch: -3, coordinatorEpoch: -3, transactionVersion: -1 }))
      .toEqual(["-2 events NONE"]);
    expect(await desk.latestOffset(READ_COMMITTED)).toBe(3);
  });

  test("of nobody in particular fails for all that are asked with it, unless its partitions are not here", async () => {
    const all = ["77 events UNKNOWN_SERVER_ERROR", "78 events UNKNOWN_SERVER_ERROR"];
    expect(await write({ producerEpoch: -1 }, { producerId: 78, partition: 8 })).toEqual(all);
    expect(await write({ producerId: -1 }, { producerId: 77 }))
      .toEqual(["-1 events UNKNOWN_SERVER_ERROR", "77 events UNKNOWN_SERVER_ERROR"]);
    expect(await write({ producerEpoch: -1, partition: 8 }, { producerId: 78 }))
      .toEqual(["77 events UNKNOWN_TOPIC_OR_PARTITION", "78 events NONE"]);
  });
});

describe("an administrator", () => {
  test("whose search takes long lets others be served meanwhile", async () => {
    await desk.producer();
    const { runtime } = desk.server;
    let lookedMs = 0; // each look at the clock takes a second
    const monotonicMs = () => runtime.clock.monotonicMs() + (lookedMs += 1_000);
    const process = { ...runtime, clock: { ...runtime.clock, nowMs: () => runtime.clock.nowMs(), monotonicMs } };
    desk = await desk.restart({ process });
    const other = await desk.server.connect();
    const order: string[] = [];
    const draft = { stateFilters: [], producerIdFilters: [], durationFilter: -1, transactionalIdPattern: "t" };
    await desk.server.runtime.until(Promise.all([
      desk.client.begin(listTransactions, 2, draft).then(({ transactionStates }) => {
        order.push(...transactionStates.map(({ transactionalId }) => transactionalId));
      }),
      other.begin(describeTransactions, 0, { transactionalIds: [] }).then(() => order.push("another's answer")),
    ]));
    expect(order).toEqual(["another's answer", "t"]);
  });

  test("sees transactions and their producers", async () => {
    const producer = await desk.producer();
    await desk.producer("other");
    await desk.produce(producer, "x");
    const listed = async (
      filter: { stateFilters?: string[]; transactionalIdPattern?: string | null; durationFilter?: number },
    ) => {
      const draft = {
        stateFilters: [],
        producerIdFilters: [],
        transactionalIdPattern: null,
        durationFilter: -1,
        ...filter,
      };
      const answer = await desk.client.send(listTransactions, 2, draft);
      const ids = answer.transactionStates.map((
        { transactionalId, transactionState },
      ) => [transactionalId, transactionState]);
      return { errorCode: answer.errorCode, unknown: answer.unknownStateFilters, ids: ids.sort() };
    };
    expect(await listed({})).toEqual({ errorCode: NONE, unknown: [], ids: [["other", "Empty"], ["t", "Ongoing"]] });
    expect(await listed({ stateFilters: ["Ongoing", "Odd"] }))
      .toEqual({ errorCode: NONE, unknown: ["Odd"], ids: [["t", "Ongoing"]] });
    expect((await listed({ transactionalIdPattern: "o.*" })).ids).toEqual([["other", "Empty"]]);
    expect((await listed({ transactionalIdPattern: "o" })).ids).toEqual([]);
    expect((await listed({ transactionalIdPattern: "(" })).errorCode).toBe(ErrorCode.INVALID_REGULAR_EXPRESSION);
    expect((await listed({ durationFilter: 5_000, stateFilters: ["Ongoing"] })).ids).toEqual([]);
    await desk.server.runtime.advance(6_000);
    expect((await listed({ durationFilter: 5_000, stateFilters: ["Ongoing"] })).ids).toEqual([["t", "Ongoing"]]);

    const { transactionStates } = await desk.client.send(describeTransactions, 0, {
      transactionalIds: ["t", "no", ""],
    });
    expect(transactionStates).toMatchObject([
      {
        errorCode: NONE,
        transactionState: "Ongoing",
        transactionTimeoutMs: 60_000,
        producerId: producer.producerId,
        topics: [{ topic: "events", partitions: [0] }],
      },
      { errorCode: ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, transactionalId: "no" },
      { errorCode: ErrorCode.INVALID_REQUEST, transactionalId: "" },
    ]);
    const described = await desk.client.send(describeProducers, 0, {
      topics: [{ name: "events", partitionIndexes: [0, 7] }, { name: "a/b", partitionIndexes: [0] }],
    });
    expect(described.topics[0]!.partitions[0]!.activeProducers).toMatchObject([{
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: 0,
      currentTxnStartOffset: 0,
    }]);
    expect(described.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)))
      .toEqual([NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_TOPIC_EXCEPTION]);
  });

  test("ends a transaction that hangs, by its markers", async () => {
    const producer = await desk.producer();
    await desk.produce(producer, "hangs");
    const answer = await desk.client.send(writeTxnMarkers, 1, {
      markers: [{
        producerId: producer.producerId,
        producerEpoch: producer.producerEpoch,
        coordinatorEpoch: 0,
        transactionResult: false,
        topics: [{ name: "events", partitionIndexes: [0, 8] }],
      }],
    });
    const { topics } = answer.markers[0]!;
    expect(topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([
      NONE,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    expect(await desk.latestOffset(READ_COMMITTED)).toBe(2);
    expect(await desk.values()).toEqual([]);
  });

  test("sees nothing of an id that has expired", async () => {
    await desk.server.stop();
    const overrides = { "transactional.id.expiration.ms": "10000", "connections.max.idle.ms": "86400000" };
    desk = await TransactionsDesk.start({ overrides });
    const producer = await desk.producer();
    await desk.server.runtime.advance(7_300_000);
    const { transactionStates } = await desk.client.send(describeTransactions, 0, { transactionalIds: ["t"] });
    expect(transactionStates[0]!.errorCode).toBe(ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
    expect((await desk.end(producer, "commit")).errorCode).toBe(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    desk = await desk.restart();
    const next = await desk.producer();
    expect(next.producerId).not.toBe(producer.producerId);
  });
});
