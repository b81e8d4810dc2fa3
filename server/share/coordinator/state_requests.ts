/** What requests to the share coordinator have in common: a group, topics, partitions, and an answer for each of them. */
import type { ShareKey } from "./share_state.ts";

export interface StateRequest<Asked> {
  readonly groupId: string;
  readonly topics: readonly { readonly topicId: string; readonly partitions: readonly Asked[] }[];
}

/** One that names no group, or a topic without partitions, is answered with nothing: as Kafka does. */
export function isAboutSomething({ groupId, topics }: StateRequest<unknown>): boolean {
  return groupId !== "" && topics.every(({ partitions }) => partitions.length > 0);
}

/** In the order asked. What is named twice is asked twice and answered once, with the last outcome: as Kafka does. */
export async function ofPartitions<Asked extends { readonly partition: number }, Outcome>(
  { groupId, topics }: StateRequest<Asked>,
  ask: (key: ShareKey, asked: Asked) => Promise<Outcome>,
): Promise<{ topicId: string; partitions: (Outcome & { partition: number })[] }[]> {
  const asking = new Map<string, Map<number, Promise<Outcome>>>();
  for (const { topicId, partitions } of topics) {
    const ofTopic = asking.get(topicId) ?? new Map<number, Promise<Outcome>>();
    asking.set(topicId, ofTopic);
    for (const asked of partitions) {
      const { partition } = asked;
      // Both must be waited for: what came first is not to fail on its own.
      const earlier = ofTopic.get(partition);
      const outcome = ask({ groupId, topicId, partition }, asked);
      ofTopic.set(partition, earlier === undefined ? outcome : earlier.then(() => outcome));
    }
  }
  return await Promise.all(Array.from(asking, async ([topicId, ofTopic]) => ({
    topicId,
    partitions: await Promise.all(
      Array.from(ofTopic, async ([partition, outcome]) => ({ ...await outcome, partition })),
    ),
  })));
}
