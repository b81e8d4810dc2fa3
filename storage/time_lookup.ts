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

/** What one step of a long search looks at. */
const STEP_BYTES = 1024 * 1024;

/** The first record at or after `startOffset` whose timestamp is at least `timestampMs`. */
export async function findByTimestamp(
  context: StorageContext,
  segments: readonly Segment[],
  timestampMs: number,
  startOffset: number,
): Promise<FoundOffset | null> {
  for (const segment of segments) {
    const found = await context.cold.run(() => {
      if (isOver(segment) || segment.largest().timestampMs < timestampMs) return null;
      const fromOffset = Math.max(segment.index.offsetFor(timestampMs), startOffset);
      return findInSegment(context, segment, fromOffset, (batch) => {
        if (batch.maxTimestamp < timestampMs || batch.lastOffset < startOffset) return null;
        return firstRecord(batch, timestampMs, startOffset);
      });
    });
    if (found !== null) return found;
  }
  return null;
}

/** The first record at or after `startOffset` with the largest timestamp of all; null when none has a timestamp. */
export async function findLargestTimestamp(
  context: StorageContext,
  segments: readonly Segment[],
  startOffset: number,
): Promise<FoundOffset | null> {
  const { cold } = context;
  let largest: { readonly segment: Segment; readonly timestampMs: number; readonly offset: number } | null = null;
  for (const segment of segments) {
    const own = await cold.run(() => isOver(segment) ? null : segment.largest());
    if (own !== null && (largest === null || own.timestampMs > largest.timestampMs)) largest = { segment, ...own };
  }
  if (largest === null) return null;
  const { segment, timestampMs, offset } = largest;
  if (timestampMs < 0) return null;
  if (offset < startOffset) return await findLargestAfter(context, segments, startOffset);
  const found = await cold.run(() => {
    if (isOver(segment)) return null;
    return findInSegment(context, segment, offset, (batch) => {
      return batch.maxTimestamp === timestampMs ? firstRecord(batch, timestampMs, startOffset) : null;
    });
  });
  // An index of Kafka's may lead to a batch that a cleaner has emptied.
  return found ?? findLargestAfter(context, segments, startOffset);
}

/** The slow way, when the largest timestamp is of a deleted record: looks at every batch that is left, step by step. */
async function findLargestAfter(
  context: StorageContext,
  segments: readonly Segment[],
  startOffset: number,
): Promise<FoundOffset | null> {
  const { cold, runtime, buffers } = context;
  let largestMs = -1;
  let found: FoundOffset | null = null;
  const look = (batch: BatchView) => {
    if (batch.lastOffset < startOffset || batch.maxTimestamp <= largestMs) return;
    for (const record of recordsOf(batch)) {
      if (record.offset < startOffset || record.timestamp <= largestMs) continue;
      largestMs = record.timestamp;
      found = { offset: record.offset, timestampMs: record.timestamp, leaderEpoch: batch.partitionLeaderEpoch };
    }
  };
  for (const segment of segments) {
    let position = await cold.run(() => isOver(segment) ? Infinity : segment.index.positionOf(startOffset));
    while (position < segment.sizeBytes && !segment.isGone) {
      const from = position;
      const step = await cold.run(() => {
        return scan(segment.log, { from, to: segment.sizeBytes }, buffers, (batch, at) => {
          if (at > from && at + batch.sizeBytes > from + STEP_BYTES) return false;
          look(batch);
          return true;
        });
      });
      if (step.position === from) break; // Not a batch: recovery's business.
      position = step.position;
      await new Promise<void>((resolve) => runtime.timers.soon(resolve));
    }
  }
  return found;
}

/** Nothing to look for, or no longer: a wait for the disk is time for a deletion. */
function isOver(segment: Segment): boolean {
  return segment.sizeBytes === 0 || segment.isGone;
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
