/** Partitions of a few topics, as the newer protocols name them. */
import { noEntries } from "../small_map.ts";

/** Topic id to partitions, ascending. */
export type TopicPartitions = ReadonlyMap<string, readonly number[]>;

export const NO_PARTITIONS: TopicPartitions = noEntries();

export function isSamePartitions(one: TopicPartitions, other: TopicPartitions): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others?.length !== partitions.length) return false;
    if (!partitions.every((partition, index) => partition === others[index])) return false;
  }
  return true;
}
