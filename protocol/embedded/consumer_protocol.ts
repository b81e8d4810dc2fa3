/**
 * What members of a consumer group say to each other through the broker, which passes it on unread: what each wants to
 * consume (in JoinGroup), and what each is given (in SyncGroup). Both begin with their version as an int16.
 *
 * A later version only appends, so one that is unknown is read as the newest known.
 */
import { wireCodec } from "../codec.ts";
import { array, bytes, type Draft, type Infer, int32, type Message, message, string } from "../schema.ts";
import { MalformedFrame, Reader, Writer } from "../wire.ts";

const topicPartitions = array({ topic: string, partitions: array(int32) });

/** v1 partitions still owned (cooperative) · v2 the generation they were owned in · v3 rack */
export const consumerProtocolSubscription = message("ConsumerProtocolSubscription", {
  versions: [0, 3],
  flexible: null,
}, {
  topics: array(string),
  userData: bytes.nullable().default(null),
  ownedPartitions: topicPartitions.since(1).ignorable(),
  generationId: int32.since(2).default(-1).ignorable(),
  rackId: string.nullable(3).since(3).default(null).ignorable(),
});
export type ConsumerProtocolSubscription = Infer<typeof consumerProtocolSubscription>;
export type ConsumerProtocolSubscriptionDraft = Draft<typeof consumerProtocolSubscription>;

export const consumerProtocolAssignment = message("ConsumerProtocolAssignment", { versions: [0, 3], flexible: null }, {
  assignedPartitions: topicPartitions,
  userData: bytes.nullable().default(null),
});
export type ConsumerProtocolAssignment = Infer<typeof consumerProtocolAssignment>;
export type ConsumerProtocolAssignmentDraft = Draft<typeof consumerProtocolAssignment>;

export function encodeSubscription(draft: ConsumerProtocolSubscriptionDraft, version = 3): Uint8Array {
  return encode(consumerProtocolSubscription, draft, version);
}

export function decodeSubscription(bytes: Uint8Array): ConsumerProtocolSubscription {
  return decode(consumerProtocolSubscription, bytes);
}

export function encodeAssignment(draft: ConsumerProtocolAssignmentDraft, version = 3): Uint8Array {
  return encode(consumerProtocolAssignment, draft, version);
}

/** Of no bytes at all, which is what a member without partitions may be sent: no partitions. */
export function decodeAssignment(bytes: Uint8Array): ConsumerProtocolAssignment {
  if (bytes.length === 0) return { assignedPartitions: [], userData: null };
  return decode(consumerProtocolAssignment, bytes);
}

function encode<T, D>(schema: Message<T, D>, draft: D, version: number): Uint8Array {
  const writer = new Writer();
  writer.int16(version);
  wireCodec(schema, version).write(writer, draft);
  return writer.finishWhole();
}

function decode<T, D>(schema: Message<T, D>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version < 0) throw new MalformedFrame(`Cannot decode ${schema.name}: its version is ${version}`);
  return wireCodec(schema, Math.min(version, schema.versions[1])).read(reader);
}
