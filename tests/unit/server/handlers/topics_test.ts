import { describe, expect, test } from "bun:test";
import { createTopics, type CreateTopicsRequestDraft } from "../../../../protocol/api/19_create_topics.ts";
import { deleteTopics, type DeleteTopicsRequestDraft } from "../../../../protocol/api/20_delete_topics.ts";
import { createPartitions, type CreatePartitionsRequestDraft } from "../../../../protocol/api/37_create_partitions.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import { createTopicsHandler } from "../../../../server/handlers/19_create_topics.ts";
import { deleteTopicsHandler } from "../../../../server/handlers/20_delete_topics.ts";
import { createPartitionsHandler } from "../../../../server/handlers/37_create_partitions.ts";
import { type FakeBroker, fakeBroker } from "../cluster/fake_cluster.ts";

type WantedTopic = CreateTopicsRequestDraft["topics"][number];

function wanted(name: string, fields: Partial<WantedTopic> = {}): WantedTopic {
  return { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...fields };
}

function create(broker: FakeBroker, version: number, request: CreateTopicsRequestDraft) {
  return broker.ask(createTopicsHandler, createTopics, version, { timeoutMs: 5000, ...request });
}

describe("CreateTopics", () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])("v%i makes a topic and says what it got", async (version) => {
    const broker = await fakeBroker();
    const configs = [{ name: "retention.ms", value: "60000" }];
    const { topics: [answer] } = await create(broker, version, {
      topics: [wanted("a", { numPartitions: 3, configs })],
    });
    const topic = broker.cluster.topic("a")!;
    expect(topic.partitions.length).toBe(3);
    expect([...topic.configs]).toEqual([["retention.ms", "60000"]]);
    expect(answer!.errorCode).toBe(ErrorCode.NONE);
    expect(answer!.topicId).toBe(version >= 7 ? topic.id : ZERO_UUID);
    expect([answer!.numPartitions, answer!.replicationFactor]).toEqual(version >= 5 ? [3, 1] : [-1, -1]);
    expect(answer!.configs?.find(({ name }) => name === "retention.ms")).toEqual(
      version >= 5
        ? { name: "retention.ms", value: "60000", readOnly: false, configSource: 1, isSensitive: false }
        : undefined,
    );
  });

  test("each topic stands on its own merits", async () => {
    const broker = await fakeBroker({ "num.partitions": "2" });
    await broker.cluster.createTopic({ name: "taken" });
    const { topics } = await create(broker, 7, {
      topics: [
        wanted("good"),
        wanted("taken"),
        wanted("bad name!"),
        wanted("none", { numPartitions: 0 }),
        wanted("wide", { replicationFactor: 50 }),
        wanted("nope", { configs: [{ name: "nope", value: "1" }] }),
        wanted("text", { configs: [{ name: "retention.ms", value: "abc" }] }),
        wanted("null", { configs: [{ name: "retention.ms", value: null }] }),
        wanted("default", { numPartitions: -1, replicationFactor: -1 }),
        wanted("placed", {
          numPartitions: -1,
          replicationFactor: -1,
          assignments: [{ partitionIndex: 0, brokerIds: [1] }, { partitionIndex: 1, brokerIds: [1] }],
        }),
      ],
    });
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["good", ErrorCode.NONE],
      ["taken", ErrorCode.TOPIC_ALREADY_EXISTS],
      ["bad name!", ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["none", ErrorCode.INVALID_PARTITIONS],
      ["wide", ErrorCode.INVALID_REPLICATION_FACTOR],
      ["nope", ErrorCode.INVALID_CONFIG],
      ["text", ErrorCode.INVALID_CONFIG],
      ["null", ErrorCode.INVALID_CONFIG],
      ["default", ErrorCode.NONE],
      ["placed", ErrorCode.NONE],
    ]);
    expect(topics[3]).toEqual({
      name: "none",
      topicId: ZERO_UUID,
      errorCode: ErrorCode.INVALID_PARTITIONS,
      errorMessage: "Number of partitions was set to an invalid non-positive value.",
      topicConfigErrorCode: 0,
      numPartitions: -1,
      replicationFactor: -1,
      configs: [],
    });
    expect(broker.cluster.topics().map(({ name, partitions }) => [name, partitions.length]))
      .toEqual([["default", 2], ["good", 1], ["placed", 2], ["taken", 2]]);
  });

  test("only validating makes nothing", async () => {
    const broker = await fakeBroker();
    await broker.cluster.createTopic({ name: "taken" });
    const { topics } = await create(broker, 7, {
      topics: [wanted("a", { numPartitions: 3 }), wanted("taken")],
      validateOnly: true,
    });
    expect(topics.map(({ errorCode, numPartitions }) => [errorCode, numPartitions]))
      .toEqual([[ErrorCode.NONE, 3], [ErrorCode.TOPIC_ALREADY_EXISTS, -1]]);
    expect(broker.cluster.topic("a")).toBe(undefined);
  });

  test("a topic named twice is refused once, the others are made", async () => {
    const broker = await fakeBroker();
    const { topics } = await create(broker, 5, { topics: [wanted("dup"), wanted("dup"), wanted("other")] });
    expect(topics.map(({ name, errorCode, errorMessage }) => [name, errorCode, errorMessage])).toEqual([
      ["dup", ErrorCode.INVALID_REQUEST, "Duplicate topic name."],
      ["other", ErrorCode.NONE, null],
    ]);
    expect(broker.cluster.topic("dup")).toBe(undefined);
  });

  test("too many partitions in all refuse everything", async () => {
    const broker = await fakeBroker();
    const { topics } = await create(broker, 5, {
      topics: [wanted("a", { numPartitions: 6000 }), wanted("b", { numPartitions: 6000 })],
    });
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.POLICY_VIOLATION, ErrorCode.POLICY_VIOLATION]);
    expect(broker.cluster.topics()).toEqual([]);
  });

  // As of a Kafka 4.4 broker: a topic takes a record too, and so does each of its configs.
  test.each<[string, Partial<WantedTopic>, number]>([
    ["9,999 partitions", { numPartitions: 9_999 }, ErrorCode.NONE],
    ["9,999 partitions and a config", {
      numPartitions: 9_999,
      configs: [{ name: "flush.ms", value: "1" }],
    }, ErrorCode.POLICY_VIOLATION],
    ["10,000 partitions", { numPartitions: 10_000 }, ErrorCode.POLICY_VIOLATION],
    ["10,001 partitions, and a bad config", {
      numPartitions: 10_001,
      configs: [{ name: "flush.ms", value: "x" }],
    }, ErrorCode.POLICY_VIOLATION],
    ["the greatest number of partitions, and no replicas", {
      numPartitions: 2_147_483_647,
      replicationFactor: 0,
    }, ErrorCode.POLICY_VIOLATION],
    ["no partitions and no replicas", { numPartitions: 0, replicationFactor: 0 }, ErrorCode.INVALID_REPLICATION_FACTOR],
  ])("%s", async (_, fields, expected) => {
    const broker = await fakeBroker();
    const { topics } = await create(broker, 5, { topics: [wanted("a", fields)], validateOnly: true });
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([expected]);
  });

  test("the metadata's topic is refused without time, too", async () => {
    const broker = await fakeBroker();
    const { topics } = await create(broker, 5, { topics: [wanted("__cluster_metadata")], timeoutMs: 0 });
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.INVALID_REQUEST]);
  });

  test("without time nothing is begun", async () => {
    const broker = await fakeBroker();
    const { topics } = await create(broker, 5, { topics: [wanted("a"), wanted("b"), wanted("b")], timeoutMs: 0 });
    const { REQUEST_TIMED_OUT } = ErrorCode;
    expect(topics.map(({ name, errorCode }) => [name, errorCode]))
      .toEqual([["a", REQUEST_TIMED_OUT], ["b", REQUEST_TIMED_OUT], ["b", REQUEST_TIMED_OUT]]);
    expect(broker.cluster.topic("a")).toBe(undefined);
  });

  test("a disk that takes too long is a timeout, one that fails an error", async () => {
    const broker = await fakeBroker();
    let open = () => {};
    broker.store.gate = new Promise((resolve) => open = resolve);
    const { topics: [late] } = await create(broker, 5, { topics: [wanted("a")], timeoutMs: 100 });
    expect(late!.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    open();
    await broker.runtime.settle();
    expect(broker.cluster.topic("a") !== undefined).toBe(true);
    broker.store.isBroken = true;
    const { topics: [failed] } = await create(broker, 5, { topics: [wanted("b")] });
    expect(failed!.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  });
});

describe("DeleteTopics", () => {
  function remove(broker: FakeBroker, version: number, request: Partial<DeleteTopicsRequestDraft>) {
    return broker.ask(deleteTopicsHandler, deleteTopics, version, { timeoutMs: 5000, ...request });
  }

  test.each([0, 1, 2, 3, 4, 5])("v%i deletes by name", async (version) => {
    const broker = await fakeBroker();
    await broker.cluster.createTopics([{ name: "a" }, { name: "b" }]);
    const { responses } = await remove(broker, version, { topicNames: ["a", "none"] });
    expect(responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["none", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ["a", ErrorCode.NONE],
    ]);
    expect(broker.cluster.topics().map(({ name }) => name)).toEqual(["b"]);
  });

  test("v6 deletes by id or name and answers both", async () => {
    const broker = await fakeBroker();
    const a = await broker.cluster.createTopic({ name: "a" });
    const b = await broker.cluster.createTopic({ name: "b" });
    const unknown = "AAAAAAAAAAAAAAAAAAAAZQ";
    const { responses } = await remove(broker, 6, {
      topics: [{ name: null, topicId: a.id }, { name: "b", topicId: ZERO_UUID }, { name: null, topicId: unknown }],
    });
    expect(responses.map(({ name, topicId, errorCode }) => [name, topicId, errorCode])).toEqual([
      [null, unknown, ErrorCode.UNKNOWN_TOPIC_ID],
      ["a", a.id, ErrorCode.NONE],
      ["b", b.id, ErrorCode.NONE],
    ]);
    expect(broker.cluster.topics()).toEqual([]);
  });

  test("v6 refuses what names nothing, two things, or one thing twice", async () => {
    const broker = await fakeBroker();
    const a = await broker.cluster.createTopic({ name: "a" });
    await broker.cluster.createTopic({ name: "c" });
    const { responses } = await remove(broker, 6, {
      topics: [
        { name: null, topicId: ZERO_UUID },
        { name: "x", topicId: "AAAAAAAAAAAAAAAAAAAAZQ" },
        { name: "c", topicId: ZERO_UUID },
        { name: "c", topicId: ZERO_UUID },
        { name: null, topicId: "AAAAAAAAAAAAAAAAAAAAYA" },
        { name: null, topicId: "AAAAAAAAAAAAAAAAAAAAYA" },
        { name: "a", topicId: ZERO_UUID },
        { name: null, topicId: a.id },
      ],
    });
    expect(responses.map(({ errorCode, errorMessage }) => [errorCode, errorMessage])).toEqual([
      [ErrorCode.INVALID_REQUEST, "Neither topic name nor id were specified."],
      [ErrorCode.INVALID_REQUEST, "You may not specify both topic name and topic id."],
      [ErrorCode.INVALID_REQUEST, "Duplicate topic name."],
      [ErrorCode.INVALID_REQUEST, "Duplicate topic id."],
      [ErrorCode.INVALID_REQUEST, "The provided topic name maps to an ID that was already supplied."],
    ]);
    expect(broker.cluster.topics().map(({ name }) => name)).toEqual(["a", "c"]);
  });

  test("v6 does not mistake an id beside a name for one given twice", async () => {
    const broker = await fakeBroker();
    const a = await broker.cluster.createTopic({ name: "a" });
    const { responses } = await remove(broker, 6, {
      topics: [{ name: "x", topicId: a.id }, { name: null, topicId: a.id }],
    });
    expect(responses.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.INVALID_REQUEST, ErrorCode.NONE]);
  });

  test("v6 without time answers what was asked, also for what is not there", async () => {
    const broker = await fakeBroker();
    const a = await broker.cluster.createTopic({ name: "a" });
    const asked = [
      { name: "a", topicId: ZERO_UUID },
      { name: "none", topicId: ZERO_UUID },
      { name: "none", topicId: ZERO_UUID },
      { name: null, topicId: a.id },
      { name: null, topicId: ZERO_UUID },
    ];
    const { responses } = await remove(broker, 6, { topics: asked, timeoutMs: 0 });
    expect(responses.map(({ name, topicId, errorCode }) => [name, topicId, errorCode]))
      .toEqual(asked.map(({ name, topicId }) => [name, topicId, ErrorCode.REQUEST_TIMED_OUT]));
    expect(broker.cluster.topic("a") === undefined).toBe(false);
  });

  test("without time refuses what need not be looked up", async () => {
    const broker = await fakeBroker();
    const { responses } = await remove(broker, 5, { topicNames: ["a", "a"], timeoutMs: -1 });
    expect(responses.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.INVALID_REQUEST]);
  });

  test("is refused where it is disabled", async () => {
    const broker = await fakeBroker({ "delete.topic.enable": "false" });
    await broker.cluster.createTopic({ name: "a" });
    for (const [version, code] of [[2, ErrorCode.INVALID_REQUEST], [3, ErrorCode.TOPIC_DELETION_DISABLED]] as const) {
      const { responses } = await remove(broker, version, { topicNames: ["a"] });
      expect(responses.map(({ errorCode }) => errorCode)).toEqual([code]);
    }
    expect(broker.cluster.topics().length).toBe(1);
  });
});

describe("CreatePartitions", () => {
  function grow(broker: FakeBroker, version: number, request: Partial<CreatePartitionsRequestDraft>) {
    return broker.ask(createPartitionsHandler, createPartitions, version, {
      topics: [],
      timeoutMs: 5000,
      validateOnly: false,
      ...request,
    });
  }

  test.each([0, 1, 2, 3])("v%i adds partitions", async (version) => {
    const broker = await fakeBroker();
    await broker.cluster.createTopics([{ name: "a", partitionCount: 2 }, { name: "b", partitionCount: 3 }]);
    const { results } = await grow(broker, version, {
      topics: [
        { name: "a", count: 5, assignments: null },
        { name: "b", count: 3, assignments: null },
        { name: "none", count: 5, assignments: null },
      ],
    });
    expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["a", ErrorCode.NONE],
      ["b", ErrorCode.INVALID_PARTITIONS],
      ["none", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
    expect(broker.cluster.topic("a")!.partitions.length).toBe(5);
  });

  test("only validating, naming a topic twice, and asking for too many add nothing", async () => {
    const broker = await fakeBroker();
    await broker.cluster.createTopics([{ name: "a", partitionCount: 2 }]);
    const one = { name: "a", count: 5, assignments: null };
    const codes = async (request: Partial<CreatePartitionsRequestDraft>) =>
      (await grow(broker, 3, request)).results.map(({ errorCode }) => errorCode);
    expect(await codes({ topics: [one], validateOnly: true })).toEqual([ErrorCode.NONE]);
    expect(await codes({ topics: [one, one] })).toEqual([ErrorCode.INVALID_REQUEST]);
    expect(await codes({ topics: [{ ...one, count: 20_000 }] })).toEqual([ErrorCode.POLICY_VIOLATION]);
    const assigned = { ...one, count: 2_147_483_647, assignments: [{ brokerIds: [1] }] };
    expect(await codes({ topics: [assigned] })).toEqual([ErrorCode.POLICY_VIOLATION]);
    expect(await codes({ topics: [one], timeoutMs: 0 })).toEqual([ErrorCode.REQUEST_TIMED_OUT]);
    expect(broker.cluster.topic("a")!.partitions.length).toBe(2);
  });
});
