/**
 * The uniform assignor: all members get the same number of partitions, give or take one, and keep what they have as far
 * as that allows.
 *
 * Where members subscribe to different topics, `uniform_mixed.ts` does it; here they all subscribe to the same:
 *
 *     quota of a member     partitions / members, and one more for as many members as there is a remainder
 *     1.  in turn, members keep up to their quota, and lose what is above it; who has the larger quota already takes the
 *         "one more" first, so that nothing moves for its sake
 *     2.  what nobody has goes to those who are below their quota, in turn
 */
import type { TopicPartitions } from "../state.ts";
import { type AssigneeMember, assignmentOf, type AssignmentTask, NOBODY, ownersOf } from "./assignor.ts";
import { assignMixed } from "./uniform_mixed.ts";

interface Unassigned {
  readonly topicId: string;
  readonly partition: number;
}

export function assignUniformly(task: AssignmentTask): ReadonlyMap<string, TopicPartitions> {
  if (!task.isUniform) return assignMixed(task);
  const { members, partitionCount } = task;
  const topicIds = members[0]?.topicIds ?? [];
  const owners = ownersOf(task, topicIds);

  const unassigned: Unassigned[] = [];
  let totalCount = 0;
  for (const topicId of topicIds) {
    totalCount += partitionCount(topicId);
    for (const [partition, owner] of owners.get(topicId)!.entries()) {
      if (owner === NOBODY) unassigned.push({ topicId, partition });
    }
  }
  const share = Math.floor(totalCount / members.length);
  let oneMoreCount = totalCount % members.length;

  const unfilled: { readonly index: number; readonly count: number }[] = [];
  for (const [index, member] of members.entries()) {
    let hasOneMore = oneMoreCount > 0;
    let quota = share + (hasOneMore ? 1 : 0);
    for (const { topicId, partition } of partitionsOf(member, index)) {
      if (quota > 0) quota--;
      else {
        owners.get(topicId)![partition] = NOBODY;
        unassigned.push({ topicId, partition });
      }
    }
    // It does not need the larger quota. The last members must take theirs, or some would be left over.
    if (quota > 0 && hasOneMore && members.length - index > oneMoreCount) {
      quota--;
      hasOneMore = false;
    }
    if (quota > 0) unfilled.push({ index, count: quota });
    if (hasOneMore) oneMoreCount--;
  }

  let next = 0;
  for (const { index, count } of unfilled) {
    for (const { topicId, partition } of unassigned.slice(next, next + count)) owners.get(topicId)![partition] = index;
    next += count;
  }
  return assignmentOf(task, owners);

  /** What the member has and subscribes to, whole topics in the order in which it has them. */
  function partitionsOf({ target }: AssigneeMember, index: number): Unassigned[] {
    const found: Unassigned[] = [];
    for (const [topicId, partitions] of target) {
      const owner = owners.get(topicId);
      if (owner === undefined) continue;
      for (const partition of partitions) if (owner[partition] === index) found.push({ topicId, partition });
    }
    return found;
  }
}
