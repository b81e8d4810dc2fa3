/**
 * How a topic looks that nobody described: one made because it was asked for (`auto.create.topics.enable`), and the
 * broker's own topics, made when a coordinator first needs them.
 */
import type { BrokerConfig } from "../config.ts";
import { CLIENT_METRICS_TOPIC, OFFSETS_TOPIC, SHARE_STATE_TOPIC, TRANSACTIONS_TOPIC } from "./topic_name.ts";
import type { TopicRequest } from "./topic_plans.ts";

/** A broker's own topic has no more replicas than there are brokers: one node alone makes do with one. */
export function autoTopicRequest(name: string, config: BrokerConfig, brokerCount: number): TopicRequest {
  switch (name) {
    case OFFSETS_TOPIC:
      return {
        name,
        partitionCount: config.get("offsets.topic.num.partitions"),
        replicationFactor: Math.min(config.get("offsets.topic.replication.factor"), brokerCount),
        configs: new Map([
          ["cleanup.policy", "compact"],
          ["compression.type", "producer"],
          ["segment.bytes", String(config.get("offsets.topic.segment.bytes"))],
        ]),
      };
    case TRANSACTIONS_TOPIC:
      return {
        name,
        partitionCount: config.get("transaction.state.log.num.partitions"),
        replicationFactor: Math.min(config.get("transaction.state.log.replication.factor"), brokerCount),
        configs: new Map([
          ["cleanup.policy", "compact"],
          ["compression.type", "uncompressed"],
          ["min.insync.replicas", String(Math.min(config.get("transaction.state.log.min.isr"), brokerCount))],
          ["segment.bytes", String(config.get("transaction.state.log.segment.bytes"))],
          ["unclean.leader.election.enable", "false"],
        ]),
      };
    case SHARE_STATE_TOPIC:
      return {
        name,
        partitionCount: config.get("share.coordinator.state.topic.num.partitions"),
        replicationFactor: Math.min(config.get("share.coordinator.state.topic.replication.factor"), brokerCount),
        configs: new Map([
          ["cleanup.policy", "delete"],
          ["compression.type", "producer"],
          ["min.insync.replicas", String(Math.min(config.get("share.coordinator.state.topic.min.isr"), brokerCount))],
          ["retention.ms", "-1"],
          ["segment.bytes", String(config.get("share.coordinator.state.topic.segment.bytes"))],
        ]),
      };
    case CLIENT_METRICS_TOPIC:
      return {
        name,
        partitionCount: 1,
        configs: new Map([
          ["cleanup.policy", "delete"],
          ["compression.type", "producer"],
          // What is lost with the power is a few minutes of metrics.
          ["flush.policy", "interval"],
          ["retention.bytes", String(256 * 1024 * 1024)],
          ["retention.ms", String(24 * 60 * 60 * 1000)],
          ["segment.bytes", String(32 * 1024 * 1024)],
        ]),
      };
    default:
      return { name };
  }
}
