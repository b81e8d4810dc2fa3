/** What a request of the classic protocol is answered by a streams group that has members: there is no way from one to the other. */
import { ErrorCode } from "../../../protocol/errors.ts";
import type { JoinAnswer, LeaveAnswer, SyncAnswer } from "../classic/state.ts";
import type { ClassicRequest } from "../consumer/classic_events.ts";
import { refusedJoin, refusedSync } from "../consumer/classic_members.ts";

export function refusedClassic(event: ClassicRequest): JoinAnswer | SyncAnswer | LeaveAnswer | number {
  switch (event.kind) {
    case "join":
      return { ...refusedJoin, errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId: "" };
    case "sync":
      return refusedSync(ErrorCode.UNKNOWN_MEMBER_ID);
    case "heartbeat":
      return ErrorCode.UNKNOWN_MEMBER_ID;
    case "leave": {
      const errorCode = ErrorCode.UNKNOWN_MEMBER_ID;
      const members = event.members.map(({ memberId, instanceId }) => ({ memberId, instanceId, errorCode }));
      return { errorCode: ErrorCode.NONE, members };
    }
  }
}
