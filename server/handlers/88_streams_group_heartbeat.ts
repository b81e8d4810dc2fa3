/**
 * StreamsGroupHeartbeat: v0–v1.
 *
 * v1 the recovery lag as an int64; the status MISSING_CLIENT_TAGS
 *
 * Joining, staying, giving up tasks and leaving are all this one request (KIP-1071). Answered once the log has what it
 * changed. No plugin keeps descriptions of topologies, so none is asked for.
 */
import {
  streamsGroupHeartbeat,
  type StreamsGroupHeartbeatResponseDraft,
} from "../../protocol/api/88_streams_group_heartbeat.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { isStreamsProtocolOn } from "../features.ts";
import { refusedHeartbeat, type StreamsAnswer } from "../groups/streams/state.ts";
import { taskIdsOf } from "../groups/streams/tasks.ts";
import { handle } from "../handler.ts";

export const streamsGroupHeartbeatHandler = handle(streamsGroupHeartbeat, [0, 1], async (request, context) => {
  const { broker, apiVersion, clientId, connection } = context;
  if (!isStreamsProtocolOn(broker)) return answered(refusedHeartbeat(ErrorCode.UNSUPPORTED_VERSION, null), apiVersion);
  const { clientTags } = request;
  const answer = await broker.groups.streams.heartbeat({
    groupId: request.groupId,
    apiVersion,
    memberId: request.memberId,
    memberEpoch: request.memberEpoch,
    endpointEpoch: request.endpointInformationEpoch,
    instanceId: request.instanceId,
    rackId: request.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    topology: request.topology,
    activeTasks: request.activeTasks,
    standbyTasks: request.standbyTasks,
    warmupTasks: request.warmupTasks,
    processId: request.processId,
    endpoint: request.userEndpoint,
    tags: clientTags && new Map(clientTags.map(({ key, value }) => [key, value])),
    taskOffsets: request.taskOffsets,
    taskEndOffsets: request.taskEndOffsets,
    isShutdownWanted: request.shutdownApplication,
    clientId: clientId ?? "",
    clientHost: connection.clientHost,
  });
  return answered(answer, apiVersion);
});

function answered(answer: StreamsAnswer, apiVersion: number): StreamsGroupHeartbeatResponseDraft {
  const { tasks, endpoints, ...others } = answer;
  return {
    throttleTimeMs: 0,
    errorCode: others.errorCode,
    errorMessage: others.errorMessage,
    memberId: others.memberId,
    memberEpoch: others.memberEpoch,
    heartbeatIntervalMs: others.heartbeatIntervalMs,
    ...(apiVersion === 0 ? {} : { acceptableRecoveryLag: others.acceptableRecoveryLag }),
    taskOffsetIntervalMs: others.taskOffsetIntervalMs,
    status: others.status.map(({ code, detail }) => ({ statusCode: code, statusDetail: detail })),
    activeTasks: tasks && taskIdsOf(tasks.active.keys()),
    standbyTasks: tasks && taskIdsOf(tasks.standby),
    warmupTasks: tasks && taskIdsOf(tasks.warmup),
    endpointInformationEpoch: others.endpointEpoch,
    partitionsByUserEndpoint: endpoints && endpoints.map(({ endpoint, active, standby }) => ({
      userEndpoint: endpoint,
      activePartitions: active,
      standbyPartitions: standby,
    })),
  };
}
