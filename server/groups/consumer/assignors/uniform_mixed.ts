/**
 * The uniform assignor where members subscribe to different topics.
 *
 *     1.  members keep what they have and subscribe to
 *     2.  topic by topic, what nobody has goes to the subscriber that has least, over all its topics
 *     3.  topic by topic, as long as that helps, a partition of the subscriber that has most goes to the one that has least
 *
 * Topics come in the order of how little choice there is: most partitions a subscriber first, then fewest subscribers.
 * Where any two members that share a topic share all, the result is even, and one round of (3) makes it so. Where
 * subscriptions overlap otherwise each round may bring something, and their number is bounded.
 */
import type { TopicPartitions } from "../state.ts";
import { assignmentOf, type AssignmentTask, NOBODY, type Owners, ownersOf } from "./assignor.ts";
import { LoadOrder } from "./load_order.ts";
import { sortedTopicIds } from "./topic_order.ts";

const roundsMax = 16;

export function assignMixed(task: AssignmentTask): ReadonlyMap<string, TopicPartitions> {
  const subscribers = new Map<string, number[]>();
  for (const [index, { topicIds }] of task.members.entries()) {
    for (const topicId of topicIds) {
      const others = subscribers.get(topicId);
      if (others === undefined) subscribers.set(topicId, [index]);
      else others.push(index);
    }
  }
  const topicIds = leastChoiceFirst(subscribers, task.partitionCount);
  const owners = ownersOf(task, topicIds);
  const loads = new Int32Array(task.members.length);
  for (const owner of owners.values()) for (const index of owner) if (index !== NOBODY) loads[index]!++;

  const order = new LoadOrder(loads);
  for (const topicId of topicIds) fill(owners.get(topicId)!, subscribers.get(topicId)!, loads, order);
  balance(topicIds.filter((topicId) => subscribers.get(topicId)!.length > 1), { subscribers, owners, loads, order });
  return assignmentOf(task, owners);
}

function leastChoiceFirst(
  subscribers: ReadonlyMap<string, readonly number[]>,
  partitionCount: (topicId: string) => number,
): string[] {
  const sizes = new Map<string, { perSubscriber: number; subscriberCount: number }>();
  for (const [topicId, { length }] of subscribers) {
    sizes.set(topicId, { perSubscriber: partitionCount(topicId) / length, subscriberCount: length });
  }
  // The sort is stable: where these say nothing, the ids decide.
  return sortedTopicIds(subscribers.keys()).sort((one, other) => {
    const left = sizes.get(one)!;
    const right = sizes.get(other)!;
    return right.perSubscriber - left.perSubscriber || left.subscriberCount - right.subscriberCount;
  });
}

function fill(owner: Int32Array, subscribers: readonly number[], loads: Int32Array, order: LoadOrder): void {
  if (!owner.includes(NOBODY)) return;
  order.begin(subscribers);
  for (const [partition, index] of owner.entries()) {
    if (index !== NOBODY) continue;
    const least = order.nextLeast();
    owner[partition] = least;
    loads[least]!++;
  }
}

interface Balancing {
  readonly subscribers: ReadonlyMap<string, readonly number[]>;
  readonly owners: Owners;
  readonly loads: Int32Array;
  readonly order: LoadOrder;
}

/** Goes round the topics until a whole round has moved nothing. */
function balance(topicIds: readonly string[], { subscribers, owners, loads, order }: Balancing): void {
  let lastMoved = NOBODY;
  for (let round = 0; round < roundsMax; round++) {
    for (const [at, topicId] of topicIds.entries()) {
      if (at === lastMoved) return;
      const hasMoved = balanceTopic(owners.get(topicId)!, subscribers.get(topicId)!, loads, order);
      if (hasMoved || lastMoved === NOBODY) lastMoved = at;
    }
  }
}

function balanceTopic(
  owner: Int32Array,
  subscribers: readonly number[],
  loads: Int32Array,
  order: LoadOrder,
): boolean {
  if (order.begin(subscribers) <= 1) return false;
  /** What each member may give: its partitions of the topic, the highest first. What it gets here it keeps. */
  const givable = new Map<number, number[]>();
  for (const [partition, index] of owner.entries()) {
    const partitions = givable.get(index);
    if (partitions === undefined) givable.set(index, [partition]);
    else partitions.push(partition);
  }
  let hasMoved = false;
  for (;;) {
    const most = order.nextMost((index) => (givable.get(index)?.length ?? 0) > 0);
    if (most === null) break;
    const partition = givable.get(most)!.pop()!;
    const least = order.nextLeast();
    if (order.isEven) break;
    owner[partition] = least;
    loads[most]!--;
    loads[least]!++;
    hasMoved = true;
  }
  return hasMoved;
}
