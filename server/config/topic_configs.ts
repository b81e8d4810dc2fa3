/**
 * Configs of a topic, by name. What a topic does not set itself, it takes from the broker's config named beside it.
 *
 * Types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import type { BrokerConfigName } from "./broker_configs.ts";
import {
  boolean,
  type ConfigDefinition,
  type ConfigValue,
  double,
  int,
  internal,
  list,
  long,
  longMax,
  type Rules,
  string,
  withoutEffect,
} from "./definition.ts";

export interface TopicConfigDefinition<Value extends ConfigValue | null = ConfigValue | null>
  extends ConfigDefinition<Value> {
  /** The broker's config that is this one's default; null when there is none. */
  readonly brokerName: BrokerConfigName | null;
}

export const topicConfigs = {
  "cleanup.policy": from(
    "log.cleanup.policy",
    list(
      ["delete"],
      "What happens to old segments: delete them by age and size, compact them to the last record of each key, or both.",
      { oneOf: ["compact", "delete"] },
    ),
  ),
  "compression.type": from(
    "compression.type",
    string(
      "producer",
      "Compression that records are stored with: a codec, uncompressed, or producer to keep the producer's.",
      {
        oneOf: ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"],
      },
    ),
  ),
  "compression.gzip.level": from(
    "compression.gzip.level",
    int(-1, "Level used when records are stored with gzip, 1 to 9; -1 is gzip's own default.", {
      min: 1,
      max: 9,
      or: -1,
      ...withoutEffect,
    }),
  ),
  "compression.lz4.level": from(
    "compression.lz4.level",
    int(9, "Level used when records are stored with lz4, 1 to 17.", { min: 1, max: 17, ...withoutEffect }),
  ),
  "compression.zstd.level": from(
    "compression.zstd.level",
    int(3, "Level used when records are stored with zstd, up to 22; negative levels are faster.", {
      min: -131_072,
      max: 22,
      ...withoutEffect,
    }),
  ),
  "delete.retention.ms": from(
    "log.cleaner.delete.retention.ms",
    long(86_400_000, "Milliseconds that a compacted topic keeps the markers of deleted keys.", {
      min: 0,
    }),
  ),
  "errors.deadletterqueue.group.enable": from(
    null,
    boolean(false, "Whether share groups may use this topic as their dead-letter topic.", withoutEffect),
  ),
  "file.delete.delay.ms": from(
    "log.segment.delete.delay.ms",
    long(60_000, "Milliseconds between marking a segment as deleted and removing its files.", { min: 0 }),
  ),
  "flush.messages": from(
    "log.flush.interval.messages",
    long(longMax, "Records appended to a partition before a sync to disk is forced, whatever the flush policy.", {
      min: 1,
    }),
  ),
  "flush.ms": from(
    "log.flush.interval.ms",
    long(
      longMax,
      "Milliseconds that a record may be in memory only before a sync to disk is forced, whatever the flush policy.",
      {
        min: 0,
      },
    ),
  ),
  "flush.policy": from(
    "log.flush.policy",
    string(
      "group",
      "When records are forced to disk: group (before a producer with acks=all gets its answer, many appends sharing one sync), interval (every flush.ms) or os (when the operating system does).",
      { oneOf: ["group", "interval", "os"] },
    ),
  ),
  "follower.replication.throttled.replicas": from(
    null,
    list([], "Replicas whose copying is throttled on the follower, as PARTITION:BROKER, or * for all.", {
      satisfies: replicaList(),
      emptyElements: true,
      ...withoutEffect,
    }),
  ),
  "index.interval.bytes": from(
    "log.index.interval.bytes",
    int(4_096, "Bytes of records between two entries of the offset index.", { min: 0 }),
  ),
  "internal.segment.bytes": from(null, int(null, "Segment size in bytes without a lower bound, for tests.", internal)),
  "leader.replication.throttled.replicas": from(
    null,
    list([], "Replicas whose copying is throttled on the leader, as PARTITION:BROKER, or * for all.", {
      satisfies: replicaList(),
      emptyElements: true,
      ...withoutEffect,
    }),
  ),
  "local.retention.bytes": from(
    "log.local.retention.bytes",
    long(
      -2,
      "Bytes of a partition that stay on local disk after they were copied to remote storage; -2 as many as retention.bytes says.",
      {
        min: -2,
        ...withoutEffect,
      },
    ),
  ),
  "local.retention.ms": from(
    "log.local.retention.ms",
    long(
      -2,
      "Milliseconds that segments stay on local disk after they were copied to remote storage; -2 as long as retention.ms says.",
      {
        min: -2,
        ...withoutEffect,
      },
    ),
  ),
  "max.compaction.lag.ms": from(
    "log.cleaner.max.compaction.lag.ms",
    long(longMax, "Milliseconds after which a record becomes due for compaction, however clean its log is.", {
      min: 1,
    }),
  ),
  "max.decompressed.message.bytes": from(
    "max.decompressed.message.bytes",
    int(
      2_147_483_639,
      "Largest record batch accepted, in bytes after decompression, where the broker has to decompress it.",
      {
        min: 1,
        max: 2_147_483_639,
        ...withoutEffect,
      },
    ),
  ),
  "max.message.bytes": from(
    "message.max.bytes",
    int(1_048_588, "Largest record batch accepted, in bytes after compression.", { min: 0 }),
  ),
  "message.timestamp.after.max.ms": from(
    "log.message.timestamp.after.max.ms",
    long(
      3_600_000,
      "A record whose timestamp lies more than so many milliseconds after the broker's clock is refused; only with CreateTime.",
      {
        min: 0,
      },
    ),
  ),
  "message.timestamp.before.max.ms": from(
    "log.message.timestamp.before.max.ms",
    long(
      longMax,
      "A record whose timestamp lies more than so many milliseconds before the broker's clock is refused; only with CreateTime.",
      {
        min: 0,
      },
    ),
  ),
  "message.timestamp.type": from(
    "log.message.timestamp.type",
    string(
      "CreateTime",
      "Which time a record carries: that of its making (CreateTime) or that of its arrival (LogAppendTime).",
      {
        oneOf: ["CreateTime", "LogAppendTime"],
      },
    ),
  ),
  "min.cleanable.dirty.ratio": from(
    "log.cleaner.min.cleanable.ratio",
    double(0.5, "Share of a log that must be uncompacted before it is compacted, from 0 to 1.", {
      min: 0,
      max: 1,
    }),
  ),
  "min.compaction.lag.ms": from(
    "log.cleaner.min.compaction.lag.ms",
    long(0, "Milliseconds for which a record is safe from compaction.", { min: 0 }),
  ),
  "min.insync.replicas": from(
    "min.insync.replicas",
    int(
      1,
      "Replicas that must have a record before a producer with acks=all gets its answer; with fewer in sync the write is refused.",
      {
        min: 1,
        ...withoutEffect,
      },
    ),
  ),
  "preallocate": from(
    "log.preallocate",
    boolean(false, "Whether the file of a new segment is given its full size at once.", withoutEffect),
  ),
  "remote.copy.lag.bytes": from(
    "log.remote.copy.lag.bytes",
    long(-1, "Bytes newer than a closed segment from which it is copied to remote storage; -1 for no such rule.", {
      min: -1,
      ...withoutEffect,
    }),
  ),
  "remote.copy.lag.ms": from(
    "log.remote.copy.lag.ms",
    long(
      0,
      "Age, in milliseconds, from which a closed segment is copied to remote storage; -1 as long as it stays on local disk.",
      {
        min: -1,
        ...withoutEffect,
      },
    ),
  ),
  "remote.log.copy.disable": from(
    null,
    boolean(false, "Whether copying to remote storage is paused for a topic that has it.", withoutEffect),
  ),
  "remote.log.delete.on.disable": from(
    null,
    boolean(
      false,
      "Whether switching remote storage off for the topic deletes what is stored remotely.",
      withoutEffect,
    ),
  ),
  "remote.storage.enable": from(
    null,
    boolean(false, "Whether old segments of the topic are moved to remote storage.", withoutEffect),
  ),
  "retention.bytes": from(
    "log.retention.bytes",
    long(
      -1,
      "Bytes that a partition keeps under the delete policy, beyond which the oldest segments go; -1 without limit.",
    ),
  ),
  "retention.ms": from(
    "log.retention.ms",
    long(604_800_000, "Milliseconds that records are kept under the delete policy; -1 without limit.", { min: -1 }),
  ),
  "segment.bytes": from(
    "log.segment.bytes",
    int(1_073_741_824, "Size, in bytes, at which a segment file is closed and the next one is begun.", {
      min: 1_048_576,
    }),
  ),
  "segment.index.bytes": from(
    "log.index.size.max.bytes",
    int(
      10_485_760,
      "Largest size of a segment's offset index, in bytes; the segment is closed when the index is full.",
      { min: 4 },
    ),
  ),
  "segment.jitter.ms": from(
    "log.roll.jitter.ms",
    long(
      0,
      "Most milliseconds by which the rolling of a segment is brought forward at random, so that not all roll at once.",
      {
        min: 0,
      },
    ),
  ),
  "segment.ms": from(
    "log.roll.ms",
    long(604_800_000, "Age, in milliseconds, at which a segment is closed even when it is not full.", { min: 1 }),
  ),
  "unclean.leader.election.enable": from(
    "unclean.leader.election.enable",
    boolean(
      false,
      "Whether a replica that is behind may become leader when no other is left, which loses records.",
      withoutEffect,
    ),
  ),
};

export type TopicConfigName = keyof typeof topicConfigs;
export type TopicConfigValue<Name extends TopicConfigName> = typeof topicConfigs[Name] extends
  ConfigDefinition<infer Value> ? Value : never;

export function topicDefinition(name: string): TopicConfigDefinition | undefined {
  return Object.hasOwn(topicConfigs, name) ? topicConfigs[name as TopicConfigName] : undefined;
}

function from<Value extends ConfigValue | null>(
  brokerName: BrokerConfigName | null,
  definition: ConfigDefinition<Value>,
): TopicConfigDefinition<Value> {
  return { ...definition, brokerName };
}

function replicaList(): NonNullable<Rules["satisfies"]> {
  return {
    words: "PARTITION:BROKER pairs separated by commas, or *",
    test: (value) => {
      const replicas = value as readonly string[];
      return replicas.join("") === "*" || replicas.every((replica) => /^(\d+:\d+)?$/.test(replica));
    },
  };
}
