/** The rules of a streams group, from the broker's configs and those that are set for the group itself. */
import type { BrokerConfig } from "../../config.ts";
import { within } from "../modern/rules.ts";
import type { StreamsGroupRules } from "./state.ts";

export function streamsGroupRules(
  config: Pick<BrokerConfig, "get">,
  own: ReadonlyMap<string, string>,
): StreamsGroupRules {
  const tags = own.get("streams.rack.aware.assignment.tags");
  return {
    sizeMax: config.get("group.streams.max.size"),
    heartbeatIntervalMs: within(
      own.get("streams.heartbeat.interval.ms"),
      config.get("group.streams.heartbeat.interval.ms"),
      [config.get("group.streams.min.heartbeat.interval.ms"), config.get("group.streams.max.heartbeat.interval.ms")],
    ),
    sessionTimeoutMs: within(
      own.get("streams.session.timeout.ms"),
      config.get("group.streams.session.timeout.ms"),
      [config.get("group.streams.min.session.timeout.ms"), config.get("group.streams.max.session.timeout.ms")],
    ),
    assignmentIntervalMs: within(
      own.get("streams.assignment.interval.ms"),
      config.get("group.streams.assignment.interval.ms"),
      [config.get("group.streams.min.assignment.interval.ms"), config.get("group.streams.max.assignment.interval.ms")],
    ),
    initialRebalanceDelayMs: within(
      own.get("streams.initial.rebalance.delay.ms"),
      config.get("group.streams.initial.rebalance.delay.ms"),
      [0, Infinity],
    ),
    taskOffsetIntervalMs: within(
      own.get("streams.task.offset.interval.ms"),
      config.get("group.streams.task.offset.interval.ms"),
      [config.get("group.streams.min.task.offset.interval.ms"), Infinity],
    ),
    acceptableRecoveryLag: within(
      own.get("streams.acceptable.recovery.lag"),
      config.get("group.streams.acceptable.recovery.lag"),
      [0, Infinity],
    ),
    standbyReplicas: within(
      own.get("streams.num.standby.replicas"),
      config.get("group.streams.num.standby.replicas"),
      [0, config.get("group.streams.max.standby.replicas")],
    ),
    rackAwareTags: tags === undefined
      ? config.get("group.streams.rack.aware.assignment.tags")
      : tags.split(",").map((tag) => tag.trim()).filter((tag) => tag !== ""),
    assignor: taskAssignorName(
      own.get("streams.assignor.name") ?? config.get("group.streams.assignors")[0] ?? "sticky",
    ),
  };
}

/** Kafka's built-in assignor may be named by its class too. */
function taskAssignorName(name: string): string {
  return name === "org.apache.kafka.coordinator.group.streams.assignor.StickyTaskAssignor" ? "sticky" : name;
}
