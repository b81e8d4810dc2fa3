/**
 * The broker: builds its parts, owns them, starts and stops them in order. Read this first.
 *
 *     data folder → metadata → partitions → groups → transactions → listeners          (start; stop goes back)
 *
 * Each part gets only what it needs; handlers get all of it through their request context.
 */
import { initCrc32c } from "../protocol/crc32c.ts";
import { ZERO_UUID } from "../protocol/schema.ts";
import { installZstdWhereMissing } from "../protocol/zstd_wasm.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { BufferPool } from "../storage/buffer_pool.ts";
import { LogDir } from "../storage/log_dir.ts";
import { ByteBudget } from "./byte_budget.ts";
import { Cluster, type ClusterChange, ResourceType } from "./cluster/cluster.ts";
import { openLocalMetadata } from "./cluster/open_local_metadata.ts";
import { clearStrayLogs } from "./cluster/stray_logs.ts";
import { CLIENT_METRICS_TOPIC, OFFSETS_TOPIC, SHARE_STATE_TOPIC, TRANSACTIONS_TOPIC } from "./cluster/topic_name.ts";
import type { Voter } from "./cluster/voters.ts";
import type { BrokerConfig } from "./config.ts";
import { validateTopicConfigs } from "./config/alter.ts";
import type { Listener } from "./config/listeners.ts";
import { GroupCoordinator } from "./groups/coordinator.ts";
import { Housekeeping } from "./housekeeping.ts";
import { LogCleaner } from "./log_cleaner.ts";
import { LogScrubber } from "./log_scrubber.ts";
import { Listeners } from "./listeners.ts";
import type { Logger } from "./log.ts";
import { FetchSessionCache } from "./partitions/fetch_session.ts";
import { Fetcher } from "./partitions/fetcher.ts";
import { InternalTopic } from "./partitions/internal_topic.ts";
import { OldFetches } from "./partitions/old_fetches.ts";
import { Partitions } from "./partitions/partitions.ts";
import { ProducerIds } from "./producer_ids.ts";
import { Quotas } from "./quotas/quotas.ts";
import { ShareCoordinator } from "./share/coordinator/share_coordinator.ts";
import { ShareFetcher } from "./share/share_fetcher.ts";
import { SharePartitions } from "./share/share_partitions.ts";
import { ClientMetricsLog } from "./telemetry/client_metrics_log.ts";
import { Subscriptions } from "./telemetry/subscriptions.ts";
import { Telemetry } from "./telemetry/telemetry.ts";
import { TransactionAdmission } from "./transactions/admission.ts";
import { TransactionCoordinator } from "./transactions/coordinator.ts";
import { MarkerWriter } from "./transactions/marker_writer.ts";

/** Requests read and unanswered, over all connections, where `queued.max.request.bytes` sets no bound. */
const REQUEST_BYTES_MAX = 256 * 1024 * 1024;
/** Buffers of large frames that wait for their next use, over all connections. */
const FRAME_BUFFERS_BYTES_MAX = 16 * 1024 * 1024;
/** How long a stop waits for connections to take their answers. */
const STOP_WITHIN_MS = 5_000;

const checksumMeans = {
  native: "the processor's instruction",
  vectors: "WebAssembly with vectors",
  wasm: "WebAssembly",
} as const;

export interface BrokerOptions {
  readonly runtime: Runtime;
  readonly config: BrokerConfig;
  readonly logger: Logger;
}

/** What `Broker.start` puts together before anybody can connect. */
interface Parts extends BrokerOptions {
  readonly logDir: LogDir;
  readonly cluster: Cluster;
  readonly partitions: Partitions;
}

export class Broker {
  readonly runtime: Runtime;
  readonly config: BrokerConfig;
  readonly logger: Logger;
  readonly logDir: LogDir;
  readonly cluster: Cluster;
  readonly partitions: Partitions;
  readonly groups: GroupCoordinator;
  readonly shareCoordinator: ShareCoordinator;
  readonly sharePartitions: SharePartitions;
  readonly shareFetcher: ShareFetcher;
  readonly fetcher: Fetcher;
  readonly oldFetches: OldFetches;
  readonly fetchSessions: FetchSessionCache;
  readonly producerIds: ProducerIds;
  readonly transactions: TransactionCoordinator;
  readonly transactionAdmission: TransactionAdmission;
  readonly transactionMarkers: MarkerWriter;
  readonly quotas: Quotas;
  readonly telemetry: Telemetry;
  readonly requestBytes: ByteBudget;
  readonly frameBuffers: BufferPool;
  readonly #listeners: Listeners;
  readonly #housekeeping: Housekeeping;
  readonly #cleaner: LogCleaner;
  readonly #scrubber: LogScrubber;
  #bound: readonly Listener[] = [];
  #stopping: Promise<void> | null = null;

  private constructor({ runtime, config, logger, logDir, cluster, partitions }: Parts) {
    this.runtime = runtime;
    this.config = config;
    this.logger = logger;
    this.logDir = logDir;
    this.cluster = cluster;
    this.partitions = partitions;
    this.fetcher = new Fetcher({ partitions, cluster, timers: runtime.timers });
    const { clock, timers, random } = runtime;
    this.oldFetches = new OldFetches({ fetcher: this.fetcher, clock, timers, random });
    this.fetchSessions = new FetchSessionCache({
      slotCountMax: config.get("max.incremental.fetch.session.cache.slots"),
      clock: runtime.clock,
      random: runtime.random,
    });
    this.producerIds = new ProducerIds(cluster);
    const queuedBytesMax = config.get("queued.max.request.bytes");
    this.requestBytes = new ByteBudget(queuedBytesMax > 0 ? queuedBytesMax : REQUEST_BYTES_MAX);
    this.frameBuffers = new BufferPool(FRAME_BUFFERS_BYTES_MAX, runtime.name === "memory");
    this.shareCoordinator = new ShareCoordinator({
      runtime,
      config,
      logger,
      cluster,
      stateTopic: new InternalTopic({ name: SHARE_STATE_TOPIC, partitions, timers }),
    });
    this.sharePartitions = new SharePartitions({
      runtime,
      config,
      logger,
      cluster,
      coordinator: this.shareCoordinator,
    });
    this.shareFetcher = new ShareFetcher({ partitions: this.sharePartitions, fetcher: this.fetcher, timers });
    this.groups = new GroupCoordinator({
      runtime,
      config,
      logger,
      cluster,
      offsetsTopic: new InternalTopic({ name: OFFSETS_TOPIC, partitions, timers }),
      shareState: this.shareCoordinator,
      shareStateChanged: (groupId, topicIds) => this.sharePartitions.forget(groupId, topicIds),
    });
    this.transactionMarkers = new MarkerWriter({ clock, timers, logger, partitions, cluster, offsets: this.groups });
    this.transactions = new TransactionCoordinator({
      runtime,
      config,
      logger,
      cluster,
      topic: new InternalTopic({ name: TRANSACTIONS_TOPIC, partitions, timers }),
      producerIds: this.producerIds,
      markers: this.transactionMarkers,
    });
    this.transactionAdmission = new TransactionAdmission({ runtime, config, coordinator: this.transactions });
    this.quotas = new Quotas({ config, clock });
    this.quotas.reload(cluster.clientQuotas);
    const metricsTopic = new InternalTopic({ name: CLIENT_METRICS_TOPIC, partitions, timers });
    this.telemetry = new Telemetry({
      clock,
      random,
      subscriptions: new Subscriptions(cluster),
      log: new ClientMetricsLog({ logger, cluster, topic: metricsTopic }),
    });
    this.#listeners = new Listeners(this);
    this.#housekeeping = new Housekeeping({ runtime, config, logger, logDir, partitions });
    this.#cleaner = new LogCleaner({ runtime, config, logger, logDir, partitions });
    this.#scrubber = new LogScrubber({ runtime, config, logger, logDir });
  }

  /**
   * Opens the data folder (recovering what a crash left), reads the metadata, and accepts connections.
   * @throws {StorageError} when the folder is locked, unreadable or damaged beyond repair
   * @throws {NetworkError} when an address cannot be bound
   */
  static async start({ runtime, config, logger }: BrokerOptions): Promise<Broker> {
    const means = await initCrc32c(config.get("crc32c.native.enable") ? runtime.openCrc32c() : null);
    logger.info("checksums", { by: checksumMeans[means] });
    await installZstdWhereMissing();
    for (const { level, event, facts } of config.notices) logger[level](event, facts);
    const clusterId = config.get("cluster.id");
    const logDir = await LogDir.open(runtime, config.get("log.dirs")[0]!, {
      nodeId: config.get("node.id"),
      ...(clusterId === null ? {} : { clusterId }),
      limits: { openFilesMax: config.get("log.open.files.max") },
      report: ({ level, event, facts }) => logger[level](`storage: ${event}`, facts),
    });
    let broker: Broker;
    try {
      const cluster = await loadCluster({ runtime, config, logger }, logDir);
      const partitions = new Partitions({ logDir, config });
      for (const topic of cluster.topics()) partitions.ensure(topic);
      broker = new Broker({ runtime, config, logger, logDir, cluster, partitions });
    } catch (error) {
      await logDir.close({ clean: false });
      throw error;
    }
    try {
      await broker.#open();
    } catch (error) {
      await broker.stop();
      throw error;
    }
    return broker;
  }

  /** Where clients can connect; a port that was asked for as 0 is the one bound. */
  get listeners(): readonly Listener[] {
    return this.#bound;
  }

  /** Who votes on the metadata: this node alone. */
  get voter(): Voter {
    return { id: this.cluster.nodeId, directoryId: this.logDir.meta.directoryId || ZERO_UUID };
  }

  get connectionCount(): number {
    return this.#listeners.connectionCount;
  }

  /** Accepts no more, answers what is at work within a bound, syncs, marks the folder as cleanly shut down. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #open(): Promise<void> {
    this.cluster.onChange((change) => this.#apply(change));
    this.config.onChange(() => this.#reconfigureAll());
    this.shareCoordinator.start();
    this.groups.start();
    this.transactions.start();
    const bound: Listener[] = [];
    for (const listener of this.config.listeners(this.runtime.process.hostname())) {
      bound.push(await this.#listeners.open(listener, (opened) => this.#advertise([...bound, opened])));
    }
    this.#bound = bound;
    this.#housekeeping.start();
    this.#cleaner.start();
    this.#scrubber.start();
  }

  /** Before the first request can come in, so that no client is told of a broker without an address. */
  #advertise(listeners: readonly Listener[]): void {
    this.cluster.setEndpoints(
      new Map(listeners.map(({ name, advertisedHost: host, advertisedPort: port }) => [name, { host, port }])),
    );
  }

  #apply(change: ClusterChange): void {
    switch (change.kind) {
      case "topicCreated":
      case "partitionsAdded":
        this.partitions.ensure(change.topic);
        return this.groups.onTopicChanged(change.topic, { isNew: change.kind === "topicCreated" });
      case "topicDeleted":
        this.partitions.remove(change.topic);
        this.groups.onTopicsDeleted([change.topic]);
        this.shareCoordinator.onTopicsDeleted([change.topic.id]);
        this.sharePartitions.forgetTopic(change.topic.id);
        this.groups.onTopicChanged(change.topic, { isNew: false });
        return;
      case "partitionsChanged":
        return this.partitions.lead(change.topic);
      case "credentialChanged":
        return;
      case "clientQuotasChanged":
        return this.quotas.reload(this.cluster.clientQuotas);
      case "configsChanged": {
        const topic = change.resource.type === ResourceType.TOPIC
          ? this.cluster.topic(change.resource.name)
          : undefined;
        if (topic !== undefined) this.partitions.reconfigure(topic);
        if (change.resource.type === ResourceType.BROKER) readDynamicConfigs(this.cluster, this.config);
        return;
      }
    }
  }

  #reconfigureAll(): void {
    for (const topic of this.cluster.topics()) this.partitions.reconfigure(topic);
  }

  async #stop(): Promise<void> {
    this.#listeners.stopAccepting();
    this.#cleaner.stop();
    this.#scrubber.stop();
    this.fetcher.stop();
    this.shareFetcher.stop();
    // Together: a connection cannot finish while its JoinGroup waits for a rebalance, and stopping answers that.
    const coordinators = this.transactions.stop().then(() => this.groups.stop()); // whom markers go through
    await Promise.all([coordinators, this.#listeners.finish(STOP_WITHIN_MS)]);
    // After the connections: with them end sessions, and what they had is given back.
    this.sharePartitions.stop();
    await this.shareCoordinator.stop();
    // Not before: the wait may be longer than a flush policy leaves records unsynced.
    this.#housekeeping.stop();
    await this.cluster.close();
    await this.logDir.close({ clean: true });
    this.logger.info("broker stopped");
  }
}

async function loadCluster(options: BrokerOptions, logDir: LogDir): Promise<Cluster> {
  const cluster = new Cluster({
    ...options,
    clusterId: logDir.meta.clusterId,
    nodeId: options.config.get("node.id"),
    store: openLocalMetadata({
      ...options,
      logDir,
      snapshotBytes: options.config.get("metadata.log.max.record.bytes.between.snapshots"),
    }),
    checkTopicConfigs: validateTopicConfigs,
  });
  await cluster.load();
  clearStrayLogs({ ...options, cluster, logDir });
  // What the crash may have cut off, and what comes in its place, must not look alike to consumers.
  if (!logDir.wasClean) await cluster.beginLeaderEpochs();
  await cluster.leadOrphans();
  readDynamicConfigs(cluster, options.config);
  return cluster;
}

function readDynamicConfigs(cluster: Cluster, config: BrokerConfig): void {
  config.setDynamicConfigs("all-brokers", cluster.configsOf({ type: ResourceType.BROKER, name: "" }));
  config.setDynamicConfigs("this-broker", cluster.configsOf({ type: ResourceType.BROKER, name: `${cluster.nodeId}` }));
}
