/**
 * The configuration of one topic or group as it holds on this broker: its own overrides, else the broker's values.
 *
 * A view: it reads the broker's config when asked, so that what is altered at runtime is seen at once.
 */

import type { LogConfig } from "../../storage/log_config.ts";
import type { BrokerConfig } from "./broker_config.ts";
import type { BrokerConfigName } from "./broker_configs.ts";
import type { ConfigDefinition, ConfigValue } from "./definition.ts";
import { type GroupConfigName, groupConfigs, type GroupConfigValue } from "./group_configs.ts";
import { type TopicConfigName, topicConfigs, type TopicConfigValue } from "./topic_configs.ts";
import { ConfigError, parseConfig } from "./values.ts";

export class TopicConfig {
  constructor(readonly overrides: ReadonlyMap<string, string>, readonly broker: BrokerConfig) {}

  get<Name extends TopicConfigName>(name: Name): TopicConfigValue<Name> {
    return resolve(name, topicConfigs[name], this.overrides, this.broker) as TopicConfigValue<Name>;
  }
}

export class GroupConfig {
  constructor(readonly overrides: ReadonlyMap<string, string>, readonly broker: BrokerConfig) {}

  get<Name extends GroupConfigName>(name: Name): GroupConfigValue<Name> {
    return resolve(name, groupConfigs[name], this.overrides, this.broker) as GroupConfigValue<Name>;
  }
}

/** What a topic's logs go by. To be made again, and given to the logs, whenever the topic's or the broker's configs change. */
export function logConfigFor(topicOverrides: ReadonlyMap<string, string>, broker: BrokerConfig): LogConfig {
  const topic = new TopicConfig(topicOverrides, broker);
  const policy = topic.get("cleanup.policy");
  const maxCompactionLagMs = topic.get("max.compaction.lag.ms");
  const segmentMs = topic.get("segment.ms");
  return {
    segmentBytes: topic.get("internal.segment.bytes") ?? topic.get("segment.bytes"),
    // The active segment is not compacted: it ends in time for that.
    segmentMs: policy.includes("compact") ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs,
    segmentJitterMs: topic.get("segment.jitter.ms"),
    segmentIndexBytes: topic.get("segment.index.bytes"),
    indexIntervalBytes: topic.get("index.interval.bytes"),
    retentionBytes: topic.get("retention.bytes"),
    retentionMs: topic.get("retention.ms"),
    fileDeleteDelayMs: topic.get("file.delete.delay.ms"),
    cleanupPolicy: { delete: policy.includes("delete"), compact: policy.includes("compact") },
    minCleanableDirtyRatio: topic.get("min.cleanable.dirty.ratio"),
    minCompactionLagMs: topic.get("min.compaction.lag.ms"),
    maxCompactionLagMs,
    deleteRetentionMs: topic.get("delete.retention.ms"),
    maxMessageBytes: topic.get("max.message.bytes"),
    timestampType: topic.get("message.timestamp.type") as LogConfig["timestampType"],
    flushMessages: topic.get("flush.messages"),
    flushMs: flushMs(topic),
    preallocate: topic.get("preallocate"),
  };
}

/** Under the policy `interval` a sync comes every second, unless someone has said otherwise. */
const intervalPolicyFlushMs = 1_000;

function flushMs(topic: TopicConfig): number {
  const ms = topic.get("flush.ms");
  return ms === Infinity && topic.get("flush.policy") === "interval" ? intervalPolicyFlushMs : ms;
}

function resolve(
  name: string,
  definition: ConfigDefinition & { readonly brokerName: BrokerConfigName | null },
  overrides: ReadonlyMap<string, string>,
  broker: BrokerConfig,
): ConfigValue | null {
  const override = overrides.get(name);
  if (override !== undefined) {
    try {
      return parseConfig(name, definition, override).value;
    } catch (error) {
      // Checked when it was set; what does not parse now was written by another version. The default is the safe reading.
      if (!(error instanceof ConfigError)) throw error;
    }
  }
  const inherited = definition.brokerName === null ? null : broker.get(definition.brokerName);
  if (inherited === null) return definition.default;
  // streams.assignor.name takes the first of a list.
  return definition.type === "STRING" && typeof inherited === "object" ? inherited[0] ?? null : inherited;
}
