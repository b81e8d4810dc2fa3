/** The share coordinator's records as bytes of `__share_group_state`, and back. */
import { shareStateLog } from "../../../protocol/embedded/share_state_log.ts";
import type { LogRecord } from "../../groups/log_writer.ts";
import type { ShareKey, ShareRecord, StoredBatch } from "./share_state.ts";

export function logRecord({ groupId, topicId, partition }: ShareKey, record: ShareRecord): LogRecord {
  const key = shareStateLog.encodeKey(record.kind, { groupId, topicId, partition });
  if (record.kind === "update") {
    const { batches, ...update } = record.update;
    return { key, value: shareStateLog.encodeValue("update", { ...update, stateBatches: batches.map(asStored) }) };
  }
  if (record.state === null) return { key, value: null };
  const { batches, createTimestampMs, writeTimestampMs, ...state } = record.state;
  const value = shareStateLog.encodeValue("snapshot", {
    ...state,
    createTimestamp: createTimestampMs,
    writeTimestamp: writeTimestampMs,
    stateBatches: batches.map(asStored),
  });
  return { key, value };
}

/**
 * null: the record is about something else.
 * @throws {MalformedFrame}
 */
export function readRecord(
  key: Uint8Array,
  value: Uint8Array | null,
): { readonly key: ShareKey; readonly record: ShareRecord } | null {
  const decoded = shareStateLog.decodeKey(key);
  if (decoded === null) return null;
  const { groupId, topicId, partition } = decoded;
  const shareKey = { groupId, topicId, partition };
  if (decoded.kind === "update") {
    if (value === null) return null;
    const { stateBatches, ...update } = shareStateLog.decodeValue("update", value);
    return { key: shareKey, record: { kind: "update", update: { ...update, batches: stateBatches.map(asBatch) } } };
  }
  if (value === null) return { key: shareKey, record: { kind: "snapshot", state: null } };
  const { stateBatches, createTimestamp, writeTimestamp, ...state } = shareStateLog.decodeValue("snapshot", value);
  const batches = stateBatches.map(asBatch);
  return {
    key: shareKey,
    record: {
      kind: "snapshot",
      state: { ...state, createTimestampMs: createTimestamp, writeTimestampMs: writeTimestamp, batches },
    },
  };
}

export interface WireBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryState: number;
  readonly deliveryCount: number;
}

export function asStored({ first, last, deliveryState, deliveryCount }: StoredBatch): WireBatch {
  return { firstOffset: first, lastOffset: last, deliveryState, deliveryCount };
}

export function asBatch({ firstOffset, lastOffset, deliveryState, deliveryCount }: WireBatch): StoredBatch {
  return { first: firstOffset, last: lastOffset, deliveryState, deliveryCount };
}
