/** The partitions of a transaction: a set that is never changed, only made anew. No topic in it is without a partition. */

export type PartitionSet = ReadonlyMap<string, ReadonlySet<number>>;

export interface Place {
  readonly topic: string;
  readonly partition: number;
}

export const NO_PARTITIONS: PartitionSet = new Map();

export function partitionSet(places: Iterable<Place>): PartitionSet {
  const set = new Map<string, Set<number>>();
  for (const { topic, partition } of places) {
    const partitions = set.get(topic);
    if (partitions === undefined) set.set(topic, new Set([partition]));
    else partitions.add(partition);
  }
  return set;
}

export function hasPartition(set: PartitionSet, { topic, partition }: Place): boolean {
  return set.get(topic)?.has(partition) ?? false;
}

export function containsAll(set: PartitionSet, other: PartitionSet): boolean {
  for (const [topic, partitions] of other) {
    const own = set.get(topic);
    if (own === undefined) return false;
    for (const partition of partitions) if (!own.has(partition)) return false;
  }
  return true;
}

export function union(set: PartitionSet, other: PartitionSet): PartitionSet {
  const all = new Map(set);
  for (const [topic, partitions] of other) all.set(topic, new Set([...(set.get(topic) ?? []), ...partitions]));
  return all;
}

export function without(set: PartitionSet, other: PartitionSet): PartitionSet {
  const rest = new Map(set);
  for (const [topic, gone] of other) {
    const partitions = new Set(set.get(topic));
    for (const partition of gone) partitions.delete(partition);
    if (partitions.size === 0) rest.delete(topic);
    else rest.set(topic, partitions);
  }
  return rest;
}

export function* placesOf(set: PartitionSet): Generator<Place> {
  for (const [topic, partitions] of set) for (const partition of partitions) yield { topic, partition };
}
