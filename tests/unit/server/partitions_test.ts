import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { produce } from "../../../protocol/api/00_produce.ts";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { deleteTopics } from "../../../protocol/api/20_delete_topics.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { ResourceType } from "../../../server/cluster/cluster.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";

let server: MemoryBroker;
let client: MemoryClient;

beforeEach(async () => {
  server = await MemoryBroker.start({ overrides: { "offsets.topic.num.partitions": "3" } });
  client = await server.connect();
});

afterEach(() => server.stop());

async function create(name: string, numPartitions: number): Promise<number> {
  const { topics } = await client.send(createTopics, 7, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
  });
  return topics[0]!.errorCode;
}

async function remove(name: string): Promise<number> {
  const { responses } = await client.send(deleteTopics, 5, { topicNames: [name], timeoutMs: 1_000 });
  return responses[0]!.errorCode;
}

/** A topic "events" whose logs cannot be made until the disk has no fault any more. */
async function createWithoutLogs(): Promise<void> {
  await create("events", 1);
  await send("events", 0);
  server.runtime.files.fault = (operation, path) =>
    operation === "write" && path.includes("offset-checkpoint") ? "ENOSPC" : null;
  await remove("events");
  await create("events", 1);
}

/** Where a record goes in a partition, or why it does not. */
async function send(name: string, index: number) {
  const records = encodeBatch({ records: [{ value: new Uint8Array(10), timestamp: 1 }] });
  const { responses } = await client.send(produce, 9, {
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ name, partitionData: [{ index, records }] }],
  });
  const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
  return errorCode === ErrorCode.NONE ? { baseOffset } : { errorCode };
}

async function commit(offset: number): Promise<number> {
  const { topics } = await client.send(offsetCommit, 8, {
    groupId: "g",
    topics: [{ name: "events", partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: "" }] }],
  });
  return topics[0]!.partitions[0]!.errorCode;
}

async function committed() {
  const { errorCode, topics } = await client.send(offsetFetch, 7, {
    groupId: "g",
    topics: [{ name: "events", partitionIndexes: [0] }],
  });
  return errorCode === ErrorCode.NONE ? topics[0]!.partitions[0]!.committedOffset : errorName(errorCode);
}

describe("partitions of a topic", () => {
  test("made again under an old name are empty, also where old folders could not be renamed", async () => {
    await create("events", 3);
    for (const index of [0, 1, 2]) expect(await send("events", index)).toEqual({ baseOffset: 0 });
    server.runtime.files.fault = (operation, path) =>
      operation === "rename" && path === "/data/events-0" ? "EIO" : null;
    expect(await remove("events")).toBe(ErrorCode.NONE);
    expect(await create("events", 3)).toBe(ErrorCode.NONE);
    expect(await send("events", 1)).toEqual({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER });
    server.runtime.files.fault = null;
    await server.runtime.advance(2_000);
    for (const index of [0, 1, 2]) expect(await send("events", index)).toEqual({ baseOffset: 0 });
  });

  test("come as soon as the disk takes what must be written before them", async () => {
    await createWithoutLogs();
    expect(await send("events", 0)).toEqual({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER });
    server.runtime.files.fault = null;
    await server.runtime.advance(2_000);
    expect(await send("events", 0)).toEqual({ baseOffset: 0 });
  });

  test("that hold groups' offsets and cannot be opened are not taken for empty", async () => {
    await create("events", 1);
    await client.send(findCoordinator, 4, { coordinatorKeys: ["g"] });
    expect(await commit(7)).toBe(ErrorCode.NONE);
    await server.stop();
    const { runtime } = server;
    runtime.files.remove("/data/.kafka_cleanshutdown");
    runtime.files.fault = (operation, path) =>
      operation === "read" && path.includes("/__consumer_offsets-") && path.endsWith(".log") ? "EIO" : null;
    server = await MemoryBroker.start({ runtime });
    client = await server.connect();
    expect(await committed()).toBe("NOT_COORDINATOR");
    runtime.files.fault = null;
    await server.stop();
    server = await MemoryBroker.start({ runtime });
    client = await server.connect();
    expect(await committed()).toBe(7);
  });

  test("that hold groups' offsets are used only when all are there", async () => {
    await create("events", 1);
    await send("events", 0);
    server.runtime.files.fault = (operation, path) =>
      operation === "write" && path.includes("offset-checkpoint") ? "ENOSPC" : null;
    await remove("events");
    const ask = async () => {
      const { coordinators } = await client.send(findCoordinator, 4, { coordinatorKeys: ["g"] });
      return coordinators[0]!.errorCode;
    };
    expect(await ask()).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(server.broker.cluster.topic("__consumer_offsets")?.partitions.length).toBe(3);
    server.runtime.files.fault = null;
    await server.runtime.advance(2_000);
    expect(await ask()).toBe(ErrorCode.NONE);
    expect(server.broker.partitions.of("__consumer_offsets").length).toBe(3);
  });
});

describe("a partition whose log is made late", () => {
  /** Runs while the topic's logs cannot be made, and gives its partition once they can. */
  async function madeAfter(change: () => void | Promise<void>) {
    await createWithoutLogs();
    expect(server.broker.partitions.get("events", 0)).toBeUndefined();
    await change();
    server.runtime.files.fault = null;
    await server.runtime.advance(2_000);
    return server.broker.partitions.get("events", 0)!;
  }

  test("is led in the epoch that began meanwhile", async () => {
    const { cluster } = server.broker;
    const partition = await madeAfter(async () => {
      const { id: topicId } = cluster.topic("events")!;
      const change = { partitionId: 0, topicId, leader: cluster.nodeId, replicas: null, isr: null };
      await cluster.change(() => ({ records: [{ kind: "partitionChange", ...change }], outcome: null }));
    });
    expect(partition.leaderEpoch).toBe(1);
  });

  test("goes by the configs that were set meanwhile", async () => {
    const { cluster } = server.broker;
    const partition = await madeAfter(() =>
      cluster.alterConfigs({ type: ResourceType.TOPIC, name: "events" }, new Map([["max.message.bytes", "777"]]))
    );
    expect(partition.rules.maxMessageBytes).toBe(777);
  });
});

describe("a partition whose producers cannot be read", () => {
  test("answers KAFKA_STORAGE_ERROR until the broker has started again", async () => {
    await create("events", 1);
    await send("events", 0);
    await server.stop();
    const { runtime } = server;
    server = await MemoryBroker.start({ runtime });
    client = await server.connect();
    runtime.files.fault = (operation, path) => operation === "read" && path.endsWith(".snapshot") ? "EIO" : null;
    const read = async () => {
      const topics = [{ topic: "events", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }] }];
      const { responses } = await client.send(fetch, 12, { maxWaitMs: 0, minBytes: 1, topics });
      return responses[0]!.partitions[0]!.errorCode;
    };
    const write = async () => {
      const records = encodeBatch({
        records: [{ value: new Uint8Array(1), timestamp: 1 }],
        producerId: 5,
        producerEpoch: 0,
        baseSequence: 0,
      });
      const topicData = [{ name: "events", partitionData: [{ index: 0, records }] }];
      const { responses } = await client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
      return responses[0]!.partitionResponses[0]!.errorCode;
    };
    expect([await read(), await write()]).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.KAFKA_STORAGE_ERROR]);
    runtime.files.fault = null;
    expect([await read(), await write()]).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.KAFKA_STORAGE_ERROR]);
    await server.stop();
    server = await MemoryBroker.start({ runtime });
    client = await server.connect();
    expect([await read(), await write()]).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
  });
});

describe("a fetch that waits", () => {
  test("is answered when its batch is synced, also when that was appended while another was", async () => {
    await create("events", 1);
    await send("events", 0);
    const { runtime } = server;
    runtime.files.syncDelayMs = () => 50;
    const records = () => encodeBatch({ records: [{ value: new Uint8Array(10), timestamp: 1 }] });
    for (let count = 0; count < 2; count++) {
      const topicData = [{ name: "events", partitionData: [{ index: 0, records: records() }] }];
      await client.begin(produce, 9, { acks: 1, timeoutMs: 1_000, topicData });
      await runtime.advance(10);
    }
    const other = await server.connect();
    const waiting = other.begin(fetch, 12, {
      maxWaitMs: 10_000,
      minBytes: 1,
      topics: [{ topic: "events", partitions: [{ partition: 0, fetchOffset: 2, partitionMaxBytes: 1_000 }] }],
    });
    const startMs = runtime.clock.monotonicMs();
    const { responses } = await runtime.until(waiting);
    expect(responses[0]!.partitions[0]!.highWatermark).toBe(3);
    expect(runtime.clock.monotonicMs() - startMs).toBeLessThan(1_000);
  });
});
