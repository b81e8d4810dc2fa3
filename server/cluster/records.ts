/**
 * The records that metadata changes are made of: what the image needs of Kafka's records, and how they are told apart.
 *
 * PartitionRecord is written in version 0, which has no log directories: a broker here has one.
 */
import * as wire from "../../protocol/embedded/cluster_metadata.ts";
import { CorruptMetadata } from "./image.ts";

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
  | { readonly kind: "featureLevel"; readonly name: string; readonly featureLevel: number };

const oldestVersion = 0;
const leaderUnchanged = -2;
/** No broker in particular: the block is the cluster's. */
const nobody = -1;

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
      return wire.encodeMetadataRecord("PartitionChangeRecord", draft, oldestVersion);
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
  }
}

/**
 * null: a record that changes nothing here.
 * @throws {CorruptMetadata | MalformedFrame} when it is none, or a newer program wrote it
 */
export function decodeMetadataRecord(bytes: Uint8Array | null): MetadataRecord | null {
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
    case "NoOpRecord":
      return null;
    default: {
      // To skip it would be to lose what it said.
      const what = record.kind === "other" ? `of type ${record.type}` : `a ${record.kind}`;
      throw new CorruptMetadata(`Cannot apply a metadata record: it is ${what}, which this program does not write`);
    }
  }
}
