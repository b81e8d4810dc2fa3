/**
 * The target assignment: made anew when the group epoch has gone past the epoch of the last one, at most once in
 * `group.streams.assignment.interval.ms` (KIP-1263). The first one waits `group.streams.initial.rebalance.delay.ms`, so
 * that members that start together share the tasks from the beginning. Until then members go on towards the last one.
 */
import { type AssigneeMember, assignSticky } from "./assignor.ts";
import { type ConfiguredTopology, isReady } from "./configure.ts";
import type { Draft } from "./draft.ts";
import { NO_OFFSETS, StatusCode, type StreamsGroupState, type StreamsStatus } from "./state.ts";
import { isSameTasks, NO_TASKS } from "./tasks.ts";

const initialDelay = "Assignment delayed due to the configured initial rebalance delay.";
const interval = "Assignment delayed due to the configured assignment interval.";

/** @returns what members are told when it has to wait */
export function updateTarget(draft: Draft, configured: ConfiguredTopology): StreamsStatus | null {
  const { state, rules, nowMs } = draft;
  const { assignmentEpoch, groupEpoch, assignmentTimestampMs } = state;
  if (state.isDelayed) return { code: StatusCode.ASSIGNMENT_DELAYED, detail: initialDelay };
  if (assignmentEpoch >= groupEpoch) return null;
  const isSoon = assignmentTimestampMs !== 0 && nowMs < assignmentTimestampMs + rules.assignmentIntervalMs;
  // An interval of 0 is the way out for a clock that was set back by years.
  if (isSoon && rules.assignmentIntervalMs > 0) return { code: StatusCode.ASSIGNMENT_DELAYED, detail: interval };

  const members = assignees(state);
  const assignment = isReady(configured)
    ? assignSticky({ members, subtopologies: subtopologies(configured), standbyReplicas: standbyReplicas(state) })
    : new Map();
  for (const { memberId } of members) {
    const target = assignment.get(memberId) ?? NO_TASKS;
    const old = state.targets.get(memberId);
    if (old === undefined || !isSameTasks(old, target)) draft.setTarget(memberId, target);
  }
  draft.setAssignmentEpoch(groupEpoch, nowMs);
  draft.note("assignment", { epoch: groupEpoch, members: members.length });
  return null;
}

/** By member id, so that the same members always make the same assignment. */
function assignees({ members, taskOffsets }: StreamsGroupState): AssigneeMember[] {
  const memberIds = [...members.keys()].sort();
  return memberIds.map((memberId) => {
    const { processId, assigned } = members.get(memberId)!;
    const { offsets } = taskOffsets.get(memberId) ?? NO_OFFSETS;
    return { memberId, processId, active: assigned.active.keys(), standby: assigned.standby, offsets };
  });
}

function subtopologies({ subtopologies }: ConfiguredTopology) {
  return Array.from(subtopologies ?? [], ([subtopologyId, { taskCount, stateChangelogTopics }]) => ({
    subtopologyId,
    taskCount,
    isStateful: stateChangelogTopics.length > 0,
  }));
}

/** As when the group epoch was raised. */
function standbyReplicas({ assignmentConfigs }: StreamsGroupState): number {
  return Number(assignmentConfigs.get(STANDBY_REPLICAS) ?? 0);
}

const STANDBY_REPLICAS = "num.standby.replicas";
const RACK_AWARE_TAGS = "rack.aware.assignment.tags";

/** As they are now, in Kafka's words. */
export function assignmentConfigs(
  { rules }: Pick<Draft, "rules">,
): ReadonlyMap<string, string> {
  const configs = new Map([[STANDBY_REPLICAS, `${rules.standbyReplicas}`]]);
  if (rules.rackAwareTags.length > 0) configs.set(RACK_AWARE_TAGS, rules.rackAwareTags.join(","));
  return configs;
}

export function isSameConfigs(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  if (one.size !== other.size) return false;
  for (const [name, value] of one) if (other.get(name) !== value) return false;
  return true;
}
