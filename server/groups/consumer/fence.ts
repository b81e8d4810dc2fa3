/** How members leave a group, by themselves or not; and what that makes of the group. */
import type { Draft } from "./draft.ts";
import { becomeClassic, mayBecomeClassicWithout } from "./conversion.ts";
import { metadataHash } from "./subscriptions.ts";
import type { ConsumerMember } from "./state.ts";

/**
 * Takes the members out. If all that is left speak the classic protocol, and that is wanted, the group becomes a classic
 * one; else the group epoch rises, and the next heartbeat distributes what they had.
 */
export function fence(draft: Draft, members: readonly ConsumerMember[]): void {
  if (members.length === 0) return;
  for (const { memberId } of members) draft.cancelTimersOf(memberId);
  if (mayBecomeClassicWithout(draft, members)) {
    becomeClassic(draft, {
      leaving: members,
      joining: null,
      rebalanceReason: `Downgrade group ${draft.state.groupId} from consumer to classic for member leaving.`,
    });
    return;
  }
  for (const { memberId } of members) draft.drop(memberId);
  for (const regex of new Set(members.map((member) => member.regex))) {
    if (regex !== "" && !draft.state.regexSubscribers.has(regex)) draft.setRegex(regex, null);
  }
  const groupEpoch = draft.state.groupEpoch + 1;
  draft.setGroupEpoch(groupEpoch, metadataHash(draft.state, draft.topics));
  // Empty, it has the assignment it needs; and the next one to join does not wait for the interval.
  if (draft.state.members.size === 0) draft.setAssignmentEpoch(groupEpoch, 0);
}
