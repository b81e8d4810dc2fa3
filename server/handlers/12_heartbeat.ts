/**
 * Heartbeat: v0–v4.
 *
 * v1 throttle · v3 static membership · v4 flexible
 *
 * Answers at once; the group's timer is what expires.
 */
import { heartbeat } from "../../protocol/api/12_heartbeat.ts";
import { handle } from "../handler.ts";

export const heartbeatHandler = handle(heartbeat, [0, 4], async (request, { broker }) => ({
  errorCode: await broker.groups.heartbeat({
    groupId: request.groupId,
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    generation: request.generationId,
  }),
}));
