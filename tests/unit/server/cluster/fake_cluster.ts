/** A cluster whose metadata lives in memory, and a broker around it that is just enough for metadata handlers. */
import { codecFor } from "../../../../protocol/codec.ts";
import { ErrorCode, ProtocolError } from "../../../../protocol/errors.ts";
import type { Api } from "../../../../protocol/schema.ts";
import { Reader, Writer } from "../../../../protocol/wire.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../../runtime/memory.ts";
import type { Broker } from "../../../../server/broker.ts";
import { Cluster } from "../../../../server/cluster/cluster.ts";
import { type ClusterChange, MetadataImage } from "../../../../server/cluster/image.ts";
import type { MetadataStore } from "../../../../server/cluster/metadata_store.ts";
import type { MetadataRecord } from "../../../../server/cluster/records.ts";
import { BrokerConfig, validateTopicConfigs } from "../../../../server/config.ts";
import type { Handler } from "../../../../server/handler.ts";
import { silentLogger } from "../../../../server/log.ts";

export const CLUSTER_ID = "S58Jfk-eYCRAQZ5ANOy-xA";

export class MemoryMetadataStore implements MetadataStore {
  readonly image = new MetadataImage();
  /** Set to make changes fail. */
  isBroken = false;
  /** Changes wait for it. */
  gate: Promise<void> = Promise.resolve();
  version = 0;
  readonly kraftVersion = null;
  readonly epoch = 3;
  #committed: (changes: readonly ClusterChange[]) => void = () => {};

  load(committed: (changes: readonly ClusterChange[]) => void): Promise<MetadataImage> {
    this.#committed = committed;
    return Promise.resolve(this.image);
  }

  async propose(decide: (image: MetadataImage) => readonly MetadataRecord[]): Promise<void> {
    await this.gate;
    if (this.isBroken) throw new ProtocolError(ErrorCode.KAFKA_STORAGE_ERROR, "The disk is broken");
    const changes = this.image.apply(decide(this.image));
    this.version++;
    this.#committed(changes);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** What handlers look at of a partition. */
export interface FakePartition {
  readonly index: number;
  readonly log: {
    isOffline: boolean;
    sizeBytes: number;
    config: { cleanupPolicy: { delete: boolean; compact: boolean } };
  };
  logStartOffset: number;
  highWatermark: number;
  deleteRecordsBefore(offset: number): number;
}

export interface FakeBroker {
  readonly runtime: MemoryRuntime;
  readonly store: MemoryMetadataStore;
  readonly cluster: Cluster;
  readonly partitions: Map<string, FakePartition>;
  /** Sends a request through the codecs of `version`, both ways. */
  ask<Q, QD, R, RD>(
    handler: Handler,
    api: Api<Q, QD, R, RD>,
    version: number,
    request: QD,
  ): Promise<R>;
}

export async function fakeBroker(configs: Readonly<Record<string, string>> = {}): Promise<FakeBroker> {
  const runtime = createMemoryRuntime();
  const store = new MemoryMetadataStore();
  const entries = Object.entries({ "node.id": "1", ...configs });
  const config = BrokerConfig.parse(entries.map(([name, value]) => ({ source: "override", name, value })));
  const cluster = new Cluster({
    runtime,
    clusterId: CLUSTER_ID,
    nodeId: 1,
    config,
    store,
    logger: silentLogger,
    checkTopicConfigs: validateTopicConfigs,
  });
  await cluster.load();
  cluster.setEndpoints(
    new Map([["PLAINTEXT", { host: "127.0.0.1", port: 9092 }], ["OUTSIDE", { host: "weir.example", port: 9093 }]]),
  );
  const partitions = new Map<string, FakePartition>();
  cluster.onChange((change) => {
    if (change.kind !== "topicCreated" && change.kind !== "partitionsAdded") return;
    for (const { index } of change.topic.partitions) {
      partitions.set(`${change.topic.name}-${index}`, fakePartition(index, change.topic.configs.get("cleanup.policy")));
    }
  });
  const broker = {
    runtime,
    config,
    cluster,
    logDir: { path: "/" },
    partitions: { get: (topic: string, index: number) => partitions.get(`${topic}-${index}`) },
  } as unknown as Broker;
  return {
    runtime,
    store,
    cluster,
    partitions,
    ask: (handler, api, version, request) => ask(broker, runtime, handler, api, version, request),
  };
}

async function ask<Q, QD, R, RD>(
  broker: Broker,
  runtime: MemoryRuntime,
  handler: Handler,
  api: Api<Q, QD, R, RD>,
  version: number,
  request: QD,
): Promise<R> {
  const codec = codecFor(api, version);
  const sent = new Writer();
  codec.encodeRequest(sent, request);
  const answer = handler.run(codec.decodeRequest(new Reader(sent.finishWhole())), {
    broker,
    connection: { listener: { name: "PLAINTEXT" } } as never,
    apiVersion: version,
    correlationId: 1,
    clientId: null,
    meter: null,
    onSent: (run) => run(),
    ordered: null,
  });
  const response = answer instanceof Promise ? await runtime.until(answer) : answer;
  const received = new Writer();
  codec.encodeResponse(received, response as RD);
  return codec.decodeResponse(new Reader(received.finishWhole()));
}

function fakePartition(index: number, cleanupPolicy = "delete"): FakePartition {
  return {
    index,
    log: {
      isOffline: false,
      sizeBytes: 1000 + index,
      config: {
        cleanupPolicy: { delete: cleanupPolicy.includes("delete"), compact: cleanupPolicy.includes("compact") },
      },
    },
    logStartOffset: 0,
    highWatermark: 20,
    deleteRecordsBefore(offset) {
      const target = offset === -1 ? this.highWatermark : offset;
      if (target < 0 || target > this.highWatermark) throw new ProtocolError(ErrorCode.OFFSET_OUT_OF_RANGE);
      this.logStartOffset = Math.max(this.logStartOffset, target);
      return this.logStartOffset;
    },
  };
}
