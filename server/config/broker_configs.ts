/** All configs of the broker, by name. */

import { clusterConfigs } from "./broker_cluster.ts";
import { groupsConfigs } from "./broker_groups.ts";
import { logConfigs } from "./broker_log.ts";
import { modernGroupsConfigs } from "./broker_modern_groups.ts";
import { networkConfigs } from "./broker_network.ts";
import { quotasConfigs } from "./broker_quotas.ts";
import { saslConfigs } from "./broker_sasl.ts";
import { securityConfigs } from "./broker_security.ts";
import { sslConfigs } from "./broker_ssl.ts";
import { tieredConfigs } from "./broker_tiered.ts";
import { topicsConfigs } from "./broker_topics.ts";
import { transactionsConfigs } from "./broker_transactions.ts";
import type { ConfigDefinition } from "./definition.ts";

export const brokerConfigs = {
  ...networkConfigs,
  ...logConfigs,
  ...topicsConfigs,
  ...groupsConfigs,
  ...modernGroupsConfigs,
  ...transactionsConfigs,
  ...clusterConfigs,
  ...quotasConfigs,
  ...tieredConfigs,
  ...securityConfigs,
  ...sslConfigs,
  ...saslConfigs,
};

/** The same by subject, for pages and help. */
export const brokerConfigSubjects: readonly (readonly [subject: string, Readonly<Record<string, ConfigDefinition>>])[] =
  [
    ["Listeners, connections and requests", networkConfigs],
    ["Logs on disk", logConfigs],
    ["Topics and replication", topicsConfigs],
    ["Consumer groups and offsets", groupsConfigs],
    ["Share groups and streams groups", modernGroupsConfigs],
    ["Transactions", transactionsConfigs],
    ["Node and cluster", clusterConfigs],
    ["Quotas and metrics", quotasConfigs],
    ["Tiered storage", tieredConfigs],
    ["Authorization and tokens", securityConfigs],
    ["TLS", sslConfigs],
    ["SASL", saslConfigs],
  ];

export type BrokerConfigName = keyof typeof brokerConfigs;
export type BrokerConfigValue<Name extends BrokerConfigName> = typeof brokerConfigs[Name] extends
  ConfigDefinition<infer Value> ? Value : never;

/** The definition of a name that may be none, or may carry a listener's prefix: `listener.name.external.ssl.client.auth`. */
export function brokerDefinition(name: string): ConfigDefinition | undefined {
  const base = withoutListenerPrefix(name);
  return Object.hasOwn(brokerConfigs, base) ? brokerConfigs[base as BrokerConfigName] : undefined;
}

/**
 * The name without `listener.name.NAME.`, and without the mechanism that SASL configs have after it:
 * `listener.name.external.scram-sha-256.sasl.jaas.config` is `sasl.jaas.config`.
 */
export function withoutListenerPrefix(name: string): string {
  const match = /^listener\.name\.[^.]+\.(.+)$/.exec(name);
  if (match?.[1] === undefined) return name;
  return /^[^.]+\.(sasl\..+)$/.exec(match[1])?.[1] ?? match[1];
}
