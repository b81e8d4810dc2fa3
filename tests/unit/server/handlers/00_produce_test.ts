import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTopics } from "../../../../protocol/api/19_create_topics.ts";
import { produce } from "../../../../protocol/api/00_produce.ts";
import { findCoordinator } from "../../../../protocol/api/10_find_coordinator.ts";
import { ErrorCode, errorName } from "../../../../protocol/errors.ts";
import { encodeBatch } from "../../../../protocol/record.ts";
import { MemoryBroker, type MemoryClient } from "../../../support/memory_broker.ts";

let server: MemoryBroker;
let client: MemoryClient;

beforeAll(async () => {
  server = await MemoryBroker.start();
  client = await server.connect();
  await client.send(createTopics, 7, {
    topics: [{ name: "events", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  });
  await client.send(findCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
});

afterAll(() => server.stop());

const records = encodeBatch({ records: [{ value: new Uint8Array(10), timestamp: 1 }] });
const badChecksum = records.map((byte, index) => index === records.length - 1 ? byte ^ 1 : byte);
const unknownAcks = 7;

async function refusalOf(topic: string, index: number, bytes: Uint8Array, acks: number): Promise<string> {
  const { responses } = await client.send(produce, 9, {
    acks,
    timeoutMs: 1_000,
    topicData: [{ name: topic, partitionData: [{ index, records: bytes }] }],
  });
  return errorName(responses[0]!.partitionResponses[0]!.errorCode);
}

/** The order is that of Kafka 4.4: what a client does next depends on which error it is told. */
describe("Produce with two things wrong names", () => {
  test.each([
    ["the partition, not the acks", "events", 5, records, unknownAcks, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ["that there is no batch, not the partition", "events", 5, new Uint8Array(70), -1, ErrorCode.CORRUPT_MESSAGE],
    ["the number of batches, not the acks", "events", 0, twice(records), unknownAcks, ErrorCode.INVALID_RECORD],
    ["the acks, not the checksum", "events", 0, badChecksum, unknownAcks, ErrorCode.INVALID_REQUIRED_ACKS],
    ["the acks, not the topic", "__consumer_offsets", 0, records, unknownAcks, ErrorCode.INVALID_REQUIRED_ACKS],
    ["the number of batches, not the topic", "__consumer_offsets", 0, twice(records), -1, ErrorCode.INVALID_RECORD],
    ["the topic, not the checksum", "__consumer_offsets", 0, badChecksum, -1, ErrorCode.INVALID_TOPIC_EXCEPTION],
  ])("%s", async (_, topic, index, bytes, acks, errorCode) => {
    expect(await refusalOf(topic, index, bytes, acks)).toBe(errorName(errorCode));
  });
});

function twice(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...bytes, ...bytes]);
}
