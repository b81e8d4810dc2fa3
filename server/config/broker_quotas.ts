/**
 * Configs of the broker: quotas and metrics.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { clusterWide, int, internal, javaClass, list, long, longMax, string, withoutEffect } from "./definition.ts";

export const quotasConfigs = {
  "quota.window.num": int(11, "Number of samples that client quotas are averaged over.", { min: 1 }),
  "quota.window.size.seconds": int(1, "Length of a sample of client quotas, in seconds.", { min: 1 }),
  "replication.quota.window.num": int(11, "Number of samples that replication quotas are averaged over.", {
    min: 1,
    ...withoutEffect,
  }),
  "replication.quota.window.size.seconds": int(1, "Length of a sample of replication quotas, in seconds.", {
    min: 1,
    ...withoutEffect,
  }),
  "alter.log.dirs.replication.quota.window.num": int(
    11,
    "Number of samples that the quota for moves between log directories is averaged over.",
    { min: 1, ...withoutEffect },
  ),
  "alter.log.dirs.replication.quota.window.size.seconds": int(
    1,
    "Length of a sample of the quota for moves between log directories, in seconds.",
    { min: 1, ...withoutEffect },
  ),
  "controller.quota.window.num": int(11, "Number of samples that the quotas for changes of topics are averaged over.", {
    min: 1,
  }),
  "controller.quota.window.size.seconds": int(
    1,
    "Length of a sample of the quotas for changes of topics, in seconds.",
    { min: 1 },
  ),
  "leader.replication.throttled.rate": long(
    longMax,
    "Bytes per second that a leader sends to followers of throttled replicas.",
    { min: 0, ...clusterWide, ...internal, ...withoutEffect },
  ),
  "follower.replication.throttled.rate": long(
    longMax,
    "Bytes per second that a follower of throttled replicas copies.",
    { min: 0, ...clusterWide, ...internal, ...withoutEffect },
  ),
  "replica.alter.log.dirs.io.max.bytes.per.second": long(
    longMax,
    "Bytes per second that moves of replicas between log directories copy.",
    { min: 0, ...clusterWide, ...internal, ...withoutEffect },
  ),
  "client.quota.callback.class": javaClass(
    null,
    "Java class that decides which quota a client has. Java classes are not loaded here.",
    withoutEffect,
  ),
  "metric.reporters": list(
    ["org.apache.kafka.common.metrics.JmxReporter"],
    "Java classes that metrics are reported to. Java classes are not loaded here.",
    { ...clusterWide, ...withoutEffect },
  ),
  "metrics.num.samples": int(2, "Number of samples that metrics are averaged over.", { min: 1, ...withoutEffect }),
  "metrics.sample.window.ms": long(30_000, "Length of a sample of the metrics, in milliseconds.", {
    min: 1,
    ...withoutEffect,
  }),
  "metrics.recording.level": string("INFO", "How much detail metrics record: INFO, DEBUG or TRACE.", withoutEffect),
  "kafka.metrics.reporters": list(
    [],
    "Java classes that Kafka's older metrics are reported to. Java classes are not loaded here.",
    withoutEffect,
  ),
  "kafka.metrics.polling.interval.secs": int(
    10,
    "Seconds between reports of Kafka's older metrics.",
    { min: 1, ...withoutEffect },
  ),
  "telemetry.max.bytes": int(1_048_576, "Largest report of metrics that a client may push, in bytes.", {
    min: 1,
  }),
};
