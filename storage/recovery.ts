/**
 * Makes a log's segments right after a crash.
 *
 *   segments     [ 0 ......... ][ 4711 ....... ][ 9001 .....x~~~ ]      x: first batch that is not whole or not right
 *   recovery point                          ^                           ~: cut off
 *   read again                              [...................
 *
 * (1) What is below the recovery point was synced with its index entries (`log_sync.ts`) and is not read again; the index
 *     entry nearest to it is looked up in the log all the same, and a segment where that does not fit is read from its start.
 * (2) Every batch past it is read and checked: length, format, checksum, offsets that follow each other. The log ends before
 *     the first one that fails, twice (`scan.ts`), and so does the segment's file; segments after it go, for the log has no gaps.
 * (3) A segment that does not start where the one before it ends has lost that one's end (an empty or short file whose bytes
 *     never came to the disk), so it counts as cut there too, in a compacted log as well. Such a gap is in order below what
 *     the cleaner has been through, below the recovery point, and after a segment that shows a cleaner's work.
 *     A Kafka that was killed leaves such gaps past all it has written down, for its cleaner does not wait for that. Where the
 *     last segment shows that it was Kafka's, nothing is cut there: the log stays offline until that Kafka has ended in order.
 * (4) The result is a prefix of the batches that were written, and doing it again, or being killed half-way and doing it
 *     again, gives the same.
 * (5) Nothing below the recovery point is cut: it was on the disk for good, so what is wrong there is damage, and the log
 *     stays offline, its files untouched, until somebody has looked. Cutting past it is reported.
 * (6) What is read past it is written again, as it is. A sync that failed in the process before this one may have taken the
 *     bytes with it: the kernel has them in its cache, and thinks them saved. The sync that follows would save nothing.
 */
import { BATCH_HEADER_BYTES, type BatchView, MAGIC } from "../protocol/batch.ts";
import { type StorageContext } from "./context.ts";
import { RECOVERY_POINT_FILE } from "./checkpoint.ts";
import { StorageError } from "./errors.ts";
import { type LeaderEpochs } from "./leader_epochs.ts";
import { scan } from "./scan.ts";
import { readSteadily } from "./steady_read.ts";
import { RELATIVE_OFFSET_MAX, type Segment } from "./segment.ts";

export interface RecoveredSegments {
  /** The segments that are left; at least the first. */
  segments: Segment[];
  /** Those after the cut. */
  readonly dropped: Segment[];
  logEndOffset: number;
  /** The first segment that was read again, its base offset. */
  readonly scannedFromOffset: number;
  /** Something was cut off, or an index made again that was settled: all is to be brought to the disk before it is believed. */
  readonly isDamaged: boolean;
}

export interface RecoveryOptions {
  readonly recoveryPoint: number;
  /** A cleaner has been through what is below. */
  readonly cleanedOffset: number;
  /** Nobody misses what is below. */
  readonly logStartOffset: number;
  readonly epochs: LeaderEpochs;
  /** Whether a Kafka that was killed wrote here last (3). Asked before the last segment is looked at. */
  readonly isLeftByKafka: () => boolean;
}

/** Checks what lies past `recoveryPoint`, cuts what is not right, completes indexes and leader epochs, both in memory. */
export function recoverSegments(
  context: StorageContext,
  segments: readonly Segment[],
  options: RecoveryOptions,
): RecoveredSegments {
  let index = segments.length - 1;
  // An empty one does not say that the log had come to its base.
  while (index > 0 && (segments[index]!.baseOffset > options.recoveryPoint || segments[index]!.sizeBytes === 0)) {
    index--;
  }
  const scannedFromOffset = segments[index]!.baseOffset;
  let logEndOffset = scannedFromOffset;
  let isDamaged = false;
  for (; index < segments.length; index++) {
    const segment = segments[index]!;
    const next = segments[index + 1];
    const recovered = recoverSegment(context, segment, options);
    logEndOffset = recovered.nextOffset;
    if (!recovered.isWhole || recovered.isIndexNew) isDamaged = true;
    if (recovered.isWhole && next !== undefined && isJoined(recovered, next.baseOffset, options)) continue;
    if (recovered.isWhole && next !== undefined) refuseGap(segment, logEndOffset, next, options);
    refuseLoss(
      segment,
      { position: segment.sizeBytes, endOffset: logEndOffset, problem: "its end is missing" },
      options,
    );
    if (next === undefined) break;
    const dropped = segments.slice(index + 1);
    if (dropped.length > 0) {
      context.report({
        level: "error",
        event: "segments-dropped",
        facts: { file: segment.log.path, count: dropped.length, fromOffset: logEndOffset },
      });
    }
    return { segments: segments.slice(0, index + 1), dropped, logEndOffset, scannedFromOffset, isDamaged };
  }
  return { segments: [...segments], dropped: [], logEndOffset, scannedFromOffset, isDamaged };
}

interface RecoveredSegment {
  readonly nextOffset: number;
  /** Nothing was cut. */
  readonly isWhole: boolean;
  /** Offsets or records are missing that were there once. */
  readonly isCleaned: boolean;
  /** The index had to be made again though entries below the recovery point should have been there. */
  readonly isIndexNew: boolean;
}

/** Whether a segment at `baseOffset` may follow (3). */
function isJoined(segment: RecoveredSegment, baseOffset: number, options: RecoveryOptions): boolean {
  if (baseOffset <= segment.nextOffset) return baseOffset === segment.nextOffset;
  return baseOffset <= Math.max(options.recoveryPoint, options.cleanedOffset) || segment.isCleaned;
}

function recoverSegment(context: StorageContext, segment: Segment, options: RecoveryOptions): RecoveredSegment {
  refuseOldFormat(segment);
  const start = startOf(segment, options.recoveryPoint);
  let nextOffset = start.offset;
  let refused: string | null = null;
  let isCleaned = false;
  let unsavedFrom = segment.sizeBytes;
  const range = { from: start.position, to: segment.sizeBytes };
  const end = scan(segment.log, range, context.buffers, (batch, position, damage) => {
    refused = damage ?? batchFault(batch, segment.baseOffset, nextOffset);
    if (refused !== null) return false;
    if (batch.recordCount !== batch.lastOffsetDelta + 1) isCleaned = true;
    if (batch.baseOffset !== nextOffset && (position === 0 || position !== start.position)) isCleaned = true;
    segment.index.note(batch, position);
    options.epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
    nextOffset = batch.nextOffset;
    if (nextOffset > options.recoveryPoint && position < unsavedFrom) unsavedFrom = position;
    return true;
  });
  const problem = refused ?? end.problem;
  if (problem !== null) {
    refuseLoss(segment, { position: end.position, endOffset: nextOffset, problem }, options);
    context.report({
      level: "warn",
      event: "log-truncated",
      facts: {
        file: segment.log.path,
        position: end.position,
        bytes: segment.sizeBytes - end.position,
        nextOffset,
        problem,
      },
    });
    segment.truncate(end.position);
  }
  segment.rewrite(unsavedFrom); // (6)
  const isIndexNew = start.position === 0 && segment.index.positionOf(options.recoveryPoint - 1) > 0;
  return { nextOffset, isWhole: problem === null, isCleaned, isIndexNew };
}

/** Throws where Kafka's cleaner may have made the gap (3). */
function refuseGap(segment: Segment, endOffset: number, next: Segment, options: RecoveryOptions): void {
  if (next.baseOffset <= endOffset || !options.isLeftByKafka()) return;
  throw new StorageError(
    `Cannot recover "${segment.log.path}": offsets ${endOffset} to ${
      next.baseOffset - 1
    } are missing before the next segment, ` +
      "as a Kafka leaves it that is killed while it compacts; start that Kafka on the folder again and stop it in order",
    "CORRUPT",
  );
}

/** Throws when a log that ends at `endOffset` lacks what was synced (5). */
function refuseLoss(
  segment: Segment,
  cut: { readonly position: number; readonly endOffset: number; readonly problem: string },
  options: RecoveryOptions,
): void {
  const { recoveryPoint, logStartOffset } = options;
  if (cut.endOffset >= recoveryPoint || recoveryPoint <= logStartOffset) return;
  throw new StorageError(
    `Cannot recover "${segment.log.path}": it is damaged at position ${cut.position} (${cut.problem}), in records that were ` +
      `on disk for good up to offset ${recoveryPoint}; restore the partition's folder from a backup or another replica, or ` +
      `remove its line from "${RECOVERY_POINT_FILE}" to have the log cut off there`,
    "CORRUPT",
  );
}

/** What makes a sound batch wrong in its place, or null. */
function batchFault(batch: BatchView, baseOffset: number, nextOffset: number): string | null {
  const { baseOffset: first, lastOffsetDelta } = batch;
  if (first < nextOffset) return `offset ${first} where ${nextOffset} or later must be`;
  if (lastOffsetDelta < 0 || first + lastOffsetDelta - baseOffset > RELATIVE_OFFSET_MAX) {
    return `offsets ${first} to ${first + lastOffsetDelta} are not of this segment`;
  }
  return null;
}

/** Where to start in a segment, and the least offset that may be there: past its beginning when a part is trusted (1). */
function startOf(segment: Segment, recoveryPoint: number): { readonly position: number; readonly offset: number } {
  const beginning = { position: 0, offset: segment.baseOffset };
  if (recoveryPoint <= segment.baseOffset) {
    segment.index.restart();
    return beginning;
  }
  const entry = segment.index.resumeBefore(recoveryPoint);
  // The batch at the entry is read again; it ends with the entry's offset.
  return entry === null ? beginning : { position: entry.position, offset: segment.baseOffset };
}

/** A segment of an old Kafka would look like garbage and be cut. Better to say what it is. */
function refuseOldFormat(segment: Segment): void {
  const header = new Uint8Array(BATCH_HEADER_BYTES);
  const readBytes = segment.sizeBytes === 0 ? 0 : readSteadily(segment.log, header, 0);
  const lengthBytes = new DataView(header.buffer).getInt32(8);
  const magic = header[16]!;
  if (readBytes < 17 || magic >= MAGIC || lengthBytes < 14 || lengthBytes > segment.sizeBytes) return;
  throw new StorageError(
    `Cannot recover "${segment.log.path}": it is in message format ${magic} of an old Kafka; shut that Kafka down in order, ` +
      `or let Kafka 3 rewrite the topic in format 2`,
    "VERSION",
  );
}
