/** The cluster's topics as consumer groups look at them. */
import type { Cluster, Topic } from "../cluster/cluster.ts";
import { topicHash } from "./consumer/metadata_hash.ts";
import type { GroupTopic } from "./consumer/state.ts";
import type { TopicNames } from "./consumer_groups.ts";

export interface ClusterTopicsOptions {
  readonly cluster: Pick<Cluster, "topic" | "topicById" | "topics" | "version">;
  readonly rackOf: (brokerId: number) => string | null;
}

export class ClusterTopics implements TopicNames {
  readonly #options: ClusterTopicsOptions;
  /** By the object, which is another when the topic has changed. */
  readonly #hashes = new WeakMap<Topic, bigint>();
  #newTopicsVersion: number;

  constructor(options: ClusterTopicsOptions) {
    this.#options = options;
    this.#newTopicsVersion = options.cluster.version;
  }

  topic(name: string): GroupTopic | undefined {
    return asGroupTopic(this.#options.cluster.topic(name));
  }

  topicById(id: string): GroupTopic | undefined {
    return asGroupTopic(this.#options.cluster.topicById(id));
  }

  hashOf(name: string): bigint {
    const { cluster, rackOf } = this.#options;
    const topic = cluster.topic(name);
    if (topic === undefined) return 0n;
    let hash = this.#hashes.get(topic);
    if (hash === undefined) {
      const racks = topic.partitions.map(({ replicas }) => replicas.map(rackOf).filter((rack) => rack !== null));
      this.#hashes.set(topic, hash = topicHash({ ...topic, racks }));
    }
    return hash;
  }

  *names(): Iterable<string> {
    for (const { name } of this.#options.cluster.topics()) yield name;
  }

  get version(): number {
    return this.#options.cluster.version;
  }

  get newTopicsVersion(): number {
    return this.#newTopicsVersion;
  }

  /** A topic was made. */
  noteNewTopic(): void {
    this.#newTopicsVersion = this.version;
  }
}

function asGroupTopic(topic: Topic | undefined): GroupTopic | undefined {
  return topic === undefined ? undefined : { id: topic.id, name: topic.name, partitionCount: topic.partitions.length };
}
