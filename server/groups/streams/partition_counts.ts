/**
 * How many partitions the internal topics of a topology are to have.
 *
 *  1. Repartition topics that say a number have it. The others have as many as the largest input of a subtopology that
 *     writes them, where that is known; what is found out so may be input of others, so it goes on until all are known.
 *  2. Topics that are to be partitioned alike: repartition topics take the number of the others, which must be one; when
 *     there are no others, the number that is said, else the largest.
 *  3. Changelog topics have as many as the largest input of their subtopology.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { inputTopics, type StreamsTopology, type Subtopology } from "./topology.ts";

/** Topics that are there are not partitioned as the topology needs them. */
export class PartitioningError extends Error {
  override readonly name = "PartitioningError";
}

/**
 * @param countOf the partitions of a topic that is there
 * @returns of internal topics, those that are there included
 * @throws {PartitioningError}
 * @throws {ProtocolError} STREAMS_INVALID_TOPOLOGY, UNKNOWN_SERVER_ERROR
 */
export function decidePartitionCounts(
  topology: StreamsTopology,
  countOf: (topic: string) => number | undefined,
): ReadonlyMap<string, number> {
  const inOrder = [...topology.subtopologies].sort((one, other) => one.subtopologyId < other.subtopologyId ? -1 : 1);
  const counts = repartitionCounts(inOrder, countOf); // (1)
  const known = (topic: string) => countOf(topic) ?? counts.get(topic);
  const repartition = { fixed: new Set<string>(), flexible: new Set<string>() };
  for (const { repartitionSourceTopics } of inOrder) {
    for (const { name, partitions } of repartitionSourceTopics) {
      repartition[partitions === 0 ? "flexible" : "fixed"].add(name);
    }
  }
  for (const subtopology of inOrder) { // (2)
    for (const group of copartitionGroups(subtopology)) {
      for (const [name, count] of alike(group, repartition, known)) counts.set(name, count);
    }
  }
  for (const subtopology of inOrder) { // (3)
    const inputs = inputTopics(subtopology).map(known);
    if (inputs.length === 0) {
      throw invalidTopology(`No source topics found for subtopology ${subtopology.subtopologyId}`);
    }
    const count = Math.max(...inputs.map((input) => input ?? 0));
    for (const { name } of subtopology.stateChangelogTopics) counts.set(name, count);
  }
  return counts;
}

function repartitionCounts(
  subtopologies: readonly Subtopology[],
  countOf: (topic: string) => number | undefined,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { repartitionSourceTopics } of subtopologies) {
    for (const { name, partitions } of repartitionSourceTopics) if (partitions !== 0) counts.set(name, partitions);
  }
  for (;;) {
    let isNeeded = false;
    let hasProgressed = false;
    for (const subtopology of subtopologies) {
      for (const name of subtopology.repartitionSinkTopics) {
        if (counts.has(name)) continue;
        const inputs = [
          ...subtopology.repartitionSourceTopics.map((topic) => counts.get(topic.name)),
          ...subtopology.sourceTopics.map(countOf),
        ].filter((count) => count !== undefined);
        if (inputs.length === 0) {
          isNeeded = true;
          continue;
        }
        counts.set(name, Math.max(...inputs));
        hasProgressed = true;
      }
    }
    if (!isNeeded) break;
    if (!hasProgressed) {
      throw invalidTopology(
        "Failed to compute number of partitions for all repartition topics. There may be loops in the topology that " +
          "cannot be resolved.",
      );
    }
  }
  if (
    subtopologies.some(({ repartitionSourceTopics }) => repartitionSourceTopics.some(({ name }) => !counts.has(name)))
  ) {
    throw invalidTopology(
      "Failed to compute number of partitions for all repartition topics, because a repartition source topic is never " +
        "used as a sink topic.",
    );
  }
  return counts;
}

function copartitionGroups(subtopology: Subtopology): ReadonlySet<string>[] {
  const at = <Item>(items: readonly Item[], index: number): Item => {
    const item = items[index];
    if (item === undefined) {
      throw new ProtocolError(
        ErrorCode.UNKNOWN_SERVER_ERROR,
        `Index ${index} out of bounds for length ${items.length}`,
      );
    }
    return item;
  };
  return subtopology.copartitionGroups.map(({ sourceTopics, repartitionSourceTopics }) =>
    new Set([
      ...sourceTopics.map((index) => at(subtopology.sourceTopics, index)),
      ...repartitionSourceTopics.map((index) => at(subtopology.repartitionSourceTopics, index).name),
    ])
  );
}

/** What the repartition topics of a group that is to be partitioned alike have. */
function alike(
  group: ReadonlySet<string>,
  { fixed, flexible }: { readonly fixed: ReadonlySet<string>; readonly flexible: ReadonlySet<string> },
  known: (topic: string) => number | undefined,
): ReadonlyMap<string, number> {
  if (group.size === 0) return new Map();
  const counts = new Map(
    [...group].sort().map((name) => {
      const count = known(name);
      if (count !== undefined) return [name, count] as const;
      throw new ProtocolError(
        ErrorCode.UNKNOWN_SERVER_ERROR,
        `Number of partitions is not set for topic: ${name}`,
      );
    }),
  );
  const isRepartition = (name: string) => fixed.has(name) || flexible.has(name);
  const repartition = new Map([...counts].filter(([name]) => isRepartition(name)));
  const others = new Map([...counts].filter(([name]) => !isRepartition(name)));
  let count: number;
  if (others.size > 0) count = oneOf(others, others);
  // Kafka looks at all that say a number, whether they are of this group or not.
  else if (fixed.size > 0) count = oneOf(new Map([...fixed].map((name) => [name, known(name) ?? 0])), repartition);
  else {
    count = Math.max(...repartition.values());
    if (count === 0) {
      throw invalidTopology(
        `All topics in the copartition group had undefined partition number: [${[...repartition.keys()].join(", ")}]`,
      );
    }
  }
  for (const [name, own] of repartition) {
    if (!fixed.has(name) || own === count) continue;
    throw new PartitioningError(
      `Number of partitions [${own}] of repartition topic [${name}] doesn't match number of partitions [${count}] of ` +
        `the source topic.`,
    );
  }
  return new Map([...repartition.keys()].map((name) => [name, count]));
}

/** The number that all of them have. */
function oneOf(counts: ReadonlyMap<string, number>, told: ReadonlyMap<string, number>): number {
  const [first = 0, ...rest] = counts.values();
  if (rest.every((count) => count === first)) return first;
  const list = [...told].map(([name, count]) => `${name}=${count}`).join(", ");
  throw new PartitioningError(`Following topics do not have the same number of partitions: [{${list}}]`);
}

function invalidTopology(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.STREAMS_INVALID_TOPOLOGY, message);
}
