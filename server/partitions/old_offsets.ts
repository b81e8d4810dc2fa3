/**
 * What ListOffsets v0 asks for, as consumers before Kafka 0.10.1 did: offsets from which records up to a time may be found,
 * newest first. It knows segments and when their files were last written, not the records' own times.
 *
 *     segments by base   0 (written 10:00)   1200 (11:00)   2450 (now), the log's end 3600
 *     before 11:30       1200, 0
 *     latest (-1)        3600, 2450, 1200, 0
 *     earliest (-2)      0
 */
import type { Partition } from "./partition.ts";

const LATEST = -1;
const EARLIEST = -2;

export interface OldQuestion {
  readonly timestamp: number;
  readonly maxNumOffsets: number;
}

export function offsetsBefore(
  partition: Partition,
  { timestamp, maxNumOffsets }: OldQuestion,
  options: { readonly nowMs: number; readonly visibleEnd: number },
): number[] {
  const { log } = partition;
  const places = [...log.closedSegments(), log.activeSegment].map((segment) => ({
    offset: Math.max(segment.baseOffset, log.logStartOffset),
    writtenMs: segment.writtenMs(),
  }));
  if (log.activeSegment.sizeBytes > 0) places.push({ offset: log.logEndOffset, writtenMs: options.nowMs });
  const count = timestamp === LATEST
    ? places.length
    : timestamp === EARLIEST
    ? 1
    : places.findLastIndex(({ writtenMs }) => writtenMs <= timestamp) + 1;
  const offsets = places.slice(0, count).slice(-Math.max(1, maxNumOffsets)).map(({ offset }) => offset).reverse();
  const shown = offsets.filter((offset) => offset <= options.visibleEnd);
  return maxNumOffsets <= 0 ? [] : shown.length < offsets.length ? [options.visibleEnd, ...shown] : shown;
}
