/** From a time to an offset: the time index leads close, the last steps are read in the log, and one batch is decoded. */
import { type BatchView, MalformedBatch } from "../protocol/batch.ts";
import { decodeRecords } from "../protocol/record.ts";
import { type StorageContext } from "./context.ts";
import { scan } from "./scan.ts";
import { type Segment } from "./segment.ts";

export interface FoundOffset {
  readonly offset: number;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

/** The first record at or after `startOffset` whose timestamp is at least `timestampMs`. */
export function findByTimestamp(
  context: StorageContext,
  segments: readonly Segment[],
  timestampMs: number,
  startOffset: number,
): FoundOffset | null {
  for (const segment of segments) {
    if (segment.sizeBytes === 0 || segment.largest().timestampMs < timestampMs) continue;
    const fromOffset = Math.max(segment.index.offsetFor(timestampMs), startOffset);
    const found = findInSegment(context, segment, fromOffset, (batch) => {
      if (batch.maxTimestamp < timestampMs || batch.lastOffset < startOffset) return null;
      return firstRecord(batch, timestampMs, startOffset);
    });
    if (found !== null) return found;
  }
  return null;
}

/** The first record at or after `startOffset` with the largest timestamp of all; null when none has a timestamp. */
export function findLargestTimestamp(
  context: StorageContext,
  segments: readonly Segment[],
  startOffset: number,
): FoundOffset | null {
  let largest: Segment | null = null;
  for (const segment of segments) {
    if (segment.sizeBytes === 0) continue;
    if (largest === null || segment.largest().timestampMs > largest.largest().timestampMs) largest = segment;
  }
  if (largest === null) return null;
  const { timestampMs, offset } = largest.largest();
  if (timestampMs < 0) return null;
  if (offset < startOffset) return findLargestAfter(context, segments, startOffset);
  const found = findInSegment(context, largest, offset, (batch) => {
    return batch.maxTimestamp === timestampMs ? firstRecord(batch, timestampMs, startOffset) : null;
  });
  // An index of Kafka's may lead to a batch that a cleaner has emptied.
  return found ?? findLargestAfter(context, segments, startOffset);
}

/** The slow way, when the largest timestamp is of a deleted record: looks at every batch that is left. */
function findLargestAfter(
  context: StorageContext,
  segments: readonly Segment[],
  startOffset: number,
): FoundOffset | null {
  let largestMs = -1;
  let found: FoundOffset | null = null;
  for (const segment of segments) {
    findInSegment(context, segment, startOffset, (batch) => {
      if (batch.lastOffset < startOffset || batch.maxTimestamp <= largestMs) return null;
      for (const record of recordsOf(batch)) {
        if (record.offset < startOffset || record.timestamp <= largestMs) continue;
        largestMs = record.timestamp;
        found = { offset: record.offset, timestampMs: record.timestamp, leaderEpoch: batch.partitionLeaderEpoch };
      }
      return null;
    });
  }
  return found;
}

/** The first thing `look` finds in the batches from `fromOffset` on. */
function findInSegment(
  context: StorageContext,
  segment: Segment,
  fromOffset: number,
  look: (batch: BatchView) => FoundOffset | null,
): FoundOffset | null {
  let found: FoundOffset | null = null;
  const range = { from: segment.index.positionOf(fromOffset), to: segment.sizeBytes };
  scan(segment.log, range, context.buffers, (batch) => {
    found = look(batch);
    return found === null;
  });
  return found;
}

function firstRecord(batch: BatchView, timestampMs: number, startOffset: number): FoundOffset | null {
  for (const record of recordsOf(batch)) {
    if (record.timestamp < timestampMs || record.offset < startOffset) continue;
    return { offset: record.offset, timestampMs: record.timestamp, leaderEpoch: batch.partitionLeaderEpoch };
  }
  return null;
}

/** Records of a batch. Its inside was never checked: what cannot be decoded counts as one record, the batch's last. */
function* recordsOf(batch: BatchView): Generator<{ readonly offset: number; readonly timestamp: number }> {
  try {
    yield* decodeRecords(batch);
  } catch (error) {
    if (!(error instanceof MalformedBatch)) throw error;
    yield { offset: batch.lastOffset, timestamp: batch.maxTimestamp };
  }
}
