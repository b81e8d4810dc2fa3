/**
 * Configs of the broker: consumer groups and their offsets.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { boolean, clusterWide, int, internal, intMax, list, long, short, string, withoutEffect } from "./definition.ts";
import { isAssignorList } from "./rules.ts";

export const groupsConfigs = {
  "group.initial.rebalance.delay.ms": int(
    3000,
    "Milliseconds that the first rebalance of an empty group waits for more members to join.",
  ),
  "group.min.session.timeout.ms": int(
    6000,
    "Smallest session timeout, in milliseconds, that a member of a classic group may ask for.",
  ),
  "group.max.session.timeout.ms": int(
    1_800_000,
    "Largest session timeout, in milliseconds, that a member of a classic group may ask for.",
  ),
  "group.max.size": int(intMax, "Members that a classic group may have.", { min: 1 }),
  "group.coordinator.rebalance.protocols": list(
    ["classic", "consumer", "streams"],
    "Group protocols that are switched on.",
    { oneOf: ["classic", "consumer", "share", "streams"], nonEmpty: true, distinct: true },
  ),
  "group.coordinator.threads": int(
    4,
    "Number of threads of the group coordinator. One event loop serves all groups.",
    { min: 1, ...withoutEffect },
  ),
  "group.coordinator.background.threads": int(
    2,
    "Number of threads for the group coordinator's slow work. One event loop serves all groups.",
    { min: 1, ...withoutEffect },
  ),
  "group.coordinator.append.linger.ms": int(
    -1,
    "Milliseconds that the group coordinator collects changes before it writes them as one batch; -1 chooses by load.",
    { min: -1, ...withoutEffect },
  ),
  "group.coordinator.cached.buffer.max.bytes": int(
    1_048_588,
    "Bytes that a write buffer of the group coordinator may have and still be kept for the next write.",
    { min: 524_288, ...clusterWide, ...withoutEffect },
  ),
  "group.consumer.assignors": list(
    ["uniform", "range"],
    "Assignors of the consumer group protocol, by name: uniform, range. The first is the default.",
    { satisfies: isAssignorList, nonEmpty: true, distinct: true },
  ),
  "group.consumer.assignment.interval.ms": int(
    1000,
    "Milliseconds between two assignments computed for one consumer group.",
    { min: 0, ...clusterWide },
  ),
  "group.consumer.min.assignment.interval.ms": int(
    0,
    "Smallest consumer.assignment.interval.ms that a group may set.",
    { min: 0 },
  ),
  "group.consumer.max.assignment.interval.ms": int(
    15_000,
    "Largest consumer.assignment.interval.ms that a group may set.",
    { min: 0 },
  ),
  "group.consumer.assignor.offload.enable": boolean(
    true,
    "Whether assignments are computed apart from the group's event handling.",
    { ...clusterWide, ...internal, ...withoutEffect },
  ),
  "group.consumer.heartbeat.interval.ms": int(
    5000,
    "Milliseconds between heartbeats that members of a consumer group are told to keep.",
    { min: 1 },
  ),
  "group.consumer.min.heartbeat.interval.ms": int(
    5000,
    "Smallest consumer.heartbeat.interval.ms that a group may set.",
    { min: 1 },
  ),
  "group.consumer.max.heartbeat.interval.ms": int(
    15_000,
    "Largest consumer.heartbeat.interval.ms that a group may set.",
    { min: 1 },
  ),
  "group.consumer.session.timeout.ms": int(
    45_000,
    "Milliseconds without a heartbeat after which a member of a consumer group is taken for dead.",
    { min: 1 },
  ),
  "group.consumer.min.session.timeout.ms": int(45_000, "Smallest consumer.session.timeout.ms that a group may set.", {
    min: 1,
  }),
  "group.consumer.max.session.timeout.ms": int(60_000, "Largest consumer.session.timeout.ms that a group may set.", {
    min: 1,
  }),
  "group.consumer.max.size": int(intMax, "Members that a consumer group may have.", { min: 1 }),
  "group.consumer.migration.policy": string(
    "bidirectional",
    "Whether a group may change between the classic and the consumer protocol while it has members: upgrade, downgrade, both ways (bidirectional) or not (disabled).",
    { oneOf: ["disabled", "downgrade", "upgrade", "bidirectional"], ignoreCase: true },
  ),
  "group.consumer.regex.refresh.interval.ms": int(
    600_000,
    "Milliseconds between evaluations of a group's subscription patterns against the topics.",
    { min: 10_000, ...internal },
  ),
  "offset.metadata.max.bytes": int(
    4096,
    "Largest metadata, in bytes, that a client may store with a committed offset.",
  ),
  "offsets.retention.minutes": int(
    10_080,
    "Minutes that committed offsets are kept after their group has become empty.",
    { min: 1 },
  ),
  "offsets.retention.check.interval.ms": long(600_000, "Milliseconds between looks for committed offsets to forget.", {
    min: 1,
  }),
  "offsets.commit.timeout.ms": int(
    5000,
    "Milliseconds that a commit of offsets may wait to be durable before it fails.",
    { min: 1 },
  ),
  "offsets.load.buffer.size": int(5_242_880, "Bytes read at a time when a coordinator loads offsets and groups.", {
    min: 1,
    ...withoutEffect,
  }),
  "offsets.topic.num.partitions": int(
    50,
    "Partitions of __consumer_offsets. Not to be changed once the topic exists.",
    { min: 1 },
  ),
  "offsets.topic.replication.factor": short(3, "Replicas of __consumer_offsets. One node alone makes do with one.", {
    min: 1,
  }),
  "offsets.topic.segment.bytes": int(
    104_857_600,
    "Segment size of __consumer_offsets in bytes; small, so that it is compacted and loaded quickly.",
    { min: 1 },
  ),
  "offsets.topic.compression.codec": int(
    0,
    "Compression of the records in __consumer_offsets, by number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.",
  ),
};
