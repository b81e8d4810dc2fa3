/** What a topic's configuration says to its logs. The server makes one from topic and broker settings. */

export interface LogConfig {
  /** `segment.bytes`: a segment grows no larger. */
  readonly segmentBytes: number;
  /** `segment.ms`: a segment whose records span more than this, ends. */
  readonly segmentMs: number;
  /** `segment.jitter.ms`: taken off `segmentMs`, at random per segment, so that segments do not all end at once. */
  readonly segmentJitterMs: number;
  /** `segment.index.bytes`: a segment whose index grew to this, ends. */
  readonly segmentIndexBytes: number;
  /** `index.interval.bytes`: one index entry per so many bytes, about. */
  readonly indexIntervalBytes: number;
  /** `retention.bytes`; -1 for no limit. */
  readonly retentionBytes: number;
  /** `retention.ms`; -1 for no limit. */
  readonly retentionMs: number;
  /** `file.delete.delay.ms`: how long a deleted segment stays under its `.deleted` name. */
  readonly fileDeleteDelayMs: number;
  /** `cleanup.policy`; both may hold. */
  readonly cleanupPolicy: { readonly delete: boolean; readonly compact: boolean };
  /** `min.cleanable.dirty.ratio` */
  readonly minCleanableDirtyRatio: number;
  /** `min.compaction.lag.ms` */
  readonly minCompactionLagMs: number;
  /** `max.compaction.lag.ms` */
  readonly maxCompactionLagMs: number;
  /** `delete.retention.ms` */
  readonly deleteRetentionMs: number;
  /** `max.message.bytes`; checked by the server, kept here so that a topic has one record of its settings. */
  readonly maxMessageBytes: number;
  /** `message.timestamp.type` */
  readonly timestampType: "CreateTime" | "LogAppendTime";
  /** `flush.messages`: so many unsynced records start a sync; Infinity for never. */
  readonly flushMessages: number;
  /** `flush.ms`: unsynced records older than this are synced by `LogDir.flushDue`; Infinity for never. */
  readonly flushMs: number;
  /** `preallocate`: accepted; files here are never preallocated, their size is what they hold. */
  readonly preallocate: boolean;
}

/** Kafka's defaults. */
export const DEFAULT_LOG_CONFIG: LogConfig = {
  segmentBytes: 1024 * 1024 * 1024,
  segmentMs: 7 * 24 * 60 * 60 * 1000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 4096,
  retentionBytes: -1,
  retentionMs: 7 * 24 * 60 * 60 * 1000,
  fileDeleteDelayMs: 60_000,
  cleanupPolicy: { delete: true, compact: false },
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Infinity,
  deleteRetentionMs: 24 * 60 * 60 * 1000,
  maxMessageBytes: 1024 * 1024 + 12,
  timestampType: "CreateTime",
  flushMessages: Infinity,
  flushMs: Infinity,
  preallocate: false,
};
