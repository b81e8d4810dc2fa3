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

/** In the order asked. */
export async function ofPartitions<Asked extends { readonly partition: number }, Outcome>(
  { groupId, topics }: StateRequest<Asked>,
  ask: (key: ShareKey, asked: Asked) => Promise<Outcome>,
): Promise<{ topicId: string; partitions: (Outcome & { partition: number })[] }[]> {
  return await Promise.all(topics.map(async ({ topicId, partitions }) => ({
    topicId,
    partitions: await Promise.all(partitions.map(async (asked) => {
      const { partition } = asked;
      return { ...await ask({ groupId, topicId, partition }, asked), partition };
    })),
  })));
}
