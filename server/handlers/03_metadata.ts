/**
 * Metadata: v0–v13.
 *
 * v0 an empty list means all topics · v1 null means all; controller, racks, internal topics · v2 cluster id · v4 the
 * client says whether topics may be made · v5 offline replicas · v7 leader epochs · v8 authorized operations · v9 flexible
 * · v10 topic ids in answers · v11 no cluster operations · v12 topics by id · v13 an error for the whole (KIP-1102)
 *
 * A missing topic that may be made is made and answered complete: a local change takes a sync of the disk. (Kafka answers
 * UNKNOWN_TOPIC_OR_PARTITION first, and the client asks again.) Topics are answered in the order asked, all of them by name.
 */
import { metadata, type MetadataRequest, type MetadataResponseDraft } from "../../protocol/api/03_metadata.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import type { Broker } from "../broker.ts";
import { clusterOperations, operationsNotAsked, topicOperations } from "../cluster/authorized_operations.ts";
import type { PartitionState, Topic } from "../cluster/cluster.ts";
import { isInternalTopic, topicNameTrouble } from "../cluster/topic_name.ts";
import { handle, type RequestContext } from "../handler.ts";

type TopicAnswer = MetadataResponseDraft["topics"][number];

export const metadataHandler = handle(metadata, [0, 13], (request, context) => {
  const { broker, apiVersion } = context;
  const { topics } = request;
  const operations = request.includeTopicAuthorizedOperations ? topicOperations : operationsNotAsked;
  if (topics === null || (apiVersion === 0 && topics.length === 0)) {
    return respond(context, request, broker.cluster.topics().map((topic) => found(broker, topic, operations)));
  }
  if (apiVersion < 12 && topics.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID)) {
    return refuse(topics, ErrorCode.INVALID_REQUEST);
  }
  if (topics.some(({ name, topicId }) => name === null && topicId === ZERO_UUID)) {
    // Kafka's, from v12 on, to a topic that is neither named nor identified.
    const errorCode = ErrorCode.UNKNOWN_SERVER_ERROR;
    return apiVersion >= 13 ? { ...refuse(topics, errorCode), errorCode } : refuse(topics, errorCode);
  }
  const ids = topics.filter(({ topicId }) => topicId !== ZERO_UUID).map(({ topicId }) => topicId);
  if (ids.length > 0) return respond(context, request, [...new Set(ids)].map((id) => byId(broker, id, operations)));

  const names = [...new Set(topics.map(({ name }) => name ?? ""))];
  const missing = missingTopics(broker, request, names);
  const answer = (errors: ReadonlyMap<string, number>) =>
    respond(context, request, names.map((name) => byName(broker, name, operations, errors)));
  return missing.length === 0 ? answer(new Map()) : makeTopics(context, missing).then(answer);
});

/** Names that may become topics, if the client and the broker let them. */
function missingTopics(broker: Broker, request: MetadataRequest, names: readonly string[]): string[] {
  if (!request.allowAutoTopicCreation || !broker.config.get("auto.create.topics.enable")) return [];
  return names.filter((name) => broker.cluster.topic(name) === undefined && topicNameTrouble(name) === null);
}

/** The topic is not there, that is all: for the metadata's own topic, which is none, and for a client over its limit. */
const untold: ReadonlySet<number> = new Set([ErrorCode.INVALID_REQUEST, ErrorCode.THROTTLING_QUOTA_EXCEEDED]);

/** Makes them; gives the errors of those that could not be made. */
async function makeTopics(
  { broker, meter }: RequestContext,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const errors = new Map<string, number>();
  try {
    const admission = meter?.mutationsAside({ isStrict: true });
    for (const { name, error } of await broker.cluster.autoCreateTopics(names, { admission })) {
      if (error !== null && !untold.has(error.code)) errors.set(name, error.code);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    for (const name of names) errors.set(name, error.code);
  }
  return errors;
}

function byName(
  broker: Broker,
  name: string,
  operations: number,
  errors: ReadonlyMap<string, number>,
): TopicAnswer {
  const topic = broker.cluster.topic(name);
  if (topic !== undefined) return found(broker, topic, operations);
  const invalid = topicNameTrouble(name) === null ? undefined : ErrorCode.INVALID_TOPIC_EXCEPTION;
  return {
    errorCode: invalid ?? errors.get(name) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    name,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: operations,
  };
}

function byId(broker: Broker, topicId: string, operations: number): TopicAnswer {
  const topic = broker.cluster.topicById(topicId);
  if (topic !== undefined) return found(broker, topic, operations);
  return { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId, partitions: [] };
}

function found(broker: Broker, topic: Topic, operations: number): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map((partition) => describePartition(broker, topic, partition)),
    topicAuthorizedOperations: operations,
  };
}

/** For DescribeTopicPartitions too. A replica here whose log has failed has no leader: nobody else has its data. */
export function describePartition(broker: Broker, topic: Topic, partition: PartitionState) {
  const { index, leaderId, leaderEpoch, replicas, isr } = partition;
  const isOffline = broker.partitions.get(topic.name, index)?.log.isOffline ?? true;
  const leader = isOffline && leaderId === broker.cluster.nodeId ? -1 : leaderId;
  return {
    errorCode: leader === -1 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
    partitionIndex: index,
    leaderId: leader,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: isr,
    offlineReplicas: isOffline ? replicas.filter((id) => id === broker.cluster.nodeId) : [],
  };
}

function respond(
  { broker, connection }: RequestContext,
  request: MetadataRequest,
  topics: readonly TopicAnswer[],
): MetadataResponseDraft {
  const { cluster } = broker;
  return {
    brokers: cluster.brokers(connection.listener.name).map(({ id, ...node }) => ({ nodeId: id, ...node })),
    clusterId: cluster.clusterId,
    controllerId: cluster.controllerId,
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsNotAsked,
  };
}

/** A request that makes no sense as a whole; v10 and v11 have ids in it that mean nothing there. */
function refuse(topics: NonNullable<MetadataRequest["topics"]>, errorCode: number): MetadataResponseDraft {
  return {
    brokers: [],
    topics: topics.map(({ name, topicId }) => ({ errorCode, name: name ?? "", topicId, partitions: [] })),
  };
}
