/**
 * The target assignment: made anew when it is due (`../modern/assignment.ts`). The first one waits
 * `group.streams.initial.rebalance.delay.ms`, so that members that start together share the tasks from the beginning.
 */
import { assignmentDue } from "../modern/assignment.ts";
import { type AssigneeMember, assignSticky } from "./assignor.ts";
import { type ConfiguredTopology, isReady } from "./configure.ts";
import type { Draft } from "./draft.ts";
import { NO_OFFSETS, StatusCode, type StreamsGroupState, type StreamsStatus } from "./state.ts";
import { isSameTasks, NO_TASKS } from "./tasks.ts";

const initialDelay = "Assignment delayed due to the configured initial rebalance delay.";
const interval = "Assignment delayed due to the configured assignment interval.";

/** @returns what members are told when it has to wait */
export function updateTarget(draft: Draft, configured: ConfiguredTopology): StreamsStatus | null {
  const { state, nowMs } = draft;
  if (state.isDelayed) return { code: StatusCode.ASSIGNMENT_DELAYED, detail: initialDelay };
  const due = assignmentDue(draft);
  if (due === "none") return null;
  if (due === "later") return { code: StatusCode.ASSIGNMENT_DELAYED, detail: interval };

  const members = assignees(state);
  const assignment = isReady(configured)
    ? assignSticky({ members, subtopologies: subtopologies(configured), standbyReplicas: standbyReplicas(state) })
    : new Map();
  for (const { memberId } of members) {
    const target = assignment.get(memberId) ?? NO_TASKS;
    const old = state.targets.get(memberId);
    if (old === undefined || !isSameTasks(old, target)) draft.setTarget(memberId, target);
  }
  draft.setAssignmentEpoch(state.groupEpoch, nowMs);
  draft.note("assignment", { epoch: state.groupEpoch, members: members.length });
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
