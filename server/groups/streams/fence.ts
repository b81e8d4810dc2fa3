/** How members leave a group, by themselves or not; and what that makes of the group. */
import type { Draft } from "./draft.ts";
import type { StreamsMember } from "./state.ts";

/** Takes the member out: the group epoch rises, and the next heartbeat distributes what it had. */
export function fence(draft: Draft, { memberId }: StreamsMember): void {
  draft.cancelTimersOf(memberId);
  draft.drop(memberId);
  draft.raise({});
  // Empty, it has the assignment it needs; and the next one to join does not wait for the interval.
  if (draft.state.members.size === 0) draft.setAssignmentEpoch(draft.state.groupEpoch, 0);
}
