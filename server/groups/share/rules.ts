/** The rules of a share group, from the broker's configs and those that are set for the group itself. */
import type { BrokerConfig } from "../../config.ts";
import { within } from "../modern/rules.ts";
import type { ShareGroupRules } from "./state.ts";

export function shareGroupRules(config: Pick<BrokerConfig, "get">, own: ReadonlyMap<string, string>): ShareGroupRules {
  return {
    sizeMax: config.get("group.share.max.size"),
    heartbeatIntervalMs: within(
      own.get("share.heartbeat.interval.ms"),
      config.get("group.share.heartbeat.interval.ms"),
      [config.get("group.share.min.heartbeat.interval.ms"), config.get("group.share.max.heartbeat.interval.ms")],
    ),
    sessionTimeoutMs: within(
      own.get("share.session.timeout.ms"),
      config.get("group.share.session.timeout.ms"),
      [config.get("group.share.min.session.timeout.ms"), config.get("group.share.max.session.timeout.ms")],
    ),
    assignmentIntervalMs: within(
      own.get("share.assignment.interval.ms"),
      config.get("group.share.assignment.interval.ms"),
      [config.get("group.share.min.assignment.interval.ms"), config.get("group.share.max.assignment.interval.ms")],
    ),
    initializeRetryIntervalMs: config.get("group.share.initialize.retry.interval.ms"),
  };
}
