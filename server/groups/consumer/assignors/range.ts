/**
 * The range assignor: of each topic, every member that subscribes to it gets a run of neighbouring partitions, the first
 * ones one more where they do not divide evenly. Members take their turns in the same order for every topic, so topics
 * of the same size that all subscribe to are divided alike (co-partitioned).
 *
 * Static members come first, in the order of their instance ids: so a restart, which changes their member ids, moves
 * nothing.
 */
import type { TopicPartitions } from "../state.ts";
import type { AssigneeMember, AssignmentTask } from "./assignor.ts";

export function assignRanges({ members, partitionCount }: AssignmentTask): ReadonlyMap<string, TopicPartitions> {
  const order = [...members].sort(inTurn);
  const subscribers = new Map<string, AssigneeMember[]>();
  const assignment = new Map<string, Map<string, number[]>>();
  for (const member of order) {
    assignment.set(member.memberId, new Map());
    for (const topicId of member.topicIds) {
      const others = subscribers.get(topicId);
      if (others === undefined) subscribers.set(topicId, [member]);
      else others.push(member);
    }
  }
  for (const [topicId, takers] of subscribers) {
    const count = partitionCount(topicId);
    const share = Math.floor(count / takers.length);
    const withOneMore = count % takers.length;
    let next = 0;
    for (const [turn, { memberId }] of takers.entries()) {
      const end = next + share + (turn < withOneMore ? 1 : 0);
      if (end > next) assignment.get(memberId)!.set(topicId, run(next, end));
      next = end;
    }
  }
  return assignment;
}

function run(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index);
}

function inTurn(one: AssigneeMember, other: AssigneeMember): number {
  if (one.instanceId !== null && other.instanceId !== null) return one.instanceId < other.instanceId ? -1 : 1;
  if (one.instanceId !== null) return -1;
  if (other.instanceId !== null) return 1;
  return one.memberId < other.memberId ? -1 : 1;
}
