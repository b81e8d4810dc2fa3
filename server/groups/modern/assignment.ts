/** When a target assignment is made: once the group epoch has gone past that of the last one, at a heartbeat. */
import type { ModernGroup } from "./state.ts";

interface Assigned {
  readonly state: Pick<ModernGroup<unknown, unknown>, "groupEpoch" | "assignmentEpoch" | "assignmentTimestampMs">;
  readonly rules: { readonly assignmentIntervalMs: number };
  readonly nowMs: number;
}

/** "later": at most one is made in the group's interval (KIP-1263). Until then members go on towards the last one. */
export function assignmentDue({ state, rules, nowMs }: Assigned): "none" | "later" | "now" {
  const { groupEpoch, assignmentEpoch, assignmentTimestampMs } = state;
  if (assignmentEpoch >= groupEpoch) return "none";
  const isSoon = assignmentTimestampMs !== 0 && nowMs < assignmentTimestampMs + rules.assignmentIntervalMs;
  // An interval of 0 is the way out for a clock that was set back by years.
  return isSoon && rules.assignmentIntervalMs > 0 ? "later" : "now";
}
