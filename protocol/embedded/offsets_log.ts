/**
 * Keys and values of the records in `__consumer_offsets`: committed offsets and the state of classic groups, byte for
 * byte as Kafka's group coordinator writes them, so that its dump tool reads ours and we could read its log.
 *
 *   key:    int16 what the record is about (0 and 1 a committed offset, 2 a group), then the key's fields
 *   value:  int16 version, then the value's fields; a null value deletes
 *
 * Versions written by default are 3, as Kafka 4.4 does: 4 is the same in flexible form, with the topic id of an offset.
 */
import { wireCodec } from "../codec.ts";
import { array, bytes, type Draft, type Infer, int32, int64, message, string, uuid } from "../schema.ts";
import { Reader } from "../wire.ts";
import { decodeVersioned, withLead } from "./versioned.ts";

export const offsetCommitKey = message("OffsetCommitKey", { versions: [0, 0], flexible: null }, {
  group: string,
  topic: string,
  partition: int32,
});
export type OffsetCommitKey = Infer<typeof offsetCommitKey>;

/** v1 expiry (retired again by v2) · v3 leader epoch · v4 flexible, topic id */
export const offsetCommitValue = message("OffsetCommitValue", { versions: [0, 4], flexible: 4 }, {
  offset: int64,
  leaderEpoch: int32.since(3).default(-1).ignorable(),
  metadata: string,
  commitTimestamp: int64,
  expireTimestamp: int64.between(1, 1).default(-1).ignorable(),
  topicId: uuid.tagged(0, 4).ignorable(),
});
export type OffsetCommitValue = Infer<typeof offsetCommitValue>;
export type OffsetCommitValueDraft = Draft<typeof offsetCommitValue>;

export const groupMetadataKey = message("GroupMetadataKey", { versions: [0, 0], flexible: null }, {
  group: string,
});
export type GroupMetadataKey = Infer<typeof groupMetadataKey>;

/** v1 rebalance timeout · v2 time of the last change of state · v3 static members · v4 flexible */
export const groupMetadataValue = message("GroupMetadataValue", { versions: [0, 4], flexible: 4 }, {
  protocolType: string,
  generation: int32,
  protocol: string.nullable(),
  leader: string.nullable(),
  currentStateTimestamp: int64.since(2).default(-1).ignorable(),
  members: array({
    memberId: string,
    groupInstanceId: string.nullable(3).since(3).default(null).ignorable(),
    clientId: string,
    clientHost: string,
    rebalanceTimeout: int32.since(1).default(-1).ignorable(),
    sessionTimeout: int32,
    subscription: bytes,
    assignment: bytes,
  }),
});
export type GroupMetadataValue = Infer<typeof groupMetadataValue>;
export type GroupMetadataValueDraft = Draft<typeof groupMetadataValue>;

/** "other" is a record of a group kind that this code does not know: to be kept, and skipped. */
export type OffsetsLogKey =
  | { readonly kind: "offset"; readonly group: string; readonly topic: string; readonly partition: number }
  | { readonly kind: "group"; readonly group: string }
  | { readonly kind: "other"; readonly type: number };

const LEGACY_OFFSET_COMMIT = 0;
const OFFSET_COMMIT = 1;
const GROUP_METADATA = 2;
const VERSION_WRITTEN = 3;

export function decodeOffsetsLogKey(bytes: Uint8Array): OffsetsLogKey {
  const reader = new Reader(bytes);
  const type = reader.int16();
  if (type === OFFSET_COMMIT || type === LEGACY_OFFSET_COMMIT) {
    return { kind: "offset", ...wireCodec(offsetCommitKey, 0).read(reader) };
  }
  if (type === GROUP_METADATA) return { kind: "group", ...wireCodec(groupMetadataKey, 0).read(reader) };
  return { kind: "other", type };
}

export function encodeOffsetCommitKey(key: OffsetCommitKey): Uint8Array {
  return withLead(OFFSET_COMMIT, offsetCommitKey, 0, key);
}

export function encodeGroupMetadataKey(key: GroupMetadataKey): Uint8Array {
  return withLead(GROUP_METADATA, groupMetadataKey, 0, key);
}

export function encodeOffsetCommitValue(value: OffsetCommitValueDraft, version = VERSION_WRITTEN): Uint8Array {
  return withLead(version, offsetCommitValue, version, value);
}

export function decodeOffsetCommitValue(bytes: Uint8Array): OffsetCommitValue {
  return decodeVersioned(offsetCommitValue, bytes);
}

export function encodeGroupMetadataValue(value: GroupMetadataValueDraft, version = VERSION_WRITTEN): Uint8Array {
  return withLead(version, groupMetadataValue, version, value);
}

/** Subscriptions and assignments are views of `bytes`. */
export function decodeGroupMetadataValue(bytes: Uint8Array): GroupMetadataValue {
  return decodeVersioned(groupMetadataValue, bytes);
}
