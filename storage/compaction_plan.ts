/**
 * Whether a log is worth a cleaning, and what of it. Pure: numbers and segments in, a plan out.
 *
 *   [ clean ][ clean ][ dirty ][ dirty ][ too young ][ active ]
 *                     ^                 ^
 *                     first dirty       first uncleanable
 *
 *   dirty ratio = cleanable dirty bytes ÷ (clean + cleanable dirty bytes)
 *
 * (1) Not cleaned are: the active segment; what readers of committed records have not been shown (an open transaction, what
 *     is past the high watermark); what is not on the disk for good with its indexes; records younger than
 *     `min.compaction.lag.ms`, and all that follows them.
 * (2) A log is cleaned when its dirty ratio is above `min.cleanable.dirty.ratio`, or when a dirty record is older than
 *     `max.compaction.lag.ms`.
 */
import { RELATIVE_OFFSET_MAX, type Segment } from "./segment.ts";
import { type LogConfig } from "./log_config.ts";

export interface CompactionState {
  readonly config: LogConfig;
  readonly nowMs: number;
  /** A cleaner has been through what is below; may be wrong, after a log lost its end. */
  readonly cleanedOffset: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Readers of committed records are shown what is below. */
  readonly lastStableOffset: number;
  /** On the disk for good, with its indexes. */
  readonly recoveryPoint: number;
}

export interface CompactionPlan {
  readonly firstDirtyOffset: number;
  readonly firstUncleanableOffset: number;
  readonly cleanableBytes: number;
  readonly dirtyRatio: number;
  /** Dirty for longer than `max.compaction.lag.ms` by so much; 0 when not. */
  readonly delayMs: number;
  /** Above the limits (2). */
  readonly isDue: boolean;
}

export function planCompaction(segments: readonly Segment[], state: CompactionState): CompactionPlan {
  const { config, nowMs, cleanedOffset, logStartOffset, logEndOffset } = state;
  // Ahead of the log's end, or behind its start: the whole log counts as dirty.
  const isCleanedKnown = cleanedOffset >= logStartOffset && cleanedOffset <= logEndOffset;
  const firstDirtyOffset = isCleanedKnown ? cleanedOffset : logStartOffset;
  const closed = segments.slice(0, -1);
  const dirty = closed.slice(floorIndex(closed, firstDirtyOffset));
  let limit = Math.min(state.lastStableOffset, state.recoveryPoint, segments.at(-1)!.baseOffset); // (1)
  if (config.minCompactionLagMs > 0) {
    const young = dirty.find((segment) => segment.largestTimestampMs() > nowMs - config.minCompactionLagMs);
    if (young !== undefined) limit = Math.min(limit, young.baseOffset);
  }
  let cleanBytes = 0;
  let cleanableBytes = 0;
  let firstUncleanableOffset = firstDirtyOffset;
  for (const [index, segment] of closed.entries()) {
    const endOffset = segments[index + 1]!.baseOffset;
    if (endOffset <= firstDirtyOffset) {
      cleanBytes += segment.sizeBytes;
      continue;
    }
    if (endOffset > limit) break;
    cleanableBytes += segment.sizeBytes;
    firstUncleanableOffset = endOffset;
  }
  const totalBytes = cleanBytes + cleanableBytes;
  const dirtyRatio = totalBytes === 0 ? 0 : cleanableBytes / totalBytes;
  const delayMs = overdueMs(dirty, config.maxCompactionLagMs, nowMs);
  const isDue = cleanableBytes > 0 && (delayMs > 0 || dirtyRatio > config.minCleanableDirtyRatio); // (2)
  return { firstDirtyOffset, firstUncleanableOffset, cleanableBytes, dirtyRatio, delayMs, isDue };
}

function overdueMs(dirty: readonly Segment[], maxLagMs: number, nowMs: number): number {
  if (maxLagMs >= Number.MAX_SAFE_INTEGER) return 0;
  let earliestMs = Infinity;
  for (const segment of dirty) {
    const firstMs = segment.sizeBytes > 0 ? segment.firstTimestampMs() : -1;
    if (firstMs > 0) earliestMs = Math.min(earliestMs, firstMs);
  }
  return Math.max(0, nowMs - maxLagMs - earliestMs);
}

/** Index of the segment that `offset` is in. */
function floorIndex(segments: readonly Segment[], offset: number): number {
  return Math.max(0, segments.findLastIndex((segment) => segment.baseOffset <= offset));
}

/** More segments than this are not made one at once: each is some renames, in one turn of the loop. */
const GROUP_COUNT_MAX = 64;

/**
 * Segments in a row that together make no more than one segment, so that logs of small leftovers grow together.
 * `endOffsets`: where each ends.
 */
export function groupSegments(
  segments: readonly Segment[],
  config: LogConfig,
  endOffset: number,
): Segment[][] {
  const groups: Segment[][] = [];
  let group: Segment[] = [];
  let sizeBytes = 0;
  let indexBytes = 0;
  for (const [index, segment] of segments.entries()) {
    const segmentEnd = segments[index + 1]?.baseOffset ?? endOffset;
    const segmentIndexBytes = segment.indexSizeBytes();
    const fits = group.length > 0 && group.length < GROUP_COUNT_MAX &&
      sizeBytes + segment.sizeBytes <= config.segmentBytes &&
      indexBytes + segmentIndexBytes <= config.segmentIndexBytes &&
      segmentEnd - 1 - group[0]!.baseOffset <= RELATIVE_OFFSET_MAX;
    if (!fits) {
      group = [];
      groups.push(group);
      sizeBytes = 0;
      indexBytes = 0;
    }
    group.push(segment);
    sizeBytes += segment.sizeBytes;
    indexBytes += segmentIndexBytes;
  }
  return groups;
}
