/** Which segments of a log have had their time. Pure: the log does the deleting. */
import { type LogConfig } from "./log_config.ts";
import { type Segment } from "./segment.ts";

export interface RetentionState {
  readonly config: LogConfig;
  readonly nowMs: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Nothing that consumers have not been shown yet is deleted. */
  readonly highWatermark: number;
}

/**
 * How many segments, from the oldest on, may be deleted. May be all of them: then the active one has to be rolled first.
 * Three reasons, one after the other as Kafka has them: all of it is below the log's start; the log without it is still at
 * least `retention.bytes`; its youngest record is older than `retention.ms`. A log that is only compacted knows the first.
 */
export function deletableCount(segments: readonly Segment[], state: RetentionState): number {
  const { config } = state;
  let count = 0;
  while (canGo(segments, count, state) && count + 1 < segments.length) {
    if (segments[count + 1]!.baseOffset > state.logStartOffset) break;
    count++;
  }
  if (!config.cleanupPolicy.delete) return count;
  if (config.retentionBytes >= 0) {
    let excessBytes = -config.retentionBytes;
    for (let index = count; index < segments.length; index++) excessBytes += segments[index]!.sizeBytes;
    while (canGo(segments, count, state) && excessBytes - segments[count]!.sizeBytes >= 0) {
      excessBytes -= segments[count]!.sizeBytes;
      count++;
    }
  }
  if (config.retentionMs >= 0) {
    while (canGo(segments, count, state)) {
      if (state.nowMs - segments[count]!.largestTimestampMs() <= config.retentionMs) break;
      count++;
    }
  }
  return count;
}

/** An empty active segment stays, and so does what is not below the high watermark. */
function canGo(segments: readonly Segment[], index: number, state: RetentionState): boolean {
  const segment = segments[index];
  if (segment === undefined) return false;
  const next = segments[index + 1];
  if (next === undefined && segment.sizeBytes === 0) return false;
  return state.highWatermark >= (next?.baseOffset ?? state.logEndOffset);
}
