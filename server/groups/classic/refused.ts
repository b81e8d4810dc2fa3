/** Answers to members of classic groups whose request never came to a group. */
import { type JoinAnswer, type LeaveAnswer, NO_BYTES, type SyncAnswer } from "./state.ts";

export function refusedJoin(errorCode: number, memberId: string): Promise<JoinAnswer> {
  return Promise.resolve({
    errorCode,
    memberId,
    generation: -1,
    protocolType: null,
    protocolName: null,
    leaderId: "",
    skipAssignment: false,
    members: [],
  });
}

export function refusedSync(errorCode: number): Promise<SyncAnswer> {
  return Promise.resolve({ errorCode, protocolType: null, protocolName: null, assignment: NO_BYTES });
}

export function refusedLeave(errorCode: number): Promise<LeaveAnswer> {
  return Promise.resolve({ errorCode, members: [] });
}
