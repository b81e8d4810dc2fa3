/**
 * SyncGroup: members ask for their assignment, the leader brings all of them.
 *
 * Nobody is told an assignment before it is in the log: after a crash the group comes back as its members know it.
 */
import { ErrorCode } from "../../../protocol/errors.ts";
import { type Draft, without } from "./draft.ts";
import { memberError, rename } from "./join.ts";
import { answerSyncs, prepare, resetAssignments } from "./rebalance.ts";
import type { GroupState, PersistPurpose, SyncEvent } from "./state.ts";
import { NO_BYTES } from "./state.ts";

export function sync(draft: Draft, event: SyncEvent): void {
  const { memberId, ticket } = event;
  const errorCode = syncError(draft.state, event);
  if (errorCode !== ErrorCode.NONE) {
    draft.answerSync(ticket, { errorCode });
    return;
  }
  const { phase, pendingSync, leaderId, generation, protocolType, protocolName, members } = draft.state;
  if (pendingSync.has(memberId)) {
    const rest = without(pendingSync, memberId);
    draft.update({ pendingSync: rest });
    if (rest.size === 0) draft.cancelTimer("sync");
  }
  if (phase === "Stable") {
    const assignment = members.get(memberId)?.assignment ?? NO_BYTES;
    draft.answerSync(ticket, { protocolType, protocolName, assignment });
    return;
  }
  // CompletingRebalance. A second request of the same member: the first one's sender has given up on it.
  draft.answerParkedSync(memberId, { errorCode: ErrorCode.REBALANCE_IN_PROGRESS });
  draft.change(memberId, { syncTicket: ticket });
  if (memberId !== leaderId) return;
  draft.persist({ kind: "assigned", generation, assignments: event.assignments }, event.assignments);
}

/** A write has ended. Much may have happened since it began: only what still fits is done. */
export function persisted(draft: Draft, purpose: PersistPurpose, errorCode: number): void {
  if (purpose.kind === "assigned") assigned(draft, purpose, errorCode);
  else if (purpose.kind === "replaced") replaced(draft, purpose, errorCode);
  else if (errorCode !== ErrorCode.NONE) draft.note("empty group not written", { error: errorCode });
}

function assigned(draft: Draft, purpose: PersistPurpose & { kind: "assigned" }, errorCode: number): void {
  const { phase, generation } = draft.state;
  if (phase !== "CompletingRebalance" || generation !== purpose.generation) return;
  if (errorCode !== ErrorCode.NONE) {
    resetAssignments(draft, errorCode);
    prepare(draft, `the assignment could not be written: error ${errorCode}`);
    return;
  }
  for (const memberId of draft.state.members.keys()) {
    draft.change(memberId, { assignment: purpose.assignments.get(memberId) ?? NO_BYTES });
  }
  answerSyncs(draft, ErrorCode.NONE);
  draft.moveTo("Stable");
}

function replaced(draft: Draft, purpose: PersistPurpose & { kind: "replaced" }, errorCode: number): void {
  const { memberId, instanceId, previous } = purpose;
  const { instances, phase, generation } = draft.state;
  if (instances.get(instanceId) !== memberId) return; // replaced once more, or gone
  const isUnchanged = phase === "Stable" && generation === purpose.generation;
  if (errorCode !== ErrorCode.NONE) {
    draft.answerParkedJoin(memberId, { errorCode, memberId: "" });
    if (!isUnchanged) return;
    const member = draft.state.members.get(memberId)!;
    rename(draft, { ...previous, assignment: member.assignment, memberId }, previous.memberId);
    draft.startSession(previous.memberId);
    return;
  }
  // Else a rebalance has begun, and its end answers.
  if (!isUnchanged) return;
  const answer = draft.joinedAnswer(memberId);
  if (purpose.canSkipAssignment) {
    draft.answerParkedJoin(memberId, { ...answer, skipAssignment: draft.state.leaderId === memberId });
  } else {
    // Told the old leader's id, a returning leader does not think that it leads, and makes no assignment that a
    // stable group would ignore.
    draft.answerParkedJoin(memberId, { ...answer, leaderId: purpose.previousLeaderId ?? "", members: [] });
  }
}

function syncError(state: GroupState, event: SyncEvent): number {
  const errorCode = memberError(state, event);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  if (event.generation !== state.generation) return ErrorCode.ILLEGAL_GENERATION;
  const isOther = (mine: string | null, yours: string | null) => mine !== null && yours !== null && mine !== yours;
  if (isOther(state.protocolType, event.protocolType) || isOther(state.protocolName, event.protocolName)) {
    return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  }
  return state.phase === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}
