/** The topology of a Streams application, as its members say it: what is read from where, and what is to be made for it. */
export interface StreamsTopology {
  readonly epoch: number;
  readonly subtopologies: readonly Subtopology[];
}

export interface Subtopology {
  readonly subtopologyId: string;
  readonly sourceTopics: readonly string[];
  /** Not used: regular expressions are refused, as Kafka 4.4 does. */
  readonly sourceTopicRegex: readonly string[];
  readonly stateChangelogTopics: readonly TopicInfo[];
  readonly repartitionSinkTopics: readonly string[];
  readonly repartitionSourceTopics: readonly TopicInfo[];
  readonly copartitionGroups: readonly CopartitionGroup[];
}

export interface TopicInfo {
  readonly name: string;
  /** 0: to be found out. */
  readonly partitions: number;
  /** 0: the broker's default. */
  readonly replicationFactor: number;
  readonly topicConfigs: readonly { readonly key: string; readonly value: string }[];
}

/** Indices into the lists of the subtopology. */
export interface CopartitionGroup {
  readonly sourceTopics: readonly number[];
  readonly sourceTopicRegex: readonly number[];
  readonly repartitionSourceTopics: readonly number[];
}

/** What the subtopology reads: topics of others, and repartition topics. */
export function inputTopics({ sourceTopics, repartitionSourceTopics }: Subtopology): string[] {
  return [...sourceTopics, ...repartitionSourceTopics.map(({ name }) => name)];
}

/** All topics that must be there for the application to run, each once. */
export function requiredTopics({ subtopologies }: StreamsTopology): Set<string> {
  const names = new Set<string>();
  for (const subtopology of subtopologies) {
    for (const name of inputTopics(subtopology)) names.add(name);
    for (const { name } of subtopology.stateChangelogTopics) names.add(name);
  }
  return names;
}

/** The subtopology that reads a topic. */
export function readerOf({ subtopologies }: StreamsTopology, topic: string): Subtopology | undefined {
  // Of several the last, as in Kafka.
  return subtopologies.findLast((subtopology) => inputTopics(subtopology).includes(topic));
}

/** The same but for the order of the subtopologies. */
export function isSameTopology(one: StreamsTopology, other: StreamsTopology): boolean {
  return one === other || textOf(one) === textOf(other);
}

function textOf({ epoch, subtopologies }: StreamsTopology): string {
  const inOrder = [...subtopologies].sort((one, other) => one.subtopologyId < other.subtopologyId ? -1 : 1);
  return JSON.stringify([
    epoch,
    ...inOrder.map((subtopology) => [
      subtopology.subtopologyId,
      subtopology.sourceTopics,
      subtopology.sourceTopicRegex,
      subtopology.stateChangelogTopics.map(infoText),
      subtopology.repartitionSinkTopics,
      subtopology.repartitionSourceTopics.map(infoText),
      subtopology.copartitionGroups.map((
        { sourceTopics, sourceTopicRegex, repartitionSourceTopics },
      ) => [sourceTopics, sourceTopicRegex, repartitionSourceTopics]),
    ]),
  ]);
}

function infoText({ name, partitions, replicationFactor, topicConfigs }: TopicInfo): unknown {
  return [name, partitions, replicationFactor, topicConfigs.map(({ key, value }) => [key, value])];
}
