/**
 * The cluster's metadata as of one point in its history: topics, configs, feature levels, client quotas, the next producer id.
 *
 * An image is what the records applied so far add up to, nothing else: the same records give the same image on every
 * start and, later, on every node. It changes only by `apply`, a whole change at a time.
 *
 * Invariants:
 *  1. A topic's partitions are numbered 0 … n-1 without gaps; `partitions[i].index === i`.
 *  2. `Topic` objects never change: a changed topic is a new object, so whoever holds one holds a consistent one.
 *  3. Configs of a topic exist only while the topic does.
 */
import { ClientQuotas } from "./client_quotas.ts";
import { collisionKey, isInternalTopic } from "./topic_name.ts";
import type { MetadataRecord } from "./records.ts";
import { ScramCredentials } from "./scram.ts";

export interface Topic {
  readonly name: string;
  /** Kafka's printed form: 22 characters. */
  readonly id: string;
  /** One of the broker's own: group offsets, transactions. */
  readonly isInternal: boolean;
  readonly partitions: readonly PartitionState[];
  /** What was set for this topic alone. */
  readonly configs: ReadonlyMap<string, string>;
}

export interface PartitionState {
  readonly index: number;
  /** -1: none. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  /** Counts changes of this partition's metadata. */
  readonly partitionEpoch: number;
  /** Broker ids, the preferred leader first. */
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** Kafka's numbers for what can be configured. */
export const ResourceType = {
  TOPIC: 2,
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const;

/** A broker resource named "" means all brokers. */
export interface ConfigResource {
  readonly type: number;
  readonly name: string;
}

/** What a change did, told to whoever must act on it. Topics are as they are after the whole change. */
export type ClusterChange =
  | { readonly kind: "topicCreated"; readonly topic: Topic }
  | { readonly kind: "topicDeleted"; readonly topic: Topic }
  | { readonly kind: "partitionsAdded"; readonly topic: Topic; readonly previousCount: number }
  /** Leaders, epochs, replicas or in-sync replicas of a topic that was there before. */
  | { readonly kind: "partitionsChanged"; readonly topic: Topic }
  | { readonly kind: "configsChanged"; readonly resource: ConfigResource; readonly names: ReadonlySet<string> }
  | { readonly kind: "clientQuotasChanged" }
  /** What a user logs in with. */
  | {
    readonly kind: "credentialChanged";
    readonly user: string;
    readonly mechanism: number;
    readonly isThere: boolean;
  };

/** The records cannot be a history of ours: damage, or a bug. */
export class CorruptMetadata extends Error {
  override readonly name = "CorruptMetadata";
}

/** Ids of removed topics are kept to tell the rest of a deletion from a stranger. A start has few deletions to finish. */
const removedTopicsMax = 10_000;

const noConfigs: ReadonlyMap<string, string> = new Map();

export class MetadataImage {
  readonly clientQuotas: ClientQuotas = new ClientQuotas();
  readonly scram = new ScramCredentials();
  readonly #topics = new Map<string, Topic>();
  readonly #topicsById = new Map<string, Topic>();
  readonly #namesByCollisionKey = new Map<string, string>();
  readonly #configs = new Map<
    string,
    { readonly resource: ConfigResource; readonly values: ReadonlyMap<string, string> }
  >();
  readonly #features = new Map<string, number>();
  readonly #removedTopicIds = new Set<string>();
  #nextProducerId = 0;
  #sortedTopics: readonly Topic[] | null = null;

  topic(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  topicById(id: string): Topic | undefined {
    return this.#topicsById.get(id);
  }

  /** By name, in the order of their characters. */
  topics(): readonly Topic[] {
    return this.#sortedTopics ??= [...this.#topics.values()].sort((one, other) => one.name < other.name ? -1 : 1);
  }

  /** The topic that a new one called `name` would collide with. */
  collidingTopic(name: string): string | undefined {
    const other = this.#namesByCollisionKey.get(collisionKey(name));
    return other === name ? undefined : other;
  }

  /** Empty when nothing was set. */
  configsOf(resource: ConfigResource): ReadonlyMap<string, string> {
    return this.#configs.get(resourceKey(resource))?.values ?? noConfigs;
  }

  /** The resources of one type for which something is set. */
  *configResources(type: number): Iterable<ConfigResource> {
    for (const { resource } of this.#configs.values()) if (resource.type === type) yield resource;
  }

  /** Levels of the features of which there was ever a word, by name. 0: not in use, and meant so. */
  features(): ReadonlyMap<string, number> {
    return this.#features;
  }

  get nextProducerId(): number {
    return this.#nextProducerId;
  }

  /** Whether a topic of this id was removed, as far as is remembered: not from before a snapshot, nor from long ago. */
  wasRemoved(topicId: string): boolean {
    return this.#removedTopicIds.has(topicId);
  }

  /**
   * Applies one whole change.
   * @throws {CorruptMetadata} with the image in an undefined state
   */
  apply(records: readonly MetadataRecord[]): ClusterChange[] {
    const edits = new Map<string, TopicEdit>();
    const changedConfigs = new Map<string, ChangedConfigs>();
    const deleted: ClusterChange[] = [];
    const credentials: ClusterChange[] = [];
    for (const record of records) {
      switch (record.kind) {
        case "topic": {
          if (this.#topics.has(record.name)) throw new CorruptMetadata(`Topic "${record.name}" is created twice`);
          if (this.#topicsById.has(record.topicId)) {
            throw new CorruptMetadata(`Topic id ${record.topicId} is given twice`);
          }
          edits.set(record.topicId, { name: record.name, id: record.topicId, previousCount: null, partitions: [] });
          // Already known by name, so that a second one in this change is noticed.
          this.#put({ name: record.name, id: record.topicId, isInternal: false, partitions: [], configs: noConfigs });
          break;
        }
        case "partition":
          putPartition(this.#edit(edits, record.topicId), record);
          break;
        case "partitionChange":
          changePartition(this.#edit(edits, record.topicId), record);
          break;
        case "removeTopic": {
          const topic = this.#topicsById.get(record.topicId);
          if (topic === undefined) {
            throw new CorruptMetadata(`Topic id ${record.topicId} is removed and was never there`);
          }
          this.#remove(topic);
          edits.delete(topic.id);
          changedConfigs.delete(resourceKey({ type: ResourceType.TOPIC, name: topic.name }));
          deleted.push({ kind: "topicDeleted", topic });
          break;
        }
        case "config":
          this.#setConfig(record, changedConfigs);
          break;
        case "producerIds":
          this.#nextProducerId = record.nextProducerId;
          break;
        case "featureLevel":
          this.#features.set(record.name, record.featureLevel);
          break;
        case "clientQuota":
          this.clientQuotas.apply(record);
          break;
        case "scramCredential":
        case "removeScramCredential":
          credentials.push(this.#changeCredential(record));
          break;
        default:
          record satisfies never;
      }
    }
    const others: ClusterChange[] = records.some(({ kind }) => kind === "clientQuota")
      ? [{ kind: "clientQuotasChanged" }]
      : [];
    return [...deleted, ...this.#finish(edits, changedConfigs), ...others, ...credentials];
  }

  /** Records that lead from nothing to this image: the content of a snapshot. */
  *records(): Generator<MetadataRecord> {
    for (const [name, featureLevel] of this.#features) yield { kind: "featureLevel", name, featureLevel };
    for (const topic of this.topics()) {
      yield { kind: "topic", name: topic.name, topicId: topic.id };
      for (const { index, leaderId, ...state } of topic.partitions) {
        yield { kind: "partition", partitionId: index, topicId: topic.id, leader: leaderId, ...state };
      }
    }
    for (const { resource, values } of this.#configs.values()) {
      for (const [name, value] of values) {
        yield { kind: "config", resourceType: resource.type, resourceName: resource.name, name, value };
      }
    }
    yield* this.clientQuotas.records();
    yield* this.scram.records();
    if (this.#nextProducerId > 0) yield { kind: "producerIds", nextProducerId: this.#nextProducerId };
  }

  #edit(edits: Map<string, TopicEdit>, topicId: string): TopicEdit {
    let edit = edits.get(topicId);
    if (edit !== undefined) return edit;
    const topic = this.#topicsById.get(topicId);
    if (topic === undefined) {
      throw new CorruptMetadata(`A partition belongs to topic id ${topicId}, which is not there`);
    }
    edit = { name: topic.name, id: topicId, previousCount: topic.partitions.length, partitions: [...topic.partitions] };
    edits.set(topicId, edit);
    return edit;
  }

  #setConfig(record: MetadataRecord & { kind: "config" }, changedConfigs: Map<string, ChangedConfigs>): void {
    const resource = { type: record.resourceType, name: record.resourceName };
    if (resource.type === ResourceType.TOPIC && !this.#topics.has(resource.name)) {
      throw new CorruptMetadata(`"${record.name}" is set for topic "${resource.name}", which is not there`);
    }
    const key = resourceKey(resource);
    // Replaced, not changed: whoever read configsOf() keeps what they read (2).
    const values = new Map(this.#configs.get(key)?.values);
    if (record.value === null) values.delete(record.name);
    else values.set(record.name, record.value);
    if (values.size === 0) this.#configs.delete(key);
    else this.#configs.set(key, { resource, values });
    const change = changedConfigs.get(key);
    if (change === undefined) changedConfigs.set(key, { resource, names: new Set([record.name]) });
    else change.names.add(record.name);
  }

  #changeCredential(
    record: MetadataRecord & { readonly kind: "scramCredential" | "removeScramCredential" },
  ): ClusterChange {
    const { name: user, mechanism } = record;
    const isThere = record.kind === "scramCredential";
    if (isThere) this.scram.put(record);
    else if (!this.scram.remove(user, mechanism)) {
      throw new CorruptMetadata(`A SCRAM credential of "${user}" is removed and was never there`);
    }
    return { kind: "credentialChanged", user, mechanism, isThere };
  }

  #finish(
    edits: ReadonlyMap<string, TopicEdit>,
    changedConfigs: ReadonlyMap<string, ChangedConfigs>,
  ): ClusterChange[] {
    const changes: ClusterChange[] = [];
    for (const { name, id, partitions, previousCount } of edits.values()) {
      const configs = this.configsOf({ type: ResourceType.TOPIC, name });
      const topic = this.#put({ name, id, isInternal: isInternalTopic(name), partitions, configs });
      if (previousCount === null) changes.push({ kind: "topicCreated", topic });
      else if (previousCount === partitions.length) changes.push({ kind: "partitionsChanged", topic });
      else changes.push({ kind: "partitionsAdded", topic, previousCount });
    }
    for (const { resource, names } of changedConfigs.values()) {
      const topic = resource.type === ResourceType.TOPIC ? this.#topics.get(resource.name) : undefined;
      const edit = topic && edits.get(topic.id);
      if (topic !== undefined && edit === undefined) this.#put({ ...topic, configs: this.configsOf(resource) });
      // A new topic's configs are part of its creation.
      if (edit?.previousCount !== null) changes.push({ kind: "configsChanged", resource, names });
    }
    return changes;
  }

  #put(topic: Topic): Topic {
    this.#topics.set(topic.name, topic);
    this.#topicsById.set(topic.id, topic);
    this.#namesByCollisionKey.set(collisionKey(topic.name), topic.name);
    this.#sortedTopics = null;
    return topic;
  }

  #rememberRemoved(topicId: string): void {
    const ids = this.#removedTopicIds;
    ids.add(topicId);
    if (ids.size <= removedTopicsMax) return;
    for (const oldest of ids) {
      ids.delete(oldest);
      break;
    }
  }

  #remove(topic: Topic): void {
    this.#topics.delete(topic.name);
    this.#topicsById.delete(topic.id);
    this.#rememberRemoved(topic.id);
    const key = collisionKey(topic.name);
    if (this.#namesByCollisionKey.get(key) === topic.name) this.#namesByCollisionKey.delete(key);
    this.#configs.delete(resourceKey({ type: ResourceType.TOPIC, name: topic.name }));
    this.#sortedTopics = null;
  }
}

interface ChangedConfigs {
  readonly resource: ConfigResource;
  readonly names: Set<string>;
}

/** A topic while a change to it is being applied. */
interface TopicEdit {
  readonly name: string;
  readonly id: string;
  /** null: the topic is made by this change. */
  readonly previousCount: number | null;
  readonly partitions: PartitionState[];
}

function putPartition(edit: TopicEdit, record: MetadataRecord & { kind: "partition" }): void {
  const { partitionId, leader, leaderEpoch, partitionEpoch, replicas, isr } = record;
  if (partitionId < 0 || partitionId > edit.partitions.length) {
    throw new CorruptMetadata(
      `Partition ${partitionId} of "${edit.name}" follows ${edit.partitions.length} partitions`,
    );
  }
  edit.partitions[partitionId] = { index: partitionId, leaderId: leader, leaderEpoch, partitionEpoch, replicas, isr };
}

/** Kafka's rule: a leader named, even the same one, starts a new epoch. */
function changePartition(edit: TopicEdit, record: MetadataRecord & { kind: "partitionChange" }): void {
  const state = edit.partitions[record.partitionId];
  if (state === undefined) {
    throw new CorruptMetadata(`Partition ${record.partitionId} of "${edit.name}" changes and is not there`);
  }
  edit.partitions[record.partitionId] = {
    index: state.index,
    leaderId: record.leader ?? state.leaderId,
    leaderEpoch: record.leader === null ? state.leaderEpoch : state.leaderEpoch + 1,
    partitionEpoch: state.partitionEpoch + 1,
    replicas: record.replicas ?? state.replicas,
    isr: record.isr ?? state.isr,
  };
}

function resourceKey(resource: ConfigResource): string {
  return `${resource.type}:${resource.name}`;
}
