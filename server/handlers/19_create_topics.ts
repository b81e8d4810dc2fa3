/**
 * CreateTopics: v0–v7.
 *
 * v1 validate only, messages · v2 throttle time · v4 -1 for the broker's defaults · v5 flexible, answers what the topic
 * got (KIP-525) · v6 may answer THROTTLING_QUOTA_EXCEEDED (KIP-599) · v7 topic ids
 *
 * Each topic on its own merits; those that can be made are made in one durable change, and take records when this is
 * answered. One named twice is refused, and answered once. What refuses all of them (no time left, too many partitions) is told
 * of every topic as it was asked for.
 */
import {
  createTopics,
  type CreateTopicsRequest,
  type CreateTopicsResponseDraft,
} from "../../protocol/api/19_create_topics.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import type { Topic, TopicRequest } from "../cluster/cluster.ts";
import { withinDeadline } from "../cluster/deadline.ts";
import { METADATA_TOPIC } from "../cluster/topic_name.ts";
import { describeTopic } from "../config/describe.ts";
import { handle } from "../handler.ts";

type Answer = CreateTopicsResponseDraft["topics"][number];

export const createTopicsHandler = handle(createTopics, [0, 7], async (request, { broker, apiVersion, meter }) => {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name } of request.topics) (seen.has(name) ? twice : seen).add(name);
  const duplicate = new ProtocolError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.");
  const reserved = new ProtocolError(
    ErrorCode.INVALID_REQUEST,
    `Creation of internal topic ${METADATA_TOPIC} is prohibited.`,
  );
  const answers = [...twice].map((name) => refused(name, duplicate));
  if (seen.has(METADATA_TOPIC) && !twice.has(METADATA_TOPIC)) answers.push(refused(METADATA_TOPIC, reserved));
  const wanted = request.topics.filter(({ name }) => !twice.has(name) && name !== METADATA_TOPIC);
  if (wanted.length === 0) return { topics: answers };
  const admission = meter?.mutations({ isStrict: apiVersion >= 6 });
  try {
    const outcomes = await withinDeadline(
      broker.runtime.timers,
      request.timeoutMs,
      () => broker.cluster.createTopics(wanted.map(topicRequest), { validateOnly: request.validateOnly, admission }),
    );
    for (const { name, topic, error } of outcomes) {
      answers.push(error === null ? made(broker, topic) : refused(name, error));
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { topics: request.topics.map(({ name }) => refused(name, error)) };
  }
  return { topics: answers };
});

function topicRequest(topic: CreateTopicsRequest["topics"][number]): TopicRequest {
  const { name, numPartitions, replicationFactor, assignments, configs } = topic;
  return {
    name,
    partitionCount: numPartitions,
    replicationFactor,
    assignments,
    configs: new Map(configs.map((config) => [config.name, config.value])),
  };
}

function made(broker: Broker, topic: Topic): Answer {
  return {
    name: topic.name,
    topicId: topic.id,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    numPartitions: topic.partitions.length,
    replicationFactor: topic.partitions[0]!.replicas.length,
    configs: describeTopic(topic.configs, broker.config),
  };
}

function refused(name: string, error: ProtocolError): Answer {
  return { name, errorCode: error.code, errorMessage: error.message, configs: [] };
}
