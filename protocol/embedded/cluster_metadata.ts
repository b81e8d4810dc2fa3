/**
 * Records of the cluster's metadata log, as Kafka's controllers write them to `__cluster_metadata`: one record a change.
 *
 *   value:  frame version varint = 1 · record type varint · version of that type varint · its fields, in flexible form
 *
 * Here are the types that a single broker's own metadata needs. One that is unknown decodes as "other".
 */
import { wireCodec } from "../codec.ts";
import {
  type AnyMessage,
  array,
  bool,
  bytes,
  type Draft,
  float64,
  type Infer,
  int16,
  int32,
  int64,
  int8,
  message,
  string,
  uint16,
  uuid,
} from "../schema.ts";
import { MalformedFrame, Reader, Writer } from "../wire.ts";

const FRAME_VERSION = 1;

/** All under Kafka's names; the numbers are their types in the log. */
export const metadataRecords = {
  RegisterBrokerRecord: entry(
    0,
    message("RegisterBrokerRecord", { versions: [0, 4], flexible: 0 }, {
      brokerId: int32,
      isMigratingZkBroker: bool.since(2),
      incarnationId: uuid,
      brokerEpoch: int64,
      endPoints: array({ name: string, host: string, port: uint16, securityProtocol: int16 }),
      features: array({ name: string, minSupportedVersion: int16, maxSupportedVersion: int16 }),
      rack: string.nullable(),
      fenced: bool.default(true),
      inControlledShutdown: bool.since(1),
      logDirs: array(uuid).tagged(0, 3),
      cordonedLogDirs: array(uuid).nullable(4).default(null).tagged(1, 4),
    }),
  ),
  TopicRecord: entry(2, message("TopicRecord", { versions: [0, 0], flexible: 0 }, { name: string, topicId: uuid })),
  PartitionRecord: entry(
    3,
    message("PartitionRecord", { versions: [0, 2], flexible: 0 }, {
      partitionId: int32.default(-1),
      topicId: uuid,
      replicas: array(int32),
      isr: array(int32),
      removingReplicas: array(int32),
      addingReplicas: array(int32),
      leader: int32.default(-1),
      leaderRecoveryState: int8.tagged(0, 0),
      leaderEpoch: int32.default(-1),
      partitionEpoch: int32.default(-1),
      directories: array(uuid).since(1),
      eligibleLeaderReplicas: array(int32).nullable(2).default(null).tagged(1, 2),
      lastKnownElr: array(int32).nullable(2).default(null).tagged(2, 2),
    }),
  ),
  ConfigRecord: entry(
    4,
    message("ConfigRecord", { versions: [0, 0], flexible: 0 }, {
      resourceType: int8,
      resourceName: string,
      name: string,
      /** null removes it */
      value: string.nullable(),
    }),
  ),
  /** What is left out (null, -2 or -1) has not changed. */
  PartitionChangeRecord: entry(
    5,
    message("PartitionChangeRecord", { versions: [0, 2], flexible: 0 }, {
      partitionId: int32.default(-1),
      topicId: uuid,
      isr: array(int32).nullable().default(null).tagged(0, 0),
      leader: int32.default(-2).tagged(1, 0),
      replicas: array(int32).nullable().default(null).tagged(2, 0),
      removingReplicas: array(int32).nullable().default(null).tagged(3, 0),
      addingReplicas: array(int32).nullable().default(null).tagged(4, 0),
      leaderRecoveryState: int8.default(-1).tagged(5, 0),
      directories: array(uuid).nullable(1).default(null).tagged(8, 1),
      eligibleLeaderReplicas: array(int32).nullable(2).default(null).tagged(6, 2),
      lastKnownElr: array(int32).nullable(2).default(null).tagged(7, 2),
    }),
  ),
  RemoveTopicRecord: entry(9, message("RemoveTopicRecord", { versions: [0, 0], flexible: 0 }, { topicId: uuid })),
  /** Mechanisms: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512. */
  UserScramCredentialRecord: entry(
    11,
    message("UserScramCredentialRecord", { versions: [0, 0], flexible: 0 }, {
      name: string,
      mechanism: int8,
      salt: bytes,
      storedKey: bytes,
      serverKey: bytes,
      iterations: int32,
    }),
  ),
  FeatureLevelRecord: entry(
    12,
    message("FeatureLevelRecord", { versions: [0, 0], flexible: 0 }, { name: string, featureLevel: int16 }),
  ),
  ClientQuotaRecord: entry(
    14,
    message("ClientQuotaRecord", { versions: [0, 0], flexible: 0 }, {
      /** A name of null is the default for the type. */
      entity: array({ entityType: string, entityName: string.nullable() }),
      key: string,
      value: float64,
      remove: bool,
    }),
  ),
  ProducerIdsRecord: entry(
    15,
    message("ProducerIdsRecord", { versions: [0, 0], flexible: 0 }, {
      brokerId: int32,
      brokerEpoch: int64.default(-1),
      /** First of the next block: all below are given out. */
      nextProducerId: int64,
    }),
  ),
  NoOpRecord: entry(20, message("NoOpRecord", { versions: [0, 0], flexible: 0 }, {})),
  RemoveUserScramCredentialRecord: entry(
    22,
    message("RemoveUserScramCredentialRecord", { versions: [0, 0], flexible: 0 }, { name: string, mechanism: int8 }),
  ),
  BeginTransactionRecord: entry(
    23,
    message("BeginTransactionRecord", { versions: [0, 0], flexible: 0 }, {
      name: string.nullable().default(null).tagged(0, 0),
    }),
  ),
  EndTransactionRecord: entry(24, message("EndTransactionRecord", { versions: [0, 0], flexible: 0 }, {})),
  AbortTransactionRecord: entry(
    25,
    message("AbortTransactionRecord", { versions: [0, 0], flexible: 0 }, {
      reason: string.nullable().default(null).tagged(0, 0),
    }),
  ),
};

export type MetadataRecordKind = keyof typeof metadataRecords;
type SchemaOf<K extends MetadataRecordKind> = (typeof metadataRecords)[K]["schema"];

export type MetadataRecordValue<K extends MetadataRecordKind> = Infer<SchemaOf<K>>;
export type MetadataRecordDraft<K extends MetadataRecordKind> = Draft<SchemaOf<K>>;
export type MetadataRecord =
  | {
    [K in MetadataRecordKind]: {
      readonly kind: K;
      readonly version: number;
      readonly value: MetadataRecordValue<K>;
    };
  }[MetadataRecordKind]
  | { readonly kind: "other"; readonly type: number; readonly version: number };

const kindsByType = new Map<number, MetadataRecordKind>(
  (Object.keys(metadataRecords) as MetadataRecordKind[]).map((kind) => [metadataRecords[kind].type, kind]),
);

/** The value of a record in the log; `version` is the newest unless given. */
export function encodeMetadataRecord<K extends MetadataRecordKind>(
  kind: K,
  draft: MetadataRecordDraft<K>,
  version?: number,
): Uint8Array {
  const { type, schema } = metadataRecords[kind] as { readonly type: number; readonly schema: AnyMessage };
  const writtenVersion = version ?? schema.versions[1];
  const writer = new Writer();
  writer.uvarint(FRAME_VERSION);
  writer.uvarint(type);
  writer.uvarint(writtenVersion);
  wireCodec(schema, writtenVersion).write(writer, draft);
  return writer.finishWhole();
}

/** @throws {MalformedFrame} for another frame version, an unknown version of a known type, or bytes left over */
export function decodeMetadataRecord(encoded: Uint8Array): MetadataRecord {
  const reader = new Reader(encoded);
  const frameVersion = reader.uvarint();
  if (frameVersion !== FRAME_VERSION) {
    throw new MalformedFrame(`Cannot decode a metadata record: its frame version is ${frameVersion}`);
  }
  const type = reader.uvarint();
  const version = reader.uvarint();
  const kind = kindsByType.get(type);
  if (kind === undefined) return { kind: "other", type, version };
  const schema: AnyMessage = metadataRecords[kind].schema;
  if (version > schema.versions[1]) {
    throw new MalformedFrame(`Cannot decode ${schema.name}: version ${version} is unknown`);
  }
  const value = wireCodec(schema, version).read(reader);
  if (reader.remaining > 0) {
    throw new MalformedFrame(`Cannot decode ${schema.name}: ${reader.remaining} bytes are left over`);
  }
  return { kind, version, value } as MetadataRecord;
}

function entry<const S>(type: number, schema: S): { readonly type: number; readonly schema: S } {
  return { type, schema };
}
