/** The rules of a consumer group, from the broker's configs and those that are set for the group itself. */
import type { BrokerConfig } from "../../config.ts";
import { within } from "../modern/rules.ts";
import type { ConsumerGroupRules, MigrationPolicy } from "./state.ts";

export function consumerGroupRules(
  config: Pick<BrokerConfig, "get">,
  own: ReadonlyMap<string, string>,
): ConsumerGroupRules {
  return {
    sizeMax: config.get("group.consumer.max.size"),
    classicSizeMax: config.get("group.max.size"),
    heartbeatIntervalMs: within(
      own.get("consumer.heartbeat.interval.ms"),
      config.get("group.consumer.heartbeat.interval.ms"),
      [config.get("group.consumer.min.heartbeat.interval.ms"), config.get("group.consumer.max.heartbeat.interval.ms")],
    ),
    sessionTimeoutMs: within(
      own.get("consumer.session.timeout.ms"),
      config.get("group.consumer.session.timeout.ms"),
      [config.get("group.consumer.min.session.timeout.ms"), config.get("group.consumer.max.session.timeout.ms")],
    ),
    assignmentIntervalMs: within(
      own.get("consumer.assignment.interval.ms"),
      config.get("group.consumer.assignment.interval.ms"),
      [
        config.get("group.consumer.min.assignment.interval.ms"),
        config.get("group.consumer.max.assignment.interval.ms"),
      ],
    ),
    regexRefreshIntervalMs: config.get("group.consumer.regex.refresh.interval.ms"),
    assignors: assignorNames(config),
    migration: config.get("group.consumer.migration.policy").toLowerCase() as MigrationPolicy,
  };
}

/** Kafka's built-in assignors may be named by their classes too. */
export function assignorNames(config: Pick<BrokerConfig, "get">): string[] {
  return config.get("group.consumer.assignors").map((name) =>
    name.replace(/^org\.apache\.kafka\.coordinator\.group\.assignor\.(Uniform|Range)Assignor$/, "$1").toLowerCase()
  );
}
