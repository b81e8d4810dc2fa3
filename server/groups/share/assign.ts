/**
 * The assignor of share groups, Kafka's "simple": as many members at each partition as it takes for all to have work.
 *
 *  1. Where there are more members than partitions, each partition has as many members as the others, rounded up; else each
 *     partition has one member, and members have as many as the others, or one more.
 *  2. A member keeps what it had, as far as (1) lets it.
 *
 * Where members subscribe to different topics, each topic is shared among its own.
 */
import type { TopicPartitions } from "./state.ts";

export interface ShareAssignee {
  readonly memberId: string;
  /** Each once, in the same order for all. */
  readonly topicIds: readonly string[];
  /** Its target up to now. */
  readonly target: TopicPartitions;
}

interface Place {
  readonly topicId: string;
  readonly partition: number;
}

/** `members` in the order of their ids, so that the same members always make the same assignment. */
export function assignSimply(
  members: readonly ShareAssignee[],
  partitionsOf: (topicId: string) => readonly number[],
): Map<string, TopicPartitions> {
  const assignment = new Map(members.map(({ memberId }) => [memberId, new Map<string, number[]>()]));
  for (const { takers, topicIds } of pools(members)) {
    const places = topicIds.flatMap((topicId) => partitionsOf(topicId).map((partition) => ({ topicId, partition })));
    if (places.length > 0) assignPool(takers, places, assignment);
  }
  for (const topics of assignment.values()) {
    for (const partitions of topics.values()) partitions.sort((one, other) => one - other);
  }
  return assignment;
}

interface Pool {
  readonly takers: readonly ShareAssignee[];
  readonly topicIds: readonly string[];
}

/** Members and topics that are dealt with together. */
function pools(members: readonly ShareAssignee[]): Pool[] {
  const [first] = members;
  if (first === undefined) return [];
  const isUniform = members.every(({ topicIds }) =>
    topicIds === first.topicIds ||
    topicIds.length === first.topicIds.length && topicIds.every((id, index) => id === first.topicIds[index])
  );
  if (isUniform) return [{ takers: members, topicIds: first.topicIds }];
  const takersOf = new Map<string, ShareAssignee[]>();
  for (const member of members) {
    for (const topicId of member.topicIds) takersOf.set(topicId, [...takersOf.get(topicId) ?? [], member]);
  }
  return Array.from(takersOf, ([topicId, takers]) => ({ takers, topicIds: [topicId] }));
}

function assignPool(
  takers: readonly ShareAssignee[],
  places: readonly Place[],
  assignment: ReadonlyMap<string, Map<string, number[]>>,
): void {
  const sharing = Math.ceil(takers.length / places.length);
  const average = sharing * places.length / takers.length;
  const quotas = takers.map((_, index) => Math.ceil(average * (index + 1)) - Math.ceil(average * index));
  const counts = takers.map(() => 0);
  const takersAt = places.map(() => new Set<number>());
  const give = (taker: number, at: number) => {
    const { topicId, partition } = places[at]!;
    const topics = assignment.get(takers[taker]!.memberId)!;
    topics.set(topicId, [...topics.get(topicId) ?? [], partition]);
    takersAt[at]!.add(taker);
    counts[taker]!++;
  };

  for (const [taker, { target }] of takers.entries()) {
    for (const [at, { topicId, partition }] of places.entries()) {
      if (counts[taker]! >= quotas[taker]! || takersAt[at]!.size >= sharing) continue;
      if (target.get(topicId)?.includes(partition)) give(taker, at); // (2)
    }
  }
  // In turn, so that those who come to share a partition are not always the same.
  let next = 0;
  for (const [at, present] of takersAt.entries()) {
    for (let tries = 0; tries < takers.length && present.size < sharing; tries++) {
      const taker = next;
      next = (next + 1) % takers.length;
      if (counts[taker]! < quotas[taker]! && !present.has(taker)) give(taker, at);
    }
  }
}
