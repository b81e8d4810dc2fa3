/**
 * Configs of the broker: what topics are made with, and replication between brokers.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { boolean, clusterWide, int, internal, javaClass, long, string, withoutEffect } from "./definition.ts";

export const topicsConfigs = {
  "auto.create.topics.enable": boolean(
    true,
    "Whether asking for the metadata of a topic that does not exist creates it (when the client allows that too).",
  ),
  "delete.topic.enable": boolean(true, "Whether topics can be deleted. When off, DeleteTopics is refused."),
  "num.partitions": int(1, "Partitions of a topic that is created without saying how many.", { min: 1 }),
  "default.replication.factor": int(1, "Replicas of a partition of a topic that is created without saying how many."),
  "min.insync.replicas": int(
    1,
    "Replicas that must have a record before a producer with acks=all gets its answer; with fewer in sync the write is refused.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "unclean.leader.election.enable": boolean(
    false,
    "Whether a replica that is behind may become leader when no other is left, which loses records.",
    { ...clusterWide, ...withoutEffect },
  ),
  "unclean.leader.election.interval.ms": long(
    300_000,
    "Milliseconds between looks for partitions that need an unclean election.",
    { min: 1, ...internal, ...withoutEffect },
  ),
  "auto.leader.rebalance.enable": boolean(
    true,
    "Whether leadership goes back to the preferred replicas from time to time.",
    withoutEffect,
  ),
  "leader.imbalance.check.interval.seconds": long(
    300,
    "Seconds between checks whether leadership should go back to preferred replicas.",
    { min: 1, ...withoutEffect },
  ),
  "compression.type": string(
    "producer",
    "Compression that records are stored with: a codec, uncompressed, or producer to keep what the producer chose.",
    { oneOf: ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"], ...clusterWide },
  ),
  "compression.gzip.level": int(-1, "Level used when records are stored with gzip, 1 to 9; -1 is gzip's own default.", {
    min: 1,
    max: 9,
    or: -1,
    ...clusterWide,
    ...withoutEffect,
  }),
  "compression.lz4.level": int(9, "Level used when records are stored with lz4, 1 to 17.", {
    min: 1,
    max: 17,
    ...clusterWide,
    ...withoutEffect,
  }),
  "compression.zstd.level": int(
    3,
    "Level used when records are stored with zstd, up to 22; negative levels are faster.",
    { min: -131_072, max: 22, ...clusterWide, ...withoutEffect },
  ),
  "message.max.bytes": int(1_048_588, "Largest record batch accepted, in bytes after compression.", {
    min: 0,
    ...clusterWide,
  }),
  "max.decompressed.message.bytes": int(
    2_147_483_639,
    "Largest record batch accepted, in bytes after decompression, where the broker has to decompress it.",
    { min: 1, max: 2_147_483_639, ...clusterWide, ...withoutEffect },
  ),
  "create.topic.policy.class.name": javaClass(
    null,
    "Java class that may refuse the creation of a topic. Java classes are not loaded here.",
    withoutEffect,
  ),
  "alter.config.policy.class.name": javaClass(
    null,
    "Java class that may refuse the change of a config. Java classes are not loaded here.",
    withoutEffect,
  ),
  "replica.lag.time.max.ms": long(
    30_000,
    "A follower that has not caught up for so many milliseconds is taken out of the in-sync replicas.",
    withoutEffect,
  ),
  "replica.fetch.max.bytes": int(
    1_048_576,
    "Bytes that a follower asks for per partition; a larger first batch is sent all the same.",
    { min: 0, ...withoutEffect },
  ),
  "replica.fetch.response.max.bytes": int(
    10_485_760,
    "Bytes that a follower asks for in one fetch, all partitions together.",
    { min: 0, ...withoutEffect },
  ),
  "replica.fetch.min.bytes": int(
    1,
    "Bytes that must be there before a follower's fetch is answered, unless it has waited replica.fetch.wait.max.ms.",
    withoutEffect,
  ),
  "replica.fetch.wait.max.ms": int(
    500,
    "Longest wait of a follower's fetch, in milliseconds; below replica.lag.time.max.ms, so that quiet partitions stay in sync.",
    withoutEffect,
  ),
  "replica.fetch.backoff.ms": int(1000, "Milliseconds before a follower fetches a partition again after an error.", {
    min: 0,
    ...withoutEffect,
  }),
  "replica.socket.timeout.ms": int(
    30_000,
    "Milliseconds after which a follower gives up on a request to the leader.",
    withoutEffect,
  ),
  "replica.socket.receive.buffer.bytes": int(
    65_536,
    "Size of the receive buffer, in bytes, of a follower's connection to a leader; -1 leaves it to the operating system.",
    withoutEffect,
  ),
  "replica.high.watermark.checkpoint.interval.ms": long(
    5000,
    "Milliseconds between saves of the partitions' high watermarks to disk.",
    withoutEffect,
  ),
  "replica.selector.class": string(
    null,
    "Java class that chooses the replica a consumer reads from, by rack for example.",
    withoutEffect,
  ),
  "num.replica.fetchers": int(1, "Number of fetchers a follower runs for each leader.", {
    min: 1,
    ...clusterWide,
    ...withoutEffect,
  }),
  "num.replica.alter.log.dirs.threads": int(
    null,
    "Number of threads that move replicas between log directories; as many as directories when not set.",
    withoutEffect,
  ),
  "controlled.shutdown.enable": boolean(
    true,
    "Whether the broker hands over its leaderships before it stops.",
    withoutEffect,
  ),
};
