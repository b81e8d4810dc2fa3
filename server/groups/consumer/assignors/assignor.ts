/** What an assignor is: from members and what they subscribe to and have, to what each is to have. */
import type { TopicPartitions } from "../state.ts";

export interface AssignmentTask {
  /** By member id, ascending. */
  readonly members: readonly AssigneeMember[];
  /** All members subscribe to the same topics. */
  readonly isUniform: boolean;
  readonly partitionCount: (topicId: string) => number;
}

export interface AssigneeMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Topics that it subscribes to and that are there, in the order of `compareTopicIds`. */
  readonly topicIds: readonly string[];
  /** What it was to have so far. */
  readonly target: TopicPartitions;
}

/** What each member is to have, by member id. One who is to have nothing may be left out. */
export type Assignor = (task: AssignmentTask) => ReadonlyMap<string, TopicPartitions>;

/** Where each partition of the topics is: the index of a member, or -1. */
export type Owners = ReadonlyMap<string, Int32Array>;

export const NOBODY = -1;

/** Owners as the members' targets say, of topics that they subscribe to. */
export function ownersOf({ members, partitionCount }: AssignmentTask, topicIds: Iterable<string>): Owners {
  const owners = new Map<string, Int32Array>();
  for (const topicId of topicIds) owners.set(topicId, new Int32Array(partitionCount(topicId)).fill(NOBODY));
  for (const [index, { topicIds: wanted, target }] of members.entries()) {
    for (const topicId of wanted) {
      const owner = owners.get(topicId);
      for (const partition of target.get(topicId) ?? []) {
        if (owner !== undefined && partition < owner.length) owner[partition] = index;
      }
    }
  }
  return owners;
}

export function assignmentOf({ members }: AssignmentTask, owners: Owners): Map<string, TopicPartitions> {
  const assignment = new Map<string, Map<string, number[]>>();
  for (const { memberId } of members) assignment.set(memberId, new Map());
  for (const [topicId, owner] of owners) {
    for (const [partition, index] of owner.entries()) {
      if (index === NOBODY) continue;
      const topics = assignment.get(members[index]!.memberId)!;
      const partitions = topics.get(topicId);
      if (partitions === undefined) topics.set(topicId, [partition]);
      else partitions.push(partition);
    }
  }
  return assignment;
}
