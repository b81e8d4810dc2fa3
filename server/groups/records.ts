/** Groups and offsets as records of `__consumer_offsets`, in the versions that Kafka 4.4 writes, and back. */
import {
  decodeGroupMetadataValue,
  decodeOffsetCommitValue,
  encodeGroupMetadataKey,
  encodeGroupMetadataValue,
  encodeOffsetCommitKey,
  encodeOffsetCommitValue,
} from "../../protocol/embedded/offsets_log.ts";
import type { PersistedGroup } from "./classic/state.ts";
import type { LogRecord } from "./log_writer.ts";
import type { CommittedOffset } from "./offset_store.ts";

/** The one version that can say when an offset expires; the newest cannot, since retention is the broker's affair. */
const OFFSET_WITH_EXPIRY_VERSION = 1;
const OFFSET_VERSION = 4;

export function groupRecord(groupId: string, group: PersistedGroup | null): LogRecord {
  const key = encodeGroupMetadataKey({ group: groupId });
  if (group === null) return { key, value: null };
  const value = encodeGroupMetadataValue({
    protocolType: group.protocolType,
    generation: group.generation,
    protocol: group.protocolName,
    leader: group.leaderId,
    currentStateTimestamp: group.phaseSinceMs,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: member.subscription,
      assignment: member.assignment,
    })),
  });
  return { key, value };
}

/** What it returns shares no memory with `value`. */
export function groupOfRecord(value: Uint8Array): PersistedGroup {
  const group = decodeGroupMetadataValue(value);
  return {
    protocolType: group.protocolType,
    generation: group.generation,
    protocolName: group.protocol,
    leaderId: group.leader,
    phaseSinceMs: group.currentStateTimestamp,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeout,
      sessionTimeoutMs: member.sessionTimeout,
      subscription: member.subscription.slice(),
      assignment: member.assignment.slice(),
    })),
  };
}

export function offsetRecord(
  place: { readonly groupId: string; readonly topic: string; readonly partition: number },
  committed: CommittedOffset | null,
): LogRecord {
  const key = encodeOffsetCommitKey({ group: place.groupId, topic: place.topic, partition: place.partition });
  if (committed === null) return { key, value: null };
  const { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs, topicId } = committed;
  const value = encodeOffsetCommitValue(
    { offset, leaderEpoch, metadata, commitTimestamp: commitTimestampMs, expireTimestamp: expireTimestampMs, topicId },
    expireTimestampMs >= 0 ? OFFSET_WITH_EXPIRY_VERSION : OFFSET_VERSION,
  );
  return { key, value };
}

export function offsetOfRecord(value: Uint8Array): CommittedOffset {
  const { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp, topicId } = decodeOffsetCommitValue(value);
  return {
    offset,
    leaderEpoch,
    metadata,
    commitTimestampMs: commitTimestamp,
    expireTimestampMs: expireTimestamp,
    topicId,
  };
}
