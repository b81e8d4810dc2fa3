/**
 * The target assignment: made anew when the group epoch has gone past the epoch of the last one, at a heartbeat, at most
 * once in `group.consumer.assignment.interval.ms` (KIP-1263). Until then members go on towards the last one.
 */
import { assignRanges } from "./assignors/range.ts";
import type { AssigneeMember, Assignor } from "./assignors/assignor.ts";
import { sortedTopicIds } from "./assignors/topic_order.ts";
import { assignUniformly } from "./assignors/uniform.ts";
import type { Draft } from "./draft.ts";
import type { ConsumerGroupState, ConsumerMember, GroupTopics, TopicPartitions } from "./state.ts";
import { NO_PARTITIONS } from "./state.ts";

/** In the order in which a tie between their votes is decided. */
export const assignors: Readonly<Record<string, Assignor>> = { uniform: assignUniformly, range: assignRanges };

export function updateTarget(draft: Draft): void {
  const { state, rules, nowMs, topics } = draft;
  const { assignmentEpoch, groupEpoch, assignmentTimestampMs } = state;
  if (assignmentEpoch >= groupEpoch) return;
  const isSoon = assignmentTimestampMs !== 0 && nowMs < assignmentTimestampMs + rules.assignmentIntervalMs;
  // An interval of 0 is the way out for a clock that was set back by years.
  if (isSoon && rules.assignmentIntervalMs > 0) return;

  const name = preferredAssignor(state, rules.assignors);
  const assignor = assignors[name] ?? assignUniformly;
  const members = assignees(state, topics);
  const assignment = assignor({
    members,
    isUniform: isUniform(state),
    partitionCount: (topicId) => topics.topicById(topicId)?.partitionCount ?? 0,
  });
  for (const { memberId } of members) {
    const target = assignment.get(memberId) ?? NO_PARTITIONS;
    const old = state.targets.get(memberId);
    if (old === undefined || !isSameTarget(old, target)) draft.setTarget(memberId, target);
  }
  draft.setAssignmentEpoch(groupEpoch, nowMs);
  draft.note("assignment", { epoch: groupEpoch, assignor: name, members: members.length });
}

/** The one that most of the members that name one want; without votes the first that is configured. */
export function preferredAssignor(state: ConsumerGroupState, configured: readonly string[]): string {
  let winner: string | null = null;
  let votes = 0;
  for (const name of Object.keys(assignors)) {
    const count = state.assignorVotes.get(name) ?? 0;
    if (count <= votes) continue;
    winner = name;
    votes = count;
  }
  return winner ?? configured[0] ?? "uniform";
}

/** All members subscribe to the same topics: by the same names, or all by one expression and no names. */
function isUniform({ regexSubscribers, topicSubscribers, members }: ConsumerGroupState): boolean {
  const [regexCount] = regexSubscribers.values();
  if (regexCount !== undefined && regexCount !== members.size) return false;
  for (const { byName, byRegex } of topicSubscribers.values()) {
    if (regexCount === undefined ? byName !== members.size : byRegex !== 1 || byName > 0) return false;
  }
  return true;
}

/** By member id, so that the same members always make the same assignment. */
function assignees(state: ConsumerGroupState, topics: GroupTopics): AssigneeMember[] {
  // Members mostly say the same: each list of names is looked up once.
  const known = new Map<string, readonly string[]>();
  const idsOf = (member: ConsumerMember) => {
    const key = `${member.regex}\n${member.topics.join("\n")}`;
    let ids = known.get(key);
    if (ids === undefined) known.set(key, ids = sortedTopicIds(subscribedTopicIds(member, state, topics)));
    return ids;
  };
  const memberIds = [...state.members.keys()].sort((one, other) => one < other ? -1 : 1);
  return memberIds.map((memberId) => {
    const member = state.members.get(memberId)!;
    const target = state.targets.get(memberId) ?? NO_PARTITIONS;
    return { memberId, instanceId: member.instanceId, topicIds: idsOf(member), target };
  });
}

/** Of topics that are there. An expression not yet matched with the topics stands for none. */
export function* subscribedTopicIds(
  member: ConsumerMember,
  state: ConsumerGroupState,
  topics: GroupTopics,
): Iterable<string> {
  const resolved = member.regex === "" ? undefined : state.regexes.get(member.regex);
  for (const names of [member.topics, resolved?.topics ?? []]) {
    for (const name of names) {
      const topic = topics.topic(name);
      if (topic !== undefined) yield topic.id;
    }
  }
}

function isSameTarget(one: TopicPartitions, other: TopicPartitions): boolean {
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others?.length !== partitions.length) return false;
    if (!partitions.every((partition, index) => partition === others[index])) return false;
  }
  return true;
}
