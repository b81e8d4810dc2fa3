/**
 * Configs from environment variables, by the rule of the apache/kafka image: `KAFKA_` and the name in capitals, with `_`
 * for ".", `__` for "_" and `___` for "-". `KAFKA_LOG_RETENTION_MS` is `log.retention.ms`; `CLUSTER_ID` is `cluster.id`.
 */

import type { StaticEntry } from "./broker_config.ts";

export function entriesFromEnvironment(environment: Readonly<Record<string, string>>): StaticEntry[] {
  const entries: StaticEntry[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    const name = variable === "CLUSTER_ID" ? "cluster.id" : configName(variable);
    if (name !== null) entries.push({ source: "environment", name, value, origin: variable });
  }
  return entries;
}

// ---------------------------------------------------------------------------------------------- below: how

const signs: Readonly<Record<string, string>> = { "_": ".", "__": "_", "___": "-" };

function configName(variable: string): string | null {
  if (!variable.startsWith("KAFKA_") || forOthers.test(variable)) return null;
  const capitals = variable.slice("KAFKA_".length);
  return capitals.replace(/_+/g, (run) => signs[run] ?? run).toLowerCase();
}

/**
 * Variables that speak to Kafka's start scripts and images, not to the broker, and those that Kubernetes sets for a
 * service called "kafka". Nobody needs to hear that they are no configs.
 */
const forOthers = new RegExp(`^KAFKA_(${
  [
    "HEAP_OPTS",
    "OPTS",
    "JVM_PERFORMANCE_OPTS",
    "GC_LOG_OPTS",
    "JMX_(OPTS|PORT|HOSTNAME|HOST)",
    "LOG4J_.*",
    "TOOLS_LOG4J_.*",
    "LOGGERS",
    "DEBUG",
    "HOME",
    "VERSION",
    "DIR",
    "SSL_(KEYSTORE|TRUSTSTORE)_(FILENAME|CREDENTIALS)",
    "SSL_KEY_CREDENTIALS",
    "SERVICE_.*",
    "PORT(_.*)?",
    "PEER_HOME",
  ].join("|")
})$`);
