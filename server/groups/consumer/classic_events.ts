/** Requests of the classic protocol as a consumer group takes them. */
import type { HeartbeatEvent, JoinEvent, LeaveEvent, SyncEvent } from "../classic/state.ts";
import type { ConsumerEvent } from "./state.ts";

export type ClassicRequest = JoinEvent | SyncEvent | HeartbeatEvent | LeaveEvent;

export function asConsumerEvent(event: ClassicRequest): ConsumerEvent {
  switch (event.kind) {
    case "join":
      return { ...event, kind: "classicJoin" };
    case "sync":
      return { ...event, kind: "classicSync" };
    case "heartbeat":
      return { ...event, kind: "classicHeartbeat" };
    case "leave":
      return { ...event, kind: "classicLeave" };
  }
}
