/**
 * The cluster as this broker knows it: its brokers, its topics, what is configured; and the way to change them.
 *
 * All of it is in the image, which only the metadata store changes. A change here is: decide on the newest image, let the
 * store make it durable, then hear from the store what it did and tell those who act on it (partitions, groups, configs).
 * A method that changes something resolves after they were told.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { BrokerConfig } from "../config.ts";
import type { Logger } from "../log.ts";
import { KRAFT_VERSION, METADATA_VERSION } from "../features.ts";
import { autoTopicRequest } from "./auto_topics.ts";
import { planQuotas, type QuotaAlteration, type QuotaOutcome } from "./client_quota_plans.ts";
import type { ClientQuotas } from "./client_quotas.ts";
import { type FeatureUpdate, initialFeatures, planFeatureUpdates } from "./feature_plans.ts";
import { logChange } from "./change_log.ts";
import { type ClusterChange, type ConfigResource, MetadataImage, ResourceType, type Topic } from "./image.ts";
import type { MetadataStore } from "./metadata_store.ts";
import { checkChangeCount, partitionCountOf, type Planned, planned } from "./planned.ts";
import type { MetadataRecord } from "./records.ts";
import type { ScramCredentials } from "./scram.ts";
import { newTopicId } from "./topic_id.ts";
import { collisionKey } from "./topic_name.ts";
import {
  type PartitionsRequest,
  type PlanContext,
  planNewEpochs,
  planOrphans,
  planPartitions,
  planTopic,
  refuseManyMorePartitions,
  refuseManyPartitions,
  type TopicRequest,
} from "./topic_plans.ts";

export { ResourceType } from "./image.ts";
export type { ClusterChange, ConfigResource, PartitionState, Topic } from "./image.ts";
export type { PartitionAssignment, PartitionsRequest, TopicRequest } from "./topic_plans.ts";

/** Producer ids given out at a time: Kafka's block. */
const producerIdBlock = 1000;

export interface ClusterOptions {
  readonly runtime: Runtime;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly config: BrokerConfig;
  readonly store: MetadataStore;
  readonly logger: Logger;
  /** @throws {ProtocolError} INVALID_CONFIG */
  readonly checkTopicConfigs: (configs: ReadonlyMap<string, string>) => void;
}

/** Where clients reach a broker through one of its listeners. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface BrokerNode extends Endpoint {
  readonly id: number;
  readonly rack: string | null;
}

/** What became of one topic of a request: made (or, when only validating, as it would be made), or why not. */
export type TopicOutcome =
  | { readonly name: string; readonly topic: Topic; readonly error: null }
  | { readonly name: string; readonly topic: null; readonly error: ProtocolError };

export interface ChangeOptions {
  /** Only answers what would become of it. */
  readonly validateOnly?: boolean;
  /** Whether partitions may be made or deleted, beyond what is wrong with the request. */
  readonly admission?: PartitionAdmission | undefined;
}

/** The same answer to the same topic, however often it is asked. */
export interface PartitionAdmission {
  /** @throws {ProtocolError} */
  admit(topic: string, partitionCount: number): void;
}

/** A value to set, or null to go back to the default. */
export type ConfigChanges = ReadonlyMap<string, string | null>;

export class Cluster {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly #runtime: Runtime;
  readonly #config: BrokerConfig;
  readonly #store: MetadataStore;
  readonly #logger: Logger;
  readonly #checkTopicConfigs: (configs: ReadonlyMap<string, string>) => void;
  readonly #listeners = new Set<(change: ClusterChange) => void>();
  #endpoints: ReadonlyMap<string, Endpoint> = new Map();
  #image = new MetadataImage();

  constructor(options: ClusterOptions) {
    this.clusterId = options.clusterId;
    this.nodeId = options.nodeId;
    this.#runtime = options.runtime;
    this.#config = options.config;
    this.#store = options.store;
    this.#logger = options.logger;
    this.#checkTopicConfigs = options.checkTopicConfigs;
  }

  /** Reads the metadata. Listeners are not told of what is there already. */
  async load(): Promise<void> {
    this.#image = await this.#store.load((changes) => this.#committed(changes));
    await this.#beginFeatures();
  }

  /** Waits for changes that are on their way; later ones are refused. */
  close(): Promise<void> {
    return this.#store.close();
  }

  // -------------------------------------------------------------------------------------------- what is there

  /** The brokers as clients of a listener reach them; those without that listener are left out. */
  brokers(listenerName: string): readonly BrokerNode[] {
    const endpoint = this.#endpoints.get(listenerName);
    return endpoint === undefined ? [] : [{ id: this.nodeId, ...endpoint, rack: this.#config.get("broker.rack") }];
  }

  /** Ids of all brokers, ascending. */
  brokerIds(): readonly number[] {
    return [this.nodeId];
  }

  /** The broker that changes are sent to: a broker alone is its own controller. */
  get controllerId(): number {
    return this.nodeId;
  }

  /** Under which addresses this broker is reached, by listener name. */
  setEndpoints(endpoints: ReadonlyMap<string, Endpoint>): void {
    this.#endpoints = endpoints;
  }

  topic(name: string): Topic | undefined {
    return this.#image.topic(name);
  }

  topicById(id: string): Topic | undefined {
    return this.#image.topicById(id);
  }

  /** In the order of their names. */
  topics(): readonly Topic[] {
    return this.#image.topics();
  }

  /** Grows with every change. */
  get version(): number {
    return this.#store.version;
  }

  /** Of a feature that the cluster goes by; 0: it does not. */
  featureLevel(name: string): number {
    return this.#image.features().get(name) ?? 0;
  }

  /**
   * The features in use, and how new that knowledge is: Kafka's epoch is the offset of the metadata's last record. Clients take
   * no levels of an epoch that is not above the one they have, nor any below 0.
   */
  get finalizedFeatures(): { readonly epoch: number; readonly levels: ReadonlyMap<string, number> } {
    const levels = this.#featureLevels();
    for (const [name, level] of levels) if (level === 0 && name !== KRAFT_VERSION) levels.delete(name);
    return { epoch: Math.max(0, this.version - 1), levels };
  }

  /** Whether a topic of this id was here and deleted, as far as is still known. */
  wasRemoved(topicId: string): boolean {
    return this.#image.wasRemoved(topicId);
  }

  /** What was set for a resource by request, not by file: empty when nothing was. */
  configsOf(resource: ConfigResource): ReadonlyMap<string, string> {
    return this.#image.configsOf(resource);
  }

  /** The resources of a type for which something is set. */
  configResources(type: number): Iterable<ConfigResource> {
    return this.#image.configResources(type);
  }

  /** What limits are set for clients. */
  get clientQuotas(): ClientQuotas {
    return this.#image.clientQuotas;
  }

  get scramCredentials(): ScramCredentials {
    return this.#image.scram;
  }

  /** Tells `listener` of every change once it is durable. What it throws is logged, and stops nothing. */
  onChange(listener: (change: ClusterChange) => void): void {
    this.#listeners.add(listener);
  }

  /** The leader epoch of the metadata's own log. */
  get metadataEpoch(): number {
    return this.#store.epoch;
  }

  /**
   * A change whose rules have a file of their own: decided on the newest image, durable and told of when this resolves.
   * `decide` must be pure; what it throws refuses the change.
   * @throws {ProtocolError} KAFKA_STORAGE_ERROR when nothing can be changed
   */
  async change<Outcome>(
    decide: (image: MetadataImage) => { readonly records: readonly MetadataRecord[]; readonly outcome: Outcome },
  ): Promise<Outcome> {
    let decided: { readonly outcome: Outcome } | null = null;
    await this.#store.propose((image) => {
      const { records, outcome } = decide(image);
      decided = { outcome };
      return records;
    });
    return decided!.outcome;
  }

  // -------------------------------------------------------------------------------------------- topics

  /**
   * Makes topics, each on its own merits, those that can be made together in one durable change.
   * @throws {ProtocolError} POLICY_VIOLATION for too many in all, KAFKA_STORAGE_ERROR when nothing can be changed
   */
  async createTopics(requests: readonly TopicRequest[], options: ChangeOptions = {}): Promise<TopicOutcome[]> {
    let plans: Planned<TopicRequest>[] = [];
    await this.#store.propose((image) => {
      plans = this.#planTopics(image, requests, options);
      return options.validateOnly === true ? [] : plans.flatMap(({ records }) => records);
    });
    return plans.map(({ request: { name }, records, error }) => {
      if (error !== null) return { name, topic: null, error };
      return { name, topic: this.#madeTopic(name, records), error: null };
    });
  }

  /** @throws {ProtocolError} */
  async createTopic(request: TopicRequest, options: ChangeOptions = {}): Promise<Topic> {
    const [outcome] = await this.createTopics([request], options);
    if (outcome!.error !== null) throw outcome!.error;
    return outcome!.topic;
  }

  /**
   * Makes topics that were only asked for by name, with the broker's defaults; the broker's own topics as they must be.
   * One that another request made meanwhile is fine.
   * @throws {ProtocolError} as `createTopics`
   */
  async autoCreateTopics(names: readonly string[], options: ChangeOptions = {}): Promise<TopicOutcome[]> {
    const brokerCount = this.brokerIds().length;
    const outcomes = await this.createTopics(
      names.map((name) => autoTopicRequest(name, this.#config, brokerCount)),
      options,
    );
    return outcomes.map((outcome) => {
      if (outcome.error?.code !== ErrorCode.TOPIC_ALREADY_EXISTS) return outcome;
      const topic = this.topic(outcome.name);
      return topic === undefined ? outcome : { name: outcome.name, topic, error: null };
    });
  }

  /**
   * Deletes topics. They are gone when it resolves; their files follow.
   * @returns for each id why not, or null
   * @throws {ProtocolError} KAFKA_STORAGE_ERROR when nothing can be changed
   */
  async deleteTopics(
    topicIds: readonly string[],
    { admission }: ChangeOptions = {},
  ): Promise<(ProtocolError | null)[]> {
    let plans: Planned<string>[] = [];
    await this.#store.propose((image) => {
      plans = topicIds.map((topicId) =>
        planned(topicId, () => {
          const topic = image.topicById(topicId);
          if (topic === undefined) throw new ProtocolError(ErrorCode.UNKNOWN_TOPIC_ID);
          admission?.admit(topic.name, topic.partitions.length);
          return [{ kind: "removeTopic", topicId }];
        })
      );
      const doomed = plans.filter(({ records }) => records.length > 0).map(({ request }) => request);
      return Array.from(new Set(doomed), (topicId): MetadataRecord => ({ kind: "removeTopic", topicId }));
    });
    return plans.map(({ error }) => error);
  }

  /**
   * Adds partitions to topics, each on its own merits.
   * @returns for each request why not, or null
   * @throws {ProtocolError} POLICY_VIOLATION for too many in all, KAFKA_STORAGE_ERROR when nothing can be changed
   */
  async createPartitions(
    requests: readonly PartitionsRequest[],
    options: ChangeOptions = {},
  ): Promise<(ProtocolError | null)[]> {
    const context = { brokerIds: this.brokerIds() };
    let plans: Planned<PartitionsRequest>[] = [];
    await this.#store.propose((image) => {
      refuseManyMorePartitions(image, requests);
      plans = requests.map((request) =>
        planned(request, () => {
          const records = planPartitions(image, request, context);
          options.admission?.admit(request.name, records.length);
          return records;
        })
      );
      return options.validateOnly === true ? [] : plans.flatMap(({ records }) => records);
    });
    return plans.map(({ error }) => error);
  }

  /**
   * Starts a new leader epoch in every partition led here. For a start after a crash: records the disk may have lost
   * and records that take their offsets then differ in epoch, and consumers notice.
   */
  async beginLeaderEpochs(): Promise<void> {
    await this.#store.propose((image) => planNewEpochs(image.topics()));
  }

  /** Leads what nobody leads and is here, as in a folder that a Kafka broker has left. */
  async leadOrphans(): Promise<void> {
    await this.#store.propose((image) => planOrphans(image.topics(), this.nodeId));
  }

  /**
   * Changes levels of features: all of them or none.
   * @throws {ProtocolError} INVALID_UPDATE_VERSION, KAFKA_STORAGE_ERROR
   */
  async updateFeatures(updates: readonly FeatureUpdate[], options: ChangeOptions = {}): Promise<void> {
    await this.#store.propose(() => {
      const records = planFeatureUpdates(this.#featureLevels(), updates, this.nodeId);
      return options.validateOnly === true ? [] : records;
    });
    if (options.validateOnly === true) return;
    for (const { name, level } of updates) this.#logger.info("feature set", { feature: name, level });
  }

  // -------------------------------------------------------------------------------------------- configs, producer ids

  /**
   * Sets and unsets configs of a resource in one change. `changes` may be a function of what is set now, for changes that
   * build on it (append, subtract, replace all); it may throw to refuse. Values are the caller's to validate.
   * @throws {ProtocolError} UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR
   */
  async alterConfigs(
    resource: ConfigResource,
    changes: ConfigChanges | ((current: ReadonlyMap<string, string>) => ConfigChanges),
    options: ChangeOptions = {},
  ): Promise<void> {
    await this.#store.propose((image) => {
      const current = image.configsOf(resource);
      const wanted = typeof changes === "function" ? changes(current) : changes;
      if (resource.type === ResourceType.TOPIC && image.topic(resource.name) === undefined) {
        throw new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${resource.name}' does not exist.`);
      }
      if (options.validateOnly === true) return [];
      const records: MetadataRecord[] = [];
      for (const [name, value] of wanted) {
        if ((current.get(name) ?? null) === value) continue;
        records.push({ kind: "config", resourceType: resource.type, resourceName: resource.name, name, value });
      }
      return records;
    });
  }

  /**
   * Sets and unsets limits of clients, each entity on its own merits, in one change.
   * @throws {ProtocolError} POLICY_VIOLATION, KAFKA_STORAGE_ERROR
   */
  async alterClientQuotas(
    alterations: readonly QuotaAlteration[],
    options: ChangeOptions = {},
  ): Promise<readonly QuotaOutcome[]> {
    return await this.change((image) => {
      const { records, outcomes } = planQuotas(image.clientQuotas, alterations);
      return { records: options.validateOnly === true ? [] : records, outcome: outcomes };
    });
  }

  /** A block of producer ids that nobody else ever gets: durable before it resolves. */
  async allocateProducerIds(): Promise<{ readonly first: number; readonly count: number }> {
    let first = 0;
    await this.#store.propose((image) => {
      first = image.nextProducerId;
      return [{ kind: "producerIds", nextProducerId: first + producerIdBlock }];
    });
    return { first, count: producerIdBlock };
  }

  // -------------------------------------------------------------------------------------------- below: how

  /** A new history begins with them. One of ours from before features could be changed has the word on a single one. */
  async #beginFeatures(): Promise<void> {
    const known = this.#image.features();
    const isOlder = known.size === 1 && known.has(METADATA_VERSION) && this.#store.kraftVersion === null;
    if (known.size > 0 && !isOlder) return;
    await this.#store.propose((image) =>
      initialFeatures().filter((record) => record.kind === "featureLevel" && !image.features().has(record.name))
    );
  }

  #featureLevels(): Map<string, number> {
    return new Map([...this.#image.features(), [KRAFT_VERSION, this.#store.kraftVersion ?? 1]]);
  }

  #planTopics(
    image: MetadataImage,
    requests: readonly TopicRequest[],
    { admission }: ChangeOptions,
  ): Planned<TopicRequest>[] {
    const context: PlanContext = {
      brokerIds: this.brokerIds(),
      defaultPartitionCount: this.#config.get("num.partitions"),
      defaultReplicationFactor: this.#config.get("default.replication.factor"),
      newTopicId: () => newTopicId(this.#runtime.random, (id) => image.topicById(id) !== undefined),
      checkConfigs: this.#checkTopicConfigs,
    };
    refuseManyPartitions(requests, context.defaultPartitionCount);
    const namesByKey = new Map<string, string>();
    const plans = requests.map((request) =>
      planned(request, () => {
        const records = planTopic(image, request, context);
        // Two of one request are not yet in the image, and must not collide either.
        const key = collisionKey(request.name);
        const other = namesByKey.get(key);
        if (other !== undefined) {
          throw new ProtocolError(
            ErrorCode.INVALID_TOPIC_EXCEPTION,
            `Topic '${request.name}' collides with another topic of the request: ${other}`,
          );
        }
        admission?.admit(request.name, partitionCountOf(records));
        namesByKey.set(key, request.name);
        return records;
      })
    );
    // A topic and its configs count too.
    checkChangeCount(plans.reduce((sum, { records }) => sum + records.length, 0));
    return plans;
  }

  /** The topic that the records make: the real one, or what it would have been. */
  #madeTopic(name: string, records: readonly MetadataRecord[]): Topic {
    const [first] = records;
    const made = first?.kind === "topic" ? this.#image.topicById(first.topicId) : undefined;
    if (made !== undefined) return made;
    const image = new MetadataImage();
    image.apply(records);
    return image.topic(name)!;
  }

  #committed(changes: readonly ClusterChange[]): void {
    for (const change of changes) {
      logChange(this.#logger, change);
      for (const listener of this.#listeners) {
        try {
          listener(change);
        } catch (cause) {
          this.#logger.error("cluster change not acted on", { change: change.kind, cause: cause as Error });
        }
      }
    }
  }
}
