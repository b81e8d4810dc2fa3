/**
 * Configs of the broker: tiered storage.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { boolean, clusterWide, double, int, internal, long, longMax, string, withoutEffect } from "./definition.ts";

export const tieredConfigs = {
  "remote.log.storage.system.enable": boolean(
    false,
    "Whether old segments can be moved to remote storage.",
    withoutEffect,
  ),
  "remote.log.storage.manager.class.name": string(
    null,
    "Java class that stores segments remotely. Java classes are not loaded here.",
    { nonEmpty: true, ...withoutEffect },
  ),
  "remote.log.storage.manager.class.path": string(
    null,
    "Class path for remote.log.storage.manager.class.name.",
    withoutEffect,
  ),
  "remote.log.storage.manager.impl.prefix": string(
    "rsm.config.",
    "Prefix of the configs that are passed to the remote storage manager.",
    { nonEmpty: true, ...withoutEffect },
  ),
  "remote.log.metadata.manager.class.name": string(
    "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager",
    "Java class that knows which segments are stored remotely. Java classes are not loaded here.",
    { nonEmpty: true, ...withoutEffect },
  ),
  "remote.log.metadata.manager.class.path": string(
    null,
    "Class path for remote.log.metadata.manager.class.name.",
    withoutEffect,
  ),
  "remote.log.metadata.manager.impl.prefix": string(
    "rlmm.config.",
    "Prefix of the configs that are passed to the manager of remote metadata.",
    { nonEmpty: true, ...withoutEffect },
  ),
  "remote.log.metadata.manager.listener.name": string(
    null,
    "Listener through which the manager of remote metadata connects to this broker.",
    { nonEmpty: true, ...withoutEffect },
  ),
  "remote.log.metadata.custom.metadata.max.bytes": int(
    128,
    "Largest metadata, in bytes, that a remote storage manager may attach to a segment.",
    { min: 0, ...withoutEffect },
  ),
  "remote.log.index.file.cache.total.size.bytes": long(
    1_073_741_824,
    "Bytes of local disk for indexes fetched from remote storage.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "remote.log.index.file.cache.ttl.ms": long(
    900_000,
    "Milliseconds that an unused index fetched from remote storage is kept; -1 without limit.",
    { min: -1, ...internal, ...withoutEffect },
  ),
  "remote.log.manager.thread.pool.size": int(
    2,
    "Number of threads for tiered storage in general.",
    { min: 1, ...withoutEffect },
  ),
  "remote.log.manager.copier.thread.pool.size": int(
    10,
    "Number of segments copied to remote storage at the same time.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "remote.log.manager.expiration.thread.pool.size": int(
    10,
    "Number of partitions whose remote segments are expired at the same time.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "remote.log.manager.follower.thread.pool.size": int(
    2,
    "Number of followers' partitions looked after at the same time for tiered storage.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "remote.log.manager.task.interval.ms": long(30_000, "Milliseconds between rounds of copying and expiring segments.", {
    min: 1,
    ...withoutEffect,
  }),
  "remote.log.manager.task.retry.backoff.ms": long(
    500,
    "Milliseconds before a failed round of tiered storage is repeated, at first.",
    { min: 1, ...internal, ...withoutEffect },
  ),
  "remote.log.manager.task.retry.backoff.max.ms": long(
    30_000,
    "Upper bound, in milliseconds, of the growing wait before a failed round is repeated.",
    { min: 1, ...internal, ...withoutEffect },
  ),
  "remote.log.manager.task.retry.jitter": double(
    0.2,
    "Share of the wait before a failed round is repeated that is chosen at random, from 0 to 0.5.",
    { min: 0, max: 0.5, ...internal, ...withoutEffect },
  ),
  "remote.log.manager.copy.max.bytes.per.second": long(longMax, "Bytes per second copied to remote storage.", {
    min: 1,
    ...clusterWide,
    ...withoutEffect,
  }),
  "remote.log.manager.copy.quota.window.num": int(11, "Number of samples that the rate of copying is averaged over.", {
    min: 1,
    ...withoutEffect,
  }),
  "remote.log.manager.copy.quota.window.size.seconds": int(
    1,
    "Length of a sample of the rate of copying, in seconds.",
    { min: 1, ...withoutEffect },
  ),
  "remote.log.manager.fetch.max.bytes.per.second": long(longMax, "Bytes per second fetched from remote storage.", {
    min: 1,
    ...clusterWide,
    ...withoutEffect,
  }),
  "remote.log.manager.fetch.quota.window.num": int(
    11,
    "Number of samples that the rate of fetching is averaged over.",
    { min: 1, ...withoutEffect },
  ),
  "remote.log.manager.fetch.quota.window.size.seconds": int(
    1,
    "Length of a sample of the rate of fetching, in seconds.",
    { min: 1, ...withoutEffect },
  ),
  "remote.log.reader.threads": int(10, "Number of reads from remote storage at the same time.", {
    min: 1,
    ...clusterWide,
    ...withoutEffect,
  }),
  "remote.log.reader.max.pending.tasks": int(100, "Reads from remote storage that may wait; beyond that they fail.", {
    min: 1,
    ...withoutEffect,
  }),
  "remote.fetch.max.wait.ms": int(
    500,
    "Longest wait, in milliseconds, for data of remote storage before a fetch is answered.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "remote.list.offsets.request.timeout.ms": long(
    30_000,
    "Milliseconds that a look-up of offsets in remote storage may take.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "log.local.retention.ms": long(
    -2,
    "Milliseconds that segments stay on local disk after they were copied to remote storage; -2 as long as log.retention.ms says.",
    { min: -2, ...clusterWide, ...withoutEffect },
  ),
  "log.local.retention.bytes": long(
    -2,
    "Bytes of a partition that stay on local disk after they were copied to remote storage; -2 as many as log.retention.bytes says.",
    { min: -2, ...clusterWide, ...withoutEffect },
  ),
  "log.remote.copy.lag.ms": long(
    0,
    "Age, in milliseconds, from which a closed segment is copied to remote storage; -1 as long as it stays on local disk.",
    { min: -1, ...clusterWide, ...withoutEffect },
  ),
  "log.remote.copy.lag.bytes": long(
    -1,
    "Bytes newer than a closed segment from which it is copied to remote storage; -1 for no such rule.",
    { min: -1, ...clusterWide, ...withoutEffect },
  ),
  "follower.fetch.last.tiered.offset.enable": boolean(
    false,
    "Whether a new follower starts at the end of what is in remote storage instead of copying it.",
    { ...clusterWide, ...withoutEffect },
  ),
};
