/**
 * Other replicas for partitions (KIP-455), decided on the image.
 *
 * A reassignment gives records to brokers that do not have them, and is under way until they do. With one broker there is
 * nobody to give them to and nobody to get them from, so none is ever under way: what can be asked for is what is there already,
 * or, in a folder from a larger cluster, this broker alone in place of it and others.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { MetadataImage, PartitionState } from "./image.ts";
import { checkNamedPartitions, PartitionChanges, type PartitionOutcome } from "./planned.ts";
import type { MetadataRecord } from "./records.ts";
import { checkAssignment } from "./topic_plans.ts";

export interface ReassignmentRequest {
  readonly name: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    /** null: an end to the reassignment that is under way. */
    readonly replicas: readonly number[] | null;
  }[];
}

export interface ReassignmentOutcome {
  readonly name: string;
  readonly partitions: readonly PartitionOutcome[];
}

/** @throws {ProtocolError} POLICY_VIOLATION for a request that is too large */
export function planReassignments(
  image: MetadataImage,
  topics: readonly ReassignmentRequest[],
  options: { readonly brokerIds: readonly number[]; readonly mayChangeCount: boolean },
): { readonly records: readonly MetadataRecord[]; readonly outcome: readonly ReassignmentOutcome[] } {
  checkNamedPartitions(topics.reduce((sum, { partitions }) => sum + partitions.length, 0), image.topics());
  const changes = new PartitionChanges();
  const outcome = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex: index, replicas }) =>
      changes.plan(name, index, () => reassign(image, name, index, replicas, options))
    ),
  }));
  return { records: changes.records, outcome };
}

/**
 * null: it is so already.
 * @throws {ProtocolError}
 */
function reassign(
  image: MetadataImage,
  name: string,
  index: number,
  replicas: readonly number[] | null,
  { brokerIds, mayChangeCount }: { readonly brokerIds: readonly number[]; readonly mayChangeCount: boolean },
): MetadataRecord | null {
  const topic = image.topic(name);
  if (topic === undefined) throw unknown(`Unable to find a topic named ${name}.`);
  const partition = topic.partitions[index];
  if (partition === undefined) throw unknown(`Unable to find partition ${name}:${index}.`);
  if (replicas === null) throw new ProtocolError(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  checkAssignment(replicas, null, brokerIds);
  if (!mayChangeCount && replicas.length !== partition.replicas.length) {
    throw new ProtocolError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `The replication factor is changed from ${partition.replicas.length} to ${replicas.length}`,
    );
  }
  if (isEqual(replicas, partition.replicas)) return null;
  return { ...placedOn(replicas, partition, name), partitionId: index, topicId: topic.id };
}

/** @throws {ProtocolError} where a replica lacks records, for nobody could give them to it */
function placedOn(replicas: readonly number[], { isr, leaderId }: PartitionState, name: string) {
  const behind = replicas.filter((id) => !isr.includes(id));
  if (behind.length > 0) {
    throw new ProtocolError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `No broker is there that could give ${behind.join(", ")} the records of ${name}.`,
    );
  }
  const inSync = isr.filter((id) => replicas.includes(id));
  return {
    kind: "partitionChange",
    leader: replicas.includes(leaderId) ? null : replicas[0]!,
    replicas,
    isr: isEqual(inSync, isr) ? null : inSync,
  } as const;
}

function isEqual(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((id, index) => id === other[index]);
}

function unknown(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
}
