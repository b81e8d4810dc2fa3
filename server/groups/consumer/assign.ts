/**
 * The target assignment: made anew by the assignor that most members want, when it is due (`../modern/assignment.ts`).
 */
import { assignmentDue } from "../modern/assignment.ts";
import { isSamePartitions } from "../modern/partitions.ts";
import { SmallMap } from "../small_map.ts";
import { assignRanges } from "./assignors/range.ts";
import type { AssigneeMember, Assignor } from "./assignors/assignor.ts";
import { sortedTopicIds } from "./assignors/topic_order.ts";
import { assignUniformly } from "./assignors/uniform.ts";
import type { Draft } from "./draft.ts";
import type { ConsumerGroupState, ConsumerMember, GroupTopics } from "./state.ts";
import { NO_PARTITIONS } from "./state.ts";

/** In the order in which a tie between their votes is decided. */
export const assignors: Readonly<Record<string, Assignor>> = { uniform: assignUniformly, range: assignRanges };

export function updateTarget(draft: Draft): void {
  const { state, rules, nowMs, topics } = draft;
  if (assignmentDue(draft) !== "now") return;
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
    if (old === undefined || !isSamePartitions(old, target)) draft.setTarget(memberId, new SmallMap(target));
  }
  draft.setAssignmentEpoch(state.groupEpoch, nowMs);
  draft.note("assignment", { epoch: state.groupEpoch, assignor: name, members: members.length });
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
