/** What a ConsumerGroupHeartbeat must say, whatever group it is about. Sentences are Kafka's, for clients log them. */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { invalid, refuseEmpty } from "../modern/request_checks.ts";
import { assignors } from "./assign.ts";
import type { HeartbeatEvent } from "./state.ts";
import { JOINING_EPOCH, LEAVING_EPOCH, STATIC_LEAVING_EPOCH } from "./state.ts";

export type HeartbeatRequest = Omit<HeartbeatEvent, "kind" | "ticket" | "newMemberId"> & {
  readonly groupId: string;
  readonly apiVersion: number;
};

/** @throws {ProtocolError} INVALID_REQUEST, UNSUPPORTED_ASSIGNOR */
export function checkHeartbeat(request: HeartbeatRequest, supported: readonly string[]): void {
  const { memberEpoch, apiVersion } = request;
  if (apiVersion >= 1 || memberEpoch > 0 || memberEpoch === LEAVING_EPOCH) {
    refuseEmpty(request.memberId, "MemberId can't be empty.");
  }
  refuseEmpty(request.groupId, "GroupId can't be empty.");
  refuseEmpty(request.instanceId, "InstanceId can't be empty.");
  refuseEmpty(request.rackId, "RackId can't be empty.");
  if (memberEpoch === JOINING_EPOCH) checkFirst(request);
  else if (memberEpoch === STATIC_LEAVING_EPOCH) {
    if (request.instanceId === null) throw invalid("InstanceId can't be null.");
  } else if (memberEpoch < STATIC_LEAVING_EPOCH) throw invalid("MemberEpoch is invalid.");

  const { assignor } = request;
  if (assignor === null || supported.includes(assignor)) return;
  const names = Object.keys(assignors).filter((name) => supported.includes(name)).join(", ");
  throw new ProtocolError(
    ErrorCode.UNSUPPORTED_ASSIGNOR,
    `ServerAssignor ${assignor} is not supported. Supported assignors: ${names}.`,
  );
}

function checkFirst({ rebalanceTimeoutMs, owned, topics, regex }: HeartbeatRequest): void {
  if (rebalanceTimeoutMs === -1) throw invalid("RebalanceTimeoutMs must be provided in first request.");
  if (owned === null || owned.length > 0) throw invalid("TopicPartitions must be empty when (re-)joining.");
  // An empty list and an empty expression are fine: a member that subscribes to nothing.
  if (topics === null && regex === null) {
    throw invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
  }
}
