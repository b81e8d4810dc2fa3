/**
 * Every API, at every version that is served, asked of a whole broker: the answer must be one that its own schema takes.
 * (A field that a version lacks and that is set all the same is found here, and nowhere else.)
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { codecFor } from "../../../protocol/codec.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import type { AnyApi, AnyField, Api } from "../../../protocol/schema.ts";
import { handlers } from "../../../server/handlers/table.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";

type UntypedApi = Api<unknown, unknown, Record<string, unknown>, unknown>;

let server: MemoryBroker;
let client: MemoryClient;
const batch = () => encodeBatch({ records: [{ value: new Uint8Array([1]), timestamp: 1_735_689_600_000 }] });

beforeAll(async () => {
  server = await MemoryBroker.start();
  client = await server.connect();
  // Makes the topic of the groups' offsets.
  await client.send(findCoordinator, 0, { key: "readers" });
});

afterAll(() => server.stop());

/** A topic with a record and a group with an offset; earlier requests may have deleted either. */
async function prepare(): Promise<void> {
  if (client.isClosed) client = await server.connect();
  if (server.broker.cluster.topic("events") === undefined) {
    await client.send(createTopics, 7, {
      topics: [{ name: "events", numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
    });
  }
  const topicData = [{ name: "events", partitionData: [{ index: 0, records: batch() }] }];
  const produced = await client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
  expect(produced.responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
  const topics = [{ name: "events", partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }];
  const committed = await client.send(offsetCommit, 9, { groupId: "readers", topics });
  expect(committed.topics[0]!.partitions[0]!.errorCode).toBe(0);
}

/** What to say where the schema's own defaults would ask for nothing. */
function values(): Record<string, unknown> {
  const id = server.broker.cluster.topic("events")!.id;
  return {
    topic: "events",
    name: "events",
    topicName: "events",
    resourceName: "events",
    resourceType: 2,
    coordinatorType: undefined,
    topicId: id,
    groupId: "readers",
    group: "readers",
    groups: ["readers"],
    groupsNames: ["readers"],
    coordinatorKeys: ["readers"],
    key: "readers",
    topicNames: ["events"],
    maxWaitMs: 0,
    maxBytes: 1_000_000,
    partitionMaxBytes: 1_000_000,
    timestamp: -1,
    maxNumOffsets: 2,
    acks: -1,
    timeoutMs: 1_000,
    transactionalId: null,
    clientSoftwareName: "tests",
    clientSoftwareVersion: "1",
    count: 3,
    numPartitions: 1,
    replicationFactor: 1,
    responsePartitionLimit: 10,
    generationIdOrMemberEpoch: undefined,
  };
}

/** A request with one element in every array and the values above. */
function fill(field: AnyField, name: string, version: number, known: Record<string, unknown>): unknown {
  const { spec } = field;
  if (name in known && known[name] !== undefined) {
    const value = known[name];
    if (Array.isArray(value) === (spec.kind === "array") && !(Array.isArray(value) && isStructs(field))) return value;
  }
  switch (spec.kind) {
    case "array":
      return name === "assignments" ? [] : [fill(spec.element!, name, version, known)];
    case "struct": {
      const value: Record<string, unknown> = {};
      for (const [key, inner] of Object.entries(spec.fields!)) {
        const isThere = version >= (inner.spec.sinceVersion ?? 0) && version <= (inner.spec.untilVersion ?? 99);
        if (isThere && inner.spec.tag === undefined) value[key] = fill(inner, key, version, known);
      }
      return value;
    }
    case "records":
      return batch();
    case "bytes":
      return new Uint8Array(0);
    case "string":
      return spec.nullableFrom !== undefined && spec.nullableFrom <= version ? null : "";
    case "uuid":
      return known["topicId"];
    case "bool":
      return true;
    case "long":
      return 0n;
    default:
      return spec.defaultValue ?? 0;
  }
}

function isStructs(field: AnyField): boolean {
  return field.spec.element?.spec.kind === "struct";
}

describe("every version of every api is answered", () => {
  for (const { api, minVersion, maxVersion } of handlers) {
    test(`${api.name} v${minVersion}–v${maxVersion}`, async () => {
      for (let version = minVersion; version <= maxVersion; version++) {
        const root = { spec: { kind: "struct", fields: (api as AnyApi).request.fields } } as unknown as AnyField;
        await prepare();
        const draft = fill(root, "", version, values());
        let response: Record<string, unknown>;
        try {
          response = await client.send(api as unknown as UntypedApi, version, draft);
        } catch (error) {
          throw new Error(`${api.name} v${version}: ${(error as Error).message}, request ${JSON.stringify(draft)}`);
        }
        expect(Object.keys(response).length).toBeGreaterThan(0);
        expect(codecFor(api, version)).toBeDefined();
      }
    });
  }
});
