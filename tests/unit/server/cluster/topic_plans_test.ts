import { describe, expect, test } from "bun:test";
import { ErrorCode, ProtocolError } from "../../../../protocol/errors.ts";
import { MetadataImage } from "../../../../server/cluster/image.ts";
import {
  partitionsPerRequestMax,
  type PartitionsRequest,
  type PlanContext,
  planPartitions,
  planTopic,
  refuseManyMorePartitions,
  refuseManyPartitions,
  type TopicRequest,
} from "../../../../server/cluster/topic_plans.ts";

// Codes and messages below are what Apache Kafka 4.4 answered to the same requests, one broker with id 1.

const ID = "cwbE3fu4QRulFjkHsq9GAw";

function context(overrides: Partial<PlanContext> = {}): PlanContext {
  return {
    brokerIds: [1],
    defaultPartitionCount: 2,
    defaultReplicationFactor: 1,
    newTopicId: () => ID,
    checkConfigs: (configs) => {
      if (configs.has("nope")) throw new ProtocolError(ErrorCode.INVALID_CONFIG, "Unknown topic config name: nope");
    },
    ...overrides,
  };
}

function imageWith(...requests: TopicRequest[]): MetadataImage {
  const image = new MetadataImage();
  let next = 0;
  for (const request of requests) {
    image.apply(planTopic(image, request, context({ newTopicId: () => `AAAAAAAAAAAAAAAAAAAA0${next++}` })));
  }
  return image;
}

function refusal(run: () => unknown): [code: number, message: string] {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError) return [error.code, error.message];
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("plan of a topic", () => {
  test("without counts takes the defaults", () => {
    const image = imageWith({ name: "orders" });
    expect(image.topic("orders")!.partitions.map(({ replicas }) => replicas)).toEqual([[1], [1]]);
  });

  test("spreads leaders and replicas over brokers", () => {
    const image = new MetadataImage();
    image.apply(planTopic(
      image,
      { name: "orders", partitionCount: 4, replicationFactor: 2 },
      context({ brokerIds: [1, 2, 3] }),
    ));
    expect(image.topic("orders")!.partitions.map(({ replicas }) => replicas)).toEqual([[1, 2], [2, 3], [3, 1], [1, 2]]);
    expect(image.topic("orders")!.partitions.map(({ leaderId }) => leaderId)).toEqual([1, 2, 3, 1]);
  });

  test("follows assignments made by hand, whatever their order", () => {
    const image = new MetadataImage();
    image.apply(planTopic(
      image,
      {
        name: "orders",
        assignments: [{ partitionIndex: 1, brokerIds: [2, 1] }, { partitionIndex: 0, brokerIds: [1, 2] }],
      },
      context({ brokerIds: [1, 2] }),
    ));
    expect(image.topic("orders")!.partitions.map(({ replicas }) => replicas)).toEqual([[1, 2], [2, 1]]);
  });

  test("of two thousand million partitions takes no memory for them: it is more than may be, and that is enough", () => {
    const records = planTopic(new MetadataImage(), { name: "orders", partitionCount: 2_147_483_647 }, context());
    expect(records).toHaveLength(1 + partitionsPerRequestMax + 1);
  });

  test("keeps configs", () => {
    const image = imageWith({ name: "orders", configs: new Map([["retention.ms", "5"]]) });
    expect([...image.topic("orders")!.configs]).toEqual([["retention.ms", "5"]]);
  });

  const long = "a".repeat(250);
  test.each<[string, TopicRequest, number, string]>([
    [
      "a name with odd characters",
      { name: "bad name!", partitionCount: -2 },
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      "Topic name is invalid: 'bad name!' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
    ],
    [
      "an empty name",
      { name: "" },
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      "Topic name is invalid: the empty string is not allowed",
    ],
    ["a dot", { name: "." }, ErrorCode.INVALID_TOPIC_EXCEPTION, "Topic name is invalid: '.' is not allowed"],
    ["two dots", { name: ".." }, ErrorCode.INVALID_TOPIC_EXCEPTION, "Topic name is invalid: '..' is not allowed"],
    [
      "a long name",
      { name: long },
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `Topic name is invalid: the length of '${long}' is longer than the max allowed length 249`,
    ],
    [
      "a topic that is there, whatever else is wrong",
      { name: "taken", partitionCount: 0, configs: new Map([["nope", "1"]]) },
      ErrorCode.TOPIC_ALREADY_EXISTS,
      "Topic 'taken' already exists.",
    ],
    [
      "a name that collides",
      { name: "col_a" },
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      "Topic 'col_a' collides with existing topic: col.a",
    ],
    [
      "the metadata's own topic",
      { name: "__cluster_metadata" },
      ErrorCode.INVALID_REQUEST,
      "Creation of internal topic __cluster_metadata is prohibited.",
    ],
    [
      "a config, before partitions and replicas",
      { name: "x", partitionCount: 0, replicationFactor: 9, configs: new Map([["nope", "1"]]) },
      ErrorCode.INVALID_CONFIG,
      "Unknown topic config name: nope",
    ],
    [
      "a config without value",
      { name: "x", configs: new Map([["retention.ms", null]]) },
      ErrorCode.INVALID_CONFIG,
      "Null value not supported for topic configs: retention.ms",
    ],
    [
      "no partitions",
      { name: "x", partitionCount: 0 },
      ErrorCode.INVALID_PARTITIONS,
      "Number of partitions was set to an invalid non-positive value.",
    ],
    [
      "a negative number of partitions",
      { name: "x", partitionCount: -2 },
      ErrorCode.INVALID_PARTITIONS,
      "Number of partitions was set to an invalid non-positive value.",
    ],
    [
      "no replicas",
      { name: "x", replicationFactor: 0 },
      ErrorCode.INVALID_REPLICATION_FACTOR,
      "Replication factor must be larger than 0, or -1 to use the default value.",
    ],
    [
      "more replicas than brokers",
      { name: "x", replicationFactor: 2 },
      ErrorCode.INVALID_REPLICATION_FACTOR,
      "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned.",
    ],
    [
      "an assignment beside a replication factor",
      { name: "x", replicationFactor: 1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
      ErrorCode.INVALID_REQUEST,
      "A manual partition assignment was specified, but replication factor was not set to -1.",
    ],
    [
      "an assignment beside a number of partitions",
      { name: "x", partitionCount: 1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
      ErrorCode.INVALID_REQUEST,
      "A manual partition assignment was specified, but numPartitions was not set to -1.",
    ],
    [
      "an assignment to no such broker",
      { name: "x", assignments: [{ partitionIndex: 0, brokerIds: [2] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "The manual partition assignment includes broker 2, but no such broker is registered.",
    ],
    [
      "an assignment with a gap",
      { name: "x", assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "partitions should be a consecutive 0-based integer sequence",
    ],
    [
      "an assignment to nobody",
      { name: "x", assignments: [{ partitionIndex: 0, brokerIds: [] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "The manual partition assignment includes an empty replica list.",
    ],
    [
      "an assignment to one broker twice",
      { name: "x", assignments: [{ partitionIndex: 0, brokerIds: [1, 1] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "The manual partition assignment includes the broker 1 more than once.",
    ],
    [
      "two assignments of one partition",
      { name: "x", assignments: [{ partitionIndex: 0, brokerIds: [1] }, { partitionIndex: 0, brokerIds: [1] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "Found multiple manual partition assignments for partition 0",
    ],
  ])("refuses %s", (_, request, code, message) => {
    const image = imageWith({ name: "taken" }, { name: "col.a" });
    expect(refusal(() => planTopic(image, request, context()))).toEqual([code, message]);
  });
});

describe("requests for too many partitions are refused by their number:", () => {
  const tooMany = "Excessively large number of partitions per request.";

  test.each<[string, TopicRequest[]]>([
    ["two thousand million", [{ name: "a", partitionCount: 2_147_483_647 }]],
    ["10,000 and the default", [{ name: "a", partitionCount: 10_000 }, { name: "b" }]],
    [
      "10,000 and one by hand",
      [{ name: "a", partitionCount: 10_000 }, { name: "b", assignments: [{ partitionIndex: 0, brokerIds: [] }] }],
    ],
  ])("%s", (_, requests) => {
    expect(refusal(() => refuseManyPartitions(requests, 2))).toEqual([ErrorCode.POLICY_VIOLATION, tooMany]);
  });

  test.each([2_147_483_647, 10_004])("3, and %i in the end", (count) => {
    const request = { name: "c1", count, assignments: [] };
    expect(refusal(() => refuseManyMorePartitions(imageWith({ name: "c1", partitionCount: 3 }), [request])))
      .toEqual([ErrorCode.POLICY_VIOLATION, "Excessively large number of additional partitions per request."]);
  });

  test("not 10,000 and less than none, and none of a topic that is not there", () => {
    refuseManyPartitions([{ name: "a", partitionCount: 10_000 }, { name: "b", partitionCount: -2 }], 2);
    const more = [{ name: "c1", count: 10_003, assignments: null }, { name: "b", count: 20_000, assignments: null }];
    refuseManyMorePartitions(imageWith({ name: "c1", partitionCount: 3 }), more);
  });
});

describe("plan of more partitions", () => {
  const image = imageWith({ name: "c1", partitionCount: 3 });
  const plan = (request: Partial<PartitionsRequest>) =>
    planPartitions(image, { name: "c1", count: 5, assignments: null, ...request }, { brokerIds: [1] });

  test("of two thousand million takes no memory for them either", () => {
    const request = { name: "orders", count: 2_147_483_647, assignments: null };
    expect(planPartitions(imageWith({ name: "orders" }), request, context())).toHaveLength(partitionsPerRequestMax + 1);
  });

  test("numbers them on from what is there", () => {
    expect(plan({}).map((record) => record.kind === "partition" && record.partitionId)).toEqual([3, 4]);
    expect(plan({ assignments: [[1], [1]] }).length).toBe(2);
  });

  test.each<[string, Partial<PartitionsRequest>, number, string]>([
    ["as many as there are", { count: 3 }, ErrorCode.INVALID_PARTITIONS, "Topic already has 3 partition(s)."],
    [
      "fewer",
      { count: 2 },
      ErrorCode.INVALID_PARTITIONS,
      "The topic c1 currently has 3 partition(s); 2 would not be an increase.",
    ],
    [
      "a negative number",
      { count: -1 },
      ErrorCode.INVALID_PARTITIONS,
      "The topic c1 currently has 3 partition(s); -1 would not be an increase.",
    ],
    [
      "too few assignments",
      { assignments: [[1]] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
    ],
    [
      "an assignment to no such broker",
      { assignments: [[1], [1, 2]] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "The manual partition assignment includes broker 2, but no such broker is registered.",
    ],
    [
      "an assignment to nobody",
      { assignments: [[1], []] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "The manual partition assignment includes an empty replica list.",
    ],
  ])("refuses %s", (_, request, code, message) => {
    expect(refusal(() => plan(request))).toEqual([code, message]);
  });

  test("refuses an assignment with another number of replicas", () => {
    const wide = { brokerIds: [1, 2] };
    expect(refusal(() => planPartitions(image, { name: "c1", count: 4, assignments: [[1, 2]] }, wide))).toEqual([
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "The manual partition assignment includes a partition with 2 replica(s), but this is not consistent with " +
      "previous partitions, which have 1 replica(s).",
    ]);
  });

  test("refuses a topic that is not there", () => {
    expect(refusal(() => plan({ name: "other" }))[0]).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });
});
