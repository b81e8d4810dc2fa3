/**
 * DescribeConfigs: v0–v4.
 *
 * v0 "is default" · v1 source and synonyms · v3 type and documentation · v4 flexible
 *
 * Answers for topics, this broker (by its id), all brokers (by no name), the broker's logger, groups and client metrics
 * subscriptions. Groups and subscriptions need not exist: their defaults do. One resource of a kind that nobody knows refuses
 * them all.
 */
import { describeConfigs, type DescribeConfigsRequest } from "../../protocol/api/32_describe_configs.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { ResourceType } from "../cluster/cluster.ts";
import { topicNameTrouble } from "../cluster/topic_name.ts";
import {
  ConfigSource,
  describeAllBrokers,
  describeBroker,
  describeClientMetrics,
  type DescribedConfig,
  describeGroup,
  describeLogger,
  describeTopic,
} from "../config/describe.ts";
import { requireName } from "../config/resource_name.ts";
import { handle } from "../handler.ts";

export const describeConfigsHandler = handle(describeConfigs, [0, 4], (request, { broker, apiVersion }) => ({
  throttleTimeMs: 0,
  results: request.resources.map((resource) => {
    const { resourceType, resourceName } = resource;
    try {
      refuseUnknownKinds(request);
      const configs = select(describe(broker, resource), resource.configurationKeys)
        .map((config) => entry(config, request, apiVersion));
      return { errorCode: ErrorCode.NONE, errorMessage: "", resourceType, resourceName, configs };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { errorCode: error.code, errorMessage: error.message, resourceType, resourceName, configs: [] };
    }
  }),
}));

type Resource = DescribeConfigsRequest["resources"][number];

function describe(
  { cluster, config, logger }: Broker,
  { resourceType, resourceName: name }: Resource,
): DescribedConfig[] {
  const overrides = (resource = name) => cluster.configsOf({ type: resourceType, name: resource });
  switch (resourceType) {
    case ResourceType.TOPIC: {
      const trouble = topicNameTrouble(name);
      if (trouble !== null) {
        throw new ProtocolError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${trouble}`);
      }
      const topic = cluster.topic(name);
      if (topic === undefined) throw new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "");
      return describeTopic(topic.configs, config);
    }
    case ResourceType.BROKER:
      if (name === "") return describeAllBrokers(config, { allBrokers: overrides() });
      requireOwnId(name, cluster.nodeId, " or empty string");
      return describeBroker(config, { thisBroker: overrides(), allBrokers: overrides("") });
    case ResourceType.BROKER_LOGGER:
      requireName(name, "Broker id must not be empty");
      requireOwnId(name, cluster.nodeId, "");
      return describeLogger(logger.level);
    case ResourceType.CLIENT_METRICS:
      requireName(name, "Client metrics subscription name must not be empty");
      return describeClientMetrics(overrides());
    case ResourceType.GROUP:
      requireName(name, "Group name must not be empty");
      return describeGroup(overrides(), config);
    default:
      throw unsupported(resourceType);
  }
}

const knownTypes = new Set<number>(Object.values(ResourceType));

function refuseUnknownKinds({ resources }: DescribeConfigsRequest): void {
  const unknown = resources.find(({ resourceType }) => !knownTypes.has(resourceType));
  if (unknown !== undefined) throw unsupported(unknown.resourceType);
}

function unsupported(resourceType: number): ProtocolError {
  return new ProtocolError(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${resourceType}`);
}

/** No names, or none at all, mean all of them. */
function select(configs: DescribedConfig[], names: readonly string[] | null): DescribedConfig[] {
  return names === null || names.length === 0 ? configs : configs.filter(({ name }) => names.includes(name));
}

function entry(
  config: DescribedConfig,
  { includeSynonyms, includeDocumentation }: DescribeConfigsRequest,
  apiVersion: number,
) {
  return {
    ...config,
    // v0 said only this of a config's source.
    ...(apiVersion === 0 ? { isDefault: config.configSource === ConfigSource.DEFAULT } : {}),
    synonyms: includeSynonyms ? [...config.synonyms] : [],
    documentation: includeDocumentation ? config.documentation : null,
  };
}

function requireOwnId(name: string, nodeId: number, alternative: string): void {
  if (name === `${nodeId}`) return;
  throw new ProtocolError(
    ErrorCode.INVALID_REQUEST,
    `Unexpected broker id, expected ${nodeId}${alternative}, but received ${name}`,
  );
}
