/**
 * The "range" way to share partitions out: of each topic, every member that wants it gets a run of consecutive
 * partitions; the first members one more where it does not come out even. So partition 3 of two topics with equal counts
 * goes to the same member, which is what joins rely on. As Kafka's own, so that members of both can share a group.
 */

export interface GroupMemberInfo {
  readonly memberId: string;
  /** Sorts members that have one, so that a restart does not move partitions. */
  readonly groupInstanceId: string | null;
  readonly topics: readonly string[];
}

export type TopicPartitions = { readonly topic: string; readonly partitions: number[] };

/** What each member gets, by member id. */
export function assignRanges(
  members: readonly GroupMemberInfo[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, TopicPartitions[]> {
  const assigned = new Map<string, TopicPartitions[]>(members.map(({ memberId }) => [memberId, []]));
  const ordered = [...members].sort(compareMembers);
  for (const topic of new Set(members.flatMap(({ topics }) => topics))) {
    const partitionCount = partitionCounts.get(topic) ?? 0;
    const wanting = ordered.filter(({ topics }) => topics.includes(topic));
    const each = Math.floor(partitionCount / wanting.length);
    const oneMoreCount = partitionCount % wanting.length;
    let first = 0;
    wanting.forEach(({ memberId }, index) => {
      const count = each + (index < oneMoreCount ? 1 : 0);
      const start = first;
      if (count > 0) {
        assigned.get(memberId)!.push({
          topic,
          partitions: Array.from({ length: count }, (_, offset) => start + offset),
        });
      }
      first += count;
    });
  }
  return assigned;
}

/** Those with an instance id first, by it; the others by member id. */
function compareMembers(first: GroupMemberInfo, second: GroupMemberInfo): number {
  if (first.groupInstanceId !== null && second.groupInstanceId !== null) {
    return compareText(first.groupInstanceId, second.groupInstanceId);
  }
  if (first.groupInstanceId !== null) return -1;
  if (second.groupInstanceId !== null) return 1;
  return compareText(first.memberId, second.memberId);
}

function compareText(first: string, second: string): number {
  return first < second ? -1 : first > second ? 1 : 0;
}
