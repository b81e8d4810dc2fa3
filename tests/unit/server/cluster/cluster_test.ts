import { beforeAll, describe, expect, test } from "bun:test";
import { initCrc32c } from "../../../../protocol/crc32c.ts";
import { ErrorCode, ProtocolError } from "../../../../protocol/errors.ts";
import { encodeBatch } from "../../../../protocol/record.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../../runtime/memory.ts";
import { Cluster, type ClusterChange, ResourceType } from "../../../../server/cluster/cluster.ts";
import { openLocalMetadata } from "../../../../server/cluster/open_local_metadata.ts";
import { clearStrayLogs } from "../../../../server/cluster/stray_logs.ts";
import { BrokerConfig } from "../../../../server/config.ts";
import { validateTopicConfigs } from "../../../../server/config/alter.ts";
import { silentLogger } from "../../../../server/log.ts";
import { writeFileAtomically } from "../../../../storage/atomic_file.ts";
import { DEFAULT_LOG_CONFIG } from "../../../../storage/log_config.ts";
import { LogDir } from "../../../../storage/log_dir.ts";
import { fakeBroker } from "./fake_cluster.ts";

beforeAll(() => initCrc32c());

interface Opened {
  readonly cluster: Cluster;
  readonly logDir: LogDir;
  readonly changes: ClusterChange[];
}

async function open(runtime: MemoryRuntime): Promise<Opened> {
  const logDir = await runtime.until(LogDir.open(runtime, "/data", { nodeId: 1 }));
  const cluster = new Cluster({
    runtime,
    clusterId: logDir.meta.clusterId,
    nodeId: 1,
    config: BrokerConfig.parse([{ source: "override", name: "num.partitions", value: "2" }]),
    store: openLocalMetadata({ runtime, logDir, logger: silentLogger }),
    logger: silentLogger,
    checkTopicConfigs: validateTopicConfigs,
  });
  const changes: ClusterChange[] = [];
  cluster.onChange((change) => changes.push(change));
  await runtime.until(cluster.load());
  return { cluster, logDir, changes };
}

async function kill(runtime: MemoryRuntime, { logDir }: Opened): Promise<void> {
  await runtime.until(logDir.close({ clean: false }));
}

/** The error's code, or null when there was none. */
function codeOf(runtime: MemoryRuntime, change: Promise<unknown>): Promise<number | null> {
  return runtime.until(change.then(() => null, (error) => {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }));
}

describe("cluster", () => {
  test("a restart keeps topics, their ids, counts and configs, and tells nobody of them again", async () => {
    const runtime = createMemoryRuntime();
    const before = await open(runtime);
    const configs = new Map([["retention.ms", "5"]]);
    await runtime.until(
      before.cluster.createTopics([{ name: "orders", partitionCount: 3, configs }, { name: "gone" }]),
    );
    await runtime.until(before.cluster.createPartitions([{ name: "orders", count: 5, assignments: null }]));
    await runtime.until(before.cluster.deleteTopics([before.cluster.topic("gone")!.id]));
    const orders = before.cluster.topic("orders")!;
    await kill(runtime, before);

    const after = await open(runtime);
    expect(after.cluster.topics()).toEqual([orders]);
    expect(after.cluster.topic("orders")!.partitions.length).toBe(5);
    expect(after.cluster.topicById(orders.id)!.configs.get("retention.ms")).toBe("5");
    expect(after.changes).toEqual([]);
    expect(after.cluster.clusterId).toBe(before.cluster.clusterId);
  });

  test("features of a folder from before they could be changed are those of a new one; a folder of Kafka's keeps its own", async () => {
    const featuresOf = async (isOfKafka: boolean) => {
      const runtime = createMemoryRuntime();
      const logDir = await runtime.until(LogDir.open(runtime, "/data", { nodeId: 1 }));
      const store = openLocalMetadata({ runtime, logDir, logger: silentLogger });
      await runtime.until(store.load(() => {}));
      await runtime.until(store.propose(() => [{ kind: "featureLevel", name: "metadata.version", featureLevel: 33 }]));
      if (isOfKafka) writeFileAtomically(runtime.files, "/data/__cluster_metadata-0/quorum-state", new Uint8Array(1));
      await runtime.until(logDir.close({ clean: true }));
      const { cluster } = await open(runtime);
      return Object.fromEntries(cluster.finalizedFeatures.levels);
    };
    expect(await featuresOf(false)).toEqual({
      "metadata.version": 33,
      "group.version": 1,
      "share.version": 1,
      "streams.version": 1,
      "transaction.version": 2,
      "kraft.version": 1,
    });
    expect(await featuresOf(true)).toEqual({ "metadata.version": 33, "kraft.version": 0 });
  });

  test("the epoch of features is told only of what the image has", async () => {
    const runtime = createMemoryRuntime();
    const { cluster } = await open(runtime);
    const { epoch } = cluster.finalizedFeatures;
    const change = cluster.updateFeatures([{ name: "group.version", level: 0, upgradeType: 2 }]);
    await Promise.resolve();
    await Promise.resolve();
    // Appended, and not yet synced: who were told the new epoch with the old levels would never believe the new ones.
    expect([cluster.finalizedFeatures.epoch, cluster.featureLevel("group.version")]).toEqual([epoch, 1]);
    await runtime.until(change);
    expect([cluster.finalizedFeatures.epoch, cluster.featureLevel("group.version")]).toEqual([epoch + 1, 0]);
  });

  test("a deleted topic made again has another id", async () => {
    const runtime = createMemoryRuntime();
    const { cluster } = await open(runtime);
    const first = await runtime.until(cluster.createTopic({ name: "orders" }));
    await runtime.until(cluster.deleteTopics([first.id]));
    const second = await runtime.until(cluster.createTopic({ name: "orders" }));
    expect(second.id === first.id).toBe(false);
    expect(cluster.topicById(first.id)).toBe(undefined);
  });

  test("topic ids are random version 4 UUIDs in 22 characters, none like an option", async () => {
    const { cluster } = await fakeBroker();
    const names = Array.from({ length: 300 }, (_, index) => `t${index}`);
    const outcomes = await cluster.createTopics(names.map((name) => ({ name, partitionCount: 1 })));
    const ids = outcomes.map(({ topic }) => topic!.id);
    expect(new Set(ids).size).toBe(300);
    // The version is the high half of byte 6: bits 48 to 51, the first four of the ninth character's six.
    for (const id of ids) expect(/^[A-Za-z0-9_][A-Za-z0-9_-]{7}[QRST][A-Za-z0-9_-]{13}$/.test(id)).toBe(true);
  });

  test("two requests for one topic make it once, the second is told", async () => {
    const runtime = createMemoryRuntime();
    const { cluster } = await open(runtime);
    const [one, other] = await runtime.until(Promise.all([
      codeOf(runtime, cluster.createTopic({ name: "orders" })),
      codeOf(runtime, cluster.createTopic({ name: "orders" })),
    ]));
    expect([one, other]).toEqual([null, ErrorCode.TOPIC_ALREADY_EXISTS]);
  });

  test("two clients that ask for a missing topic both get the one that is made", async () => {
    const runtime = createMemoryRuntime();
    const { cluster } = await open(runtime);
    const [one, other] = await runtime.until(
      Promise.all([cluster.autoCreateTopics(["new"]), cluster.autoCreateTopics(["new", "newer"])]),
    );
    expect(one![0]!.topic).toBe(cluster.topic("new")!);
    expect(other!.map(({ topic }) => topic)).toEqual([cluster.topic("new")!, cluster.topic("newer")!]);
    expect(cluster.topic("new")!.partitions.length).toBe(2);
  });

  test("producer ids are never given out twice, not even over a kill", async () => {
    const runtime = createMemoryRuntime();
    const firsts: number[] = [];
    for (let life = 0; life < 3; life++) {
      const opened = await open(runtime);
      const blocks = await runtime.until(
        Promise.all([opened.cluster.allocateProducerIds(), opened.cluster.allocateProducerIds()]),
      );
      firsts.push(...blocks.map(({ first }) => first));
      await kill(runtime, opened);
    }
    expect(firsts).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
  });

  test("configs of any resource are set, unset and kept", async () => {
    const runtime = createMemoryRuntime();
    const before = await open(runtime);
    await runtime.until(before.cluster.createTopic({ name: "orders" }));
    const topic = { type: ResourceType.TOPIC, name: "orders" };
    const broker = { type: ResourceType.BROKER, name: "" };
    const group = { type: ResourceType.GROUP, name: "g:1" };
    await runtime.until(before.cluster.alterConfigs(topic, new Map([["retention.ms", "5"], ["flush.ms", "7"]])));
    await runtime.until(before.cluster.alterConfigs(topic, new Map([["flush.ms", null]])));
    await runtime.until(before.cluster.alterConfigs(broker, new Map([["log.retention.ms", "9"]])));
    await runtime.until(before.cluster.alterConfigs(group, new Map([["consumer.session.timeout.ms", "50000"]])));
    await runtime.until(before.cluster.alterConfigs(broker, new Map([["never", "set"]]), { validateOnly: true }));
    await kill(runtime, before);
    const { cluster } = await open(runtime);
    expect([...cluster.configsOf(topic)]).toEqual([["retention.ms", "5"]]);
    expect([...cluster.topic("orders")!.configs]).toEqual([["retention.ms", "5"]]);
    expect([...cluster.configsOf(broker)]).toEqual([["log.retention.ms", "9"]]);
    expect([...cluster.configResources(ResourceType.GROUP)]).toEqual([group]);
  });

  test("changes of configs that build on what is set do not lose each other", async () => {
    const runtime = createMemoryRuntime();
    const { cluster } = await open(runtime);
    const broker = { type: ResourceType.BROKER, name: "1" };
    const append = (text: string) =>
      cluster.alterConfigs(broker, (now) => new Map([["list", [now.get("list"), text].filter(Boolean).join(",")]]));
    await runtime.until(Promise.all([append("a"), append("b"), append("c")]));
    expect(cluster.configsOf(broker).get("list")).toBe("a,b,c");
  });

  test("configs of a topic that is not there are refused", async () => {
    const runtime = createMemoryRuntime();
    const { cluster } = await open(runtime);
    const missing = { type: ResourceType.TOPIC, name: "none" };
    expect(await codeOf(runtime, cluster.alterConfigs(missing, new Map([["retention.ms", "5"]]))))
      .toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("listeners are told before the change is answered, and one that fails stops nothing", async () => {
    const { cluster } = await fakeBroker();
    const told: string[] = [];
    cluster.onChange(() => {
      throw new Error("cannot");
    });
    cluster.onChange((change) => told.push(change.kind));
    await cluster.createTopic({ name: "orders" });
    expect(told).toEqual(["topicCreated"]);
  });

  test("new leader epochs begin in every partition, and last", async () => {
    const runtime = createMemoryRuntime();
    const before = await open(runtime);
    await runtime.until(before.cluster.createTopic({ name: "orders" }));
    await runtime.until(before.cluster.beginLeaderEpochs());
    expect(before.cluster.topic("orders")!.partitions.map(({ leaderEpoch }) => leaderEpoch)).toEqual([1, 1]);
    await kill(runtime, before);
    const after = await open(runtime);
    expect(after.cluster.topic("orders")!.partitions.map(({ leaderEpoch }) => leaderEpoch)).toEqual([1, 1]);
  });

  test("brokers are told as a listener's clients reach them", async () => {
    const { cluster } = await fakeBroker({ "broker.rack": "r1" });
    expect(cluster.brokers("PLAINTEXT")).toEqual([{ id: 1, host: "127.0.0.1", port: 9092, rack: "r1" }]);
    expect(cluster.brokers("OUTSIDE")).toEqual([{ id: 1, host: "weir.example", port: 9093, rack: "r1" }]);
    expect(cluster.brokers("NONE")).toEqual([]);
  });
});

describe("stray logs", () => {
  const batch = () => encodeBatch({ records: [{ value: new Uint8Array([1]) }] });

  function makeLog({ logDir }: Opened, topic: string, partition: number, topicId: string): void {
    const log = logDir.createLog({ topic, partition, topicId, config: DEFAULT_LOG_CONFIG });
    log.append(batch(), { leaderEpoch: 0, origin: "client" });
  }

  async function reopened(runtime: MemoryRuntime, opened: Opened): Promise<{ names: string[]; folders: string[] }> {
    await kill(runtime, opened);
    const again = await open(runtime);
    clearStrayLogs({ ...again, logger: silentLogger });
    const names = [...again.logDir.logs()].map(({ name }) => name).sort();
    const folders = runtime.files.list("/data").map((name) => name.replace(/\.[0-9a-f]{32}/, "")).sort();
    return { names, folders };
  }

  test("a topic's own logs and the metadata stay", async () => {
    const runtime = createMemoryRuntime();
    const opened = await open(runtime);
    const { id } = await runtime.until(opened.cluster.createTopic({ name: "orders" }));
    makeLog(opened, "orders", 0, id);
    expect((await reopened(runtime, opened)).names).toEqual(["__cluster_metadata-0", "orders-0"]);
  });

  test("the rest of a deletion that a crash interrupted is deleted", async () => {
    const runtime = createMemoryRuntime();
    const opened = await open(runtime);
    const { id } = await runtime.until(opened.cluster.createTopic({ name: "orders" }));
    makeLog(opened, "orders", 0, id);
    await runtime.until(opened.cluster.deleteTopics([id]));
    const { names, folders } = await reopened(runtime, opened);
    expect(names).toEqual(["__cluster_metadata-0"]);
    expect(folders).toContain("orders-0-delete");
  });

  test("the old records of a topic that was deleted and made again do not come back", async () => {
    const runtime = createMemoryRuntime();
    const opened = await open(runtime);
    const { id } = await runtime.until(opened.cluster.createTopic({ name: "orders" }));
    makeLog(opened, "orders", 0, id);
    await runtime.until(opened.cluster.deleteTopics([id]));
    await runtime.until(opened.cluster.createTopic({ name: "orders" }));
    expect((await reopened(runtime, opened)).names).toEqual(["__cluster_metadata-0"]);
  });

  test("a log that nothing explains is set aside with its records, for good", async () => {
    const runtime = createMemoryRuntime();
    const opened = await open(runtime);
    await runtime.until(opened.cluster.createTopic({ name: "orders" }));
    makeLog(opened, "unknown", 0, "AAAAAAAAAAAAAAAAAAAABA");
    makeLog(opened, "orders", 1, "AAAAAAAAAAAAAAAAAAAABQ");
    makeLog(opened, "orders", 7, opened.cluster.topic("orders")!.id);
    const { names, folders } = await reopened(runtime, opened);
    expect(names).toEqual(["__cluster_metadata-0"]);
    expect(folders.filter((name) => name.endsWith("-stray"))).toEqual([
      "orders-1-stray",
      "orders-7-stray",
      "unknown-0-stray",
    ]);
    const size = runtime.files.stat(
      `/data/${runtime.files.list("/data").find((name) => name.startsWith("unknown"))}/00000000000000000000.log`,
    );
    expect(size!.sizeBytes).toBe(batch().length);
  });

  test("what a later program says of a folder's topic is not written over, nor the folder deleted", async () => {
    const runtime = createMemoryRuntime();
    const opened = await open(runtime);
    const { id } = await runtime.until(opened.cluster.createTopic({ name: "orders" }));
    const later = new TextEncoder().encode(`version: 1\ntopic_uuid: ${id}`);
    makeLog(opened, "orders", 0, id);
    makeLog(opened, "unknown", 0, id);
    for (const topic of ["orders", "unknown"]) {
      const handle = runtime.files.open(`/data/${topic}-0/partition.metadata`, { truncate: true });
      handle.write([later], 0);
      handle.close();
    }
    const { names, folders } = await reopened(runtime, opened);
    expect(names).toEqual(["__cluster_metadata-0", "orders-0"]);
    expect(folders).toContain("unknown-0-stray");
    expect(runtime.files.readFile("/data/orders-0/partition.metadata")).toEqual(later);
  });

  test("a folder that a power cut robbed of its id is its topic's, one without a topic or records makes room", async () => {
    const runtime = createMemoryRuntime();
    const opened = await open(runtime);
    const { id } = await runtime.until(opened.cluster.createTopic({ name: "orders" }));
    makeLog(opened, "orders", 0, id);
    runtime.files.open("/data/orders-0/partition.metadata", { truncate: true }).close();
    runtime.files.makeDirectory("/data/unknown-0");
    const { names } = await reopened(runtime, opened);
    expect(names).toEqual(["__cluster_metadata-0", "orders-0"]);
    expect(new TextDecoder().decode(runtime.files.readFile("/data/orders-0/partition.metadata"))).toContain(id);
  });
});
