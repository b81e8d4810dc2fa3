/**
 * Configs of a group, by name. What a group does not set itself, it takes from the broker's config named beside it,
 * and the broker's `…min…` and `…max…` of the same bound what it may set.
 *
 * Types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import type { BrokerConfigName } from "./broker_configs.ts";
import {
  boolean,
  type ConfigDefinition,
  type ConfigValue,
  int,
  internal,
  list,
  long,
  string,
  withoutEffect,
} from "./definition.ts";

export interface GroupConfigDefinition<Value extends ConfigValue | null = ConfigValue | null>
  extends ConfigDefinition<Value> {
  /** The broker's config that is this one's default; null when there is none. */
  readonly brokerName: BrokerConfigName | null;
  /** The broker's configs that bound what a group may set. */
  readonly bounds: readonly [min: BrokerConfigName | null, max: BrokerConfigName | null];
}

export const groupConfigs = {
  "consumer.assignment.interval.ms": from(
    "group.consumer.assignment.interval.ms",
    int(1_000, "Milliseconds between two assignments computed for the group.", { min: 0 }),
    ["group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms"],
  ),
  "consumer.assignor.offload.enable": from(
    "group.consumer.assignor.offload.enable",
    boolean(true, "Whether assignments are computed apart from the group's event handling.", {
      ...internal,
      ...withoutEffect,
    }),
  ),
  "consumer.heartbeat.interval.ms": from(
    "group.consumer.heartbeat.interval.ms",
    int(5_000, "Milliseconds between heartbeats that members are told to keep.", { min: 1 }),
    ["group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"],
  ),
  "consumer.session.timeout.ms": from(
    "group.consumer.session.timeout.ms",
    int(45_000, "Milliseconds without a heartbeat after which a member is taken for dead.", {
      min: 1,
    }),
    ["group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"],
  ),
  "errors.deadletterqueue.copy.record.enable": from(
    null,
    boolean(
      false,
      "Whether the dead-letter topic gets a copy of the record itself, not only of where it was.",
      withoutEffect,
    ),
  ),
  "errors.deadletterqueue.topic.name": from(
    null,
    string("", "Topic that takes the records which the group gave up; empty for none.", {
      satisfies: {
        words: "a text that does not begin with __",
        test: (value) => !(value as string).startsWith("__"),
      },
      ...withoutEffect,
    }),
  ),
  "share.assignment.interval.ms": from(
    "group.share.assignment.interval.ms",
    int(1_000, "Milliseconds between two assignments computed for the group.", { min: 0 }),
    ["group.share.min.assignment.interval.ms", "group.share.max.assignment.interval.ms"],
  ),
  "share.assignor.offload.enable": from(
    "group.share.assignor.offload.enable",
    boolean(true, "Whether assignments are computed apart from the group's event handling.", {
      ...internal,
      ...withoutEffect,
    }),
  ),
  "share.auto.offset.reset": from(
    null,
    string(
      "latest",
      "Where the group begins in a partition that is new to it: earliest, latest, or by_duration: and an ISO 8601 duration.",
      {
        satisfies: {
          words: "latest, earliest, or by_duration: with an ISO 8601 duration such as PT1H",
          test: (value) =>
            /^(latest|earliest|by_duration:P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)$/i.test(
              value as string,
            ),
        },
      },
    ),
  ),
  "share.delivery.count.limit": from(
    "group.share.delivery.count.limit",
    int(5, "Times that a record is delivered before it is given up.", { min: 2 }),
    ["group.share.min.delivery.count.limit", "group.share.max.delivery.count.limit"],
  ),
  "share.heartbeat.interval.ms": from(
    "group.share.heartbeat.interval.ms",
    int(5_000, "Milliseconds between heartbeats that members are told to keep.", { min: 1 }),
    ["group.share.min.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms"],
  ),
  "share.isolation.level": from(
    null,
    string("read_uncommitted", "Whether records of open and aborted transactions are delivered too.", {
      oneOf: ["read_committed", "read_uncommitted"],
    }),
  ),
  "share.partition.max.record.locks": from(
    "group.share.partition.max.record.locks",
    int(2_000, "Records of one partition that may be delivered and unacknowledged.", { min: 100 }),
    ["group.share.min.partition.max.record.locks", "group.share.max.partition.max.record.locks"],
  ),
  "share.record.lock.duration.ms": from(
    "group.share.record.lock.duration.ms",
    int(30_000, "Milliseconds for which a delivered record is reserved for its consumer.", {
      min: 1_000,
    }),
    ["group.share.min.record.lock.duration.ms", "group.share.max.record.lock.duration.ms"],
  ),
  "share.renew.acknowledge.enable": from(
    null,
    boolean(true, "Whether a consumer may prolong the time that a record is reserved for it."),
  ),
  "share.session.timeout.ms": from(
    "group.share.session.timeout.ms",
    int(45_000, "Milliseconds without a heartbeat after which a member is taken for dead.", {
      min: 1,
    }),
    ["group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms"],
  ),
  "streams.acceptable.recovery.lag": from(
    "group.streams.acceptable.recovery.lag",
    long(10_000, "Records that a copy of a state store may be behind and still take over.", {
      min: 0,
      ...internal,
    }),
  ),
  "streams.assignment.interval.ms": from(
    "group.streams.assignment.interval.ms",
    int(1_000, "Milliseconds between two assignments computed for the group.", { min: 0 }),
    ["group.streams.min.assignment.interval.ms", "group.streams.max.assignment.interval.ms"],
  ),
  "streams.assignor.name": from(
    "group.streams.assignors",
    string(null, "Task assignor of the group; the first of group.streams.assignors when not set.", {
      oneOf: ["sticky"],
    }),
  ),
  "streams.assignor.offload.enable": from(
    "group.streams.assignor.offload.enable",
    boolean(true, "Whether assignments are computed apart from the group's event handling.", {
      ...internal,
      ...withoutEffect,
    }),
  ),
  "streams.heartbeat.interval.ms": from(
    "group.streams.heartbeat.interval.ms",
    int(5_000, "Milliseconds between heartbeats that members are told to keep.", { min: 1 }),
    ["group.streams.min.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms"],
  ),
  "streams.initial.rebalance.delay.ms": from(
    "group.streams.initial.rebalance.delay.ms",
    int(3_000, "Milliseconds that the first assignment waits for more members to join.", { min: 0 }),
  ),
  "streams.num.standby.replicas": from(
    "group.streams.num.standby.replicas",
    int(0, "Standby copies that are kept of each state store.", { min: 0 }),
    [null, "group.streams.max.standby.replicas"],
  ),
  "streams.num.warmup.replicas": from(
    "group.streams.num.warmup.replicas",
    int(2, "State stores that may be warmed up elsewhere at the same time.", { min: 0, ...internal, ...withoutEffect }),
    [null, "group.streams.max.warmup.replicas"],
  ),
  "streams.rack.aware.assignment.tags": from(
    "group.streams.rack.aware.assignment.tags",
    list([], "Client tags, by name, over whose values standby copies are spread.", { distinct: true }),
  ),
  "streams.session.timeout.ms": from(
    "group.streams.session.timeout.ms",
    int(45_000, "Milliseconds without a heartbeat after which a member is taken for dead.", {
      min: 1,
    }),
    ["group.streams.min.session.timeout.ms", "group.streams.max.session.timeout.ms"],
  ),
  "streams.task.offset.interval.ms": from(
    "group.streams.task.offset.interval.ms",
    int(60_000, "Milliseconds between reports of task offsets by members.", { min: 1, ...internal }),
    ["group.streams.min.task.offset.interval.ms", null],
  ),
};

export type GroupConfigName = keyof typeof groupConfigs;
export type GroupConfigValue<Name extends GroupConfigName> = typeof groupConfigs[Name] extends
  ConfigDefinition<infer Value> ? Value : never;

export function groupDefinition(name: string): GroupConfigDefinition | undefined {
  return Object.hasOwn(groupConfigs, name) ? groupConfigs[name as GroupConfigName] : undefined;
}

function from<Value extends ConfigValue | null>(
  brokerName: BrokerConfigName | null,
  definition: ConfigDefinition<Value>,
  bounds: GroupConfigDefinition["bounds"] = [null, null],
): GroupConfigDefinition<Value> {
  return { ...definition, brokerName, bounds };
}
