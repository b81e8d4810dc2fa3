/**
 * Configs of the broker: a partition's log on disk: segments, retention, flushing, compaction.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import {
  boolean,
  clusterWide,
  derived,
  double,
  int,
  internal,
  list,
  long,
  longMax,
  perBroker,
  string,
  withoutEffect,
} from "./definition.ts";

export const logConfigs = {
  "log.dir": list(["./weir-data"], "Directory of the data when log.dirs is not set.", { nonEmpty: true }),
  "log.dirs": derived(
    list(null, "Directories of the data, separated by commas. When not set, log.dir.", { nonEmpty: true }),
    ["log.dir", 1],
  ),
  "cordoned.log.dirs": list(
    [],
    "Log directories that take no new partitions, separated by commas; * means all.",
    { ...perBroker, ...withoutEffect },
  ),
  "log.dir.failure.timeout.ms": long(
    30_000,
    "Milliseconds after which a broker that cannot tell the controller of a failed log directory shuts down.",
    { min: 1, ...withoutEffect },
  ),
  "log.segment.bytes": int(
    1_073_741_824,
    "Size, in bytes, at which a segment file is closed and the next one is begun.",
    { min: 1_048_576, ...clusterWide },
  ),
  "log.roll.ms": derived(
    long(
      null,
      "Age, in milliseconds, at which a segment is closed even when it is not full. When not set, log.roll.hours.",
      { min: 1, ...clusterWide },
    ),
    ["log.roll.hours", 3_600_000],
  ),
  "log.roll.hours": int(
    168,
    "Age, in hours, at which a segment is closed even when it is not full; used when log.roll.ms is not set.",
    { min: 1 },
  ),
  "log.roll.jitter.ms": derived(
    long(
      null,
      "Most milliseconds by which the rolling of a segment is brought forward at random, so that not all roll at once. When not set, log.roll.jitter.hours.",
      { min: 0, ...clusterWide },
    ),
    ["log.roll.jitter.hours", 3_600_000],
  ),
  "log.roll.jitter.hours": int(
    0,
    "Most hours by which the rolling of a segment is brought forward at random; used when log.roll.jitter.ms is not set.",
    { min: 0 },
  ),
  "log.retention.ms": derived(
    long(
      null,
      "Milliseconds that records are kept under the delete policy; -1 without limit. When not set, log.retention.minutes.",
      { min: 1, or: -1, ...clusterWide },
    ),
    ["log.retention.minutes", 60_000],
    ["log.retention.hours", 3_600_000],
  ),
  "log.retention.minutes": int(
    null,
    "Minutes that records are kept under the delete policy; used when log.retention.ms is not set. When not set, log.retention.hours.",
    { min: 1, or: -1 },
  ),
  "log.retention.hours": int(
    168,
    "Hours that records are kept under the delete policy; used when log.retention.ms and log.retention.minutes are not set.",
    { min: 1, or: -1 },
  ),
  "log.retention.bytes": long(
    -1,
    "Bytes that a partition keeps under the delete policy, beyond which the oldest segments go; -1 without limit.",
    clusterWide,
  ),
  "log.retention.check.interval.ms": long(300_000, "Milliseconds between looks for segments that retention lets go.", {
    min: 1,
  }),
  "log.cleanup.policy": list(
    ["delete"],
    "What happens to old segments: delete them by age and size, compact them to the last record of each key, or both.",
    { oneOf: ["compact", "delete"], ...clusterWide },
  ),
  "log.segment.delete.delay.ms": long(
    60_000,
    "Milliseconds between marking a segment as deleted and removing its files.",
    { min: 0, ...clusterWide },
  ),
  "log.index.size.max.bytes": int(
    10_485_760,
    "Largest size of a segment's offset index, in bytes; the segment is closed when the index is full.",
    { min: 4, ...clusterWide },
  ),
  "log.index.interval.bytes": int(4096, "Bytes of records between two entries of the offset index.", {
    min: 0,
    ...clusterWide,
  }),
  "log.preallocate": boolean(false, "Whether the file of a new segment is given its full size at once.", {
    ...clusterWide,
    ...withoutEffect,
  }),
  "log.message.timestamp.type": string(
    "CreateTime",
    "Which time a record carries: that of its making (CreateTime) or that of its arrival (LogAppendTime).",
    { oneOf: ["CreateTime", "LogAppendTime"], ...clusterWide },
  ),
  "log.message.timestamp.before.max.ms": long(
    longMax,
    "A record whose timestamp lies more than so many milliseconds before the broker's clock is refused; only with CreateTime.",
    { min: 0, ...clusterWide },
  ),
  "log.message.timestamp.after.max.ms": long(
    3_600_000,
    "A record whose timestamp lies more than so many milliseconds after the broker's clock is refused; only with CreateTime.",
    { min: 0, ...clusterWide },
  ),
  "crc32c.native.enable": boolean(
    true,
    "Whether checksums are computed by the processor's own instruction where the runtime can reach it; it is checked against the portable way at start.",
  ),
  "log.flush.policy": string(
    "group",
    "When records are forced to disk: group (before a producer with acks=all gets its answer, many appends sharing one sync), interval (every log.flush.interval.ms) or os (when the operating system does).",
    { oneOf: ["group", "interval", "os"], ...clusterWide },
  ),
  "log.open.files.max": int(
    800,
    "Files of partitions that are open at a time; one that is needed beyond that has the one unused longest closed. Keep it well below the process's limit (ulimit -n): connections need descriptors too.",
    { min: 16 },
  ),
  "log.flush.interval.messages": long(
    longMax,
    "Records appended to a partition before a sync to disk is forced, whatever the flush policy.",
    { min: 1, ...clusterWide },
  ),
  "log.flush.interval.ms": derived(
    long(
      null,
      "Milliseconds that a record may be in memory only before a sync to disk is forced, whatever the flush policy. When not set, log.flush.scheduler.interval.ms; 1,000 under the policy interval.",
      clusterWide,
    ),
    ["log.flush.scheduler.interval.ms", 1],
  ),
  "log.flush.scheduler.interval.ms": long(longMax, "Milliseconds between looks for logs that need a sync to disk."),
  "log.flush.offset.checkpoint.interval.ms": int(
    60_000,
    "Milliseconds between saves of the recovery points: up to there a log needs no check after a crash.",
    { min: 0 },
  ),
  "log.flush.start.offset.checkpoint.interval.ms": int(
    60_000,
    "Milliseconds between saves of the logs' first offsets, so that deleted records do not come back.",
    { min: 0, ...withoutEffect },
  ),
  "log.initial.task.delay.ms": long(
    30_000,
    "Milliseconds after start-up before retention and other housekeeping of logs begin.",
    { min: 0, ...internal, ...withoutEffect },
  ),
  "num.recovery.threads.per.data.dir": int(
    2,
    "Logs of one directory that are recovered at the same time at start-up.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "log.scrub.bytes.per.second": long(
    1_048_576,
    "Bytes per second of closed segments that are read again in the background, to find and report bits that flipped on the disk. 0 switches it off.",
    { min: 0, ...clusterWide },
  ),
  "log.scrub.interval.ms": long(
    604_800_000,
    "Milliseconds from the beginning of one such reading of all closed segments to that of the next; one that takes longer is not cut short.",
    { min: 1, ...clusterWide },
  ),
  "log.cleaner.enable": boolean(
    true,
    "Whether compacted topics are compacted. Deprecated in Kafka: switching it off lets internal topics grow without bound.",
  ),
  "log.cleaner.threads": int(1, "Number of partitions that are compacted at the same time.", {
    min: 0,
    ...clusterWide,
    ...withoutEffect,
  }),
  "log.cleaner.io.max.bytes.per.second": double(
    Number.MAX_VALUE,
    "Bytes per second that compaction may read and write, all partitions together.",
    clusterWide,
  ),
  "log.cleaner.dedupe.buffer.size": long(
    134_217_728,
    "Bytes of memory for the key tables of compaction, all together.",
    clusterWide,
  ),
  "log.cleaner.io.buffer.size": int(524_288, "Bytes of memory for compaction's reading and writing, all together.", {
    min: 0,
    ...clusterWide,
  }),
  "log.cleaner.io.buffer.load.factor": double(
    0.9,
    "How full a key table of compaction may get, from 0 to 1. Fuller means more keys in one pass and slower look-ups.",
    clusterWide,
  ),
  "log.cleaner.backoff.ms": long(15_000, "Milliseconds to sleep when there is nothing to compact.", {
    min: 0,
    ...clusterWide,
  }),
  "log.cleaner.min.cleanable.ratio": double(
    0.5,
    "Share of a log that must be uncompacted before it is compacted, from 0 to 1.",
    { min: 0, max: 1, ...clusterWide },
  ),
  "log.cleaner.delete.retention.ms": long(
    86_400_000,
    "Milliseconds that a compacted topic keeps the markers of deleted keys, for readers that started before.",
    { min: 0, ...clusterWide },
  ),
  "log.cleaner.min.compaction.lag.ms": long(0, "Milliseconds for which a record is safe from compaction.", {
    min: 0,
    ...clusterWide,
  }),
  "log.cleaner.max.compaction.lag.ms": long(
    longMax,
    "Milliseconds after which a record becomes due for compaction, however clean its log is.",
    { min: 1, ...clusterWide },
  ),
  "producer.id.expiration.ms": int(
    86_400_000,
    "Milliseconds after which a producer that has written nothing is forgotten by a partition, and its duplicates are no longer found.",
    { min: 1, ...clusterWide },
  ),
  "producer.id.expiration.check.interval.ms": int(600_000, "Milliseconds between looks for producers to forget.", {
    min: 1,
    ...internal,
  }),
};
