/** The name of a partition, and lists of them as requests want them. */

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export function groupByTopic<P extends TopicPartition>(partitions: Iterable<P>): [string, P[]][] {
  const byTopic = new Map<string, P[]>();
  for (const place of partitions) {
    const ofTopic = byTopic.get(place.topic);
    if (ofTopic === undefined) byTopic.set(place.topic, [place]);
    else ofTopic.push(place);
  }
  return [...byTopic];
}
