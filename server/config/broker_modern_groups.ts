/**
 * Configs of the broker: share groups and streams groups.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import {
  boolean,
  clusterWide,
  int,
  internal,
  intMax,
  javaClass,
  list,
  long,
  short,
  string,
  withoutEffect,
} from "./definition.ts";
import { isTaskAssignorList } from "./rules.ts";

export const modernGroupsConfigs = {
  "group.share.assignors": list(["simple"], "Assignors of share groups, by name.", withoutEffect),
  "group.share.assignment.interval.ms": int(
    1000,
    "Milliseconds between two assignments computed for one share group.",
    { min: 0, ...clusterWide },
  ),
  "group.share.min.assignment.interval.ms": int(0, "Smallest share.assignment.interval.ms that a group may set.", {
    min: 0,
  }),
  "group.share.max.assignment.interval.ms": int(15_000, "Largest share.assignment.interval.ms that a group may set.", {
    min: 0,
  }),
  "group.share.assignor.offload.enable": boolean(
    true,
    "Whether a share group's assignments are computed apart from its event handling.",
    { ...clusterWide, ...internal, ...withoutEffect },
  ),
  "group.share.heartbeat.interval.ms": int(
    5000,
    "Milliseconds between heartbeats that members of a share group are told to keep.",
    { min: 1 },
  ),
  "group.share.min.heartbeat.interval.ms": int(5000, "Smallest share.heartbeat.interval.ms that a group may set.", {
    min: 1,
  }),
  "group.share.max.heartbeat.interval.ms": int(15_000, "Largest share.heartbeat.interval.ms that a group may set.", {
    min: 1,
  }),
  "group.share.session.timeout.ms": int(
    45_000,
    "Milliseconds without a heartbeat after which a member of a share group is taken for dead.",
    { min: 1 },
  ),
  "group.share.min.session.timeout.ms": int(45_000, "Smallest share.session.timeout.ms that a group may set.", {
    min: 1,
  }),
  "group.share.max.session.timeout.ms": int(60_000, "Largest share.session.timeout.ms that a group may set.", {
    min: 1,
  }),
  "group.share.max.size": int(200, "Members that a share group may have.", { min: 1, max: 1000 }),
  "group.share.max.share.sessions": int(2000, "Share sessions kept on a broker.", { min: 1 }),
  "group.share.delivery.count.limit": int(
    5,
    "Times that a record of a share group is delivered before it is given up.",
    { min: 2, max: 10 },
  ),
  "group.share.min.delivery.count.limit": int(2, "Smallest share.delivery.count.limit that a group may set.", {
    min: 2,
    max: 5,
  }),
  "group.share.max.delivery.count.limit": int(10, "Largest share.delivery.count.limit that a group may set.", {
    min: 5,
    max: 25,
  }),
  "group.share.record.lock.duration.ms": int(
    30_000,
    "Milliseconds for which a delivered record is reserved for its consumer in a share group.",
    { min: 1000, max: 3_600_000 },
  ),
  "group.share.min.record.lock.duration.ms": int(
    15_000,
    "Smallest share.record.lock.duration.ms that a group may set.",
    { min: 1000, max: 30_000 },
  ),
  "group.share.max.record.lock.duration.ms": int(
    60_000,
    "Largest share.record.lock.duration.ms that a group may set.",
    { min: 30_000, max: 3_600_000 },
  ),
  "group.share.partition.max.record.locks": int(
    2000,
    "Records of one partition that a share group may have delivered and unacknowledged.",
    { min: 100, max: 10_000 },
  ),
  "group.share.min.partition.max.record.locks": int(
    100,
    "Smallest share.partition.max.record.locks that a group may set.",
    { min: 100, max: 2000 },
  ),
  "group.share.max.partition.max.record.locks": int(
    4000,
    "Largest share.partition.max.record.locks that a group may set.",
    { min: 2000, max: 10_000 },
  ),
  "group.share.initialize.retry.interval.ms": int(
    30_000,
    "Milliseconds before the initialization of a share partition's state is tried again.",
    { min: 1, ...internal },
  ),
  "group.share.persister.class.name": string(
    "org.apache.kafka.server.share.persister.DefaultStatePersister",
    "Class that keeps the state of share groups.",
    { ...internal, ...withoutEffect },
  ),
  "group.share.dlq.manager.class.name": string(
    "org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager",
    "Class that writes the records a share group gave up to its dead-letter topic.",
    { ...internal, ...withoutEffect },
  ),
  "errors.deadletterqueue.auto.create.topics.enable": boolean(
    false,
    "Whether the dead-letter topic of a share group is created when it is missing.",
    { ...clusterWide, ...withoutEffect },
  ),
  "errors.deadletterqueue.topic.name.prefix": string(
    "dlq.",
    "What the names of dead-letter topics must begin with; empty for anything.",
    { ...clusterWide, ...withoutEffect },
  ),
  "share.coordinator.threads": int(
    1,
    "Number of threads of the share coordinator. One event loop serves it.",
    { min: 1, ...withoutEffect },
  ),
  "share.coordinator.append.linger.ms": int(
    -1,
    "Milliseconds that the share coordinator collects changes before it writes them as one batch; -1 chooses by load.",
    { min: -1, ...withoutEffect },
  ),
  "share.coordinator.cached.buffer.max.bytes": int(
    1_048_588,
    "Bytes that a write buffer of the share coordinator may have and still be kept for the next write.",
    { min: 524_288, ...clusterWide, ...withoutEffect },
  ),
  "share.coordinator.cold.partition.snapshot.interval.ms": int(
    300_000,
    "Milliseconds after which the state of a quiet share partition is written again as a snapshot.",
    { min: 1, ...internal },
  ),
  "share.coordinator.load.buffer.size": int(
    5_242_880,
    "Bytes read at a time when the share coordinator loads its state.",
    { min: 1, ...withoutEffect },
  ),
  "share.coordinator.snapshot.update.records.per.snapshot": int(
    500,
    "Updates of a share partition's state between two snapshots of it.",
    { min: 0, max: 500 },
  ),
  "share.coordinator.state.topic.compression.codec": int(
    0,
    "Compression of the records in __share_group_state, by number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.",
  ),
  "share.coordinator.state.topic.min.isr": short(2, "In-sync replicas that __share_group_state needs to be written.", {
    min: 1,
  }),
  "share.coordinator.state.topic.num.partitions": int(
    50,
    "Partitions of __share_group_state. Not to be changed once the topic exists.",
    { min: 1 },
  ),
  "share.coordinator.state.topic.prune.interval.ms": int(
    300_000,
    "Milliseconds between deletions of superseded records from __share_group_state.",
    { min: 1, ...internal },
  ),
  "share.coordinator.state.topic.replication.factor": short(
    3,
    "Replicas of __share_group_state. One node alone makes do with one.",
    { min: 1 },
  ),
  "share.coordinator.state.topic.segment.bytes": int(104_857_600, "Segment size of __share_group_state in bytes.", {
    min: 1,
  }),
  "share.coordinator.write.timeout.ms": int(
    5000,
    "Milliseconds that a write of the share coordinator may wait to be durable before it fails.",
    { min: 1 },
  ),
  "group.streams.assignors": list(
    ["sticky"],
    "Task assignors of streams groups, by name: sticky. The first is the default.",
    { satisfies: isTaskAssignorList, nonEmpty: true, distinct: true },
  ),
  "group.streams.assignment.interval.ms": int(
    1000,
    "Milliseconds between two assignments computed for one streams group.",
    { min: 0, ...clusterWide },
  ),
  "group.streams.min.assignment.interval.ms": int(0, "Smallest streams.assignment.interval.ms that a group may set.", {
    min: 0,
  }),
  "group.streams.max.assignment.interval.ms": int(
    15_000,
    "Largest streams.assignment.interval.ms that a group may set.",
    { min: 0 },
  ),
  "group.streams.assignor.offload.enable": boolean(
    true,
    "Whether a streams group's assignments are computed apart from its event handling.",
    { ...clusterWide, ...internal, ...withoutEffect },
  ),
  "group.streams.heartbeat.interval.ms": int(
    5000,
    "Milliseconds between heartbeats that members of a streams group are told to keep.",
    { min: 1 },
  ),
  "group.streams.min.heartbeat.interval.ms": int(5000, "Smallest streams.heartbeat.interval.ms that a group may set.", {
    min: 1,
  }),
  "group.streams.max.heartbeat.interval.ms": int(
    15_000,
    "Largest streams.heartbeat.interval.ms that a group may set.",
    { min: 1 },
  ),
  "group.streams.session.timeout.ms": int(
    45_000,
    "Milliseconds without a heartbeat after which a member of a streams group is taken for dead.",
    { min: 1 },
  ),
  "group.streams.min.session.timeout.ms": int(45_000, "Smallest streams.session.timeout.ms that a group may set.", {
    min: 1,
  }),
  "group.streams.max.session.timeout.ms": int(60_000, "Largest streams.session.timeout.ms that a group may set.", {
    min: 1,
  }),
  "group.streams.max.size": int(intMax, "Members that a streams group may have.", { min: 1 }),
  "group.streams.initial.rebalance.delay.ms": int(
    3000,
    "Milliseconds that the first assignment of a streams group waits for more members to join.",
    { min: 0 },
  ),
  "group.streams.num.standby.replicas": int(0, "Standby copies that a streams group keeps of each state store.", {
    min: 0,
  }),
  "group.streams.max.standby.replicas": int(2, "Largest streams.num.standby.replicas that a group may set.", {
    min: 0,
  }),
  "group.streams.num.warmup.replicas": int(
    2,
    "State stores of a streams group that may be warmed up elsewhere at the same time.",
    { min: 0, ...internal, ...withoutEffect },
  ),
  "group.streams.max.warmup.replicas": int(20, "Largest streams.num.warmup.replicas that a group may set.", {
    min: 0,
    ...internal,
    ...withoutEffect,
  }),
  "group.streams.acceptable.recovery.lag": long(
    10_000,
    "Records that a copy of a state store may be behind and still take over.",
    { min: 0, ...internal },
  ),
  "group.streams.task.offset.interval.ms": int(
    60_000,
    "Milliseconds between reports of task offsets by members of a streams group.",
    { min: 1, ...internal },
  ),
  "group.streams.min.task.offset.interval.ms": int(
    15_000,
    "Smallest streams.task.offset.interval.ms that a group may set.",
    { min: 1, ...internal },
  ),
  "group.streams.rack.aware.assignment.tags": list(
    [],
    "Client tags, by name, over whose values standby copies are spread.",
  ),
  "group.streams.topology.description.plugin.class": javaClass(
    null,
    "Java class that describes the topology of streams groups. Java classes are not loaded here.",
    withoutEffect,
  ),
};
