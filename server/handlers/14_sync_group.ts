/**
 * SyncGroup: v0–v5.
 *
 * v1 throttle · v3 static membership · v4 flexible · v5 protocol type and name, which must be there (KIP-559)
 *
 * The leader brings everybody's assignment; all are answered once it is in the log.
 */
import { syncGroup } from "../../protocol/api/14_sync_group.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { NO_BYTES } from "../groups/classic/state.ts";
import { handle } from "../handler.ts";

export const syncGroupHandler = handle(syncGroup, [0, 5], (request, { broker, apiVersion }) => {
  const { protocolType, protocolName } = request;
  if (apiVersion >= 5 && (protocolType === null || protocolName === null)) {
    return { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL, assignment: NO_BYTES };
  }
  return broker.groups.syncGroup({
    groupId: request.groupId,
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    generation: request.generationId,
    protocolType,
    protocolName,
    assignments: new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment])),
  });
});
