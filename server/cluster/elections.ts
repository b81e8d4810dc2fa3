/**
 * Who is to lead a partition when an administrator asks for an election (KIP-183, KIP-460), decided on the image.
 *
 *   election    is needed while                          elects
 *   preferred   another than the first replica leads     the first replica, alive and in sync
 *   unclean     nobody leads                             the first replica that is alive; in sync from then on is that one alone
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { MetadataImage, PartitionState } from "./image.ts";
import { PartitionChanges, type PartitionOutcome } from "./planned.ts";
import type { MetadataRecord } from "./records.ts";

/** Kafka's numbers. */
export const ElectionType = { PREFERRED: 0, UNCLEAN: 1 } as const;

/** One for all: of a whole cluster it may be said a hundred thousand times. */
const notNeeded = new ProtocolError(
  ErrorCode.ELECTION_NOT_NEEDED,
  "Leader election not needed for topic partition.",
);

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface ElectionOutcome {
  readonly topic: string;
  readonly partitions: readonly PartitionOutcome[];
}

/**
 * @param topics null: all there are; those that need no election are left out of the outcome
 * @throws {ProtocolError} INVALID_REQUEST
 */
export function planElections(
  image: MetadataImage,
  electionType: number,
  topics: readonly TopicPartitions[] | null,
  aliveIds: readonly number[],
): { readonly records: readonly MetadataRecord[]; readonly outcome: readonly ElectionOutcome[] } {
  if (electionType !== ElectionType.PREFERRED && electionType !== ElectionType.UNCLEAN) {
    throw new ProtocolError(ErrorCode.INVALID_REQUEST, `Unknown election type ${electionType}`);
  }
  const asked = topics ??
    image.topics().map(({ name, partitions }) => ({ topic: name, partitions: [...partitions.keys()] }));
  const changes = new PartitionChanges();
  const outcome = asked.map(({ topic, partitions }) => {
    const results = partitions.map((index) =>
      changes.plan(topic, index, () => elect(image, topic, index, electionType, aliveIds))
    );
    const told = topics === null
      ? results.filter(({ error }) => error?.code !== ErrorCode.ELECTION_NOT_NEEDED)
      : results;
    return { topic, partitions: told };
  });
  return { records: changes.records, outcome };
}

/** @throws {ProtocolError} */
function elect(
  image: MetadataImage,
  name: string,
  index: number,
  electionType: number,
  aliveIds: readonly number[],
): MetadataRecord {
  const topic = image.topic(name);
  if (topic === undefined) throw unknown(`No such topic as ${name}`);
  const partition = topic.partitions[index];
  if (partition === undefined) throw unknown(`No such partition as ${name}-${index}`);
  const change = { kind: "partitionChange", partitionId: index, topicId: topic.id, replicas: null } as const;
  return electionType === ElectionType.PREFERRED
    ? { ...change, leader: preferredLeader(partition, aliveIds), isr: null }
    : uncleanly(change, partition, aliveIds);
}

function preferredLeader({ leaderId, replicas, isr }: PartitionState, aliveIds: readonly number[]): number {
  const first = replicas[0];
  if (leaderId === first) throw notNeeded;
  if (first !== undefined && isr.includes(first) && aliveIds.includes(first)) return first;
  throw new ProtocolError(
    ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
    "The preferred leader was not available.",
  );
}

function uncleanly(
  change: Omit<MetadataRecord & { readonly kind: "partitionChange" }, "leader" | "isr">,
  { leaderId, replicas, isr }: PartitionState,
  aliveIds: readonly number[],
): MetadataRecord {
  if (leaderId !== -1) throw notNeeded;
  const inSync = isr.find((id) => aliveIds.includes(id));
  if (inSync !== undefined) return { ...change, leader: inSync, isr: null };
  const leader = replicas.find((id) => aliveIds.includes(id));
  if (leader !== undefined) return { ...change, leader, isr: [leader] };
  throw new ProtocolError(
    ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
    "Eligible topic partition leaders are not available.",
  );
}

function unknown(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
}
