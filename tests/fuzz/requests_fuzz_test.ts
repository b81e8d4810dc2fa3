/**
 * Requests that nobody should send, to a whole broker in memory: each api at each version that its answer to ApiVersions names, as
 * damaged bytes and as well-formed requests that are filled in by somebody who means harm. Each ends in an answer that its schema
 * takes, in silence, or in a close that says why: never in a fault of ours, which the log would call an error, nor in an answer of
 * UNKNOWN_SERVER_ERROR. Behind them the broker serves who behaves, and starts again on what they have left on its disk.
 *
 *     SEED=123 bun test tests/fuzz/requests_fuzz_test.ts -t Produce   the run that failed, again
 *     ROUNDS=1000 bun test tests/fuzz/requests_fuzz_test.ts           a long one
 */
import { describe, expect, test } from "bun:test";
import process from "node:process";
import { produce } from "../../protocol/api/00_produce.ts";
import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { apiVersions } from "../../protocol/api/18_api_versions.ts";
import { createTopics } from "../../protocol/api/19_create_topics.ts";
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { incrementalAlterConfigs } from "../../protocol/api/44_incremental_alter_configs.ts";
import { consumerGroupHeartbeat } from "../../protocol/api/68_consumer_group_heartbeat.ts";
import { apiByKey, apis } from "../../protocol/apis.ts";
import { codecFor, wireCodec } from "../../protocol/codec.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { requestHeader, requestHeaderVersion, responseHeader, responseHeaderVersion } from "../../protocol/frame.ts";
import { encodeBatch } from "../../protocol/record.ts";
import type { AnyApi } from "../../protocol/schema.ts";
import { EncodeError, Reader, Writer } from "../../protocol/wire.ts";
import { createMemoryRuntime } from "../../runtime/memory.ts";
import { type LogFacts, silentLogger } from "../../server/log.ts";
import embedded from "../golden/java_embedded/vectors.json" with { type: "json" };
import { bytesFromHex, hexOf, vectorsOf } from "../golden/vectors.ts";
import { MemoryBroker, type MemoryClient } from "../support/memory_broker.ts";
import { seedOf } from "../support/prng.ts";
import { Chance } from "./damage.ts";
import { hostileStruct, type Known } from "./hostile_value.ts";
import { options } from "./rounds.ts";

const seed = seedOf(process.env.SEED);
/** Requests of each version. */
const rounds = Number(process.env.ROUNDS ?? 12);
console.info(`requests fuzz: SEED=${seed} ROUNDS=${rounds}`);

interface Version {
  readonly api: AnyApi;
  readonly version: number;
}

/** Bodies of requests as Kafka's own classes write them, by api and version. */
const bodies = new Map<string, Uint8Array[]>();
for (const { api, vectors } of vectorsOf("java")) {
  for (const { version, direction, hex } of vectors) {
    if (direction !== "request") continue;
    const name = `${api.name} v${version}`;
    bodies.set(name, [...bodies.get(name) ?? [], bytesFromHex(hex)]);
  }
}
const anyBodies = [...bodies.values()].flat();

/** Apis where Kafka says UNKNOWN_SERVER_ERROR to some of this, and so do we: limits or partitions below 0, isolation levels that are none, and the like. */
const unknownToKafkaToo = new Set([
  "Fetch",
  "ListOffsets",
  "Metadata",
  "JoinGroup",
  "WriteTxnMarkers",
  "DescribeShareGroupOffsets",
  "AlterShareGroupOffsets",
]);

/** Waits for an answer no longer than this: a member may wait for others, a fetch for records. */
const patienceMs = 3_000;
/** Fifty partitions of each coordinator are many to load at every start. */
const overrides = { "offsets.topic.num.partitions": "2", "transaction.state.log.num.partitions": "2" };

const advertised = await versionsOfferedByABroker();
const all = [...advertised.values()];

describe("hostile requests of", () => {
  for (const [name, versions] of advertised) {
    test(`${name} end in an answer or a close (SEED=${seed})`, async () => {
      const attack = await Attack.start(new Chance(seed + versions[0]!.api.key));
      for (const one of versions) {
        for (let round = 0; round < rounds; round++) {
          if (attack.chance.below(3) === 0) await attack.strike(attack.chance.pick(attack.chance.pick(all)));
          await attack.strike(one);
        }
      }
      await attack.end();
    }, options);
  }
});

test("every api that has a schema is advertised", () => {
  expect([...advertised.keys()].sort()).toEqual(apis.map(({ name }) => name).sort());
});

/** A broker, who attacks it, and what it complains of. */
class Attack {
  readonly #faults: string[] = [];
  readonly #runtime = createMemoryRuntime();
  #server!: MemoryBroker;
  #client!: MemoryClient;
  #known!: Known;
  /** What was asked of late, for who looks into a fault. */
  readonly #asked: string[] = [];
  #askedCount = 0;
  #answeredCount = 0;

  private constructor(readonly chance: Chance) {}

  static async start(chance: Chance): Promise<Attack> {
    const attack = new Attack(chance);
    attack.#server = await attack.#startBroker();
    await attack.#prepare();
    return attack;
  }

  /** Sends one request, and sees what becomes of it. */
  async strike({ api, version }: Version): Promise<void> {
    const name = `${api.name} v${version}`;
    const filled = this.chance.below(3) === 0 ? null : this.#filledFrame(api, version);
    const frame = filled ?? this.#damagedFrame(api, version);
    this.#asked.push(`${name} ${hexOf(frame)}`);
    this.#askedCount++;
    const { client, answer } = await this.#exchange(frame);
    if (answer === null) client.close(); // it waits, or was closed
    else this.#judge(api, version, answer);
    if (answer !== null) this.#answeredCount++;
    if (this.#faults.length > 0) throw new Error(`${this.#faults.join("\n")}\n${this.#asked.slice(-3).join("\n")}`);
  }

  /** Who behaves is served, now and after a new start on the same disk. */
  async end(): Promise<void> {
    for (let start = 0; start < 2; start++) {
      const client = await this.#server.connect("witness");
      const name = `behind-${start}`;
      const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
      const made = await client.send(createTopics, 7, { topics, timeoutMs: 1_000 });
      expect(made.topics[0]!.errorCode).toBe(ErrorCode.NONE);
      const topicData = [{ name, partitionData: [{ index: 0, records: oneRecord() }] }];
      const produced = await client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
      expect(produced.responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NONE);
      client.close();
      await this.#server.stop();
      if (start === 0) this.#server = await this.#startBroker();
    }
    expect(this.#faults).toEqual([]);
    // If hardly anything is answered, the harm is too coarse to get past the codec.
    if (rounds >= 10) expect(this.#answeredCount).toBeGreaterThan(this.#askedCount / 4);
  }

  #startBroker(): Promise<MemoryBroker> {
    const error = (event: string, facts: LogFacts = {}) => {
      this.#faults.push(`${event}: ${facts["reason"]} ${facts["cause"]}\n${facts["stack"] ?? ""}`);
    };
    return MemoryBroker.start({ runtime: this.#runtime, overrides, logger: { ...silentLogger, error } });
  }

  /** Things that requests may name. */
  async #prepare(): Promise<void> {
    const client = await this.#server.connect();
    await client.send(findCoordinator, 1, { key: "readers", keyType: 0 });
    await client.send(findCoordinator, 1, { key: "writer", keyType: 1 });
    const configs = [{ name: "cleanup.policy", value: "compact" }];
    await client.send(createTopics, 7, {
      topics: ["events", "compacted"].map((name) => ({
        name,
        numPartitions: 3,
        replicationFactor: 1,
        assignments: [],
        configs: name === "compacted" ? configs : [],
      })),
    });
    await subscribeToMetrics(client);
    const topicData = [{ name: "events", partitionData: [{ index: 0, records: oneRecord() }] }];
    await client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }];
    await client.send(offsetCommit, 9, { groupId: "readers", topics: [{ name: "events", partitions }] });
    await client.send(initProducerId, 4, { transactionalId: "writer", transactionTimeoutMs: 60_000 });
    await client.send(consumerGroupHeartbeat, 1, {
      groupId: "members",
      memberId: "m",
      memberEpoch: 0,
      rebalanceTimeoutMs: 30_000,
      subscribedTopicNames: ["events"],
      topicPartitions: [],
    });
    client.close();
    this.#client = await this.#server.connect();
    const groups = ["readers", "members", "streams", "shares", "unknown"];
    this.#known = {
      names: [
        ["transactionalid", ["writer", "other"]],
        ["member", ["m", "m", "n", ""]],
        ["instance", ["i", "j"]],
        ["group", groups],
        ["coordinatorkey", groups],
        ["software", ["fuzz", "1.0"]],
        ["feature", ["metadata.version", "transaction.version", "group.version", "kraft.version", "share.version"]],
        ["entitytype", ["user", "client-id", "ip"]],
        ["statesfilter", ["Empty", "Stable"]],
        ["protocoltype", ["consumer", "connect"]],
        ["topic", ["events", "events", "compacted", "__consumer_offsets", "new-topic"]],
        ["name", ["events", "compacted", "retention.ms", "range", "consumer", "ann", "metrics", "interval.ms"]],
      ],
      uuids: ["events", "compacted"].map((name) => this.#server.broker.cluster.topic(name)!.id),
      bytes: embedded.messages.map(({ hex }) => bytesFromHex(hex)),
    };
  }

  #damagedFrame(api: AnyApi, version: number): Uint8Array {
    const own = bodies.get(`${api.name} v${version}`);
    if (own === undefined) throw new Error(`No bytes to damage of ${api.name} v${version}`);
    return framed(api, version, this.chance.damage(this.chance.pick(own), this.chance.pick(anyBodies)));
  }

  /** null: what was made up cannot be sent. */
  #filledFrame(api: AnyApi, version: number): Uint8Array | null {
    const writer = new Writer();
    try {
      codecFor(api, version).encodeRequest(
        writer,
        hostileStruct(this.chance, api.request.fields, version, this.#known),
      );
    } catch (error) {
      if (error instanceof EncodeError) return null;
      throw error;
    }
    return framed(api, version, writer.finishWhole());
  }

  /** null: nothing came, or the connection was closed. */
  async #exchange(frame: Uint8Array): Promise<{ client: MemoryClient; answer: Uint8Array | null }> {
    if (this.#client.isClosed) this.#client = await this.#server.connect();
    const client = this.#client;
    let answer: Uint8Array | null = null;
    client.exchange([frame]).then((payload) => {
      answer = payload;
    }, () => {});
    await this.#runtime.settle();
    for (let waitedMs = 0; answer === null && !client.isClosed && waitedMs < patienceMs; waitedMs += 500) {
      await this.#runtime.advance(500);
    }
    return { client, answer };
  }

  #judge(api: AnyApi, version: number, payload: Uint8Array): void {
    const reader = new Reader(payload);
    // An answer that this version's schema does not take throws.
    wireCodec(responseHeader, responseHeaderVersion(api, version)).read(reader);
    const response = codecFor(api, version).decodeResponse(reader);
    if (reader.remaining > 0) this.#faults.push(`${reader.remaining} bytes behind the answer`);
    if (unknownToKafkaToo.has(api.name)) return;
    for (const path of serverErrorsIn(response)) this.#faults.push(`UNKNOWN_SERVER_ERROR in ${path}`);
  }
}

/** A request with these bytes for a body, its length in front. */
function framed(api: AnyApi, version: number, body: Uint8Array): Uint8Array {
  const writer = new Writer();
  wireCodec(requestHeader, requestHeaderVersion(api, version)).write(writer, {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId: 7,
    clientId: "hostile",
  });
  const header = writer.finishWhole();
  const frame = new Uint8Array(4 + header.length + body.length);
  new DataView(frame.buffer).setInt32(0, header.length + body.length);
  frame.set(header, 4);
  frame.set(body, 4 + header.length);
  return frame;
}

/** Where in an answer something says that the broker did not know what went wrong. */
function serverErrorsIn(value: unknown, path = ""): string[] {
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    /errorCode$/i.test(name) && inner === ErrorCode.UNKNOWN_SERVER_ERROR
      ? [`${path}${name}`]
      : serverErrorsIn(inner, `${path}${name}.`)
  );
}

function oneRecord(): Uint8Array {
  return encodeBatch({ records: [{ value: Uint8Array.of(1), timestamp: 1_735_689_600_000 }] });
}

/** So that clients are told of the two apis of client metrics. */
async function subscribeToMetrics(client: MemoryClient): Promise<void> {
  const configs = [{ name: "metrics", configOperation: 0, value: "*" }];
  await client.send(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: 16, resourceName: "all", configs }],
    validateOnly: false,
  });
}

/** By the name of the api. */
async function versionsOfferedByABroker(): Promise<ReadonlyMap<string, readonly Version[]>> {
  const server = await MemoryBroker.start({ overrides });
  const client = await server.connect();
  await subscribeToMetrics(client);
  const { apiKeys } = await client.send(apiVersions, 3, { clientSoftwareName: "fuzz", clientSoftwareVersion: "1" });
  await server.stop();
  return new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) => {
    const api = apiByKey(apiKey)!;
    const versions = Array.from(
      { length: maxVersion - minVersion + 1 },
      (_, at) => ({ api, version: minVersion + at }),
    );
    return [api.name, versions];
  }));
}
