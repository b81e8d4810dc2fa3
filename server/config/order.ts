/** Rules between configs: a smallest value is not above its largest, a default lies between the two. */

import type { BrokerConfig } from "./broker_config.ts";
import type { BrokerConfigName } from "./broker_configs.ts";
import { ConfigError } from "./values.ts";

/** @throws {ConfigError} when one config is larger than one that bounds it */
export function checkOrder(config: BrokerConfig): void {
  for (const [smaller, larger] of ordered) {
    const low = config.get(smaller) as number;
    const high = config.get(larger) as number;
    if (low > high) throw new ConfigError(smaller, String(low), `at most ${larger}, which is ${high}`);
  }
}

const ordered: readonly (readonly [BrokerConfigName, BrokerConfigName])[] = [
  ["group.min.session.timeout.ms", "group.max.session.timeout.ms"],
  ["replica.fetch.wait.max.ms", "replica.lag.time.max.ms"],
  ...bounds(
    "group.consumer.min.heartbeat.interval.ms",
    "group.consumer.heartbeat.interval.ms",
    "group.consumer.max.heartbeat.interval.ms",
  ),
  ...bounds(
    "group.consumer.min.session.timeout.ms",
    "group.consumer.session.timeout.ms",
    "group.consumer.max.session.timeout.ms",
  ),
  ...bounds(
    "group.consumer.min.assignment.interval.ms",
    "group.consumer.assignment.interval.ms",
    "group.consumer.max.assignment.interval.ms",
  ),
  ...bounds(
    "group.share.min.heartbeat.interval.ms",
    "group.share.heartbeat.interval.ms",
    "group.share.max.heartbeat.interval.ms",
  ),
  ...bounds(
    "group.share.min.session.timeout.ms",
    "group.share.session.timeout.ms",
    "group.share.max.session.timeout.ms",
  ),
  ...bounds(
    "group.share.min.assignment.interval.ms",
    "group.share.assignment.interval.ms",
    "group.share.max.assignment.interval.ms",
  ),
  ...bounds(
    "group.share.min.delivery.count.limit",
    "group.share.delivery.count.limit",
    "group.share.max.delivery.count.limit",
  ),
  ...bounds(
    "group.share.min.record.lock.duration.ms",
    "group.share.record.lock.duration.ms",
    "group.share.max.record.lock.duration.ms",
  ),
  ...bounds(
    "group.streams.min.heartbeat.interval.ms",
    "group.streams.heartbeat.interval.ms",
    "group.streams.max.heartbeat.interval.ms",
  ),
  ...bounds(
    "group.streams.min.session.timeout.ms",
    "group.streams.session.timeout.ms",
    "group.streams.max.session.timeout.ms",
  ),
  ...bounds(
    "group.streams.min.assignment.interval.ms",
    "group.streams.assignment.interval.ms",
    "group.streams.max.assignment.interval.ms",
  ),
  ["group.streams.num.standby.replicas", "group.streams.max.standby.replicas"],
];

function bounds(
  min: BrokerConfigName,
  value: BrokerConfigName,
  max: BrokerConfigName,
): [BrokerConfigName, BrokerConfigName][] {
  return [[min, value], [value, max]];
}
