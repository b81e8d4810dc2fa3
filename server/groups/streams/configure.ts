/**
 * A topology against the cluster's topics: whether all it reads is there, how many partitions its internal topics have, and
 * how many tasks that makes of it.
 *
 *     repartition topic   the number it says; else as many as the input of the subtopologies that write it, at most
 *     changelog topic     as many as the input of its subtopology, at most
 *     tasks               the same number
 *
 * Topics that are joined must have the same number of partitions. Internal topics that are missing are to be made;
 * until they are there, as with any other trouble, the group assigns nothing and its members are told why. Sentences are
 * Kafka's, for clients log them.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import type { GroupTopics } from "../modern/state.ts";
import { decidePartitionCounts, PartitioningError } from "./partition_counts.ts";
import { StatusCode, type StreamsStatus } from "./state.ts";
import { inputTopics, requiredTopics, type StreamsTopology, type Subtopology, type TopicInfo } from "./topology.ts";

export interface ConfiguredTopology {
  readonly epoch: number;
  /** In the order of their ids; null when there is trouble other than missing internal topics. */
  readonly subtopologies: ReadonlyMap<string, ConfiguredSubtopology> | null;
  readonly topicsToMake: readonly InternalTopic[];
  /** null: all is in order. */
  readonly trouble: StreamsStatus | null;
}

export interface ConfiguredSubtopology {
  readonly taskCount: number;
  readonly sourceTopics: readonly string[];
  readonly repartitionSinkTopics: readonly string[];
  readonly repartitionSourceTopics: readonly InternalTopic[];
  /** It has state stores if there are any. */
  readonly stateChangelogTopics: readonly InternalTopic[];
}

export interface InternalTopic {
  readonly name: string;
  readonly partitionCount: number;
  /** 0: the broker's default. */
  readonly replicationFactor: number;
  readonly configs: ReadonlyMap<string, string>;
}

/** Names in a sentence before it says how many more there are. */
const namesShownMax = 3;

/** @throws {ProtocolError} STREAMS_INVALID_TOPOLOGY, UNKNOWN_SERVER_ERROR when no topics could make it work */
export function configureTopology(topology: StreamsTopology, topics: GroupTopics): ConfiguredTopology {
  const { epoch } = topology;
  const missing = topology.subtopologies.flatMap(({ sourceTopics }) => sourceTopics)
    .filter((name) => topics.topic(name) === undefined);
  if (missing.length > 0) {
    return inTrouble(epoch, StatusCode.MISSING_SOURCE_TOPICS, `Source topics ${summary(missing)} are missing.`);
  }
  try {
    const counts = decidePartitionCounts(topology, (name) => topics.topic(name)?.partitionCount);
    const countOf = (name: string) => topics.topic(name)?.partitionCount ?? counts.get(name);
    const subtopologies = new Map(
      [...topology.subtopologies].sort((one, other) => one.subtopologyId < other.subtopologyId ? -1 : 1)
        .map((subtopology) => [subtopology.subtopologyId, configured(subtopology, counts, countOf)] as const),
    );
    const topicsToMake = missingTopics(topology, subtopologies, topics);
    const trouble = topicsToMake.length === 0 ? null : {
      code: StatusCode.MISSING_INTERNAL_TOPICS,
      detail: `Internal topics are missing: ${summary(topicsToMake.map(({ name }) => name))}`,
    };
    return { epoch, subtopologies, topicsToMake, trouble };
  } catch (error) {
    if (!(error instanceof PartitioningError)) throw error;
    return inTrouble(epoch, StatusCode.INCORRECTLY_PARTITIONED_TOPICS, error.message);
  }
}

export function isReady({ trouble }: ConfiguredTopology): boolean {
  return trouble === null;
}

function inTrouble(epoch: number, code: number, detail: string): ConfiguredTopology {
  return { epoch, subtopologies: null, topicsToMake: [], trouble: { code, detail } };
}

function configured(
  subtopology: Subtopology,
  counts: ReadonlyMap<string, number>,
  countOf: (topic: string) => number | undefined,
): ConfiguredSubtopology {
  const internal = (infos: readonly TopicInfo[]) =>
    [...infos].sort((one, other) => one.name < other.name ? -1 : 1).map((info) => internalTopic(info, counts));
  const taskCount = Math.max(...inputTopics(subtopology).map((name) => countOf(name) ?? 0));
  if (taskCount < 1) throw impossible("Number of tasks must be positive");
  return {
    taskCount,
    sourceTopics: sorted(subtopology.sourceTopics),
    repartitionSinkTopics: sorted(subtopology.repartitionSinkTopics),
    repartitionSourceTopics: internal(subtopology.repartitionSourceTopics),
    stateChangelogTopics: internal(subtopology.stateChangelogTopics),
  };
}

function internalTopic(info: TopicInfo, counts: ReadonlyMap<string, number>): InternalTopic {
  const partitionCount = info.partitions === 0 ? counts.get(info.name) ?? 0 : info.partitions;
  if (partitionCount < 1) throw impossible("Number of partitions must be at least 1.");
  const configs = new Map(info.topicConfigs.map(({ key, value }) => [key, value] as const));
  return { name: info.name, partitionCount, replicationFactor: info.replicationFactor, configs };
}

/** @throws {PartitioningError} when one is there and is not as it must be */
function missingTopics(
  topology: StreamsTopology,
  subtopologies: ReadonlyMap<string, ConfiguredSubtopology>,
  topics: GroupTopics,
): InternalTopic[] {
  const wanted = new Map<string, InternalTopic>();
  for (const { repartitionSourceTopics, stateChangelogTopics } of subtopologies.values()) {
    for (const topic of [...repartitionSourceTopics, ...stateChangelogTopics]) wanted.set(topic.name, topic);
  }
  for (const name of sorted([...requiredTopics(topology)])) {
    const [expected, found] = [wanted.get(name), topics.topic(name)];
    if (expected === undefined || found === undefined) continue;
    if (found.partitionCount !== expected.partitionCount) {
      throw new PartitioningError(
        `Existing topic ${name} has different number of partitions: expected ${expected.partitionCount}, found ${found.partitionCount}`,
      );
    }
    wanted.delete(name);
  }
  return [...wanted.values()].sort((one, other) => one.name < other.name ? -1 : 1);
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

function summary(names: readonly string[]): string {
  const all = sorted(names);
  const shown = all.slice(0, namesShownMax).join(", ");
  return all.length > namesShownMax ? `${shown} and ${all.length - namesShownMax} additional topics` : shown;
}

function impossible(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, message);
}
