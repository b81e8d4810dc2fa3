/** What of an answer is compared, where that is not all of it. */

import { apiVersions, type ApiVersionsResponse } from "../../../protocol/api/18_api_versions.ts";
import { describeConfigs, type DescribeConfigsResponse } from "../../../protocol/api/32_describe_configs.ts";
import { createTopics, type CreateTopicsResponse } from "../../../protocol/api/19_create_topics.ts";
import { describeLogDirs, type DescribeLogDirsResponse } from "../../../protocol/api/35_describe_log_dirs.ts";
import {
  describeClientQuotas,
  type DescribeClientQuotasResponse,
} from "../../../protocol/api/48_describe_client_quotas.ts";
import { describeQuorum } from "../../../protocol/api/55_describe_quorum.ts";
import {
  describeTopicPartitions,
  type DescribeTopicPartitionsResponse,
} from "../../../protocol/api/75_describe_topic_partitions.ts";
import {
  describeUserScramCredentials,
  type DescribeUserScramCredentialsResponse,
} from "../../../protocol/api/50_describe_user_scram_credentials.ts";
import { electLeaders, type ElectLeadersResponse } from "../../../protocol/api/43_elect_leaders.ts";
import { fetch, type FetchResponse } from "../../../protocol/api/01_fetch.ts";
import {
  getTelemetrySubscriptions,
  type GetTelemetrySubscriptionsResponse,
} from "../../../protocol/api/71_get_telemetry_subscriptions.ts";
import {
  listConfigResources,
  type ListConfigResourcesResponse,
} from "../../../protocol/api/74_list_config_resources.ts";
import { listGroups, type ListGroupsResponse } from "../../../protocol/api/16_list_groups.ts";
import { listTransactions, type ListTransactionsResponse } from "../../../protocol/api/66_list_transactions.ts";
import { metadata, type MetadataResponse } from "../../../protocol/api/03_metadata.ts";
import { quorumFacts } from "../answers/administration.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import type { Talk } from "./talk.ts";

const BROKER = 4, BROKER_LOGGER = 8;

type View = (answer: never, talk: Talk) => unknown;

const views: Readonly<Record<number, View>> = {
  // A session's id is random.
  [fetch.key]: ({ sessionId, ...rest }: FetchResponse) => ({ ...rest, session: sessionId > 0 ? "one" : sessionId }),
  // Others' topics come and go.
  [metadata.key]: ({ topics, ...rest }: MetadataResponse, talk) => ({
    ...rest,
    topics: topics.length <= 2 ? topics : topics.filter(({ name }) => talk.knows(name)),
  }),
  [describeTopicPartitions.key]: ({ topics, ...rest }: DescribeTopicPartitionsResponse, talk) => ({
    ...rest,
    topics: topics.length <= 2 ? topics : topics.filter(({ name }) => talk.knows(name)),
  }),
  [listGroups.key]: ({ groups, ...rest }: ListGroupsResponse, talk) => ({
    ...rest,
    groups: groups.filter(({ groupId }) => talk.knows(groupId)),
  }),
  [listTransactions.key]: ({ transactionStates, ...rest }: ListTransactionsResponse, talk) => ({
    ...rest,
    transactionStates: transactionStates.filter(({ transactionalId }) => talk.knows(transactionalId)),
  }),
  // Which APIs there are is docs/protocol_support.md's; that the answer is one is compared.
  [apiVersions.key]: ({ errorCode, apiKeys }: ApiVersionsResponse) => ({
    errorCode,
    own: apiKeys.filter(({ apiKey }) => apiKey === apiVersions.key),
  }),
  // Weir has configs and loggers of its own, and its own words for all. What both have is compared by kafka_configs.
  [createTopics.key]: ({ topics, ...rest }: CreateTopicsResponse) => ({
    ...rest,
    topics: topics.map(({ configs, ...topic }) => ({ ...topic, hasConfigs: (configs?.length ?? 0) > 0 })),
  }),
  [describeConfigs.key]: ({ results, ...rest }: DescribeConfigsResponse) => ({
    ...rest,
    results: results.map(({ configs, ...result }) => ({
      ...result,
      configs: configs.length > 5 || (configs.length > 0 && result.resourceType === BROKER_LOGGER)
        ? "many"
        : configs.map(({ documentation, synonyms, ...config }) => ({
          ...config,
          isDocumented: documentation !== null,
          synonymCount: synonyms.length,
        })),
    })),
  }),
  [describeLogDirs.key]: ({ results, ...rest }: DescribeLogDirsResponse, talk) => ({
    ...rest,
    results: results.map(({ logDir: _, totalBytes, usableBytes, topics, ...result }) => ({
      ...result,
      isSized: [totalBytes > 0, usableBytes > 0],
      topics: topics.filter(({ name }) => talk.knows(name)),
    })),
  }),
  [describeQuorum.key]: quorumFacts,
  [electLeaders.key]: ({ replicaElectionResults, ...rest }: ElectLeadersResponse, talk) => ({
    ...rest,
    replicaElectionResults: replicaElectionResults.length <= 2
      ? replicaElectionResults
      : replicaElectionResults.filter(({ topic }) => talk.knows(topic)),
  }),
  // Null is everybody's default; whatever else has limits or passwords is another question's.
  [describeClientQuotas.key]: ({ entries, ...rest }: DescribeClientQuotasResponse, talk) => ({
    ...rest,
    entries: entries?.filter(({ entity }) => entity.some(({ entityName }) => talk.knows(entityName))) ?? null,
  }),
  [describeUserScramCredentials.key]: ({ results, ...rest }: DescribeUserScramCredentialsResponse, talk) => ({
    ...rest,
    results: results.length <= 2 ? results : results.filter(({ user }) => talk.knows(user)),
  }),
  [listConfigResources.key]: ({ configResources, ...rest }: ListConfigResourcesResponse, talk) => ({
    ...rest,
    configResources: configResources.filter(({ resourceName, resourceType }) =>
      talk.knows(resourceName) || resourceType === BROKER
    ),
  }),
  // A subscription's id is a checksum of other texts.
  [getTelemetrySubscriptions.key]: (
    { subscriptionId, clientInstanceId, ...rest }: GetTelemetrySubscriptionsResponse,
  ) => ({ ...rest, isSubscribed: subscriptionId !== 0, isNamed: clientInstanceId !== ZERO_UUID }),
};

export function viewOf(api: { readonly key: number }, answer: unknown, talk: Talk): unknown {
  const view = views[api.key];
  return view === undefined ? answer : view(answer as never, talk);
}
