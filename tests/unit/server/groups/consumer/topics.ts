/** Topics as a test wants them. */
import type { ProtocolError } from "../../../../../protocol/errors.ts";
import { Reader } from "../../../../../protocol/wire.ts";
import { topicHash } from "../../../../../server/groups/consumer/metadata_hash.ts";
import type { Topic } from "../../../../../server/cluster/cluster.ts";
import type { GroupTopic } from "../../../../../server/groups/consumer/state.ts";
import type { TopicNames } from "../../../../../server/groups/consumer_groups.ts";
import type { GroupCoordinatorOptions } from "../../../../../server/groups/coordinator.ts";

/** Ids in the order of their numbers. */
export function topicIdOf(number: number): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, number);
  return new Reader(bytes).uuid();
}

export class FakeTopics implements TopicNames {
  version = 1;
  newTopicsVersion = 1;
  /** What is set for a group. */
  readonly groupConfigs = new Map<string, ReadonlyMap<string, string>>();
  /** Topics made by the coordinator. */
  readonly made: string[] = [];
  creationError: ProtocolError | null = null;
  /** Hears of topics that were made. */
  onMade: (topic: Topic) => void = () => {};
  readonly #topics = new Map<string, GroupTopic>();
  #count = 0;

  constructor(topics: Readonly<Record<string, number>> = {}) {
    for (const [name, partitionCount] of Object.entries(topics)) this.put(name, partitionCount);
  }

  /** Makes the topic, or gives it more partitions. */
  put(name: string, partitionCount: number): GroupTopic {
    const known = this.#topics.get(name);
    const topic = { id: known?.id ?? topicIdOf(++this.#count), name, partitionCount };
    this.#topics.set(name, topic);
    this.version++;
    if (known === undefined) this.newTopicsVersion = this.version;
    return topic;
  }

  delete(name: string): void {
    this.#topics.delete(name);
    this.version++;
  }

  topic(name: string): GroupTopic | undefined {
    return this.#topics.get(name);
  }

  topicById(id: string): GroupTopic | undefined {
    return [...this.#topics.values()].find((topic) => topic.id === id);
  }

  hashOf(name: string): bigint {
    const { id, partitionCount } = this.#topics.get(name)!;
    return topicHash({ id, name, racks: Array.from({ length: partitionCount }, () => []) });
  }

  *names(): Iterable<string> {
    yield* this.#topics.keys();
  }

  /** What the coordinator asks its cluster. */
  asCluster(createOffsetsTopic: () => void): GroupCoordinatorOptions["cluster"] {
    const asTopic = (topic: GroupTopic | undefined): Topic | undefined =>
      topic && {
        ...topic,
        isInternal: false,
        configs: new Map(),
        partitions: Array.from({ length: topic.partitionCount }, (_, index) => ({
          index,
          leaderId: 1,
          leaderEpoch: 0,
          partitionEpoch: 0,
          replicas: [1],
          isr: [1],
        })),
      };
    const newest = () => this.version;
    return {
      autoCreateTopics: () => {
        createOffsetsTopic();
        return Promise.resolve([]);
      },
      createTopics: (requests) =>
        Promise.resolve(requests.map(({ name, partitionCount }) => {
          if (this.creationError !== null) return { name, topic: null, error: this.creationError };
          const topic = asTopic(this.put(name, partitionCount ?? 1))!;
          this.made.push(name);
          this.onMade(topic);
          return { name, topic, error: null };
        })),
      topic: (name) => asTopic(this.topic(name)),
      topicById: (id) => asTopic(this.topicById(id)),
      topics: () => [...this.#topics.values()].map((topic) => asTopic(topic)!),
      get version() {
        return newest();
      },
      configsOf: ({ name }) => this.groupConfigs.get(name) ?? new Map(),
    };
  }
}
