/**
 * From a request about topics to the records that carry it out, or the error that refuses it. Pure: what is decided
 * depends on the image and the request alone, so a decision can be taken again when the image moved meanwhile.
 *
 * The order of checks and the words of refusals are Kafka's: tools print them, tests of clients look for them.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { MetadataImage, Topic } from "./image.ts";
import { ResourceType } from "./image.ts";
import type { MetadataRecord } from "./records.ts";
import { METADATA_TOPIC, topicNameTrouble } from "./topic_name.ts";

/** Kafka's bound on what one request may create, so that one change stays one batch of a sane size. */
export const partitionsPerRequestMax = 10_000;
/** The leader of a partition that has none. */
const NOBODY = -1;

/** -1 partitions or replicas: the broker's default, or what `assignments` say. */
export interface TopicRequest {
  readonly name: string;
  readonly partitionCount?: number;
  readonly replicationFactor?: number;
  readonly assignments?: readonly PartitionAssignment[];
  readonly configs?: ReadonlyMap<string, string | null>;
}

export interface PartitionAssignment {
  readonly partitionIndex: number;
  readonly brokerIds: readonly number[];
}

export interface PartitionsRequest {
  readonly name: string;
  /** The total afterwards. */
  readonly count: number;
  /** Replicas of each new partition; null: we choose. */
  readonly assignments: readonly (readonly number[])[] | null;
}

export interface PlanContext {
  /** Ids of the brokers that can take replicas, ascending. */
  readonly brokerIds: readonly number[];
  readonly defaultPartitionCount: number;
  readonly defaultReplicationFactor: number;
  newTopicId(): string;
  /** @throws {ProtocolError} INVALID_CONFIG */
  checkConfigs(configs: ReadonlyMap<string, string>): void;
}

/**
 * Requests for too many new partitions in all are refused whole, before anything else of them is looked at.
 * @throws {ProtocolError} POLICY_VIOLATION
 */
export function refuseManyPartitions(requests: readonly TopicRequest[], defaultPartitionCount: number): void {
  let total = 0;
  for (const { partitionCount = -1, assignments = [] } of requests) {
    if (assignments.length > 0) total += assignments.length;
    else total += partitionCount === -1 ? defaultPartitionCount : Math.max(0, partitionCount);
  }
  if (total <= partitionsPerRequestMax) return;
  throw new ProtocolError(ErrorCode.POLICY_VIOLATION, "Excessively large number of partitions per request.");
}

/** @throws {ProtocolError} POLICY_VIOLATION, as `refuseManyPartitions` */
export function refuseManyMorePartitions(image: MetadataImage, requests: readonly PartitionsRequest[]): void {
  let total = 0;
  for (const { name, count } of requests) total += Math.max(0, count - (image.topic(name)?.partitions.length ?? count));
  if (total <= partitionsPerRequestMax) return;
  throw new ProtocolError(ErrorCode.POLICY_VIOLATION, "Excessively large number of additional partitions per request.");
}

/** @throws {ProtocolError} why the topic cannot be made */
export function planTopic(image: MetadataImage, request: TopicRequest, context: PlanContext): MetadataRecord[] {
  const { name } = request;
  if (name === METADATA_TOPIC) {
    throw new ProtocolError(ErrorCode.INVALID_REQUEST, `Creation of internal topic ${name} is prohibited.`);
  }
  checkTopicName(name);
  if (image.topic(name) !== undefined) {
    throw new ProtocolError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  }
  const other = image.collidingTopic(name);
  if (other !== undefined) {
    throw new ProtocolError(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `Topic '${name}' collides with existing topic: ${other}`,
    );
  }
  const configs = checkConfigs(request.configs ?? new Map(), context);
  const replicas = placeNewTopic(request, context);
  const topicId = context.newTopicId();
  return [
    { kind: "topic", name, topicId },
    ...replicas.map((brokerIds, index) => newPartition(topicId, index, brokerIds)),
    ...[...configs].map(([key, value]): MetadataRecord => ({
      kind: "config",
      resourceType: ResourceType.TOPIC,
      resourceName: name,
      name: key,
      value,
    })),
  ];
}

/** @throws {ProtocolError} why the topic cannot grow */
export function planPartitions(
  image: MetadataImage,
  request: PartitionsRequest,
  context: Pick<PlanContext, "brokerIds">,
): MetadataRecord[] {
  const topic = image.topic(request.name);
  if (topic === undefined) throw new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const present = topic.partitions.length;
  const additional = request.count - present;
  if (additional === 0) {
    throw new ProtocolError(ErrorCode.INVALID_PARTITIONS, `Topic already has ${present} partition(s).`);
  }
  if (additional < 0) {
    throw new ProtocolError(
      ErrorCode.INVALID_PARTITIONS,
      `The topic ${topic.name} currently has ${present} partition(s); ${request.count} would not be an increase.`,
    );
  }
  const replicationFactor = topic.partitions[0]!.replicas.length;
  if (request.assignments === null) {
    checkReplicationFactor(replicationFactor, context.brokerIds);
    return spread(context.brokerIds, { first: present, count: countToPlan(additional), replicationFactor })
      .map((brokerIds, index) => newPartition(topic.id, present + index, brokerIds));
  }
  if (request.assignments.length !== additional) {
    throw new ProtocolError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `Attempted to add ${additional} additional partition(s), ` +
        `but only ${request.assignments.length} assignment(s) were specified.`,
    );
  }
  return request.assignments.map((brokerIds, index) => {
    checkAssignment(brokerIds, replicationFactor, context.brokerIds);
    return newPartition(topic.id, present + index, brokerIds);
  });
}

/** @throws {ProtocolError} INVALID_TOPIC_EXCEPTION */
export function checkTopicName(name: string): void {
  const trouble = topicNameTrouble(name);
  if (trouble === null) return;
  throw new ProtocolError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${trouble}`);
}

/** Every partition's leader starts a new epoch: what an unclean stop may have cut off cannot pass for what follows. */
export function planNewEpochs(topics: Iterable<Topic>): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const topic of topics) {
    for (const { index, leaderId } of topic.partitions) {
      if (leaderId !== NOBODY) records.push(leadershipOf(topic, index, leaderId));
    }
  }
  return records;
}

/**
 * Leads partitions that nobody leads and of which this node has all there is. A Kafka controller takes the leadership from a
 * broker that stops, also from the last one, and may take it off the in-sync replicas: in a folder taken over from it, all
 * partitions are like that.
 */
export function planOrphans(topics: Iterable<Topic>, nodeId: number): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const topic of topics) {
    for (const { index, leaderId, replicas, isr } of topic.partitions) {
      const isOnlyReplica = replicas.length === 1 && replicas[0] === nodeId;
      if (leaderId !== NOBODY || !(isOnlyReplica || isr.includes(nodeId))) continue;
      records.push({ ...leadershipOf(topic, index, nodeId), isr: isr.includes(nodeId) ? null : [nodeId] });
    }
  }
  return records;
}

function leadershipOf({ id: topicId }: Topic, partitionId: number, leader: number) {
  return { kind: "partitionChange", partitionId, topicId, leader, replicas: null, isr: null } as const;
}

function checkConfigs(given: ReadonlyMap<string, string | null>, context: PlanContext): ReadonlyMap<string, string> {
  const configs = new Map<string, string>();
  const nullNames: string[] = [];
  for (const [name, value] of given) {
    if (value === null) nullNames.push(name);
    else configs.set(name, value);
  }
  if (nullNames.length > 0) {
    throw new ProtocolError(
      ErrorCode.INVALID_CONFIG,
      `Null value not supported for topic configs: ${nullNames.join(",")}`,
    );
  }
  context.checkConfigs(configs);
  return configs;
}

/** Replicas of each partition of a new topic. */
function placeNewTopic(request: TopicRequest, context: PlanContext): readonly (readonly number[])[] {
  const { partitionCount = -1, replicationFactor = -1, assignments = [] } = request;
  if (assignments.length > 0) return placeByHand(assignments, partitionCount, replicationFactor, context);
  if (replicationFactor < -1 || replicationFactor === 0) {
    throw new ProtocolError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      "Replication factor must be larger than 0, or -1 to use the default value.",
    );
  }
  if (partitionCount < -1 || partitionCount === 0) {
    throw new ProtocolError(
      ErrorCode.INVALID_PARTITIONS,
      "Number of partitions was set to an invalid non-positive value.",
    );
  }
  const count = partitionCount === -1 ? context.defaultPartitionCount : partitionCount;
  const factor = replicationFactor === -1 ? context.defaultReplicationFactor : replicationFactor;
  checkReplicationFactor(factor, context.brokerIds);
  return spread(context.brokerIds, { first: 0, count: countToPlan(count), replicationFactor: factor });
}

/** A plan of more is refused by its number, before or after: one more than may be says as much as two thousand million. */
function countToPlan(partitionCount: number): number {
  return Math.min(partitionCount, partitionsPerRequestMax + 1);
}

function placeByHand(
  assignments: readonly PartitionAssignment[],
  partitionCount: number,
  replicationFactor: number,
  context: PlanContext,
): readonly (readonly number[])[] {
  if (replicationFactor !== -1) {
    throw new ProtocolError(
      ErrorCode.INVALID_REQUEST,
      "A manual partition assignment was specified, but replication factor was not set to -1.",
    );
  }
  if (partitionCount !== -1) {
    throw new ProtocolError(
      ErrorCode.INVALID_REQUEST,
      "A manual partition assignment was specified, but numPartitions was not set to -1.",
    );
  }
  const replicas = new Map<number, readonly number[]>();
  let expected: number | null = null;
  for (const { partitionIndex, brokerIds } of assignments) {
    if (replicas.has(partitionIndex)) {
      throw new ProtocolError(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `Found multiple manual partition assignments for partition ${partitionIndex}`,
      );
    }
    checkAssignment(brokerIds, expected, context.brokerIds);
    expected = brokerIds.length;
    replicas.set(partitionIndex, brokerIds);
  }
  return Array.from({ length: replicas.size }, (_, index) => {
    const brokerIds = replicas.get(index);
    if (brokerIds !== undefined) return brokerIds;
    throw new ProtocolError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "partitions should be a consecutive 0-based integer sequence",
    );
  });
}

/** @throws {ProtocolError} INVALID_REPLICA_ASSIGNMENT */
export function checkAssignment(brokerIds: readonly number[], expected: number | null, known: readonly number[]): void {
  const refuse = (what: string) =>
    new ProtocolError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `The manual partition assignment includes ${what}`);
  if (brokerIds.length === 0) throw refuse("an empty replica list.");
  const seen = new Set<number>();
  for (const id of [...brokerIds].sort((one, other) => one - other)) {
    if (seen.has(id)) throw refuse(`the broker ${id} more than once.`);
    if (!known.includes(id)) throw refuse(`broker ${id}, but no such broker is registered.`);
    seen.add(id);
  }
  if (expected !== null && brokerIds.length !== expected) {
    throw refuse(
      `a partition with ${brokerIds.length} replica(s), but this is not consistent with previous partitions, ` +
        `which have ${expected} replica(s).`,
    );
  }
}

function checkReplicationFactor(factor: number, brokerIds: readonly number[]): void {
  if (factor <= brokerIds.length) return;
  throw new ProtocolError(
    ErrorCode.INVALID_REPLICATION_FACTOR,
    `Unable to replicate the partition ${factor} time(s): The target replication factor of ${factor} cannot be ` +
      `reached because only ${brokerIds.length} broker(s) are registered or some brokers have all their log directories cordoned.`,
  );
}

/** Partition i leads on broker i mod n, its followers are the next ones. */
function spread(
  brokerIds: readonly number[],
  partitions: { readonly first: number; readonly count: number; readonly replicationFactor: number },
): number[][] {
  return Array.from(
    { length: partitions.count },
    (_, index) =>
      Array.from(
        { length: partitions.replicationFactor },
        (_, replica) => brokerIds[(partitions.first + index + replica) % brokerIds.length]!,
      ),
  );
}

function newPartition(topicId: string, partitionId: number, replicas: readonly number[]): MetadataRecord {
  const leader = replicas[0]!;
  return {
    kind: "partition",
    partitionId,
    topicId,
    leader,
    leaderEpoch: 0,
    partitionEpoch: 0,
    replicas,
    isr: replicas,
  };
}
