/**
 * The records that metadata changes are made of: what the image needs of Kafka's records, and how they are told apart.
 *
 * PartitionRecord is written in version 0, which has no log directories: a broker here has one.
 *
 * Kafka's own controllers write more: a folder of theirs can be taken over. What they say of brokers and controllers is known
 * here from elsewhere and passed over; what this program does not have (access rules, tokens) is refused, for to
 * pass it over would be to forget it.
 */
import * as wire from "../../protocol/embedded/cluster_metadata.ts";
import { type ClientQuotaRecord, decodeClientQuota, encodeClientQuota } from "./client_quota_record.ts";
import { CorruptMetadata } from "./image.ts";

/** Bounds of a change that Kafka's controllers spread over several batches. */
export type MetadataMark = "begin" | "end" | "abort";

/** Kafka's fields, without those that matter only where replicas move between brokers or directories. */
export type MetadataRecord =
  | { readonly kind: "topic"; readonly name: string; readonly topicId: string }
  | {
    readonly kind: "partition";
    readonly partitionId: number;
    readonly topicId: string;
    readonly leader: number;
    readonly leaderEpoch: number;
    readonly partitionEpoch: number;
    readonly replicas: readonly number[];
    readonly isr: readonly number[];
  }
  /** null: as before. A leader, the same one too, starts a new leader epoch. */
  | {
    readonly kind: "partitionChange";
    readonly partitionId: number;
    readonly topicId: string;
    readonly leader: number | null;
    readonly replicas: readonly number[] | null;
    readonly isr: readonly number[] | null;
  }
  | { readonly kind: "removeTopic"; readonly topicId: string }
  /** null: no longer set. */
  | {
    readonly kind: "config";
    readonly resourceType: number;
    readonly resourceName: string;
    readonly name: string;
    readonly value: string | null;
  }
  /** All ids below are given out. */
  | { readonly kind: "producerIds"; readonly nextProducerId: number }
  /** 0: not in use. */
  | { readonly kind: "featureLevel"; readonly name: string; readonly featureLevel: number }
  | ClientQuotaRecord
  /** What a user logs in with; by Kafka's numbers of mechanisms. */
  | {
    readonly kind: "scramCredential";
    readonly name: string;
    readonly mechanism: number;
    readonly salt: Uint8Array;
    readonly storedKey: Uint8Array;
    readonly serverKey: Uint8Array;
    readonly iterations: number;
  }
  | { readonly kind: "removeScramCredential"; readonly name: string; readonly mechanism: number };

const oldestVersion = 0;
const leaderUnchanged = -2;
/** No broker in particular: the block is the cluster's. */
const nobody = -1;

/** About brokers and controllers, by Kafka's numbers. */
const passedOver: ReadonlySet<number> = new Set([
  1, // UnregisterBrokerRecord
  7, // FenceBrokerRecord
  8, // UnfenceBrokerRecord
  17, // BrokerRegistrationChangeRecord
  21, // ZkMigrationStateRecord
  27, // RegisterControllerRecord
  28, // ClearElrRecord
  29, // UnregisterControllerRecord
]);

/** What Kafka's controllers write and this program has no part for. */
const refusedKinds: ReadonlyMap<number, string> = new Map([
  [10, "a delegation token"],
  [18, "an access rule (ACL)"],
  [19, "the end of an access rule (ACL)"],
  [26, "the end of a delegation token"],
]);

export function encodeMetadataRecord(record: MetadataRecord): Uint8Array {
  switch (record.kind) {
    case "topic":
      return wire.encodeMetadataRecord("TopicRecord", { name: record.name, topicId: record.topicId });
    case "partition": {
      const { kind: _, ...fields } = record;
      const draft = { ...fields, removingReplicas: [], addingReplicas: [] };
      return wire.encodeMetadataRecord("PartitionRecord", draft, oldestVersion);
    }
    case "partitionChange": {
      const { kind: _, leader, ...fields } = record;
      const draft = { ...fields, leader: leader ?? leaderUnchanged };
      if (record.isr === null) return wire.encodeMetadataRecord("PartitionChangeRecord", draft, oldestVersion);
      // For Kafka's controllers a replica is in sync, or it was and may lead all the same; not both.
      return wire.encodeMetadataRecord("PartitionChangeRecord", {
        ...draft,
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
      });
    }
    case "removeTopic":
      return wire.encodeMetadataRecord("RemoveTopicRecord", { topicId: record.topicId });
    case "config": {
      const { kind: _, ...fields } = record;
      return wire.encodeMetadataRecord("ConfigRecord", fields);
    }
    case "producerIds":
      return wire.encodeMetadataRecord("ProducerIdsRecord", {
        brokerId: nobody,
        nextProducerId: record.nextProducerId,
      });
    case "featureLevel":
      return wire.encodeMetadataRecord("FeatureLevelRecord", { name: record.name, featureLevel: record.featureLevel });
    case "clientQuota":
      return encodeClientQuota(record);
    case "scramCredential": {
      const { kind: _, ...fields } = record;
      return wire.encodeMetadataRecord("UserScramCredentialRecord", fields);
    }
    case "removeScramCredential": {
      const { kind: _, ...fields } = record;
      return wire.encodeMetadataRecord("RemoveUserScramCredentialRecord", fields);
    }
  }
}

/**
 * null: a record that changes nothing here.
 * @throws {CorruptMetadata | MalformedFrame} when it is none, or a newer program wrote it
 */
export function decodeMetadataRecord(bytes: Uint8Array | null): MetadataRecord | MetadataMark | null {
  if (bytes === null) throw new CorruptMetadata("A metadata record has no value");
  const record = wire.decodeMetadataRecord(bytes);
  switch (record.kind) {
    case "TopicRecord": {
      const { name, topicId } = record.value;
      return { kind: "topic", name, topicId };
    }
    case "PartitionRecord": {
      const { partitionId, topicId, leader, leaderEpoch, partitionEpoch, replicas, isr } = record.value;
      return { kind: "partition", partitionId, topicId, leader, leaderEpoch, partitionEpoch, replicas, isr };
    }
    case "PartitionChangeRecord": {
      const { partitionId, topicId, leader, replicas, isr } = record.value;
      const newLeader = leader === leaderUnchanged ? null : leader;
      return { kind: "partitionChange", partitionId, topicId, leader: newLeader, replicas, isr };
    }
    case "RemoveTopicRecord":
      return { kind: "removeTopic", topicId: record.value.topicId };
    case "ConfigRecord": {
      const { resourceType, resourceName, name, value } = record.value;
      return { kind: "config", resourceType, resourceName, name, value };
    }
    case "ProducerIdsRecord":
      return { kind: "producerIds", nextProducerId: record.value.nextProducerId };
    case "FeatureLevelRecord": {
      const { name, featureLevel } = record.value;
      return { kind: "featureLevel", name, featureLevel };
    }
    case "ClientQuotaRecord":
      return decodeClientQuota(record.value);
    case "UserScramCredentialRecord": {
      const { name, mechanism, salt, storedKey, serverKey, iterations } = record.value;
      const keys = { salt: salt.slice(), storedKey: storedKey.slice(), serverKey: serverKey.slice() };
      return { kind: "scramCredential", name, mechanism, ...keys, iterations };
    }
    case "RemoveUserScramCredentialRecord":
      return { kind: "removeScramCredential", name: record.value.name, mechanism: record.value.mechanism };
    case "BeginTransactionRecord":
      return "begin";
    case "EndTransactionRecord":
      return "end";
    case "AbortTransactionRecord":
      return "abort";
    case "NoOpRecord":
    case "RegisterBrokerRecord":
      return null;
    default: {
      if (passedOver.has(record.type)) return null;
      const what = refusedKinds.get(record.type) ?? `of type ${record.type}`;
      throw new CorruptMetadata(
        `Cannot take over the cluster's metadata: a record of it is ${what}, which this version of Weir does not have. ` +
          `Remove it with Kafka's tools while Kafka runs on the folder, and let Kafka write a snapshot`,
      );
    }
  }
}
